//! What the node's own failures are called outside.

use std::time::Duration;

use earlybird_persistence::StoreError;

use super::{Problem, Reason};
use crate::directory::ActivateError;
use crate::reply::{Failure, Unavailable};

/// A store that does not answer is given this long before the next try: it fails over, or restarts.
const STORE_RETRY_DELAY: Duration = Duration::from_millis(500);
/// A performance has an owner again within this time, unless its node died.
const OWNER_RETRY_DELAY: Duration = Duration::from_millis(500);
/// A performance is loaded again within this time.
const SHARD_RETRY_DELAY: Duration = Duration::from_millis(100);

impl Problem {
    /// Why a shard has no answer. `performance` is the whole name of the performance.
    #[must_use]
    pub fn failed(failure: Failure, performance: &str) -> Self {
        match failure {
            Failure::Rejected(rejection) => Self::rejected(rejection, performance),
            Failure::Overloaded { retry_after } => {
                Self::new(Reason::Overloaded, "the queue of the performance is full").retry_after(retry_after)
            }
            Failure::DeadlineExceeded => Self::deadline_exceeded(),
            Failure::Unavailable(unavailable) => unavailable.into(),
        }
    }

    /// The caller's deadline passed before anything was done.
    #[must_use]
    pub fn deadline_exceeded() -> Self {
        Self::new(Reason::DeadlineExceeded, "the deadline passed before the command was decided")
    }

    /// The caller's deadline passed with a command on its way.
    #[must_use]
    pub fn owner_silent() -> Self {
        let message = "the owner of the performance did not answer in time; whether it was done is unknown, send it again";
        Self::new(Reason::OwnerSilent, message)
    }

    /// Too much waits for something that all share.
    #[must_use]
    pub fn overloaded(what: &'static str) -> Self {
        Self::new(Reason::Overloaded, what).retry_after(SHARD_RETRY_DELAY)
    }

    /// The node is shutting down.
    #[must_use]
    pub fn draining() -> Self {
        Self::new(Reason::Draining, "the node is shutting down")
    }

    /// Nobody serves the performance now.
    #[must_use]
    pub fn between_owners() -> Self {
        let message = "the performance is between two owners, or its owner cannot be reached";
        Self::new(Reason::NotOwner, message).retry_after(OWNER_RETRY_DELAY)
    }

    /// The owner was lost with a command on its way.
    #[must_use]
    pub fn owner_lost() -> Self {
        let message = "the owner of the performance was lost; whether it was done is unknown, send it again";
        Self::new(Reason::OwnerLost, message).retry_after(OWNER_RETRY_DELAY)
    }

    /// Why a performance cannot be served.
    #[must_use]
    pub fn inactive(error: ActivateError) -> Self {
        match error {
            ActivateError::NotFound => Self::new(Reason::PerformanceNotFound, "no such performance"),
            ActivateError::Unavailable(unavailable) => unavailable.into(),
            ActivateError::Corrupt(what) => Self::new(Reason::StoreCorrupt, what),
        }
    }
}

impl Problem {
    /// `PAYMENTS_OFF`.
    pub(crate) fn payments_off() -> Self {
        Self::new(Reason::PaymentsOff, "this node has no payment provider: payments.gateway is off")
    }
}

impl From<Unavailable> for Problem {
    fn from(unavailable: Unavailable) -> Self {
        match unavailable {
            Unavailable::Store => Self::new(Reason::StoreUnavailable, "the store does not answer")
                .retry_after(STORE_RETRY_DELAY),
            Unavailable::OutboxFull => Self::new(Reason::StoreUnavailable, "the store does not keep up")
                .retry_after(STORE_RETRY_DELAY),
            Unavailable::ShardRestarted => Self::new(Reason::ShardRestarted, "the performance was restarted")
                .retry_after(SHARD_RETRY_DELAY),
            Unavailable::Draining => Self::draining(),
            Unavailable::NotOwner => Self::new(Reason::NotOwner, "another node owns the performance")
                .retry_after(SHARD_RETRY_DELAY),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { source } => {
                // The cause is for operators; callers cannot do anything with it.
                tracing::debug!(cause = %source, "a read failed");
                Unavailable::Store.into()
            }
            StoreError::Corrupt { what } => Self::new(Reason::StoreCorrupt, what),
            StoreError::Invalid { what } => Self::new(Reason::Internal, what),
        }
    }
}

#[cfg(test)]
mod tests {
    use earlybird_proto::v1::SessionError;
    use tonic::{Code, Status};
    use tonic_types::StatusExt as _;

    use super::*;

    fn check(problem: Problem, reason: &str, code: Code, retry_delay_ms: u32) {
        let status = Status::from(problem.clone());
        let session = SessionError::from(problem);
        let details = status.get_error_details();
        assert_eq!(details.error_info().map(|info| info.reason.as_str()), Some(reason));
        assert_eq!((status.code(), session.code, session.reason.as_str()), (code, code as i32, reason));
        assert_eq!(session.retry_delay_ms, retry_delay_ms);
        let delay = details.retry_info().and_then(|info| info.retry_delay).unwrap_or_default();
        assert_eq!(u32::try_from(delay.as_nanos().div_ceil(1_000_000)).ok(), Some(retry_delay_ms));
    }

    #[test]
    fn failures_tell_whether_and_when_to_come_back() {
        let failed = |failure| Problem::failed(failure, "performances/p");
        let retry_after = Duration::from_micros(1_500);
        check(failed(Failure::Overloaded { retry_after }), "OVERLOADED", Code::ResourceExhausted, 2);
        check(failed(Failure::DeadlineExceeded), "DEADLINE_EXCEEDED", Code::DeadlineExceeded, 0);
        check(Problem::between_owners(), "NOT_OWNER", Code::Unavailable, 500);
        check(Problem::owner_lost(), "OWNER_LOST", Code::Unavailable, 500);
        check(Problem::owner_silent(), "OWNER_SILENT", Code::DeadlineExceeded, 0);
        for (unavailable, reason, delay_ms) in [
            (Unavailable::Store, "STORE_UNAVAILABLE", 500),
            (Unavailable::OutboxFull, "STORE_UNAVAILABLE", 500),
            (Unavailable::ShardRestarted, "SHARD_RESTARTED", 100),
            (Unavailable::Draining, "DRAINING", 0),
            (Unavailable::NotOwner, "NOT_OWNER", 100),
        ] {
            check(failed(Failure::Unavailable(unavailable)), reason, Code::Unavailable, delay_ms);
            check(
                Problem::inactive(ActivateError::Unavailable(unavailable)),
                reason,
                Code::Unavailable,
                delay_ms,
            );
        }
    }

    #[test]
    fn a_performance_that_is_not_there_is_told_apart_from_one_that_is_broken() {
        check(Problem::inactive(ActivateError::NotFound), "PERFORMANCE_NOT_FOUND", Code::NotFound, 0);
        check(
            Problem::inactive(ActivateError::Corrupt("entry 7".into())),
            "STORE_CORRUPT",
            Code::DataLoss,
            0,
        );
        check(StoreError::Corrupt { what: "row".into() }.into(), "STORE_CORRUPT", Code::DataLoss, 0);
        check(StoreError::Invalid { what: "limit".into() }.into(), "INTERNAL", Code::Internal, 0);
    }
}
