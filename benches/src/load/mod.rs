//! The one client that drives all servers.
//!
//! A [`Script`] says what is sent next and what an answer means. [`closed`] keeps a fixed number of commands in flight and
//! so finds the most that a server can do; [`open`] sends at intended moments and so finds how long an answer takes.

mod churn;
mod closed;
mod commands;
mod holds;
mod logged;
mod mix;
mod open;
mod probe;
mod purchases;
mod rivals;
mod send;
mod unary;
mod watch;

use std::ops::Range;

use earlybird_proto::v1::session_response::Result as Reply;
use earlybird_proto::v1::{SessionRequest, SessionResponse};
use hdrhistogram::Histogram;
use tokio::time::Instant;

pub use churn::Churn;
pub use closed::{Span, closed};
pub use commands::Commands;
pub use holds::Holds;
pub use logged::{Line, Logged};
pub use mix::Mix;
pub use open::{Timing, open};
pub use probe::Probe;
pub use purchases::Purchases;
pub use rivals::{Kept, Rivals};
pub use send::send_all;
pub use unary::{Calls, unary};
pub use watch::Watchers;

/// What one session sends.
pub trait Script: Send + 'static {
    /// The next command; none when all that it may send is in flight.
    fn next(&mut self) -> Option<SessionRequest>;

    /// Takes the answer to a command.
    fn answered(&mut self, response: SessionResponse) -> Answered;

    /// Hears, before it begins, which span is measured, if one is.
    fn measured(&mut self, _span: Range<Instant>) {}

    /// Hears what the command of a tag came to, and when it was to be sent, if that was at a moment.
    fn note(&mut self, _tag: u64, _intended: Instant, _answered: Answered) {}
}

/// What an answer was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The command was done.
    Accepted,
    /// It was turned down because a seat was taken.
    Rejected,
    /// It failed otherwise.
    Failed,
}

/// How many answers of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Done.
    pub accepted: u64,
    /// Turned down.
    pub rejected: u64,
    /// Failed.
    pub failed: u64,
}

impl Tally {
    /// Counts an answer.
    pub fn count(&mut self, answered: Answered) {
        match answered {
            Answered::Accepted => self.accepted += 1,
            Answered::Rejected => self.rejected += 1,
            Answered::Failed => self.failed += 1,
        }
    }

    /// All answers.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.accepted + self.rejected + self.failed
    }

    fn less(&self, earlier: &Self) -> Self {
        Self {
            accepted: self.accepted - earlier.accepted,
            rejected: self.rejected - earlier.rejected,
            failed: self.failed - earlier.failed,
        }
    }
}

/// An empty histogram of microseconds, up to ten minutes, of three digits.
///
/// # Errors
/// None that these bounds can cause.
pub fn latencies() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 600_000_000, 3)?)
}

/// What a reply of a session means.
#[must_use]
pub fn meaning(reply: Option<&Reply>) -> Answered {
    match reply {
        Some(Reply::Error(error)) if error.reason == "SEAT_TAKEN" => Answered::Rejected,
        Some(Reply::Error(_)) | None => Answered::Failed,
        Some(_) => Answered::Accepted,
    }
}
