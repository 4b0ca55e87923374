//! A script that keeps a log: for those who look at single moments of a run.

use std::collections::BTreeMap;

use earlybird_proto::v1::session_response::Result as Reply;
use earlybird_proto::v1::{SessionRequest, SessionResponse};
use tokio::time::Instant;

use super::{Answered, Script};

/// Room that is there from the start, so that growing does not keep the commands waiting.
const LINES_MIN: usize = 1 << 18;

/// What one command came to.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Its tag.
    pub tag: u64,
    /// When it was to be sent.
    pub intended: Instant,
    /// When its answer came.
    pub answered_at: Instant,
    /// What the answer was.
    pub answered: Answered,
}

/// A script with a log of what its commands came to.
#[derive(Debug)]
pub struct Logged<S> {
    /// The script.
    pub script: S,
    /// In the order of the answers.
    pub log: Vec<Line>,
    /// Why commands failed, by reason.
    failures: BTreeMap<String, u64>,
}

impl<S> Logged<S> {
    /// With an empty log.
    #[must_use]
    pub fn new(script: S) -> Self {
        Self { script, log: Vec::with_capacity(LINES_MIN), failures: BTreeMap::new() }
    }

    /// Tells on standard error why commands failed, if any did.
    pub fn tell_failures(&self) {
        for (reason, times) in &self.failures {
            eprintln!("    {times} commands failed: {reason}");
        }
    }
}

impl<S: Script> Script for Logged<S> {
    fn next(&mut self) -> Option<SessionRequest> {
        self.script.next()
    }

    fn answered(&mut self, response: SessionResponse) -> Answered {
        let reason = match &response.result {
            Some(Reply::Error(error)) => Some(error.reason.clone()),
            _ => None,
        };
        let answered = self.script.answered(response);
        if answered == Answered::Failed {
            *self.failures.entry(reason.unwrap_or_default()).or_default() += 1;
        }
        answered
    }

    fn note(&mut self, tag: u64, intended: Instant, answered: Answered) {
        self.log.push(Line { tag, intended, answered_at: Instant::now(), answered });
        self.script.note(tag, intended, answered);
    }
}
