//! Give the seats of a hold back.

use super::Events;
use crate::promote::free_and_offer;
use crate::rejection::require_holder;
use crate::state::holds::Hold;
use crate::{BuyerId, Event, HoldId, Rejection, State, Timestamp};

pub(super) fn decide(
    state: &State,
    now: Timestamp,
    buyer: &BuyerId,
    id: HoldId,
) -> Result<Events, Rejection> {
    let hold = usable_hold(state, now, buyer, id)?;
    Ok(free_and_offer(state, now, Event::Released { hold: id }, &hold.seats, Some(hold.buyer)))
}

/// The hold, if this buyer may use it now: theirs, not being paid, and its deadline has not come (I4, I5).
pub(super) fn usable_hold<'s>(
    state: &'s State,
    now: Timestamp,
    buyer: &BuyerId,
    id: HoldId,
) -> Result<&'s Hold, Rejection> {
    let hold = state.holds.find(id).ok_or(Rejection::HoldNotFound)?;
    require_holder(&state.buyers.get(hold.buyer).name, buyer)?;
    if let Some(order) = hold.paying {
        return Err(Rejection::PaymentInProgress(order.into()));
    }
    if now >= hold.deadline {
        return Err(Rejection::HoldExpired);
    }
    Ok(hold)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Stage, hold, offers};
    use crate::{Action, HoldId, Limits, Millis, OrderId, Rejection, SeatIndex, SeatStatus};

    fn release(buyer: &str, hold: HoldId) -> Action {
        Action::ReleaseHold { buyer: buyer.into(), hold }
    }

    #[test]
    fn frees_all_seats() {
        let mut stage = Stage::new(Limits::default());
        let id = stage.hold("ann", &[1, 2, 3]);
        stage.must(release("ann", id));
        assert_eq!(stage.state.counts().free, 10);
        assert_eq!(stage.act(release("ann", id)), Err(Rejection::HoldNotFound));
    }

    #[test]
    fn is_for_the_holder_before_the_deadline() {
        let mut stage = Stage::new(Limits::default());
        let id = stage.hold("ann", &[1]);
        assert_eq!(stage.act(release("ben", id)), Err(Rejection::NotHolder));
        stage.begin_payment("ben", &[2]);
        assert_eq!(stage.act(release("ben", HoldId(2))), Err(Rejection::PaymentInProgress(OrderId(1))));
        stage.pass(Millis(600_000));
        assert_eq!(stage.act(release("ann", id)), Err(Rejection::HoldExpired));
    }

    #[test]
    fn offers_each_seat_to_its_first_waiter_in_the_same_entry() {
        let mut stage = Stage::new(Limits::default());
        let id = stage.hold("ann", &[2, 1]);
        stage.wait("ben", 1);
        stage.wait("cat", 1);
        stage.wait("dan", 2);
        assert_eq!(offers(&stage.must(release("ann", id))), [("ben", 1), ("dan", 2)]);
        assert_eq!(stage.state.waitlist_position(&"cat".into(), SeatIndex(1)), Some(1));
        assert!(stage.act(hold("eve", &[1])).is_err());
    }

    /// What the buyer waited for was passed over while they had too many seats.
    #[test]
    fn offers_what_the_former_holder_waits_for() {
        let mut stage = Stage::new(Limits { seats_per_buyer_max: 1, ..Limits::default() });
        let id = stage.hold("ann", &[1]);
        stage.wait("ann", 7);
        stage.wait("ann", 5);
        assert_eq!(stage.state.seat_status(SeatIndex(5)), Some(SeatStatus::Free));
        assert_eq!(offers(&stage.must(release("ann", id))), [("ann", 5)]);
        assert_eq!(stage.state.waitlist_position(&"ann".into(), SeatIndex(7)), Some(1));
    }
}
