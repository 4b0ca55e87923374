//! The task that empties a lane into the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use earlybird_engine::Sequence;
use earlybird_persistence::{
    AppendBatch, AppendError, Bucket, JournalRecord, JournalRow, PerformanceId, Store, StoreError,
};

use super::{Lane, Parcel, give_up_overdue};
use crate::failpoint::die_at;
use crate::payments::Due;
use crate::reply::{ReplyTo, Unavailable};
use crate::shard::{Durable, Shard};

/// Pause after a batch that the store did not take, doubled up to the second.
const BACKOFF_MIN: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_secs(1);
/// How often overdue replies are given up while the store does not answer.
const GIVE_UP_EVERY: Duration = Duration::from_millis(200);

/// What a committer tells the rest of the node.
pub(crate) trait CommitterHooks: Send + Sync + 'static {
    /// The store says that this node no longer owns these buckets.
    fn buckets_lost(&self, buckets: &[Bucket]);
    /// The shard's state is not what the store has: it was closed, and must be loaded again.
    fn shard_void(&self, shard: &Arc<Shard>);
    /// Many entries were written since the last snapshot.
    fn snapshot_due(&self, shard: &Arc<Shard>);
    /// The payment or refund is durable, so the provider may be asked. Whoever wanted it may be gone by now: it is carried
    /// to its end all the same.
    fn settlement_due(&self, shard: &Arc<Shard>, due: Due);
}

/// The task's belongings.
pub(crate) struct Committer {
    pub(crate) lane: Arc<Lane>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) hooks: Arc<dyn CommitterHooks>,
    pub(crate) snapshot_every_entries: u64,
}

/// What became of a batch.
enum Outcome {
    Committed,
    /// The node lost these buckets.
    Fenced(Vec<Bucket>),
    /// The store has something else there.
    Conflict(String),
}

impl Committer {
    /// Commits batches until it is dropped.
    pub(crate) async fn run(self) {
        loop {
            let parcels = self.lane.next_batch().await;
            let count = parcels.len();
            let items: usize = parcels.iter().map(|parcel| parcel.items.len()).sum();
            self.commit(parcels).await;
            self.lane.settle(count, items);
        }
    }

    async fn commit(&self, parcels: Vec<Parcel>) {
        let mut parcels = drop_void(parcels);
        let started = Instant::now();
        let batch = take_batch(&mut parcels);
        let entries = batch.entries.len();
        let outcome = self.append(&batch, &mut parcels).await;
        metrics::histogram!("earlybird_commit_seconds").record(started.elapsed());
        metrics::histogram!("earlybird_commit_entries").record(entries as f64);
        match outcome {
            Outcome::Committed => {
                die_at("lane-committed");
                self.release(parcels);
            }
            Outcome::Fenced(buckets) => self.fenced(batch, parcels, &buckets).await,
            Outcome::Conflict(what) => self.conflict(batch, parcels, &what).await,
        }
    }

    /// Appends until the outcome is definite.
    async fn append(&self, batch: &AppendBatch, parcels: &mut [Parcel]) -> Outcome {
        let mut backoff = BACKOFF_MIN;
        loop {
            if batch.entries.is_empty() {
                return Outcome::Committed;
            }
            die_at("lane-decided");
            let error = match self.patiently(self.store.append(batch), parcels).await {
                Ok(()) => return self.recovered(Outcome::Committed),
                Err(AppendError::Fenced { buckets }) => return self.recovered(Outcome::Fenced(buckets)),
                Err(AppendError::Conflict { what } | AppendError::Invalid { what }) => {
                    return self.recovered(Outcome::Conflict(what));
                }
                Err(error) => error,
            };
            if !self.lane.failing.swap(true, Ordering::Relaxed) {
                tracing::warn!(%error, entries = batch.entries.len(), "the store does not take the journal; trying again");
            }
            metrics::counter!("earlybird_commit_retries_total").increment(1);
            self.patiently(tokio::time::sleep(backoff), parcels).await;
            backoff = (backoff * 2).min(BACKOFF_MAX);
            if matches!(error, AppendError::Unknown { .. }) {
                match self.read_back(batch, parcels).await {
                    Some(true) => return self.recovered(Outcome::Committed),
                    Some(false) => {}
                    None => {
                        return self.recovered(Outcome::Conflict("only part of a batch is there".to_owned()));
                    }
                }
            }
        }
    }

