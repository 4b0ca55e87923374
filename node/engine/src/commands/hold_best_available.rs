//! Hold the best seats that are free together.

use smallvec::smallvec;

use super::Events;
use super::hold::{held, require_room};
use crate::best_available::{Wish, choose};
use crate::{BuyerId, Grade, Rejection, State, Timestamp};

pub(super) fn decide(
    state: &State,
    now: Timestamp,
    buyer: &BuyerId,
    grade: Option<&Grade>,
    wish: &Wish,
) -> Result<Events, Rejection> {
    state.open_phase(now, grade)?;
    let free = state.seats.free_map().free_count(wish.category, wish.zone);
    if free < wish.count {
        return Err(Rejection::NotEnoughSeats { free });
    }
    // Before the search, which is the dear part. Enough free seats always make a choice, so the order does not show.
    require_room(state, buyer, wish.count)?;
    let choice = choose(state, wish).ok_or(Rejection::NotEnoughSeats { free })?;
    Ok(smallvec![held(state, now, buyer, choice.seats, Some(choice.together))])
}

#[cfg(test)]
mod tests {
    use crate::testing::{Stage, layout, seats, settings};
    use crate::{Action, CategoryIndex, Event, LimitKind, Limits, Rejection, SeatIndex, Seats, ZoneIndex};

    fn best(count: u32) -> Action {
        Action::HoldBestAvailable { buyer: "ann".into(), grade: None, count, category: None, zone: None }
    }

    /// What is chosen in these rows when these seats are taken.
    #[track_caller]
    fn check(rows: &[&[u32]], taken: &[u32], count: u32, expected: &[u32], expected_together: bool) {
        let mut stage = Stage::with(layout(rows), settings(Limits::default()));
        if !taken.is_empty() {
            stage.must(Action::Block { seats: seats(taken) });
        }
        let events = stage.must(best(count));
        let [Event::Held { seats: chosen, together, .. }] = &events[..] else { panic!("{events:?}") };
        let chosen: Vec<u32> = chosen.iter().map(|seat| seat.0).collect();
        assert_eq!((&chosen[..], *together), (expected, Some(expected_together)));
    }

    #[test]
    fn prefers_the_centre_and_the_front() {
        check(&[&[8], &[8]], &[], 2, &[3, 4], true);
        check(&[&[8], &[8]], &[3, 4], 2, &[11, 12], true);
        // The edge of the front row is as near as the centre of the second: the earlier row wins.
        check(&[&[4], &[4]], &[1, 2], 1, &[0], true);
    }

    #[test]
    fn leaves_no_seat_alone_unless_nothing_else_is_left() {
        // 2 and 3 are the centre of six, but four in the middle would leave one seat on either side.
        check(&[&[6]], &[], 4, &[0, 1, 2, 3], true);
        check(&[&[5]], &[], 3, &[0, 1, 2], true);
        check(&[&[3]], &[], 2, &[0, 1], true);
    }

    #[test]
    fn does_not_seat_across_an_aisle() {
        check(&[&[3, 3]], &[], 4, &[0, 1, 2, 3], false);
        check(&[&[3, 3], &[4]], &[], 4, &[6, 7, 8, 9], true);
    }

    #[test]
    fn splits_into_few_groups_near_to_each_other() {
        check(&[&[2], &[3], &[2]], &[], 5, &[2, 3, 4, 0, 1], false);
        check(&[&[2], &[2], &[2, 2]], &[0, 1], 4, &[2, 3, 4, 5], false);
    }

    #[test]
    fn names_what_is_wrong() {
        let mut stage =
            Stage::new(Limits { seats_per_buyer_max: 3, seats_per_hold_max: 4, ..Limits::default() });
        let filtered = |category, zone| Action::HoldBestAvailable {
            buyer: "ann".into(),
            grade: None,
            count: 1,
            category,
            zone,
        };
        let unknown = |what| Err(Rejection::UnknownFilter { what });
        assert_eq!(stage.act(filtered(Some(CategoryIndex(1)), None)), unknown("category"));
        assert_eq!(stage.act(filtered(None, Some(ZoneIndex(1)))), unknown("zone"));
        assert_eq!(stage.act(best(0)), Err(Rejection::NoSeats));
        let per_hold = Rejection::LimitReached { limit: LimitKind::SeatsPerHold, max: 4 };
        assert_eq!(stage.act(best(5)), Err(per_hold));
        let per_buyer = Rejection::LimitReached { limit: LimitKind::SeatsPerBuyer, max: 3 };
        assert_eq!(stage.act(best(4)), Err(per_buyer));
        let seven: Seats = (0..7).map(SeatIndex).collect();
        stage.must(Action::Block { seats: seven });
        assert_eq!(stage.act(best(4)), Err(Rejection::NotEnoughSeats { free: 3 }));
    }
}
