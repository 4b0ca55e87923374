//! The provider has declined.

use smallvec::smallvec;

use super::Events;
use super::confirm_payment::paying_order;
use crate::promote::free_and_offer;
use crate::{Event, OrderId, Rejection, State, Timestamp};

/// The deadline of the hold stays what it was: the buyer has the time that is left, or none. Where the performance was
/// cancelled meanwhile, there is nothing left to hold.
pub(super) fn decide(state: &State, now: Timestamp, id: OrderId, reason: &str) -> Result<Events, Rejection> {
    let order = paying_order(state, id)?;
    let hold = state.holds.find(order.hold).expect("an order in payment has its hold");
    let freed = now >= hold.deadline || state.cancelled_at.is_some();
    let declined = Event::PaymentDeclined { order: id, reason: reason.into(), freed };
    if !freed {
        return Ok(smallvec![declined]);
    }
    Ok(free_and_offer(state, now, declined, &hold.seats, Some(hold.buyer)))
}

#[cfg(test)]
mod tests {
    use crate::testing::{OPENS, Stage, offers};
    use crate::{Action, HoldId, Limits, Millis, OrderId, OrderStateName, Rejection, SeatIndex, SeatStatus};

    fn decline(order: OrderId) -> Action {
        Action::DeclinePayment { order, reason: "no cover".into() }
    }

    #[test]
    fn leaves_the_time_that_is_left() {
        let mut stage = Stage::new(Limits::default());
        let order = stage.begin_payment("ann", &[1]);
        stage.pass(Millis(599_999));
        stage.must(decline(order));
        let hold = stage.state.hold(HoldId(1)).expect("it goes on");
        assert_eq!((hold.deadline, hold.order), (OPENS.plus(Millis(600_000)), None));
        assert_eq!(stage.state.seat_status(SeatIndex(1)), Some(SeatStatus::Held));
        let view = stage.state.order(order).expect("it is kept");
        assert_eq!((view.state, view.decline_reason), (OrderStateName::Declined, Some("no cover")));
        assert_eq!(stage.act(decline(order)), Err(Rejection::OrderState(OrderStateName::Declined)));
    }

    #[test]
    fn frees_and_offers_when_no_time_is_left() {
        let mut stage = Stage::new(Limits::default());
        let order = stage.begin_payment("ann", &[1, 2]);
        stage.wait("ben", 2);
        stage.pass(Millis(600_000));
        assert_eq!(offers(&stage.must(decline(order))), [("ben", 2)]);
        assert_eq!(stage.state.seat_status(SeatIndex(1)), Some(SeatStatus::Free));
        assert_eq!(stage.state.hold(HoldId(1)), None);
    }
}
