//! The `Jobs` service.

use earlybird_engine::Timestamp;
use earlybird_persistence::{Fingerprint, JobCursor, JobId, JobRow, JobState, RequestId, UnixMillis};
use earlybird_proto::v1::{self, jobs_server::Jobs};
use tonic::{Request, Response, Status};
use xxhash_rust::xxh3::xxh3_64;

use super::answer::time;
use super::catalog::page::Listing;
use super::status::{Problem, Reason};
use super::{Ingress, Services, names, validate};
use crate::auth::Caller;
use crate::jobs::{Arguments, StartError, decode};

const JOBS: Listing = Listing { name: "jobs", size_default: 50, size_max: 1_000 };
/// Most bytes of the arguments together: they are written with the job, and read with every step.
const ARGUMENTS_BYTES_MAX: usize = 4_096;

impl From<StartError> for Problem {
    fn from(error: StartError) -> Self {
        match error {
            StartError::UnknownKind { .. } => Self::field("kind", error.to_string()),
            StartError::Arguments(what) => Self::field("arguments", what),
            StartError::RequestIdReused => Self::new(Reason::RequestIdReused, "")
                .with_field("request_id", "was used before for another request"),
            StartError::Store(error) => error.into(),
        }
    }
}

/// A job on the wire.
pub(super) fn wire(row: &JobRow) -> v1::Job {
    let state = match row.state {
        JobState::Pending => v1::job::State::Pending,
        JobState::Running => v1::job::State::Running,
        JobState::Succeeded => v1::job::State::Succeeded,
        JobState::Failed => v1::job::State::Failed,
        JobState::Cancelled => v1::job::State::Cancelled,
    };
    // What the calendar or an operator wrote always reads back; a list of thousands of members is left out.
    let arguments = decode(&row.job.arguments).unwrap_or_default().into_iter();
    v1::Job {
        name: format!("jobs/{}", row.job.id),
        kind: row.job.kind.to_string(),
        arguments: arguments.filter(|(_, value)| value.len() <= ARGUMENTS_BYTES_MAX).collect(),
        state: state.into(),
        done: row.progress.done,
        total: row.progress.total,
        node: row.holder.as_ref().map(ToString::to_string).unwrap_or_default(),
        attempt: row.attempt,
        error: row.error.as_deref().unwrap_or_default().to_owned(),
        cancelling: row.cancel_requested && row.state == JobState::Running,
        create_time: Some(time(Timestamp(row.job.created_at.0))),
        update_time: Some(time(Timestamp(row.updated_at.0))),
    }
}

fn found(row: Option<JobRow>) -> Result<Response<v1::Job>, Status> {
    let row = row.ok_or_else(|| Problem::new(Reason::JobNotFound, "no such job"))?;
    Ok(Response::new(wire(&row)))
}

impl Ingress {
    async fn list_jobs(&self, request: v1::ListJobsRequest) -> Result<v1::ListJobsResponse, Problem> {
        let (size, after) = JOBS.page("", request.page_size, &request.page_token)?;
        // Tokens are checked when they are read, so what is in one was written below.
        let after = after.as_deref().and_then(|last| {
            let (created_at, id) = last.split_once(' ')?;
            Some(JobCursor { created_at: UnixMillis(created_at.parse().ok()?), id: id.into() })
        });
        let mut rows = self.node.jobs.list(after.as_ref(), size + 1).await?;
        let last = |row: &JobRow| format!("{} {}", row.job.created_at, row.job.id);
        let next_page_token = JOBS.cut("", &mut rows, size, last);
        Ok(v1::ListJobsResponse { jobs: rows.iter().map(wire).collect(), next_page_token })
    }

    async fn start_job(&self, request: v1::StartJobRequest) -> Result<v1::Job, Problem> {
        let request_id = RequestId(validate::request_id(&request.request_id)?.0);
        let arguments: Arguments = request.arguments.into_iter().collect();
        let bytes: usize = arguments.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > ARGUMENTS_BYTES_MAX {
            let what = format!("must have at most {ARGUMENTS_BYTES_MAX} bytes together");
            return Err(Problem::field("arguments", what));
        }
        // The map is in order by now, so the same arguments have the same fingerprint.
        let body = format!("{:?} {arguments:?}", request.kind);
        let fingerprint = Fingerprint(xxh3_64(body.as_bytes()));
        let row = self.node.jobs.start(&request.kind, &arguments, (request_id, fingerprint)).await?;
        Ok(wire(&row))
    }
}

#[tonic::async_trait]
impl Jobs for Services {
    async fn get_job(&self, request: Request<v1::GetJobRequest>) -> Result<Response<v1::Job>, Status> {
        Caller::of(&request).require_admin()?;
        let id = JobId::from(names::job("name", &request.get_ref().name)?);
        found(self.0.node.jobs.get(&id).await.map_err(Problem::from)?)
    }

    async fn list_jobs(
        &self,
        request: Request<v1::ListJobsRequest>,
    ) -> Result<Response<v1::ListJobsResponse>, Status> {
        Caller::of(&request).require_admin()?;
        Ok(Response::new(self.0.list_jobs(request.into_inner()).await?))
    }

    async fn start_job(&self, request: Request<v1::StartJobRequest>) -> Result<Response<v1::Job>, Status> {
        Caller::of(&request).require_admin()?;
        Ok(Response::new(self.0.start_job(request.into_inner()).await?))
    }

    async fn cancel_job(&self, request: Request<v1::CancelJobRequest>) -> Result<Response<v1::Job>, Status> {
        Caller::of(&request).require_admin()?;
        let id = JobId::from(names::job("name", &request.get_ref().name)?);
        found(self.0.node.jobs.cancel(&id).await.map_err(Problem::from)?)
    }
}
