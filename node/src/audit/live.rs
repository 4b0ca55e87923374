//! The audit of a performance that is on sale.

use std::time::Duration;

use earlybird_engine::State;
use earlybird_persistence::PerformanceId;

use super::journal::{AuditError, AuditOptions, audit};
use super::report::AuditReport;
use crate::directory::ActivateError;
use crate::node::Node;
use crate::reply::Unavailable;

/// How long the audit waits until what it looks at is durable.
const DURABLE_WITHIN: Duration = Duration::from_secs(10);

/// Why there is no outcome.
#[derive(Debug, thiserror::Error)]
pub enum LiveAuditError {
    /// There is no such performance.
    #[error("no such performance")]
    NotFound,
    /// Not now; ask again.
    #[error("the performance cannot be audited now: {0:?}")]
    Unavailable(Unavailable),
    /// The audit itself failed.
    #[error(transparent)]
    Audit(#[from] AuditError),
}

/// Audits a performance while it is on sale: its journal, and whether the live state is what the journal gives (I12).
///
/// The sale goes on meanwhile. The shard is looked at once, for as long as it takes to copy its state.
///
/// # Errors
/// There is no such performance, or it or the store cannot be reached.
pub async fn audit_live(node: &Node, id: &PerformanceId) -> Result<AuditReport, LiveAuditError> {
    let options = AuditOptions::default();
    match node.directory.shard(id).await {
        Ok(shard) => {
            let live = shard.read(State::clone);
            let durable = shard.until_durable(live.sequence(), DURABLE_WITHIN).await;
            durable.map_err(LiveAuditError::Unavailable)?;
            Ok(audit(&*node.store, shard.performance(), &options, Some(live)).await?)
        }
        // Its journal cannot be replayed, so there is no live state; the audit tells what is wrong.
        Err(ActivateError::Corrupt(_)) => {
            let info = node.catalog.performance(id).await.map_err(AuditError::Store)?;
            let info = info.ok_or(LiveAuditError::NotFound)?;
            Ok(audit(&*node.store, &info, &options, None).await?)
        }
        Err(ActivateError::NotFound) => Err(LiveAuditError::NotFound),
        Err(ActivateError::Unavailable(reason)) => Err(LiveAuditError::Unavailable(reason)),
    }
}
