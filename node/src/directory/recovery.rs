//! A performance's state from the store: the newest snapshot, and the journal after it.

use std::sync::Arc;

use earlybird_engine::{Entry, Snapshot, State, Timestamp, decode_entry, decode_snapshot, evolve};
use earlybird_persistence::{JournalRecord, Sequence, Store, StoreError};

use crate::catalog::PerformanceInfo;

/// Entries read at a time.
pub(crate) const JOURNAL_PAGE_ENTRIES: usize = 10_000;

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

/// Rebuilds the state. The seed of its hash tables is drawn anew, so that clients cannot choose colliding names.
pub(crate) async fn recover(store: &dyn Store, info: &PerformanceInfo) -> Result<Recovered, RecoveryError> {
    let mut last_at = Timestamp(0);
    let mut state = match store.latest_snapshot(&info.id).await? {
        None => State::with_seed(Arc::clone(&info.layout), Arc::clone(&info.settings), foldhash_seed()),
        Some(row) => {
            last_at = Timestamp(row.at.0);
            let snapshot = decode_snapshot(&row.body)
                .map_err(|error| RecoveryError::Corrupt(format!("snapshot {}: {error}", row.sequence)))?;
            restore(info, snapshot)?
        }
    };
    let snapshot = state.sequence();
    let mut changed = Vec::new();
    loop {
        let after = Sequence(state.sequence().0);
        let page = store.journal(&info.id, after, JOURNAL_PAGE_ENTRIES).await?;
        for record in &page {
            let entry = decode(record, state.sequence().0 + 1)?;
            evolve(&mut state, &entry, &mut changed);
            last_at = last_at.max(entry.at);
            changed.clear();
        }
        if page.len() < JOURNAL_PAGE_ENTRIES {
            return Ok(Recovered { state, last_at, snapshot });
        }
        // A long journal must not keep a thread from everything else.
        tokio::task::yield_now().await;
    }
}

/// The state that a snapshot is of.
pub(crate) fn restore(info: &PerformanceInfo, snapshot: Snapshot) -> Result<State, RecoveryError> {
    let (layout, settings) = (Arc::clone(&info.layout), Arc::clone(&info.settings));
    State::restore_with_seed(layout, settings, foldhash_seed(), snapshot)
        .map_err(|error| RecoveryError::Corrupt(format!("a snapshot: {error}")))
}

/// Decodes a record and checks that it is the one that comes next.
pub(crate) fn decode(record: &JournalRecord, expected: u64) -> Result<Entry, RecoveryError> {
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
