//! The account that a deposit goes back to: a card's money finds its way by itself, a deposit's does not.
//!
//! Whoever asks for a refund names it. Where the node itself refunds, nobody has: that refund waits until somebody does.

use smallvec::smallvec;

use super::Events;
use super::begin_refund::Wish;
use crate::rejection::require_holder;
use crate::state::orders::Order;
use crate::{Event, OrderId, OrderStateName, RefundBy, RefundId, RefundQuote, RefundReason};
use crate::{RefundState, Rejection, State};

/// Lets a refund go on that the node itself began, if the wish names an account for it; none if there is no such refund.
pub(super) fn given(state: &State, id: OrderId, wish: &Wish<'_>) -> Result<Option<Events>, Rejection> {
    if !wish.to_account || !wish.seats.is_empty() {
        return Ok(None);
    }
    let Some(refund) = state.refund_without_asker(id) else { return Ok(None) };
    let order = state.orders.find(id).ok_or(Rejection::OrderNotFound)?;
    match wish.by {
        RefundBy::Buyer(buyer) => require_holder(&state.buyers.get(order.buyer).name, buyer)?,
        RefundBy::Admin { .. } => {}
        RefundBy::Cancellation => return Ok(None),
    }
    Ok(Some(smallvec![Event::RefundAccountGiven { refund, order: id }]))
}

/// Whoever asks for a deposit back must name an account.
pub(super) fn require(order: &Order, quote: &RefundQuote, wish: &Wish<'_>) -> Result<(), Rejection> {
    let is_asked_for = !matches!(wish.by, RefundBy::Cancellation);
    if is_asked_for && !wish.to_account && order.deposit_deadline.is_some() && quote.amount_minor > 0 {
        return Err(Rejection::RefundAccountRequired);
    }
    Ok(())
}

impl State {
    /// The refund of an order that is under way and that nobody asked for, so that nobody has named an account for it.
    #[must_use]
    pub fn refund_without_asker(&self, id: OrderId) -> Option<RefundId> {
        let order = self.orders.find(id).filter(|order| order.state == OrderStateName::Refunding)?;
        let last = *order.refunds.last()?;
        let is_ours =
            |reason| matches!(reason, RefundReason::PerformanceCancelled | RefundReason::LateCapture);
        let refund = self.orders.find_refund(last)?;
        (refund.state == RefundState::Pending && is_ours(refund.reason)).then_some(last)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{OPENS, Stage, layout, seats, settings};
    use crate::{Action, Event, Limits, Millis, OrderId, OrderStateName, RefundBy, RefundFee, RefundId};
    use crate::{RefundPolicy, Rejection};

    const ADMIN: RefundBy = RefundBy::Admin { fee_minor: 0 };

    fn refund(by: RefundBy, named: &[u32], to_account: bool) -> Action {
        Action::BeginRefund { by, order: OrderId(1), seats: seats(named), note: "".into(), to_account }
    }

    fn buyer(name: &str) -> RefundBy {
        RefundBy::Buyer(name.into())
    }

    /// Ann has paid for seats 1 and 2 by a deposit.
    fn deposited(fee: RefundFee) -> Stage {
        let mut settings = settings(Limits::default());
        settings.deposit_ttl_ms = Some(Millis(1_000_000));
        settings.refunds = RefundPolicy { fee, ..RefundPolicy::default() };
        let mut stage = Stage::with(layout(&[&[10]]), settings);
        stage.begin_payment("ann", &[1, 2]);
        stage.must(Action::AwaitDeposit { order: OrderId(1), deadline: OPENS.plus(Millis(1_000)) });
        stage.must(Action::ConfirmPayment { order: OrderId(1) });
        stage
    }

    #[test]
    fn whoever_asks_for_a_deposit_names_an_account() {
        for by in [buyer("ann"), ADMIN] {
            let mut stage = deposited(RefundFee::BasisPoints(0));
            assert_eq!(stage.act(refund(by.clone(), &[], false)), Err(Rejection::RefundAccountRequired));
            stage.must(refund(by, &[], true));
        }
        // What is refused for another reason says that first.
        let mut stage = deposited(RefundFee::BasisPoints(0));
        assert_eq!(stage.act(refund(buyer("ben"), &[], false)), Err(Rejection::NotHolder));
    }

    #[test]
    fn nothing_needs_no_account() {
        let mut stage = deposited(RefundFee::BasisPoints(10_000));
        stage.must(refund(buyer("ann"), &[], false));
        let mut stage = Stage::new(Limits::default());
        stage.buy("ann", &[1]);
        stage.must(refund(buyer("ann"), &[], false));
    }

    /// The money of a cancelled performance waits for an account, and goes on with it; who owns the order names it.
    #[test]
    fn a_refund_that_nobody_asked_for_goes_on_with_an_account() {
        for by in [buyer("ann"), ADMIN] {
            let mut stage = deposited(RefundFee::BasisPoints(0));
            stage.must(Action::CancelPerformance);
            stage.must(refund(RefundBy::Cancellation, &[], false));
            let refunding = Err(Rejection::OrderState(OrderStateName::Refunding));
            assert_eq!(stage.act(refund(by.clone(), &[], false)), refunding);
            assert_eq!(stage.act(refund(by.clone(), &[1], true)), refunding);
            assert_eq!(stage.act(refund(RefundBy::Cancellation, &[], true)), refunding);
            assert_eq!(stage.act(refund(buyer("ben"), &[], true)), Err(Rejection::NotHolder));
            let given = Event::RefundAccountGiven { refund: RefundId(1), order: OrderId(1) };
            assert_eq!(stage.must(refund(by.clone(), &[], true)), [given]);
            stage.must(Action::CompleteRefund { refund: RefundId(1) });
            let refunded = Err(Rejection::OrderState(OrderStateName::Refunded));
            assert_eq!(stage.act(refund(by, &[], true)), refunded);
        }
    }

    #[test]
    fn a_refund_that_somebody_asked_for_is_left_alone() {
        let mut stage = deposited(RefundFee::BasisPoints(0));
        stage.must(refund(buyer("ann"), &[], true));
        let refunding = Err(Rejection::OrderState(OrderStateName::Refunding));
        assert_eq!(stage.act(refund(buyer("ann"), &[], true)), refunding);
    }
}
