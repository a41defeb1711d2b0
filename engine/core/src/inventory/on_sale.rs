//! Publishing, prices, and the phases of the sale. A repeat that asks for what is so already changes nothing.

use super::{Inventory, OrderState, Phase};
use crate::{CancelReason, Currency, Fact, Limits, Minor, Priced, Rejection, TierIdx};

impl Inventory {
    pub(super) fn publish(
        &self,
        plan_digest: [u8; 32],
        currency: Currency,
        limits: &Limits,
        prices: &[Priced],
    ) -> Result<Vec<Fact>, Rejection> {
        if let Some(published) = &self.state.published {
            let same_plan = published.plan_digest == plan_digest && published.currency == currency;
            let same_prices = prices.iter().all(|priced| self.price(priced.tier) == Some(priced.price_minor));
            let is_repeat = same_plan && self.state.limits == *limits && same_prices;
            return if is_repeat { Ok(Vec::new()) } else { Err(Rejection::AlreadyPublished) };
        }
        self.check_prices(prices)?;
        for tier in (0..).map(TierIdx).take(self.layout.tiers().len()) {
            if !prices.iter().any(|priced| priced.tier == tier) {
                return Err(Rejection::BadPrices(tier));
            }
        }
        limits.check().map_err(Rejection::BadLimits)?;
        Ok(vec![Fact::Published { plan_digest, currency, limits: limits.clone(), prices: prices.to_vec() }])
    }

    pub(super) fn change_prices(&self, prices: &[Priced]) -> Result<Vec<Fact>, Rejection> {
        self.check_running()?;
        if prices.is_empty() {
            return Err(Rejection::NothingAsked);
        }
        self.check_prices(prices)?;
        let news = prices.iter().filter(|priced| self.price(priced.tier) != Some(priced.price_minor));
        let prices: Vec<Priced> = news.copied().collect();
        Ok(if prices.is_empty() { Vec::new() } else { vec![Fact::PricesChanged { prices }] })
    }

    /// Moves from one of `from` to the phase that `fact` brings.
    pub(super) fn change_phase(&self, from: &[Phase], to: Phase, fact: Fact) -> Result<Vec<Fact>, Rejection> {
        self.check_running()?;
        match self.state.phase {
            phase if phase == to => Ok(Vec::new()),
            phase if from.contains(&phase) => Ok(vec![fact]),
            Phase::Draft | Phase::Announced | Phase::OnSale | Phase::Paused | Phase::Closed | Phase::Cancelled => {
                Err(Rejection::WrongPhase)
            }
        }
    }

    /// Holds without an order end by the fact itself; unpaid orders are cancelled one by one, since each has a payment
    /// to call off; sales are the payment process's to refund.
    pub(super) fn cancel_event(&self) -> Result<Vec<Fact>, Rejection> {
        match self.state.phase {
            Phase::Draft => return Err(Rejection::NotPublished),
            Phase::Cancelled => return Ok(Vec::new()),
            Phase::Announced | Phase::OnSale | Phase::Paused | Phase::Closed => {}
        }
        let unpaid = self.state.claims.iter().filter_map(|(_, claim)| {
            let order = claim.order.as_ref().filter(|order| order.state == OrderState::AwaitingPayment)?;
            Some(Fact::OrderCancelled { order: order.order, reason: CancelReason::EventCancelled })
        });
        Ok(std::iter::once(Fact::EventCancelled).chain(unpaid).collect())
    }

    /// Refuses what needs a published event that is not called off.
    pub(super) fn check_running(&self) -> Result<(), Rejection> {
        match self.state.phase {
            Phase::Draft => Err(Rejection::NotPublished),
            Phase::Cancelled => Err(Rejection::EventCancelled),
            Phase::Announced | Phase::OnSale | Phase::Paused | Phase::Closed => Ok(()),
        }
    }

    /// Refuses what needs an open sale.
    pub(super) fn check_selling(&self) -> Result<(), Rejection> {
        match self.state.phase {
            Phase::OnSale => Ok(()),
            Phase::Draft => Err(Rejection::NotPublished),
            Phase::Cancelled => Err(Rejection::EventCancelled),
            Phase::Announced => Err(Rejection::NotOnSale),
            Phase::Paused => Err(Rejection::Paused),
            Phase::Closed => Err(Rejection::Closed),
        }
    }

    fn check_prices(&self, prices: &[Priced]) -> Result<(), Rejection> {
        for (position, priced) in prices.iter().enumerate() {
            if priced.tier.usize() >= self.layout.tiers().len() {
                return Err(Rejection::UnknownTier(priced.tier));
            }
            let twice = prices.iter().take(position).any(|earlier| earlier.tier == priced.tier);
            if twice || priced.price_minor > Minor::PRICE_MAX {
                return Err(Rejection::BadPrices(priced.tier));
            }
        }
        Ok(())
    }
}
