//! States of performances whose buckets are about to come, read ahead of them.
//!
//! ```text
//!  Prepare ──► newest snapshot ──► journal, page by page, until hardly anything is missing ──► kept ──activation──► the rest
//!                                                                                               └──nobody comes──► dropped
//! ```
//!
//! An entry that is written never changes, so a state that was read ahead may end too early, and is never wrong: whoever owns
//! the bucket reads the rest of the journal, as every recovery does, and misses nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use earlybird_persistence::{Bucket, PerformanceId};
use futures::StreamExt as _;
use hashbrown::HashMap;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::Directory;
use super::recovery::Recovered;
use crate::aside;

/// How long it may take to read the performances of a bucket ahead. What is not ready then is loaded when the bucket comes.
pub(crate) const READ_AHEAD_MAX: Duration = Duration::from_secs(4);
/// Performances read ahead at a time. There are more connections to the store: for those whose buckets have come.
const CONCURRENCY: usize = 4;
/// Entries read at a time.
const PAGE_ENTRIES: usize = 2_000;
/// A page with fewer entries is the last one: the rest takes no longer than to ask for it. They are also so few that they
/// need no thread of their own.
const FEW_ENTRIES: usize = 100;
/// How long a state waits for its bucket, and how many do.
const KEPT_MAX: Duration = Duration::from_secs(10);
const STATES_MAX: usize = 256;

/// What was read ahead.
pub(super) struct Ahead {
    /// The states, each with the time when it was read.
    states: Mutex<HashMap<PerformanceId, (Instant, Recovered)>>,
    readers: Semaphore,
}

impl Default for Ahead {
    fn default() -> Self {
        Self { states: Mutex::default(), readers: Semaphore::new(CONCURRENCY) }
    }
}

impl Ahead {
    /// Keeps a state, instead of an earlier one of the performance.
    fn keep(&self, performance: &PerformanceId, state: Recovered) {
        let mut states = self.states.lock();
        if states.len() < STATES_MAX || states.contains_key(performance) {
            states.insert(performance.clone(), (Instant::now(), state));
        }
    }

    /// The state of a performance, if it was read ahead.
    pub(super) fn take(&self, performance: &PerformanceId) -> Option<Recovered> {
        self.states.lock().remove(performance).map(|(_, state)| state)
    }

    /// Drops the states that nobody has come for.
    pub(super) fn sweep(&self) {
        let outdated: Vec<_> =
            self.states.lock().extract_if(|_, (read, _)| read.elapsed() > KEPT_MAX).collect();
        // A large state takes a while to be dropped: not under the lock.
        drop(outdated);
    }
}

impl Directory {
    /// Reads ahead what the performances of a bucket need to be served here. Whoever wants one of them from then on waits a
    /// moment for its bucket to come.
    pub(crate) async fn prepare(&self, bucket: Bucket, performances: &[PerformanceId]) {
        let reading =
            futures::stream::iter(performances).for_each_concurrent(CONCURRENCY, async |performance| {
                if let Err(error) = self.read_ahead(performance).await {
                    tracing::debug!(%performance, %error, "cannot read a performance ahead");
                }
            });
        if tokio::time::timeout(READ_AHEAD_MAX, reading).await.is_err() {
            tracing::info!(%bucket, "not all performances of a bucket could be read ahead in time");
        }
        self.expect(bucket);
    }

    async fn read_ahead(&self, performance: &PerformanceId) -> anyhow::Result<()> {
        let _one_of_few = self.ahead.readers.acquire().await?;
        let Some(info) = self.parts.catalog.performance(performance).await? else { return Ok(()) };
        let store = &*self.parts.store;
        let snapshot = store.latest_snapshot(performance).await?;
        let mut recovered = {
            let info = Arc::clone(&info);
            let restore = move || Recovered::of_snapshot(&info, snapshot.as_ref());
            aside::done("earlybird-restore", restore).await??
        };
        loop {
            let page = recovered.next_entries(store, &info, PAGE_ENTRIES).await?;
            if page.len() < FEW_ENTRIES {
                recovered.replay(&page)?;
                self.ahead.keep(performance, recovered);
                return Ok(());
            }
            let replay = move || recovered.replay(&page).map(|()| recovered);
            recovered = aside::done("earlybird-replay", replay).await??;
        }
    }
}
