//! Jobs: work in steps, on one node at a time.
//!
//! ```text
//! PENDING ──take──► RUNNING ──keep, keep, …──► end: SUCCEEDED, FAILED, CANCELLED
//!                      ▲  │ the lease runs out, or is given up
//!                      └──┘ take, from the cursor on
//! ```

use async_trait::async_trait;

use crate::catalog::{CreateOutcome, Fingerprint, RequestId};
use crate::error::StoreError;
use crate::ids::{JobId, NodeId, UnixMillis};

/// Where a job stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum JobState {
    /// Nobody has begun it.
    Pending,
    /// A node is at it, or was when it went away or gave it up for a while.
    Running,
    /// It is done.
    Succeeded,
    /// It cannot be done.
    Failed,
    /// An operator stopped it.
    Cancelled,
}

/// A job to create.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewJob {
    /// Its name, unique among jobs: what must be done once, such as a day's run, has one name.
    pub id: JobId,
    /// What kind of work it is: `a-z`, `0-9` and `-`.
    pub kind: Box<str>,
    /// What it is about, in the words of its kind.
    pub arguments: Box<str>,
    /// The request that asks for it, if one does.
    pub request: Option<(RequestId, Fingerprint)>,
    /// When it was created.
    pub created_at: UnixMillis,
}

/// How far a job has come.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct JobProgress {
    /// Where to go on, in the words of its kind; empty at the beginning.
    pub cursor: Box<str>,
    /// What is done, in the units of its kind.
    pub done: u64,
    /// What there is to do, once that is known.
    pub total: Option<u64>,
}

/// A stored job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JobRow {
    /// What it was created with.
    pub job: NewJob,
    /// Where it stands.
    pub state: JobState,
    /// The node that is at it.
    pub holder: Option<NodeId>,
    /// How often it was taken. Fences a holder whose lease ran out.
    pub attempt: u64,
    /// Until when it is the holder's.
    pub lease_until: UnixMillis,
    /// How far it has come.
    pub progress: JobProgress,
    /// What went wrong: for good, or at the last step that is being tried again.
    pub error: Option<Box<str>>,
    /// Whether an operator wants it stopped.
    pub cancel_requested: bool,
    /// When it changed last.
    pub updated_at: UnixMillis,
}

/// The last job of a page: the next page starts behind it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JobCursor {
    /// When that job was created.
    pub created_at: UnixMillis,
    /// Its id.
    pub id: JobId,
}

/// How a job ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JobEnd {
    /// It is done.
    Succeeded,
    /// It cannot be done, for this reason.
    Failed(Box<str>),
    /// It was stopped.
    Cancelled,
}

/// Jobs in the store. Times are the caller's, and every caller's clock is the store's.
#[async_trait]
pub trait JobStore {
    /// Creates a job, once per id. A repetition of a request is [`CreateOutcome::Replayed`] (I8).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; it may be repeated. [`StoreError::Corrupt`].
    async fn create_job(&self, job: &NewJob) -> Result<CreateOutcome<JobRow>, StoreError>;

    /// The job of that id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn job(&self, id: &JobId) -> Result<Option<JobRow>, StoreError>;

    /// Up to `limit` jobs, newest first, those behind the cursor.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn list_jobs(&self, after: Option<&JobCursor>, limit: usize) -> Result<Vec<JobRow>, StoreError>;

    /// Takes the job of these kinds that has waited longest and that nobody has: new, given up, or with a lease that ran out.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may have been taken; its lease then runs out. [`StoreError::Corrupt`].
    async fn take_job(
        &self,
        kinds: &[&str],
        holder: &NodeId,
        now: UnixMillis,
        lease_until: UnixMillis,
    ) -> Result<Option<JobRow>, StoreError>;

    /// Notes how far a job has come, and what is wrong with it just now, and keeps it until `lease_until`. None when it is
    /// no longer the holder's under this attempt: stop.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; it may be repeated. [`StoreError::Corrupt`].
    async fn keep_job(
        &self,
        held: &JobRow,
        now: UnixMillis,
        lease_until: UnixMillis,
    ) -> Result<Option<JobRow>, StoreError>;

    /// Ends a job. Returns whether it was still the holder's under this attempt.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; it may be repeated.
    async fn end_job(&self, held: &JobRow, end: &JobEnd, now: UnixMillis) -> Result<bool, StoreError>;

    /// Gives up the lease: from `until` on any node may go on. Notes what is wrong with the job just now.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; the lease then runs out.
    async fn yield_job(&self, held: &JobRow, until: UnixMillis, now: UnixMillis) -> Result<(), StoreError>;

    /// Stops a job: at once if nobody has begun it, else when its holder hears of it. Returns the job; none when there is
    /// none. One that has ended stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; it may be repeated. [`StoreError::Corrupt`].
    async fn cancel_job(&self, id: &JobId, now: UnixMillis) -> Result<Option<JobRow>, StoreError>;

    /// Forgets up to `limit` jobs that ended at `before` or earlier. Returns how many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; it may be repeated.
    async fn prune_jobs(&self, before: UnixMillis, limit: usize) -> Result<u64, StoreError>;
}
