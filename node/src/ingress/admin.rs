//! The `Admin` service.

use earlybird_proto::v1::{self, admin_server::Admin};
use tonic::{Request, Response, Status};

use super::answer::Told;
use super::status::Problem;
use super::{Services, names};
use crate::auth::Caller;

#[tonic::async_trait]
impl Admin for Services {
    async fn audit_performance(
        &self,
        request: Request<v1::AuditPerformanceRequest>,
    ) -> Result<Response<v1::AuditReport>, Status> {
        Caller::of(&request).require_admin()?;
        let request = request.into_inner();
        let id = names::performance("name", &request.name)?;
        Err(Status::unimplemented(id.to_owned()))
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
