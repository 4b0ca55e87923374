//! What a refund gives back: pure arithmetic over an order, the policy and who asks.
//!
//! ```text
//!  paid for seats = amount × price of seats ÷ price of the order         a discount is spread over all seats
//!  paid for the seats of a refund = paid for the seats left − paid for the seats left after it
//!  given back = that − fee
//! ```
//!
//! Each step rounds what is paid for the seats that stay, so the refunds and fees of an order add up to what was charged,
//! to the last unit, in whatever portions it is refunded (I3).

use crate::commands::shape::check_distinct;
use crate::rejection::require_holder;
use crate::state::orders::Order;
use crate::{LimitKind, OrderId, OrderStateName, RefundBy, RefundFee, RefundReason, RefundState};
use crate::{Rejection, SeatIndex, SeatList, Seats, State, Timestamp};

/// What a refund would give back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundQuote {
    /// The seats.
    pub seats: Seats,
    /// What was paid for them, in minor units.
    pub paid_minor: i64,
    /// What is kept of it, in minor units.
    pub fee_minor: i64,
    /// What goes back of it, in minor units.
    pub amount_minor: i64,
    /// Why it would go back.
    pub reason: RefundReason,
}

impl State {
    /// What a refund of these seats of an order, or of all that are left, would give back now.
    ///
    /// # Errors
    /// Why there would be none: the same as of [`crate::Action::BeginRefund`].
    pub fn quote_refund(
        &self,
        now: Timestamp,
        by: &RefundBy,
        id: OrderId,
        seats: &[SeatIndex],
    ) -> Result<RefundQuote, Rejection> {
        check_distinct(seats)?;
        let order = self.orders.find(id).ok_or(Rejection::OrderNotFound)?;
        if let RefundBy::Buyer(buyer) = by {
            require_holder(&self.buyers.get(order.buyer).name, buyer)?;
        }
        if order.state != OrderStateName::Paid {
            return Err(Rejection::OrderState(order.state));
        }
        let is_foreign = |seat: &SeatIndex| !order.seats_left.contains(seat);
        let foreign: SeatList = seats.iter().copied().filter(is_foreign).collect();
        if !foreign.is_empty() {
            return Err(Rejection::SeatNotInOrder(foreign));
        }
        let seats = if seats.is_empty() { order.seats_left.clone() } else { Seats::from_slice(seats) };
        let paid_minor = self.paid_for(order, &seats)?;
        let (fee_minor, reason) = self.terms(now, by, order, &seats, paid_minor)?;
        Ok(RefundQuote { seats, paid_minor, fee_minor, amount_minor: paid_minor - fee_minor, reason })
    }

    /// The fee and the reason of a refund, if whoever asks may have it.
    fn terms(
        &self,
        now: Timestamp,
        by: &RefundBy,
        order: &Order,
        seats: &[SeatIndex],
        paid_minor: i64,
    ) -> Result<(i64, RefundReason), Rejection> {
        match by {
            RefundBy::Cancellation if self.cancelled_at.is_none() => Err(Rejection::RefundNotAllowed),
            RefundBy::Cancellation => Ok((0, RefundReason::PerformanceCancelled)),
            RefundBy::Admin { fee_minor } if !(0..=paid_minor).contains(fee_minor) => {
                Err(Rejection::InvalidFee { fee_minor: *fee_minor, paid_minor })
            }
            RefundBy::Admin { fee_minor } => Ok((*fee_minor, RefundReason::Admin)),
            RefundBy::Buyer(_) => {
                self.check_refund_attempts(order)?;
                // Whoever cannot see the show is not kept to the small print.
                if self.cancelled_at.is_some() {
                    return Ok((0, RefundReason::PerformanceCancelled));
                }
                let fee = self.open_refund_fee(now)?;
                Ok((fee.of(seats.len(), paid_minor), RefundReason::Buyer))
            }
        }
    }

    /// What the policy keeps, if it lets buyers refund now.
    fn open_refund_fee(&self, now: Timestamp) -> Result<RefundFee, Rejection> {
        let policy = &self.settings.refunds;
        match policy.closes_at {
            _ if !policy.buyers_may_refund => Err(Rejection::RefundNotAllowed),
            Some(closed_at) if now >= closed_at => Err(Rejection::RefundDeadlinePassed { closed_at }),
            _ => Ok(policy.fee),
        }
    }

    /// A buyer cannot make an order grow without end by refunds that the provider refuses.
    fn check_refund_attempts(&self, order: &Order) -> Result<(), Rejection> {
        let max = self.settings.limits.payment_attempts_max;
        let is_refused = |id| {
            let refund = self.orders.find_refund(id);
            refund.is_some_and(|refund| matches!(refund.state, RefundState::Failed(_)))
        };
        let refused = order.refunds.iter().filter(|&&id| is_refused(id)).count();
        if refused >= max as usize {
            return Err(Rejection::LimitReached { limit: LimitKind::RefundAttempts, max: u64::from(max) });
        }
        Ok(())
    }

    /// What was paid for some of the seats that an order has left.
    fn paid_for(&self, order: &Order, seats: &[SeatIndex]) -> Result<i64, Rejection> {
        let price_minor = self.price_of(&order.seats)?;
        let left_minor = self.price_of(&order.seats_left)?;
        let after_minor = left_minor - self.price_of(seats)?;
        let paid = |part_minor: i64| portion(order.amount_minor, part_minor, price_minor);
        Ok(paid(left_minor) - paid(after_minor))
    }
}

impl RefundFee {
    /// What is kept of what was paid for so many seats.
    fn of(self, seats: usize, paid_minor: i64) -> i64 {
        match self {
            Self::BasisPoints(points) => {
                portion(paid_minor, i64::from(points), i64::from(Self::BASIS_POINTS_MAX))
            }
            Self::PerSeatMinor(fee) => {
                i64::try_from(seats).map_or(paid_minor, |seats| fee.saturating_mul(seats))
            }
        }
        .min(paid_minor)
    }
}

/// `amount × part ÷ whole`, rounded down, for `0 <= part <= whole`; nothing of nothing.
fn portion(amount_minor: i64, part: i64, whole: i64) -> i64 {
    if whole == 0 {
        return 0;
    }
    let portion = i128::from(amount_minor) * i128::from(part) / i128::from(whole);
    i64::try_from(portion).expect("a part of an amount is no more than the amount")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portions_of_the_largest_amounts_do_not_overflow() {
        for (amount, part, whole, expected) in [
            (100, 1, 3, 33),
            (0, 5, 10, 0),
            (0, 0, 0, 0),
            (i64::MAX, i64::MAX, i64::MAX, i64::MAX),
            (i64::MAX, i64::MAX - 1, i64::MAX, i64::MAX - 1),
            (i64::MAX, 10_000, 10_000, i64::MAX),
        ] {
            assert_eq!(portion(amount, part, whole), expected, "{amount} × {part} ÷ {whole}");
        }
    }

    #[test]
    fn a_fee_is_never_more_than_was_paid() {
        for (fee, seats, paid, expected) in [
            (RefundFee::BasisPoints(0), 2, 999, 0),
            (RefundFee::BasisPoints(1_000), 2, 999, 99),
            (RefundFee::BasisPoints(10_000), 2, 999, 999),
            (RefundFee::PerSeatMinor(400), 2, 999, 800),
            (RefundFee::PerSeatMinor(500), 2, 999, 999),
            (RefundFee::PerSeatMinor(i64::MAX), 100, 999, 999),
        ] {
            assert_eq!(fee.of(seats, paid), expected, "{fee:?} on {paid} for {seats} seats");
        }
    }
}