    fn recovered(&self, outcome: Outcome) -> Outcome {
        if self.lane.failing.swap(false, Ordering::Relaxed) {
            tracing::info!("the store takes the journal again");
        }
        outcome
    }

    /// Whether the batch is in the store: all of it, nothing of it, or (none) something else.
    async fn read_back(&self, batch: &AppendBatch, parcels: &mut [Parcel]) -> Option<bool> {
        let lasts = last_entries(batch);
        loop {
            match self.patiently(self.count_written(&lasts), parcels).await {
                Ok(0) => return Some(false),
                Ok(written) if written == lasts.len() => return Some(true),
                Ok(_) => return None,
                Err(error) => {
                    tracing::debug!(%error, "cannot read the journals back yet");
                    self.patiently(tokio::time::sleep(BACKOFF_MAX / 4), parcels).await;
                }
            }
        }
    }

    /// How many of these entries are in the store as this node wrote them. Another owner may have gone on from the same
    /// place meanwhile: what stands there then has another epoch.
    async fn count_written(&self, entries: &[&JournalRow]) -> Result<usize, StoreError> {
        // Ends the append whose outcome is unknown.
        self.store.heads(&[]).await?;
        let mut written = 0;
        for entry in entries {
            let before = earlybird_persistence::Sequence(entry.sequence.0.saturating_sub(1));
            let found = self.store.journal(&entry.performance, before, 1).await?;
            let is_own =
                |found: &JournalRecord| found.sequence == entry.sequence && found.epoch == entry.epoch;
            written += usize::from(found.first().is_some_and(is_own));
        }
        Ok(written)
    }

    /// Waits for a future, and meanwhile gives up replies that have waited for too long.
    async fn patiently<F: Future>(&self, future: F, parcels: &mut [Parcel]) -> F::Output {
        let mut future = std::pin::pin!(future);
        loop {
            if let Ok(output) = tokio::time::timeout(GIVE_UP_EVERY, future.as_mut()).await {
                return output;
            }
            let Some(since) = Instant::now().checked_sub(self.lane.limits.ack_timeout) else { continue };
            for parcel in &mut *parcels {
                give_up_overdue(parcel, since);
            }
            self.lane.give_up_queued(since);
        }
    }

    fn release(&self, parcels: Vec<Parcel>) {
        for Parcel { shard, items, holds_accepted, last, due } in parcels {
            if let Some(sequence) = last
                && shard.note_durable(Durable { sequence, holds_accepted }, self.snapshot_every_entries)
            {
                self.hooks.snapshot_due(&shard);
            }
            for due in due {
                self.hooks.settlement_due(&shard, due);
            }
            let mut replies = Vec::with_capacity(items.len());
            for item in items {
                item.release(&shard, &mut replies);
            }
            ReplyTo::send_all(&mut replies);
        }
    }

    /// Voids the shards of lost buckets and commits the rest.
    async fn fenced(&self, batch: AppendBatch, parcels: Vec<Parcel>, buckets: &[Bucket]) {
        tracing::error!(?buckets, "another node owns these buckets now; dropping their performances");
        metrics::counter!("earlybird_fenced_total").increment(1);
        self.hooks.buckets_lost(buckets);
        let (lost, kept) = split(batch, parcels, |shard| buckets.contains(&shard.performance().bucket));
        self.void(lost.1, Unavailable::NotOwner);
        Box::pin(self.commit_prepared(kept)).await;
    }

