//! Holds that all succeed, each released and then held again.

use std::collections::VecDeque;
use std::ops::Range;

use earlybird_proto::v1::session_request::Command;
use earlybird_proto::v1::session_response::Result as Reply;
use earlybird_proto::v1::{Hold, SessionRequest, SessionResponse};

use super::commands::{Commands, tagged};
use super::{Answered, Script, meaning};

/// Takes its seats in turn: holds one, and releases it when the hold is acknowledged and its turn has come again.
#[derive(Debug)]
pub struct Churn {
    commands: Commands,
    /// The first of its seats: a tag is a seat less this.
    first: u32,
    /// Seats with nothing in flight, and the hold of those that are held. The one that has rested longest is first.
    resting: VecDeque<(u32, Option<Hold>)>,
}

impl Churn {
    /// Churns these seats, which nobody else may touch.
    #[must_use]
    pub fn new(performance: &str, seats: Range<u32>) -> Self {
        let first = seats.start;
        let resting = seats.map(|seat| (seat, None)).collect();
        Self { commands: Commands::new(performance), first, resting }
    }
}

impl Script for Churn {
    fn next(&mut self) -> Option<SessionRequest> {
        let (seat, hold) = self.resting.pop_front()?;
        let command = match hold {
            None => Command::HoldSeats(self.commands.hold(vec![seat])),
            Some(hold) => Command::ReleaseHold(self.commands.release(&hold.name, &hold.buyer_id)),
        };
        Some(tagged(u64::from(seat - self.first), command))
    }

    fn answered(&mut self, response: SessionResponse) -> Answered {
        let answered = meaning(response.result.as_ref());
        let hold = match response.result {
            Some(Reply::Hold(hold)) if hold.state() == earlybird_proto::v1::hold::State::Active => Some(hold),
            _ => None,
        };
        // A seat whose command failed is tried again as a free one; if it is not free, that fails and is counted.
        self.resting.push_back((self.first + response.tag as u32, hold));
        answered
    }
}

#[cfg(test)]
mod tests {
    use earlybird_proto::v1::hold::State;

    use super::*;

    fn reply(tag: u64, state: State) -> SessionResponse {
        let hold = Hold { name: "holds/1".into(), state: state.into(), ..Hold::default() };
        SessionResponse { tag, result: Some(Reply::Hold(hold)) }
    }

    #[test]
    fn a_held_seat_is_released_and_held_again() {
        let mut churn = Churn::new("performances/one", 7..8);
        let sent = |churn: &mut Churn| churn.next().and_then(|request| request.command);
        assert!(matches!(sent(&mut churn), Some(Command::HoldSeats(hold)) if hold.seats == [7]));
        assert!(sent(&mut churn).is_none(), "its only seat is in flight");
        assert_eq!(churn.answered(reply(0, State::Active)), Answered::Accepted);
        assert!(matches!(sent(&mut churn), Some(Command::ReleaseHold(release)) if release.name == "holds/1"));
        assert_eq!(churn.answered(reply(0, State::Released)), Answered::Accepted);
        assert!(matches!(sent(&mut churn), Some(Command::HoldSeats(_))));
    }
}
