//! The `Waitlist` service.

use earlybird_engine::{Rejection, SeatIndex, State};
use earlybird_persistence::PerformanceId;
use earlybird_proto::v1::{self, waitlist_server::Waitlist};
use futures::stream::BoxStream;
use tonic::{Request, Response, Status};

use super::answer::Told;
use super::origin::Origin;
use super::status::Problem;
use super::watch::KnownOffers;
use super::{Ingress, Services, names, validate};
use crate::auth::Caller;
use crate::directory::ActivateError;

#[tonic::async_trait]
impl Waitlist for Services {
    type WatchOffersStream = BoxStream<'static, Result<v1::WatchOffersResponse, Status>>;

    async fn join_waitlist(
        &self,
        request: Request<v1::JoinWaitlistRequest>,
    ) -> Result<Response<v1::WaitlistEntry>, Status> {
        self.0
            .mutate(request, async |decided| match decided.told {
                Told::Place(entry) => Ok(Response::new(entry)),
                _ => Err(Problem::mismatch()),
            })
            .await
    }

    async fn leave_waitlist(
        &self,
        request: Request<v1::LeaveWaitlistRequest>,
    ) -> Result<Response<v1::LeaveWaitlistResponse>, Status> {
        self.0
            .mutate(request, async |decided| match decided.told {
                Told::Left => Ok(Response::new(v1::LeaveWaitlistResponse {})),
                _ => Err(Problem::mismatch()),
            })
            .await
    }

    async fn get_waitlist_entry(
        &self,
        request: Request<v1::GetWaitlistEntryRequest>,
    ) -> Result<Response<v1::WaitlistEntry>, Status> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let id = names::performance("performance", &request.performance)?;
        let buyer = validate::buyer(request.buyer_id)?;
        caller.may_act_for(&buyer.0)?;
        let shard = self.0.shard(id).await?;
        let seat = SeatIndex(request.seat);
        let position = self.0.seen(&shard, |state| state.waitlist_position(&buyer, seat)).await?;
        let position =
            position.ok_or_else(|| Problem::rejected(Rejection::NotWaiting, &shard.performance().name))?;
        Ok(Response::new(v1::WaitlistEntry {
            performance: request.performance,
            seat: seat.0,
            buyer_id: buyer.0.into_string(),
            position,
        }))
    }

    async fn list_waitlist_entries(
        &self,
        request: Request<v1::ListWaitlistEntriesRequest>,
    ) -> Result<Response<v1::ListWaitlistEntriesResponse>, Status> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let id = names::performance("parent", &request.parent)?;
        let buyer = validate::buyer(request.buyer_id)?;
        caller.may_act_for(&buyer.0)?;
        let shard = self.0.shard(id).await?;
        let waits = |state: &State| -> Vec<v1::WaitlistEntry> {
            let place = |seat: SeatIndex| {
                Some(v1::WaitlistEntry {
                    performance: request.parent.clone(),
                    seat: seat.0,
                    buyer_id: buyer.0.to_string(),
                    position: state.waitlist_position(&buyer, seat)?,
                })
            };
            state.waits_of(&buyer).filter_map(place).collect()
        };
        let mut entries = self.0.seen(&shard, waits).await?;
        entries.sort_unstable_by_key(|entry| entry.seat);
        Ok(Response::new(v1::ListWaitlistEntriesResponse { entries }))
    }

    async fn watch_offers(
        &self,
        request: Request<v1::WatchOffersRequest>,
    ) -> Result<Response<Self::WatchOffersStream>, Status> {
        let caller = Caller::of(&request);
        let origin = Origin::of(request.metadata(), &self.0.node.cluster);
        let request = request.into_inner();
        let id = PerformanceId::from(names::performance("performance", &request.performance)?);
        let buyer = validate::buyer(request.buyer_id)?;
        caller.may_act_for(&buyer.0)?;
        let known = match request.known_offers.as_slice() {
            [] => KnownOffers::default(),
            offers => {
                let info = self.0.node.catalog.performance(&id).await.map_err(Problem::from)?;
                let info = info.ok_or_else(|| Problem::inactive(ActivateError::NotFound))?;
                KnownOffers::parse(offers, id.as_str(), info.layout.seats.len())?
            }
        };
        let news = Ingress::watch_offers(&self.0, &id, origin, buyer, known).await?;
        Ok(Response::new(news))
    }
}
