//! Jobs: work that takes long, in steps, on one node at a time.
//!
//! ```text
//!  calendar ──due──┐
//!  operator ──start┴─► row in the store ──take: lease──► step ──keep: cursor, progress, lease──► step … ──► end
//!                                            ▲             │ the node dies, loses the lease, or the step is to be retried
//!                                            └─────────────┘ whoever takes it goes on from the cursor
//! ```
//!
//! Invariant: a step may be done twice, by a holder that was slow and by the one after it, so every step has its effect
//! once however often it is done. The lease saves work; it is not what keeps it right.

mod expiry;
mod kind;
mod runner;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use earlybird_persistence::{
    CreateOutcome, Fingerprint, JobCursor, JobId, JobRow, NewJob, NodeId, RequestId, Store, StoreError,
    UnixMillis,
};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use expiry::CouponExpiry;
pub use kind::{Arguments, Due, JobKind, Step, StepError};
pub(crate) use kind::{argument, decode, only};
pub(crate) use runner::end_name;

use crate::clock::Clock;

/// Bounds and intervals of jobs.
#[derive(Clone, Debug, PartialEq)]
pub struct JobsOptions {
    /// How often a node looks for a job to do, and at the calendar.
    pub poll_every: Duration,
    /// How long a job stays with a node that is not heard of.
    pub lease: Duration,
    /// Jobs that a node does at once.
    pub running_max: usize,
}

impl Default for JobsOptions {
    fn default() -> Self {
        Self { poll_every: Duration::from_secs(1), lease: Duration::from_secs(15), running_max: 2 }
    }
}

/// Why a job was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no such kind of job.
    #[error("there is no job of that kind; there are {}", known.join(", "))]
    UnknownKind {
        /// Those that there are.
        known: Vec<&'static str>,
    },
    /// An argument is missing or wrong.
    #[error("{0}")]
    Arguments(String),
    /// The request id belongs to another request.
    #[error("the request id was used before for another request")]
    RequestIdReused,
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The jobs of a node.
pub struct Jobs {
    store: Arc<dyn Store>,
    clock: Arc<Clock>,
    node: NodeId,
    options: JobsOptions,
    kinds: BTreeMap<&'static str, Arc<dyn JobKind>>,
    places: Arc<Semaphore>,
    /// A job was created, or a place became free.
    stirred: Notify,
    /// No further step is begun.
    stopping: CancellationToken,
    /// The steps under way are dropped where they are.
    abandoned: CancellationToken,
    running: TaskTracker,
}

impl Jobs {
    /// Jobs of these kinds. Nothing runs before [`Jobs::run`].
    #[must_use]
    pub fn new(
        node: NodeId,
        store: Arc<dyn Store>,
        clock: Arc<Clock>,
        options: JobsOptions,
        kinds: Vec<Arc<dyn JobKind>>,
    ) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(options.running_max.max(1)));
        let kinds = kinds.into_iter().map(|kind| (kind.name(), kind)).collect();
        Arc::new(Self {
            store,
            clock,
            node,
            options,
            kinds,
            places,
            stirred: Notify::new(),
            stopping: CancellationToken::new(),
            abandoned: CancellationToken::new(),
            running: TaskTracker::new(),
        })
    }

    /// Creates a job that an operator asks for: once per request (I8).
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(
        &self,
        kind: &str,
        arguments: &Arguments,
        request: (RequestId, Fingerprint),
    ) -> Result<JobRow, StartError> {
        let unknown = || StartError::UnknownKind { known: self.kinds.keys().copied().collect() };
        let (name, kind) = self.kinds.get_key_value(kind).ok_or_else(unknown)?;
        kind.check(arguments).map_err(StartError::Arguments)?;
        let id = JobId::from(format!("{name}-{}", uuid::Uuid::from_bytes(request.0.0)));
        match self.create(id.clone(), name, arguments, Some(request)).await? {
            CreateOutcome::Created => {
                let created = self.store.job(&id).await?;
                created.ok_or_else(|| StoreError::Corrupt { what: format!("{id} is gone") }.into())
            }
            CreateOutcome::Replayed(row) => Ok(row),
            CreateOutcome::RequestIdReused | CreateOutcome::AlreadyExists => Err(StartError::RequestIdReused),
        }
    }

    /// Creates a job under a name of its own, if there is none of that name: what is to be done once.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn ensure(
        &self,
        id: JobId,
        kind: &'static str,
        arguments: &Arguments,
    ) -> Result<(), StoreError> {
        self.create(id, kind, arguments, None).await.map(drop)
    }

    async fn create(
        &self,
        id: JobId,
        kind: &str,
        arguments: &Arguments,
        request: Option<(RequestId, Fingerprint)>,
    ) -> Result<CreateOutcome<JobRow>, StoreError> {
        let job = NewJob {
            id,
            kind: kind.into(),
            arguments: kind::encode(arguments),
            request,
            created_at: self.now(),
        };
        let outcome = self.store.create_job(&job).await?;
        if outcome == CreateOutcome::Created {
            tracing::info!(job = %job.id, "a job was created");
            self.stirred.notify_one();
        }
        Ok(outcome)
    }

    /// The job of that id.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn get(&self, id: &JobId) -> Result<Option<JobRow>, StoreError> {
        self.store.job(id).await
    }

    /// Up to `limit` jobs, newest first.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn list(&self, after: Option<&JobCursor>, limit: usize) -> Result<Vec<JobRow>, StoreError> {
        self.store.list_jobs(after, limit).await
    }

    /// Asks for a job to be stopped. One that is running stops after its step.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn cancel(&self, id: &JobId) -> Result<Option<JobRow>, StoreError> {
        self.store.cancel_job(id, self.now()).await
    }

    /// Begins no further step, and gives up the leases once the steps under way are done.
    pub async fn drain(&self) {
        self.stopping.cancel();
        self.running.close();
        self.running.wait().await;
    }

    fn now(&self) -> UnixMillis {
        UnixMillis(self.clock.now().0)
    }

    fn after(&self, span: Duration) -> UnixMillis {
        let span_ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        UnixMillis(self.now().0.saturating_add(span_ms))
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
