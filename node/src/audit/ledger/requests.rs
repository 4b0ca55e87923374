//! Requests that were answered (I8).

use earlybird_engine::{Limits, RequestId, Timestamp};
use hashbrown::HashMap;

use crate::audit::findings::Findings;
use crate::audit::rule::Rule;

/// When each request was answered last.
#[derive(Debug, Default)]
pub(super) struct RequestBook {
    answered: HashMap<RequestId, Answered>,
    count: u64,
}

#[derive(Clone, Copy, Debug)]
struct Answered {
    /// Which of all answered requests it was, from 1.
    number: u64,
    at: Timestamp,
}

impl RequestBook {
    /// A request had an effect. It must be none that is still remembered: a node that remembers it repeats the answer and
    /// changes nothing.
    pub(super) fn answered(
        &mut self,
        id: RequestId,
        at: Timestamp,
        limits: &Limits,
        findings: &mut Findings,
    ) {
        self.count += 1;
        let now = Answered { number: self.count, at };
        let before = self.answered.insert(id, now);
        let is_remembered = |before: Answered| {
            at.since(before.at) < limits.request_memory_ms
                && now.number - before.number <= u64::from(limits.requests_remembered_max)
        };
        findings.require(Rule::OneEffect, !before.is_some_and(is_remembered), || {
            format!("the request {} had an effect before", uuid::Uuid::from_bytes(id.0))
        });
    }
}
