//! A performance's state from the store: the newest snapshot, and the journal after it.

use std::fmt::Display;
use std::sync::Arc;

use earlybird_engine::{Entry, State, Timestamp, decode_entry, decode_snapshot, evolve};
use earlybird_persistence::{JournalRecord, Sequence, SnapshotRow, Store, StoreError};

use crate::catalog::PerformanceInfo;

/// Entries read at a time.
const JOURNAL_PAGE_ENTRIES: usize = 10_000;
/// Entries replayed at a time: about a millisecond.
const REPLAY_ENTRIES: usize = 1_000;

/// Why a state cannot be rebuilt.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecoveryError {
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the store has cannot be understood.
    #[error("{0}")]
    Corrupt(String),
}

/// A rebuilt state, and the time of the last entry that is known to be in it.
pub(crate) struct Recovered {
    pub(crate) state: State,
    pub(crate) last_at: Timestamp,
    /// The last entry of the snapshot that it was rebuilt from.
    pub(crate) snapshot: earlybird_engine::Sequence,
}

/// Rebuilds the state.
pub(crate) async fn recover(store: &dyn Store, info: &PerformanceInfo) -> Result<Recovered, RecoveryError> {
    let snapshot = store.latest_snapshot(&info.id).await?;
    let mut recovered = Recovered::of_snapshot(info, snapshot.as_ref())?;
    recovered.catch_up(store, info).await?;
    Ok(recovered)
}

impl Recovered {
    /// The state that a snapshot is of, or the one before the first entry. The seed of its hash tables is drawn anew, so that
    /// clients cannot choose colliding names.
    pub(crate) fn of_snapshot(
        info: &PerformanceInfo,
        row: Option<&SnapshotRow>,
    ) -> Result<Self, RecoveryError> {
        let (layout, settings) = (Arc::clone(&info.layout), Arc::clone(&info.settings));
        let Some(row) = row else {
            let state = State::with_seed(layout, settings, foldhash_seed());
            return Ok(Self { snapshot: state.sequence(), state, last_at: Timestamp(0) });
        };
        let corrupt =
            |error: &dyn Display| RecoveryError::Corrupt(format!("snapshot {}: {error}", row.sequence));
        let snapshot = decode_snapshot(&row.body).map_err(|error| corrupt(&error))?;
        let state = State::restore_with_seed(layout, settings, foldhash_seed(), snapshot)
            .map_err(|error| corrupt(&error))?;
        Ok(Self { snapshot: state.sequence(), state, last_at: Timestamp(row.at.0) })
    }

    /// Replays the journal from where the state is to its end.
    pub(crate) async fn catch_up(
        &mut self,
        store: &dyn Store,
        info: &PerformanceInfo,
    ) -> Result<(), RecoveryError> {
        loop {
            let page = self.next_entries(store, info, JOURNAL_PAGE_ENTRIES).await?;
            for part in page.chunks(REPLAY_ENTRIES) {
                self.replay(part)?;
                // A long journal must not keep a thread from everything else.
                tokio::task::yield_now().await;
            }
            if page.len() < JOURNAL_PAGE_ENTRIES {
                return Ok(());
            }
        }
    }

    /// The entries that come next, so many at most.
    pub(crate) async fn next_entries(
        &self,
        store: &dyn Store,
        info: &PerformanceInfo,
        limit: usize,
    ) -> Result<Vec<JournalRecord>, StoreError> {
        store.journal(&info.id, Sequence(self.state.sequence().0), limit).await
    }

    /// Evolves the state by the entries that come next.
    pub(crate) fn replay(&mut self, records: &[JournalRecord]) -> Result<(), RecoveryError> {
        let mut changed = Vec::new();
        for record in records {
            let entry = decode(record, self.state.sequence().0 + 1)?;
            evolve(&mut self.state, &entry, &mut changed);
            self.last_at = self.last_at.max(entry.at);
            changed.clear();
        }
        Ok(())
    }
}

/// Decodes a record and checks that it is the one that comes next.
fn decode(record: &JournalRecord, expected: u64) -> Result<Entry, RecoveryError> {
    let entry = decode_entry(&record.body)
        .map_err(|error| RecoveryError::Corrupt(format!("journal entry {}: {error}", record.sequence)))?;
    if entry.sequence.0 != expected || record.sequence.0 != expected {
        return Err(RecoveryError::Corrupt(format!(
            "journal entry {} where {expected} was expected",
            record.sequence
        )));
    }
    Ok(entry)
}

/// A number that clients do not know.
fn foldhash_seed() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().0
}
