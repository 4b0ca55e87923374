//! The performance will not take place: nothing is sold any more, and holds and waitlists end with it.
//!
//! Orders are refunded by commands of their own, so that no entry grows with the house. What is being paid is settled
//! first: a payment that is confirmed after this is refunded by the entry that confirms it.

use smallvec::smallvec;

use super::Events;
use crate::{Event, Rejection, State};

pub(super) fn decide(state: &State) -> Result<Events, Rejection> {
    match state.cancelled_at {
        Some(_) => Err(Rejection::PerformanceCancelled),
        None => Ok(smallvec![Event::PerformanceCancelled]),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Stage, hold, join, refund_all, seats};
    use crate::{Action, Event, HoldId, Limits, OrderId, OrderStateName, RefundBy, RefundId, RefundReason};
    use crate::{Rejection, SeatIndex, SeatStatus};

    /// Ann holds 1, ben pays 2, cat bought 3; dan waits for 1 and holds 4.
    fn cancelled() -> Stage {
        let mut stage = Stage::new(Limits::default());
        stage.hold("ann", &[1]);
        stage.begin_payment("ben", &[2]);
        stage.buy("cat", &[3]);
        stage.wait("dan", 1);
        stage.hold("dan", &[4]);
        stage.must(Action::CancelPerformance);
        stage
    }

    #[test]
    fn releases_holds_and_empties_waitlists() {
        let stage = cancelled();
        let counts = stage.state.counts();
        assert_eq!((counts.held, counts.paying, counts.sold, counts.waiters), (0, 1, 1, 0));
        assert_eq!(stage.state.hold(HoldId(1)), None);
        assert_eq!(stage.state.cancelled_at(), Some(stage.now));
    }

    #[test]
    fn ends_the_sale() {
        let mut stage = cancelled();
        let best = Action::HoldBestAvailable {
            buyer: "eve".into(),
            grade: None,
            count: 1,
            category: None,
            zone: None,
        };
        for action in [hold("eve", &[7]), best, join("eve", 2), Action::CancelPerformance] {
            assert_eq!(stage.act(action), Err(Rejection::PerformanceCancelled));
        }
    }

    #[test]
    fn settles_payments_first_and_then_refunds_them() {
        let mut stage = cancelled();
        let events = stage.must(Action::ConfirmPayment { order: OrderId(1) });
        assert!(
            matches!(events[..], [Event::PaymentConfirmed { .. }, Event::RefundBegun { .. }]),
            "{events:?}"
        );
        let refund = stage.state.refund(RefundId(1)).expect("it began");
        assert_eq!((refund.amount_minor, refund.reason), (100, RefundReason::PerformanceCancelled));
        assert_eq!(stage.state.order(OrderId(1)).map(|order| order.state), Some(OrderStateName::Refunding));
        let mut stage = cancelled();
        stage.must(Action::DeclinePayment { order: OrderId(1), reason: "no cover".into() });
        assert_eq!(stage.state.seat_status(SeatIndex(2)), Some(SeatStatus::Free), "nobody may hold it on");
        stage.must(Action::CaptureLate { order: OrderId(1), has_coupon: false });
        assert_eq!(stage.state.order(OrderId(1)).map(|order| order.state), Some(OrderStateName::Refunding));
    }

    #[test]
    fn gives_everything_back() {
        let mut stage = cancelled();
        stage.must(refund_all(RefundBy::Cancellation, 2));
        assert_eq!(stage.state.refund(RefundId(1)).map(|refund| refund.amount_minor), Some(100));
        let again = Action::BeginRefund {
            by: RefundBy::Cancellation,
            order: OrderId(2),
            seats: seats(&[]),
            note: "".into(),
            to_account: false,
        };
        assert_eq!(stage.act(again), Err(Rejection::OrderState(OrderStateName::Refunding)));
    }
}
