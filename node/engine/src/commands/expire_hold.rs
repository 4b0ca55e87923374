//! The deadline of a hold or an offer has come.

use super::Events;
use crate::promote::free_and_offer;
use crate::{Event, HoldId, Rejection, State, Timestamp};

pub(super) fn decide(state: &State, now: Timestamp, id: HoldId) -> Result<Events, Rejection> {
    let hold = state.holds.find(id).ok_or(Rejection::HoldNotFound)?;
    if let Some(order) = hold.paying {
        return Err(Rejection::PaymentInProgress(order.into()));
    }
    if now < hold.deadline {
        return Err(Rejection::NotDue);
    }
    Ok(free_and_offer(state, now, Event::Expired { hold: id }, &hold.seats, Some(hold.buyer)))
}

#[cfg(test)]
mod tests {
    use crate::testing::{Stage, offers};
    use crate::{Action, HoldId, Limits, Millis, OrderId, Rejection, SeatIndex, SeatStatus};

    #[test]
    fn frees_at_the_deadline_and_not_before() {
        let mut stage = Stage::new(Limits::default());
        let hold = stage.hold("ann", &[1, 2]);
        stage.pass(Millis(599_999));
        assert_eq!(stage.act(Action::ExpireHold { hold }), Err(Rejection::NotDue));
        stage.pass(Millis(1));
        assert_eq!(
            stage.state.seat_status(SeatIndex(1)),
            Some(SeatStatus::Held),
            "only an entry frees a seat"
        );
        stage.must(Action::ExpireHold { hold });
        assert_eq!(stage.state.counts().free, 10);
        assert_eq!(stage.act(Action::ExpireHold { hold }), Err(Rejection::HoldNotFound));
    }

    #[test]
    fn never_ends_a_payment() {
        let mut stage = Stage::new(Limits::default());
        let order = stage.begin_payment("ann", &[1]);
        stage.pass(Millis(10_000_000));
        assert_eq!(
            stage.act(Action::ExpireHold { hold: HoldId(1) }),
            Err(Rejection::PaymentInProgress(order))
        );
        assert_eq!(order, OrderId(1));
    }

    #[test]
    fn passes_a_lapsed_offer_on_and_forgets_who_let_it_lapse() {
        let mut stage = Stage::new(Limits::default());
        let hold = stage.hold("ann", &[1]);
        stage.wait("ben", 1);
        stage.wait("cat", 1);
        stage.pass(Millis(600_000));
        assert_eq!(offers(&stage.must(Action::ExpireHold { hold })), [("ben", 1)]);
        stage.pass(Millis(600_000));
        assert_eq!(offers(&stage.must(Action::ExpireHold { hold: HoldId(2) })), [("cat", 1)]);
        stage.pass(Millis(600_000));
        assert_eq!(offers(&stage.must(Action::ExpireHold { hold: HoldId(3) })), []);
        assert_eq!(stage.state.counts().waiters, 0);
    }
}
