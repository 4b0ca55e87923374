//! The traffic of an on-sale: nearly everyone wants a seat that is gone.

use std::ops::Range;

use earlybird_proto::v1::session_request::Command;
use earlybird_proto::v1::{SessionRequest, SessionResponse};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::commands::{Commands, tagged};
use super::{Answered, Script, meaning};

/// One hold in so many asks for a free seat: 0.5%.
const HOLDS_PER_SUCCESS: u64 = 200;

/// Holds of seats that are taken, and now and then of a free one.
#[derive(Clone, Debug)]
pub struct Mix {
    commands: Commands,
    random: SmallRng,
    taken: Range<u32>,
    free: Range<u32>,
    sent: u64,
}

impl Mix {
    /// Asks for seats of `taken`, chosen evenly, and one after another for those of `free`, which are this session's own.
    #[must_use]
    pub fn new(performance: &str, taken: Range<u32>, free: Range<u32>) -> Self {
        let random = SmallRng::from_rng(&mut rand::rng());
        Self { commands: Commands::new(performance), random, taken, free, sent: 0 }
    }

    /// Whether it has asked for all its free seats.
    #[must_use]
    pub fn is_sold_out(&self) -> bool {
        self.free.is_empty()
    }
}

impl Script for Mix {
    fn next(&mut self) -> Option<SessionRequest> {
        self.sent += 1;
        let free = self.sent.is_multiple_of(HOLDS_PER_SUCCESS).then(|| self.free.next()).flatten();
        let seat = free.unwrap_or_else(|| self.random.random_range(self.taken.clone()));
        let hold = self.commands.hold(vec![seat]);
        Some(tagged(self.sent, Command::HoldSeats(hold)))
    }

    fn answered(&mut self, response: SessionResponse) -> Answered {
        meaning(response.result.as_ref())
    }
}
