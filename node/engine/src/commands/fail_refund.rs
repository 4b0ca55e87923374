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
    use crate::testing::{Stage, seats};
    use crate::{Action, Limits, OrderStateName, RefundId, RefundState, Rejection};

    #[test]
    fn leaves_the_seats_sold_and_the_order_open_to_another_refund() {
        let mut stage = Stage::new(Limits::default());
        let order = stage.buy("ann", &[1]);
        let begin = Action::BeginRefund { asked_by: None, order, seats: seats(&[]) };
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
}
