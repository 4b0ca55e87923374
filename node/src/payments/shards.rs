//! How a settlement reaches a performance: through restarts of its shard and outages of the store.

use std::sync::Arc;
use std::time::Duration;

use earlybird_engine::{Action, Command, Rejection};
use earlybird_persistence::PerformanceId;

use super::Payments;
use crate::directory::ActivateError;
use crate::reply::{Failure, Unavailable};
use crate::shard::Shard;

/// Longest pause between two attempts at a shard: a look at the memory of this process, and when the store is back after a
/// long outage, whoever has paid must not wait on (L1).
const RETRY_AFTER_MAX: Duration = Duration::from_secs(2);

/// What came of bringing an outcome into the journal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Noted {
    /// It is there.
    Done,
    /// It does not fit: most often, an earlier attempt whose answer was lost has done it.
    Rejected(Rejection),
    /// Another node owns the performance; it finds the order in the journal and takes it up.
    NotOurs,
}

/// Another node owns the performance, or this one is going down: its next owner finds in the journal what there is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotOurs;

impl Payments {
    /// Brings an outcome into the journal.
    pub(super) async fn note(&self, performance: &PerformanceId, action: Action) -> Noted {
        let mut pause = self.options.retry_after;
        while let Some(directory) = self.directory.get().and_then(std::sync::Weak::upgrade) {
            let failure = match directory.shard(performance).await {
                Err(ActivateError::Unavailable(Unavailable::NotOwner)) => return Noted::NotOurs,
                Err(error) => format!("{error:?}"),
                Ok(shard) => {
                    drop(directory);
                    match shard.call(Command { request: None, action: action.clone() }, None).await {
                        Ok(_) => return Noted::Done,
                        Err(Failure::Rejected(rejection)) => return Noted::Rejected(rejection),
                        Err(failure) => format!("{failure:?}"),
                    }
                }
            };
            // The store's outage is told by the lanes; a line for each payment would bury that.
            tracing::debug!(%performance, ?action, failure, "cannot note the provider's word yet; trying again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_AFTER_MAX);
        }
        Noted::NotOurs
    }

    /// Looks at a performance; none when there is no such performance, or nothing in it to look at.
    ///
    /// # Errors
    /// [`NotOurs`]: its owner is to look at it.
    pub(super) async fn on_shard<T>(
        &self,
        performance: &PerformanceId,
        look: impl Fn(&Arc<Shard>) -> Option<T>,
    ) -> Result<Option<T>, NotOurs> {
        let mut pause = self.options.retry_after;
        while let Some(directory) = self.directory.get().and_then(std::sync::Weak::upgrade) {
            match directory.shard(performance).await {
                Ok(shard) => return Ok(look(&shard)),
                Err(ActivateError::Unavailable(Unavailable::NotOwner)) => return Err(NotOurs),
                Err(ActivateError::NotFound) => return Ok(None),
                Err(error) => {
                    tracing::debug!(%performance, ?error, "cannot look at a payment yet; trying again");
                }
            }
            drop(directory);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_AFTER_MAX);
        }
        Err(NotOurs)
    }
}
