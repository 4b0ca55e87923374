//! The `Seating` service.

use std::future::{Ready, ready};
use std::sync::Arc;

use bytes::Bytes;
use earlybird_engine::{HoldId, State};
use earlybird_persistence::PerformanceId;
use earlybird_proto::SeatingService;
use earlybird_proto::v1;
use earlybird_proto::v1::seating_server::{Seating, SeatingServer};
use futures::stream::BoxStream;
use tonic::server::StreamingService;
use tonic::{Request, Response, Status, Streaming};

use super::answer::{Told, live_hold};
use super::origin::Origin;
use super::session::{Outgoing, SENT_ON_BYTES_MAX, Session, SessionCodec};
use super::status::{Problem, Reason};
use super::unary::Decided;
use super::{Ingress, Services, names, validate};
use crate::auth::Caller;
use crate::shard::SeatMapSnapshot;

/// The message of a snapshot. The states are shared, not copied.
pub(super) fn seat_map(performance: &str, snapshot: &SeatMapSnapshot) -> v1::SeatMap {
    let counts = &snapshot.counts;
    v1::SeatMap {
        performance: performance.to_owned(),
        version: snapshot.version,
        states: snapshot.states.clone(),
        generation: snapshot.generation,
        counts: Some(v1::SeatCounts {
            free: counts.free,
            held: counts.held,
            paying: counts.paying,
            sold: counts.sold,
            blocked: counts.blocked,
        }),
    }
}

async fn hold_of(decided: Decided) -> Result<Response<v1::Hold>, Problem> {
    match decided.told {
        Told::Hold(hold) => Ok(Response::new(hold)),
        _ => Err(Problem::mismatch()),
    }
}

#[tonic::async_trait]
impl Seating for Services {
    type WatchSeatMapStream = BoxStream<'static, Result<v1::WatchSeatMapResponse, Status>>;

    async fn get_seat_map(
        &self,
        request: Request<v1::GetSeatMapRequest>,
    ) -> Result<Response<v1::SeatMap>, Status> {
        let name = request.into_inner().performance;
        let shard = self.0.shard(names::performance("performance", &name)?).await?;
        Ok(Response::new(seat_map(&name, &shard.seat_map())))
    }

    async fn watch_seat_map(
        &self,
        request: Request<v1::WatchSeatMapRequest>,
    ) -> Result<Response<Self::WatchSeatMapStream>, Status> {
        let origin = Origin::of(request.metadata(), &self.0.node.cluster);
        let request = request.into_inner();
        let id = PerformanceId::from(names::performance("performance", &request.performance)?);
        // Versions count from 1, so 0 is "none yet".
        let resume =
            (request.resume_version > 0).then_some((request.resume_generation, request.resume_version));
        Ok(Response::new(Ingress::watch_seat_map(&self.0, &id, origin, resume).await?))
    }

    async fn hold_seats(&self, request: Request<v1::HoldSeatsRequest>) -> Result<Response<v1::Hold>, Status> {
        self.0.mutate(request, hold_of).await
    }

    async fn hold_best_available(
        &self,
        request: Request<v1::HoldBestAvailableRequest>,
    ) -> Result<Response<v1::Hold>, Status> {
        self.0.mutate(request, hold_of).await
    }

    async fn extend_hold(
        &self,
        request: Request<v1::ExtendHoldRequest>,
    ) -> Result<Response<v1::Hold>, Status> {
        self.0.mutate(request, hold_of).await
    }

    async fn release_hold(
        &self,
        request: Request<v1::ReleaseHoldRequest>,
    ) -> Result<Response<v1::Hold>, Status> {
        self.0.mutate(request, hold_of).await
    }

    async fn get_hold(&self, request: Request<v1::GetHoldRequest>) -> Result<Response<v1::Hold>, Status> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let (id, hold) = names::hold("name", &request.name)?;
        let shard = self.0.shard(id).await?;
        let buyer = validate::buyer(request.buyer_id)?;
        caller.may_act_for(&buyer.0)?;
        let now = self.0.node.clock.now();
        let seen = |state: &State| {
            // A hold past its deadline is unusable at once (I5), also when its timer has not come yet.
            let view = state.hold(hold).filter(|view| view.order.is_some() || now < view.deadline);
            let seen = match view {
                None => Err(Problem::new(Reason::HoldNotFound, "no such hold")),
                Some(view) if *view.buyer != buyer => {
                    Err(Problem::new(Reason::NotHolder, "it belongs to another buyer"))
                }
                Some(view) => Ok(live_hold(shard.performance(), now, &view)),
            };
            (seen, Some(hold))
        };
        Ok(Response::new(self.0.seen_holds(&shard, seen).await??))
    }

    async fn list_holds(
        &self,
        request: Request<v1::ListHoldsRequest>,
    ) -> Result<Response<v1::ListHoldsResponse>, Status> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let id = names::performance("parent", &request.parent)?;
        let buyer = validate::buyer(request.buyer_id)?;
        caller.may_act_for(&buyer.0)?;
        let shard = self.0.shard(id).await?;
        let now = self.0.node.clock.now();
        let live = |state: &State| {
            let live = state.holds_of(&buyer).filter(|view| view.order.is_some() || now < view.deadline);
            let mut holds: Vec<(HoldId, v1::Hold)> =
                live.map(|view| (view.hold, live_hold(shard.performance(), now, &view))).collect();
            // Numbers are given in the order of acceptance.
            holds.sort_unstable_by_key(|(id, _)| *id);
            let newest = holds.last().map(|(id, _)| *id);
            (holds, newest)
        };
        let holds = self.0.seen_holds(&shard, live).await?;
        let holds = holds.into_iter().map(|(_, hold)| hold).collect();
        Ok(Response::new(v1::ListHoldsResponse { holds }))
    }
}

/// The whole service.
pub(crate) fn service(services: &Services) -> SeatingService<Services, Sessions, fn() -> SessionCodec> {
    let message_bytes_max = services.0.options.message_bytes_max;
    let calls = SeatingServer::new(services.clone()).max_decoding_message_size(message_bytes_max);
    // A session looks at the length of what comes from its client itself.
    let session_message_bytes_max = message_bytes_max + SENT_ON_BYTES_MAX;
    SeatingService::new(calls, Sessions(services.clone()), || SessionCodec, session_message_bytes_max)
}

/// `Seating.Session`.
#[derive(Clone)]
pub(crate) struct Sessions(Services);

impl StreamingService<Bytes> for Sessions {
    type Response = Outgoing;
    type ResponseStream = Session;
    type Future = Ready<Result<Response<Session>, Status>>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        let caller = Caller::of(&request);
        ready(Ok(Response::new(Session::new(Arc::clone(&self.0.0), caller, request))))
    }
}
