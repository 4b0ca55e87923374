//! One hold of each of some seats, and no more.

use std::ops::Range;

use earlybird_proto::v1::session_request::Command;
use earlybird_proto::v1::{SessionRequest, SessionResponse};

use super::commands::{Commands, tagged};
use super::{Answered, Script, meaning};

/// Holds its seats one after another, each for a buyer of its own.
#[derive(Clone, Debug)]
pub struct Holds {
    commands: Commands,
    seats: Range<u32>,
}

impl Holds {
    /// Holds these seats.
    #[must_use]
    pub fn new(performance: &str, seats: Range<u32>) -> Self {
        Self { commands: Commands::new(performance), seats }
    }
}

impl Script for Holds {
    fn next(&mut self) -> Option<SessionRequest> {
        let seat = self.seats.next()?;
        Some(tagged(u64::from(seat), Command::HoldSeats(self.commands.hold(vec![seat]))))
    }

    fn answered(&mut self, response: SessionResponse) -> Answered {
        meaning(response.result.as_ref())
    }
}
