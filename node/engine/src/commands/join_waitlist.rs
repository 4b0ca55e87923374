//! Queue for a seat.

use smallvec::smallvec;

use super::Events;
use crate::state::seats::Claim;
use crate::{BuyerId, Event, Grade, LimitKind, Limits, Rejection, SeatIndex, State, Timestamp};

pub(super) fn decide(
    state: &State,
    now: Timestamp,
    name: &BuyerId,
    grade: Option<&Grade>,
    seat: SeatIndex,
) -> Result<Events, Rejection> {
    if !state.open_phase(now, grade)?.waitlist_open {
        return Err(Rejection::WaitlistNotOpen);
    }
    let limits = &state.settings.limits;
    let slot = state.buyers.slot_of(name);
    let buyer = slot.map(|slot| state.buyers.get(slot));
    let holder = match state.seats.claim(seat) {
        // Who has as many seats as they may cannot hold it, but may wait until they can.
        Claim::Free if buyer.map_or(0, |buyer| buyer.claims) < limits.seats_per_buyer_max => {
            return Err(Rejection::SeatFree);
        }
        Claim::Free => None,
        Claim::Blocked => return Err(Rejection::SeatBlocked(smallvec![seat])),
        Claim::Held(hold) | Claim::Paying(hold) => Some(state.holds.get(hold).buyer),
        Claim::Sold(order) => state.orders.find(order.into()).map(|order| order.buyer),
    };
    if holder.is_some() && holder == slot {
        return Err(Rejection::AlreadyHolder);
    }
    if buyer.is_some_and(|buyer| buyer.wait_of(seat).is_some()) {
        return Err(Rejection::AlreadyWaiting);
    }
    check_limits(limits, buyer.map_or(0, |buyer| buyer.waits.len()), state.waiter_count(seat))?;
    Ok(smallvec![Event::WaitlistJoined { seat, buyer: name.clone() }])
}

fn check_limits(limits: &Limits, waits_of_buyer: usize, waiters_of_seat: u32) -> Result<(), Rejection> {
    if waits_of_buyer >= limits.waitlist_entries_per_buyer_max as usize {
        let max = u64::from(limits.waitlist_entries_per_buyer_max);
        return Err(Rejection::LimitReached { limit: LimitKind::WaitlistEntriesPerBuyer, max });
    }
    if waiters_of_seat >= limits.waiters_per_seat_max {
        let max = u64::from(limits.waiters_per_seat_max);
        return Err(Rejection::LimitReached { limit: LimitKind::WaitersPerSeat, max });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Action;
    use crate::testing::{Stage, join, layout, seats, settings};

    /// Ann holds 1, ben bought 2, cat is being paid for 3, 4 is blocked; dan waits for 1 and 2; two seats are the limit.
    fn stage() -> Stage {
        let limits =
            Limits { seats_per_buyer_max: 2, waitlist_entries_per_buyer_max: 2, ..Limits::default() };
        let mut stage = Stage::new(Limits { waiters_per_seat_max: 2, ..limits });
        stage.hold("ann", &[1]);
        stage.buy("ben", &[2]);
        stage.begin_payment("cat", &[3]);
        stage.must(Action::Block { seats: seats(&[4]) });
        stage.wait("dan", 1);
        stage.wait("dan", 2);
        stage
    }

    #[track_caller]
    fn check(buyer: &str, seat: u32, expected: &Result<u32, Rejection>) {
        let mut stage = stage();
        let outcome = stage.act(join(buyer, seat));
        let position = stage.state.waitlist_position(&buyer.into(), SeatIndex(seat)).unwrap_or(0);
        assert_eq!(&outcome.map(|_| position), expected);
    }

    #[test]
    fn queues_behind_who_came_before() {
        check("eve", 1, &Ok(2));
        check("ann", 2, &Ok(2));
        check("ben", 3, &Ok(1));
    }

    #[test]
    fn is_for_seats_that_somebody_else_has() {
        check("eve", 0, &Err(Rejection::SeatFree));
        check("eve", 4, &Err(Rejection::SeatBlocked(smallvec![SeatIndex(4)])));
        check("ann", 1, &Err(Rejection::AlreadyHolder));
        check("ben", 2, &Err(Rejection::AlreadyHolder));
        check("cat", 3, &Err(Rejection::AlreadyHolder));
        check("dan", 2, &Err(Rejection::AlreadyWaiting));
        check("eve", 10, &Err(Rejection::SeatOutOfRange { seat: SeatIndex(10), capacity: 10 }));
    }

    #[test]
    fn is_limited_per_buyer_and_per_seat() {
        check("dan", 3, &Err(Rejection::LimitReached { limit: LimitKind::WaitlistEntriesPerBuyer, max: 2 }));
        let mut stage = stage();
        stage.wait("eve", 1);
        let full = Rejection::LimitReached { limit: LimitKind::WaitersPerSeat, max: 2 };
        assert_eq!(stage.act(join("fay", 1)), Err(full));
    }

    /// Whoever may not hold a free seat now may wait until they can.
    #[test]
    fn takes_a_buyer_with_all_their_seats_into_the_queue_of_a_free_one() {
        let mut stage = stage();
        stage.hold("ann", &[5]);
        stage.wait("ann", 6);
        assert_eq!(stage.act(join("eve", 6)), Err(Rejection::SeatFree));
    }

    #[test]
    fn needs_a_phase_with_a_waitlist() {
        let mut settings = settings(Limits::default());
        settings.phases[0].waitlist_open = false;
        let mut stage = Stage::with(layout(&[&[10]]), settings);
        stage.hold("ann", &[1]);
        assert_eq!(stage.act(join("ben", 1)), Err(Rejection::WaitlistNotOpen));
    }
}
