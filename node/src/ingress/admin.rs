//! The `Admin` service.

use std::time::Duration;

use earlybird_proto::v1::{self, admin_server::Admin};
use tonic::{Request, Response, Status};

use super::answer::Told;
use super::status::{Problem, Reason};
use super::{Ingress, Services, answer, names, validate};
use crate::audit::{AuditError, LiveAuditError, audit_live};
use crate::auth::Caller;
use crate::cancellation;
use crate::directory::ActivateError;

/// When a caller may ask for an audit again, while another one is under way: each reads a whole journal, and has a copy of
/// the state.
const AUDIT_AGAIN_AFTER: Duration = Duration::from_secs(1);

#[tonic::async_trait]
impl Admin for Services {
    async fn audit_performance(
        &self,
        request: Request<v1::AuditPerformanceRequest>,
    ) -> Result<Response<v1::AuditReport>, Status> {
        Caller::of(&request).require_admin()?;
        let request = request.into_inner();
        let id = names::performance("name", &request.name)?;
        let _permit = self.0.audits.try_acquire().map_err(|_| {
            Problem::new(Reason::Overloaded, "another audit is under way").retry_after(AUDIT_AGAIN_AFTER)
        })?;
        let report = audit_live(&self.0.node, &id.into()).await.map_err(Problem::from)?;
        metrics::counter!("earlybird_audits_total").increment(1);
        for check in &report.checks {
            metrics::counter!("earlybird_audit_violations_total", "invariant" => check.id.clone())
                .increment(check.violations);
        }
        Ok(Response::new(report.into()))
    }

    async fn block_seats(
        &self,
        request: Request<v1::BlockSeatsRequest>,
    ) -> Result<Response<v1::BlockSeatsResponse>, Status> {
        self.0
            .mutate(request, async |decided| match decided.told {
                Told::Done => Ok(Response::new(v1::BlockSeatsResponse {})),
                _ => Err(Problem::mismatch()),
            })
            .await
    }

    async fn cancel_performance(
        &self,
        request: Request<v1::CancelPerformanceRequest>,
    ) -> Result<Response<v1::CancelPerformanceResponse>, Status> {
        let caller = Caller::of(&request);
        caller.require_admin()?;
        let request = request.into_inner();
        let id = names::performance("name", &request.name)?;
        validate::reason(&request.reason)?;
        let by = caller.subject().unwrap_or_default();
        Ok(Response::new(self.0.cancel_performance(id, by, &request.reason).await?))
    }

    async fn unblock_seats(
        &self,
        request: Request<v1::UnblockSeatsRequest>,
    ) -> Result<Response<v1::UnblockSeatsResponse>, Status> {
        self.0
            .mutate(request, async |decided| match decided.told {
                Told::Done => Ok(Response::new(v1::UnblockSeatsResponse {})),
                _ => Err(Problem::mismatch()),
            })
            .await
    }
}

impl Ingress {
    /// Sees to the job first, which would end the sale by itself, and then ends the sale at once.
    async fn cancel_performance(
        &self,
        id: &str,
        by: &str,
        reason: &str,
    ) -> Result<v1::CancelPerformanceResponse, Problem> {
        let shard = self.shard(id).await?;
        let info = shard.performance();
        let job = cancellation::job_id(&info.id);
        let arguments = cancellation::arguments(&info.id, by, reason);
        self.node.jobs.ensure(job.clone(), cancellation::KIND, &arguments).await?;
        cancellation::end_sale(&shard).await.map_err(|failure| Problem::failed(failure, &info.name))?;
        cancellation::note(&*self.node.store, &shard, &arguments).await?;
        let cancelled_at = shard.read(|state| state.cancelled_at());
        let cancel_time = cancelled_at.map(answer::time);
        Ok(v1::CancelPerformanceResponse { cancel_time, job: names::of_job(job.as_str()) })
    }
}

impl From<LiveAuditError> for Problem {
    fn from(error: LiveAuditError) -> Self {
        match error {
            LiveAuditError::NotFound => Self::inactive(ActivateError::NotFound),
            LiveAuditError::Unavailable(unavailable) => unavailable.into(),
            LiveAuditError::Audit(AuditError::Store(error)) => error.into(),
            LiveAuditError::Audit(AuditError::Stopped(error)) => {
                Self::new(Reason::Internal, error.to_string())
            }
        }
    }
}
