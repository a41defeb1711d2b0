//! How the engine's answers become problems.

use usher_core::Rejection;
use usher_engine::checkout::PaymentError;
use usher_engine::event::{AskError, OpenError};
use usher_engine::store::StoreError;

use super::{Kind, Problem, kinds};
use crate::timestamp::Timestamp;

/// When to repeat what certainly was not done.
const NOT_APPLIED_RETRY_MS: u64 = 500;
/// When to repeat what failed for a reason outside.
const UNAVAILABLE_RETRY_MS: u64 = 5_000;

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let problem = Self::of(kind_of(&rejection));
        match rejection {
            Rejection::UnknownSeat(seat) | Rejection::DuplicateSeat(seat) => problem.with("seat", seat.0),
            Rejection::UnknownArea(area) => problem.with("area_index", area.0),
            Rejection::UnknownTier(tier) | Rejection::BadPrices(tier) => problem.with("tier_index", tier.0),
            Rejection::BadLimits(what) => Self::new(&kinds::BAD_LIMITS, what),
            Rejection::OrderLimit { places_max } => problem.with("places_max", places_max),
            Rejection::BuyerLimit { places_max, has_count } => {
                problem.with("places_max", places_max).with("has_count", has_count)
            }
            Rejection::HoldLimit { holds_max } => problem.with("holds_max", holds_max),
            Rejection::SeatsTaken { seats }
            | Rejection::SeatsInUse { seats }
            | Rejection::SeatsNotBlocked { seats } => {
                problem.with("seats", seats.iter().map(|seat| seat.0).collect::<Vec<_>>())
            }
            Rejection::NoBlockLeft { seats_left } => problem.with("seats_left", seats_left),
            Rejection::AreaFull { area, left_count } => {
                problem.with("area_index", area.0).with("left_count", left_count)
            }
            Rejection::HoldAtCap { expires_at } => problem.with("expires_at", Timestamp(expires_at).to_string()),
            Rejection::OrderState { state } => problem.with("state", serde_json::to_value(state).unwrap_or_default()),
            Rejection::BadRefundLine { line } => problem.with("line", line),
            Rejection::CaptureShort { total_minor } => problem.with("total_minor", total_minor.0),
            Rejection::HoldIdReused
            | Rejection::OrderIdReused
            | Rejection::RefundIdReused
            | Rejection::NotPublished
            | Rejection::AlreadyPublished
            | Rejection::EventCancelled
            | Rejection::NotOnSale
            | Rejection::Paused
            | Rejection::Closed
            | Rejection::WrongPhase
            | Rejection::NothingAsked
            | Rejection::UnknownSection
            | Rejection::UnknownHold
            | Rejection::HoldReleased
            | Rejection::HoldExpired
            | Rejection::HoldInCheckout
            | Rejection::UnknownOrder
            | Rejection::UnknownRefund => problem,
        }
    }
}

/// A rejection's code is its problem's code, so one table serves both. Ids are derived from the client's keys.
fn kind_of(rejection: &Rejection) -> &'static Kind {
    let code = rejection.code();
    if code.ends_with("_id_reused") {
        return &kinds::IDEMPOTENCY_KEY_REUSED;
    }
    kinds::by_code(code).unwrap_or(&kinds::CONFLICT)
}

impl From<OpenError> for Problem {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::UnknownEvent => Self::of(&kinds::NOT_FOUND),
            OpenError::NoPlan => Self::of(&kinds::NO_PLAN),
            OpenError::TooMany => Self::of(&kinds::BUSY).retry_after_ms(UNAVAILABLE_RETRY_MS),
            OpenError::Elsewhere => Self::of(&kinds::NOT_APPLIED).retry_after_ms(NOT_APPLIED_RETRY_MS),
            OpenError::Draining => Self::of(&kinds::NOT_APPLIED).retry_after_ms(UNAVAILABLE_RETRY_MS),
            OpenError::Refused(why) | OpenError::Unavailable(why) => {
                tracing::error!(why, "event cannot be opened");
                Self::of(&kinds::EVENT_UNAVAILABLE).retry_after_ms(UNAVAILABLE_RETRY_MS)
            }
        }
    }
}

