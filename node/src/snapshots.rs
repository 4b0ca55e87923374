//! Snapshots bound the time of recovery.
//!
//! They are made beside the sale, not by the shard: the newest snapshot and the journal after it are replayed, as a
//! recovery would. The actor never pauses for one, and each is made of durable entries alone.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use earlybird_engine::encode_snapshot;
use earlybird_persistence::{AppendError, Sequence, SnapshotRow, Store, UnixMillis};
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::directory::recovery::{Recovered, RecoveryError, recover};
use crate::shard::Shard;

/// Shards that wait for a snapshot. One that finds no place asks again after its next entries.
pub(crate) const WAITING_MAX: usize = 1_024;

/// Why a snapshot was not made.
#[derive(Debug, thiserror::Error)]
enum SnapshotError {
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// Makes the snapshots that are asked for, one at a time, until the node goes.
pub(crate) async fn run(store: Arc<dyn Store>, clock: Arc<Clock>, mut asked: mpsc::Receiver<Weak<Shard>>) {
    while let Some(shard) = asked.recv().await {
        let Some(shard) = shard.upgrade() else { continue };
        if let Err(error) = make(&*store, &clock, &shard).await {
            // Nothing is lost but time: the journal has everything.
            tracing::warn!(performance = %shard.performance().id, %error, "no snapshot made");
        }
    }
}

async fn make(store: &dyn Store, clock: &Clock, shard: &Shard) -> Result<(), SnapshotError> {
    let info = shard.performance();
    let Recovered { state, .. } = recover(store, info).await?;
    let row = SnapshotRow {
        performance: info.id.clone(),
        bucket: info.bucket,
        epoch: shard.epoch(),
        sequence: Sequence(state.sequence().0),
        at: UnixMillis(clock.now().0),
        body: Bytes::from(encode_snapshot(&state.snapshot())),
    };
    store.put_snapshot(&row).await?;
    metrics::counter!("earlybird_snapshots_total").increment(1);
    Ok(())
}