    /// Finds the performance that is in conflict by committing each on its own.
    async fn conflict(&self, batch: AppendBatch, parcels: Vec<Parcel>, what: &str) {
        let names: Vec<PerformanceId> =
            last_entries(&batch).into_iter().map(|entry| entry.performance.clone()).collect();
        if let [only] = names.as_slice() {
            tracing::error!(performance = %only, what, "the store has another journal; loading the performance again");
            metrics::counter!("earlybird_conflicts_total").increment(1);
            self.void(parcels, Unavailable::ShardRestarted);
            return;
        }
        let mut rest = (batch, parcels);
        for name in names {
            let (one, others) = split(rest.0, rest.1, |shard| shard.performance().id == name);
            rest = others;
            Box::pin(self.commit_prepared(one)).await;
        }
        self.release(rest.1);
    }

    async fn commit_prepared(&self, (batch, mut parcels): (AppendBatch, Vec<Parcel>)) {
        match self.append(&batch, &mut parcels).await {
            Outcome::Committed => self.release(parcels),
            Outcome::Fenced(buckets) => self.fenced(batch, parcels, &buckets).await,
            Outcome::Conflict(what) => self.conflict(batch, parcels, &what).await,
        }
    }

    fn void(&self, parcels: Vec<Parcel>, reason: Unavailable) {
        for mut parcel in parcels {
            for item in &mut parcel.items {
                item.give_up(reason);
            }
            if !parcel.shard.is_condemned() {
                parcel.shard.condemn(reason);
                self.hooks.shard_void(&parcel.shard);
            }
        }
    }
}

/// Answers for parcels of shards that were condemned after they pushed them.
fn drop_void(parcels: Vec<Parcel>) -> Vec<Parcel> {
    let (void, kept): (Vec<_>, Vec<_>) = parcels.into_iter().partition(|parcel| parcel.shard.is_condemned());
    for mut parcel in void {
        for item in &mut parcel.items {
            item.give_up(Unavailable::ShardRestarted);
        }
    }
    kept
}

/// Moves the rows out of the parcels into one batch.
fn take_batch(parcels: &mut [Parcel]) -> AppendBatch {
    let mut batch = AppendBatch::default();
    for parcel in parcels {
        for item in &mut parcel.items {
            if let Some(row) = item.row.take() {
                parcel.last = Some(Sequence(row.sequence.0));
                batch.entries.push(row);
            }
            if let Some(projection) = item.projection.take() {
                batch.orders.extend(projection.orders);
                batch.seat_changes.extend(projection.seat_changes);
                batch.coupon_changes.extend(projection.coupon_changes);
                parcel.due.extend(projection.due);
            }
        }
    }
    batch
}

/// The last entry of each performance of a batch.
fn last_entries(batch: &AppendBatch) -> Vec<&JournalRow> {
    let last: BTreeMap<_, _> = batch.entries.iter().map(|row| (&row.performance, row)).collect();
    last.into_values().collect()
}

type Prepared = (AppendBatch, Vec<Parcel>);

/// Splits a batch and its parcels by shard.
fn split(batch: AppendBatch, parcels: Vec<Parcel>, wanted: impl Fn(&Shard) -> bool) -> (Prepared, Prepared) {
    let (one, other): (Vec<Parcel>, Vec<Parcel>) =
        parcels.into_iter().partition(|parcel| wanted(&parcel.shard));
    let names: Vec<PerformanceId> = one.iter().map(|parcel| parcel.shard.performance().id.clone()).collect();
    let is_one = |name: &PerformanceId| names.contains(name);
    let (entries, other_entries) = batch.entries.into_iter().partition(|row| is_one(&row.performance));
    let (orders, other_orders) = batch.orders.into_iter().partition(|row| is_one(&row.performance));
    let (seat_changes, other_seat_changes) =
        batch.seat_changes.into_iter().partition(|change| is_one(change.performance()));
    let (coupon_changes, other_coupon_changes) =
        batch.coupon_changes.into_iter().partition(|change| is_one(&change.performance));
    let others = AppendBatch {
        entries: other_entries,
        orders: other_orders,
        seat_changes: other_seat_changes,
        coupon_changes: other_coupon_changes,
    };
    ((AppendBatch { entries, orders, seat_changes, coupon_changes }, one), (others, other))
}
