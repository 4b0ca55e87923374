//! Snapshots bound the time of recovery.
//!
//! They are made beside the sale, not by the shard: the newest snapshot and the journal after it are replayed, as a
//! recovery would. The actor never pauses for one, and each is made of durable entries alone. All of it is done in a thread
//! of its own.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use earlybird_engine::encode_snapshot;
use earlybird_persistence::{AppendError, Sequence, SnapshotRow, Store, UnixMillis};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::aside;
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

/// Makes the snapshots that are asked for, one at a time, in a thread that ends when nobody can ask any more. Call it in a
/// runtime, which does its input and output. One that fails, even by a panic, is missed until as many entries have gathered
/// again: the journal has everything.
///
/// # Errors
/// When the system has no thread to give.
pub(crate) fn start(
    store: Arc<dyn Store>,
    clock: Arc<Clock>,
    mut asked: mpsc::Receiver<Weak<Shard>>,
) -> io::Result<()> {
    let runtime = Handle::current();
    aside::begin("earlybird-snapshots", move || {
        while let Some(shard) = asked.blocking_recv() {
            let Some(shard) = shard.upgrade() else { continue };
            let name = &shard.performance().id;
            let made = AssertUnwindSafe(|| runtime.block_on(make(&*store, &clock, &shard)));
            match catch_unwind(made) {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => tracing::warn!(performance = %name, %error, "no snapshot made"),
                Err(_) => tracing::error!(performance = %name, "making a snapshot panicked"),
            }
            metrics::counter!("earlybird_snapshots_failed_total").increment(1);
        }
    })
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
    shard.note_snapshot(state.records());
    metrics::counter!("earlybird_snapshots_total").increment(1);
    Ok(())
}
