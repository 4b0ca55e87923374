//! The provider has refused a refund for good: the seats stay sold.

use smallvec::smallvec;

use super::Events;
use super::complete_refund::pending_refund;
use crate::{Event, RefundId, Rejection, State};

pub(super) fn decide(state: &State, id: RefundId, reason: &str) -> Result<Events, Rejection> {
    let (refund, _) = pending_refund(state, id)?;
    Ok(smallvec![Event::RefundFailed { refund: id, order: refund.order, reason: reason.into() }])
}

#[cfg(test)]
mod tests {
    use crate::testing::{Stage, refund_all};
    use crate::{Action, LimitKind, Limits, OrderStateName, RefundBy, RefundId, RefundState, Rejection};

    #[test]
    fn leaves_the_seats_sold_and_the_order_open_to_another_refund() {
        let mut stage = Stage::new(Limits::default());
        stage.buy("ann", &[1]);
        let begin = refund_all(RefundBy::Admin { fee_minor: 0 }, 1);
        stage.must(begin.clone());
        let fail = Action::FailRefund { refund: RefundId(1), reason: "closed account".into() };
        stage.must(fail.clone());
        assert_eq!(stage.state.counts().sold, 1);
        let state = stage.state.refund(RefundId(1)).map(|refund| refund.state.clone());
        assert_eq!(state, Some(RefundState::Failed("closed account".into())));
        assert_eq!(stage.act(fail), Err(Rejection::OrderState(OrderStateName::Paid)));
        stage.must(begin);
        assert_eq!(
            stage.state.pending_refunds().map(|refund| refund.refund).collect::<Vec<_>>(),
            [RefundId(2)]
        );
    }

    /// I13: each refused refund leaves a record.
    #[test]
    fn ends_the_attempts_of_a_buyer_and_not_those_of_an_administrator() {
        let mut stage = Stage::new(Limits { payment_attempts_max: 2, ..Limits::default() });
        stage.buy("ann", &[1]);
        let ann = refund_all(RefundBy::Buyer("ann".into()), 1);
        for refund in [1, 2] {
            stage.must(ann.clone());
            stage.must(Action::FailRefund { refund: RefundId(refund), reason: "closed account".into() });
        }
        let reached = Rejection::LimitReached { limit: LimitKind::RefundAttempts, max: 2 };
        assert_eq!(stage.act(ann), Err(reached));
        stage.must(refund_all(RefundBy::Admin { fee_minor: 0 }, 1));
    }
}
