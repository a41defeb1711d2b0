//! Refunds: of a whole order or of some of its lines. The places return at once; the money follows.

use super::claim::{Claim, OrderPart, RefundPart};
use super::{Inventory, OrderState};
use crate::{Fact, Minor, OrderId, RefundId, RefundLines, Rejection};

impl Inventory {
    /// Works in every phase: an event that is called off pays its buyers back.
    pub(super) fn refund(&self, order: OrderId, refund: RefundId, lines: &RefundLines) -> Result<Vec<Fact>, Rejection> {
        let (claim, part) = self.order_claim(order)?;
        if let Some(position) = part.refunds.iter().position(|known| known.refund == refund) {
            let is_repeat = covers(claim, &part.refunds[..position], &part.refunds[position], lines);
            return if is_repeat { Ok(Vec::new()) } else { Err(Rejection::RefundIdReused) };
        }
        let lines = match lines {
            RefundLines::Lines(lines) if lines.is_empty() => return Err(Rejection::NothingAsked),
            RefundLines::Lines(lines) => sorted(lines),
            RefundLines::All => not_refunded(claim, &part.refunds),
        };
        if part.state != OrderState::Paid {
            return Err(Rejection::OrderState { state: part.state });
        }
        check_lines(claim, part, &lines)?;
        let prices = lines.iter().map(|line| claim.lines[usize::from(*line)].price_minor);
        let amount_minor = Minor::checked_sum(prices).expect("a part of a total that did not overflow");
        Ok(vec![Fact::RefundBegun { order, refund, lines, amount_minor }])
    }

    pub(super) fn record_refund_paid(&self, order: OrderId, refund: RefundId) -> Result<Vec<Fact>, Rejection> {
        let (_, part) = self.order_claim(order)?;
        let known = part.refunds.iter().find(|known| known.refund == refund).ok_or(Rejection::UnknownRefund)?;
        Ok(if known.paid { Vec::new() } else { vec![Fact::RefundPaid { order, refund }] })
    }
}

fn check_lines(claim: &Claim, part: &OrderPart, lines: &[u16]) -> Result<(), Rejection> {
    let twice = lines.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
    let beyond = lines.iter().copied().find(|line| usize::from(*line) >= claim.lines.len());
    let refunded = lines.iter().copied().find(|line| part.is_refunded(*line));
    twice.or(beyond).or(refunded).map_or(Ok(()), |line| Err(Rejection::BadRefundLine { line }))
}

/// Whether `asked` names the lines of a refund that was begun after `earlier` ones.
fn covers(claim: &Claim, earlier: &[RefundPart], refund: &RefundPart, asked: &RefundLines) -> bool {
    match asked {
        RefundLines::All => refund.lines == not_refunded(claim, earlier),
        RefundLines::Lines(lines) => refund.lines == sorted(lines),
    }
}

fn not_refunded(claim: &Claim, refunds: &[RefundPart]) -> Vec<u16> {
    let is_refunded = |line: &u16| refunds.iter().any(|refund| refund.lines.contains(line));
    (0u16..).take(claim.lines.len()).filter(|line| !is_refunded(line)).collect()
}

fn sorted(lines: &[u16]) -> Vec<u16> {
    let mut lines = lines.to_vec();
    lines.sort_unstable();
    lines
}
