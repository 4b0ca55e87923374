//! Take free seats out of the sale, all or nothing.

use smallvec::smallvec;

use super::Events;
use crate::{Event, Rejection, SeatIndex, SeatList, Seats, State};

pub(super) fn decide(state: &State, seats: &Seats) -> Result<Events, Rejection> {
    let is_claimed = |seat: &SeatIndex| !state.seats.is_free(*seat);
    let claimed: SeatList = seats.iter().copied().filter(is_claimed).collect();
    if !claimed.is_empty() {
        return Err(Rejection::SeatNotFree(claimed));
    }
    Ok(smallvec![Event::Blocked { seats: seats.clone() }])
}

#[cfg(test)]
mod tests {
    use crate::testing::{Stage, hold, seats};
    use crate::{Action, Limits, Rejection, SeatIndex};

    #[test]
    fn takes_free_seats_alone_and_all_of_them() {
        let mut stage = Stage::new(Limits::default());
        stage.hold("ann", &[1]);
        let taken = Rejection::SeatNotFree(smallvec::smallvec![SeatIndex(1)]);
        assert_eq!(stage.act(Action::Block { seats: seats(&[0, 1]) }), Err(taken));
        assert_eq!(stage.act(Action::Block { seats: seats(&[]) }), Err(Rejection::NoSeats));
        stage.must(Action::Block { seats: seats(&[0, 2]) });
        assert_eq!(stage.state.counts().blocked, 2);
        assert!(stage.act(hold("ben", &[2])).is_err());
    }
}
