//! Put blocked seats back into the sale, all or nothing.

use super::Events;
use crate::promote::free_and_offer;
use crate::state::seats::Claim;
use crate::{Event, Rejection, SeatIndex, SeatList, Seats, State, Timestamp};

pub(super) fn decide(state: &State, now: Timestamp, seats: &Seats) -> Result<Events, Rejection> {
    let is_not_blocked = |seat: &SeatIndex| state.seats.claim(*seat) != Claim::Blocked;
    let others: SeatList = seats.iter().copied().filter(is_not_blocked).collect();
    if !others.is_empty() {
        return Err(Rejection::SeatNotBlocked(others));
    }
    Ok(free_and_offer(state, now, Event::Unblocked { seats: seats.clone() }, seats, None))
}

#[cfg(test)]
mod tests {
    use crate::testing::{Stage, offers, seats};
    use crate::{Action, HoldId, Limits, Rejection, SeatIndex};

    #[test]
    fn frees_all_or_nothing() {
        let mut stage = Stage::new(Limits::default());
        stage.must(Action::Block { seats: seats(&[0, 2]) });
        let others = Rejection::SeatNotBlocked(smallvec::smallvec![SeatIndex(1)]);
        assert_eq!(stage.act(Action::Unblock { seats: seats(&[0, 1]) }), Err(others));
        stage.must(Action::Unblock { seats: seats(&[0, 2]) });
        assert_eq!(stage.state.counts().free, 10);
    }

    /// A waiter who was passed over keeps their place while the seat is blocked, and is offered it afterwards.
    #[test]
    fn offers_to_who_waited_through_the_block() {
        let mut stage = Stage::new(Limits { seats_per_buyer_max: 1, ..Limits::default() });
        stage.hold("ann", &[1]);
        stage.wait("ann", 2);
        stage.must(Action::Block { seats: seats(&[2]) });
        let released = stage.must(Action::ReleaseHold { buyer: "ann".into(), hold: HoldId(1) });
        assert_eq!(offers(&released), []);
        assert_eq!(offers(&stage.must(Action::Unblock { seats: seats(&[2]) })), [("ann", 2)]);
    }
}