impl From<PaymentError> for Problem {
    fn from(error: PaymentError) -> Self {
        match error {
            PaymentError::Ask(error) => error.into(),
            PaymentError::Store(error) => error.into(),
            PaymentError::UnknownOrder(_) => Self::of(&kinds::UNKNOWN_ORDER),
            PaymentError::Gateway(_) => {
                tracing::warn!(%error, "payment provider");
                Self::of(&kinds::PAYMENT_UNAVAILABLE).retry_after_ms(NOT_APPLIED_RETRY_MS)
            }
            PaymentError::Mismatch(_) | PaymentError::NoHeadway(_) => {
                tracing::error!(%error, "payment process");
                Self::of(&kinds::INTERNAL)
            }
        }
    }
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Rejected(rejection) => rejection.into(),
            AskError::Busy { retry_after_ms } => Self::of(&kinds::BUSY).retry_after_ms(retry_after_ms),
            AskError::NotApplied => Self::of(&kinds::NOT_APPLIED).retry_after_ms(NOT_APPLIED_RETRY_MS),
            AskError::StorageFull => Self::of(&kinds::STORAGE_FULL).retry_after_ms(UNAVAILABLE_RETRY_MS),
            AskError::OutcomeUnknown => Self::of(&kinds::OUTCOME_UNKNOWN).retry_after_ms(NOT_APPLIED_RETRY_MS),
            AskError::Quarantined => Self::of(&kinds::QUARANTINED),
            AskError::Unavailable(why) => {
                tracing::error!(why, "event unavailable");
                Self::of(&kinds::EVENT_UNAVAILABLE).retry_after_ms(UNAVAILABLE_RETRY_MS)
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(what) => Self::new(&kinds::CONFLICT, what),
            StoreError::BadCursor => Self::new(&kinds::MALFORMED, "the cursor is not one of this list"),
            StoreError::Full => Self::of(&kinds::STORAGE_FULL).retry_after_ms(UNAVAILABLE_RETRY_MS),
            StoreError::Unavailable(why) => {
                tracing::error!(why, "store unavailable");
                Self::of(&kinds::UNAVAILABLE).retry_after_ms(UNAVAILABLE_RETRY_MS)
            }
            StoreError::Damaged(why) => {
                tracing::error!(why, "stored data is damaged");
                Self::of(&kinds::INTERNAL)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use usher_core::{AreaIdx, OrderState, SeatIdx, TierIdx, UnixMillis};

    use super::*;

    fn rejections() -> Vec<Rejection> {
        let seats = vec![SeatIdx(1)];
        vec![
            Rejection::NotPublished,
            Rejection::AlreadyPublished,
            Rejection::EventCancelled,
            Rejection::NotOnSale,
            Rejection::Paused,
            Rejection::Closed,
            Rejection::WrongPhase,
            Rejection::NothingAsked,
            Rejection::UnknownSeat(SeatIdx(1)),
            Rejection::UnknownArea(AreaIdx(1)),
            Rejection::UnknownTier(TierIdx(1)),
            Rejection::UnknownSection,
            Rejection::DuplicateSeat(SeatIdx(1)),
            Rejection::BadPrices(TierIdx(1)),
            Rejection::BadLimits("x"),
            Rejection::OrderLimit { places_max: 1 },
            Rejection::BuyerLimit { places_max: 1, has_count: 1 },
            Rejection::HoldLimit { holds_max: 1 },
            Rejection::SeatsTaken { seats: seats.clone() },
            Rejection::NoBlockLeft { seats_left: 1 },
            Rejection::AreaFull { area: AreaIdx(1), left_count: 1 },
            Rejection::SeatsInUse { seats: seats.clone() },
            Rejection::SeatsNotBlocked { seats },
            Rejection::UnknownHold,
            Rejection::HoldReleased,
            Rejection::HoldExpired,
            Rejection::HoldInCheckout,
            Rejection::HoldAtCap { expires_at: UnixMillis(1) },
            Rejection::UnknownOrder,
            Rejection::OrderState { state: OrderState::Paid },
            Rejection::BadRefundLine { line: 1 },
            Rejection::UnknownRefund,
        ]
    }

    #[test]
    fn every_rejection_has_a_problem_of_its_own() {
        for rejection in rejections() {
            assert_eq!(Problem::from(rejection.clone()).kind.code, rejection.code());
        }
        for rejection in [Rejection::HoldIdReused, Rejection::OrderIdReused, Rejection::RefundIdReused] {
            assert_eq!(Problem::from(rejection).kind, &kinds::IDEMPOTENCY_KEY_REUSED);
        }
    }

    #[test]
    fn every_member_of_a_problem_is_described() {
        let document: serde_json::Value = serde_json::from_str(&crate::routes::docs::document()).unwrap();
        let described = document["components"]["schemas"]["ProblemDocument"]["properties"].as_object().unwrap();
        let invalid = Problem::invalid("/name", "x").retry_after_ms(1);
        let short = Rejection::CaptureShort { total_minor: usher_core::Minor(1) };
        let problems = rejections().into_iter().chain([short]).map(Problem::from).chain([invalid]);
        for problem in problems {
            let shown = problem.document(Some("req_1"));
            for member in shown.as_object().unwrap().keys() {
                assert!(described.contains_key(member), "{member} of {}", problem.kind.code);
            }
        }
    }

    #[test]
    fn codes_are_unique_and_statuses_are_errors() {
        let codes: std::collections::BTreeSet<_> = kinds::ALL.iter().map(|kind| kind.code).collect();
        assert_eq!(codes.len(), kinds::ALL.len());
        for kind in kinds::ALL {
            assert!((400..600).contains(&kind.status), "{}", kind.code);
            assert!(!kind.advice.is_empty() && !kind.title.is_empty(), "{}", kind.code);
        }
    }
}
