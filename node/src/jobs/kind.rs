//! What a kind of job is.

use std::collections::BTreeMap;

use async_trait::async_trait;
use earlybird_engine::Timestamp;
use earlybird_persistence::{JobId, JobProgress, JobRow, StoreError};

/// What a job is about: names and values, which an operator may give.
pub type Arguments = BTreeMap<String, String>;

/// A job that the calendar asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Its name: the same for everyone who sees that it is due, so that it is created once.
    pub id: JobId,
    /// What it is about.
    pub arguments: Arguments,
}

/// What a step came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is more to do, from here on.
    More(JobProgress),
    /// That was all.
    Done(JobProgress),
}

/// Why a step failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// It is tried again after a while.
    #[error("{0}")]
    Retry(String),
    /// Another node owns what it is about: one of the others is to take it.
    #[error("another node owns what it is about")]
    Elsewhere,
    /// It never succeeds: the job has failed.
    #[error("{0}")]
    Fatal(String),
}

impl From<StoreError> for StepError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { .. } => Self::Retry(error.to_string()),
            StoreError::Corrupt { .. } | StoreError::Invalid { .. } => Self::Fatal(error.to_string()),
        }
    }
}

/// A kind of job.
#[async_trait]
pub trait JobKind: Send + Sync + 'static {
    /// Its name: `a-z` and `-`.
    fn name(&self) -> &'static str;

    /// Checks what an operator gives.
    ///
    /// # Errors
    /// What is wrong, with the name of the argument.
    fn check(&self, arguments: &Arguments) -> Result<(), String>;

    /// The jobs that the calendar asks for by now. Asked at every poll: keep it cheap.
    ///
    /// # Errors
    /// The store does not answer; it is asked again.
    async fn due(&self, now: Timestamp) -> Result<Vec<Due>, StoreError> {
        let _ = now;
        Ok(Vec::new())
    }

    /// Does the next step of a job, from where its progress says: about a second's work, harmless when done again.
    ///
    /// # Errors
    /// See [`StepError`].
    async fn step(&self, job: &JobRow, arguments: &Arguments) -> Result<Step, StepError>;
}

/// Checks that there are these arguments and no others.
///
/// # Errors
/// Which one is missing or unknown.
pub(crate) fn only(arguments: &Arguments, needed: &[&str]) -> Result<(), String> {
    if let Some(unknown) = arguments.keys().find(|name| !needed.contains(&name.as_str())) {
        return Err(format!("{unknown}: no such argument; accepted are {}", needed.join(", ")));
    }
    let missing = needed.iter().find(|name| arguments.get(**name).is_none_or(String::is_empty));
    missing.map_or(Ok(()), |name| Err(format!("{name}: required")))
}

/// The value of an argument that was checked.
///
/// # Errors
/// [`StepError::Fatal`]: it is not there.
pub(crate) fn argument<'a>(arguments: &'a Arguments, name: &str) -> Result<&'a str, StepError> {
    arguments.get(name).map(String::as_str).ok_or_else(|| StepError::Fatal(format!("{name}: required")))
}

/// Arguments as they are stored.
pub(crate) fn encode(arguments: &Arguments) -> Box<str> {
    // A map of texts always serialises.
    serde_json::to_string(arguments).unwrap_or_default().into()
}

/// Arguments as they were stored.
pub(crate) fn decode(text: &str) -> Result<Arguments, StepError> {
    serde_json::from_str(text).map_err(|error| StepError::Fatal(format!("arguments: {error}")))
}
