//! The Catalog service: venues and performances.

mod create;
mod limits;
pub(super) mod page;
mod performance;
mod phases;
mod refunds;
pub(super) mod time;
mod venue;
pub(super) mod violations;

use std::sync::Arc;

use earlybird_engine::SeatIndex;
use earlybird_persistence::{PerformanceId, VenueId};
use earlybird_proto::v1;
use earlybird_proto::v1::catalog_server::Catalog;
use tokio::sync::Semaphore;
use tonic::{Code, Request, Response, Status};

use super::names::is_id;
use super::status::Problem;
use crate::auth::Caller;
use crate::catalog::StoredVenue;
use crate::node::Node;
use page::Listing;
use performance::{wire_cancellation, wire_performance};
pub(super) use time::timestamp;
use venue::{wire_seat, wire_venue};
use violations::{Violations, refusal};

/// Venues read at once. One takes up to some hundred megabytes while it is read.
const IMPORTS_MAX: usize = 2;

const VENUES: Listing = Listing { name: "venues", size_default: 50, size_max: 1000 };
const SEATS: Listing = Listing { name: "seats", size_default: 1000, size_max: 10_000 };
const PERFORMANCES: Listing = Listing { name: "performances", size_default: 50, size_max: 1000 };

/// The service.
#[derive(Clone)]
pub struct CatalogService {
    node: Arc<Node>,
    imports: Arc<Semaphore>,
}

impl CatalogService {
    /// The service of `node`.
    #[must_use]
    pub fn new(node: Arc<Node>) -> Self {
        Self { node, imports: Arc::new(Semaphore::new(IMPORTS_MAX)) }
    }

    async fn venue(&self, id: &VenueId) -> Result<Arc<StoredVenue>, Status> {
        let found = self.node.catalog.venue(id).await.map_err(Problem::from)?;
        found.ok_or_else(|| {
            refusal(Code::NotFound, "VENUE_NOT_FOUND", format!("there is no venue named venues/{id}"))
        })
    }

    /// Says of performances, which are those from `first` to `last`, whether they are cancelled.
    async fn show_cancellations(
        &self,
        performances: &mut [v1::Performance],
        first: &PerformanceId,
        last: &PerformanceId,
        caller: &Caller,
    ) -> Result<(), Status> {
        for row in self.node.store.cancellations(first, last).await.map_err(Problem::from)? {
            let name = format!("performances/{}", row.performance);
            if let Some(shown) = performances.iter_mut().find(|performance| performance.name == name) {
                let cancellation = shown.cancellation.insert(wire_cancellation(row));
                if caller.require_admin().is_err() {
                    cancellation.cancelled_by.clear();
                }
            }
        }
        Ok(())
    }
}

#[tonic::async_trait]
impl Catalog for CatalogService {
    async fn import_venue(
        &self,
        request: Request<v1::ImportVenueRequest>,
    ) -> Result<Response<v1::Venue>, Status> {
        Caller::of(&request).require_admin()?;
        self.create_venue(request.into_inner()).await.map(Response::new)
    }

    async fn get_venue(&self, request: Request<v1::GetVenueRequest>) -> Result<Response<v1::Venue>, Status> {
        let id = only_field("name", venue_id(&request.get_ref().name))?;
        let venue = self.venue(&id).await?;
        Ok(Response::new(wire_venue(&id, &venue.venue, venue.created_at)))
    }

    async fn list_venues(
        &self,
        request: Request<v1::ListVenuesRequest>,
    ) -> Result<Response<v1::ListVenuesResponse>, Status> {
        let request = request.into_inner();
        let (size, after) = page(&VENUES, "", request.page_size, &request.page_token)?;
        let after = after.map(VenueId::from);
        let mut found =
            self.node.catalog.list_venues(after.as_ref(), size + 1).await.map_err(Problem::from)?;
        let more = found.len() > size;
        found.truncate(size);
        let next_page_token = match found.last() {
            Some(last) if more => VENUES.token("", last.id.as_str()),
            _ => String::new(),
        };
        let venues =
            found.iter().map(|venue| wire_venue(&venue.id, &venue.venue, venue.created_at)).collect();
        Ok(Response::new(v1::ListVenuesResponse { venues, next_page_token }))
    }

    async fn list_seats(
        &self,
        request: Request<v1::ListSeatsRequest>,
    ) -> Result<Response<v1::ListSeatsResponse>, Status> {
        let request = request.into_inner();
        let id = only_field("parent", venue_id(&request.parent))?;
        let (size, after) = page(&SEATS, &request.parent, request.page_size, &request.page_token)?;
        let venue = &self.venue(&id).await?.venue;
        let capacity = venue.capacity();
        let first =
            after.and_then(|last| last.parse::<usize>().ok()).map_or(0, |last| last.saturating_add(1));
        let end = first.saturating_add(size).min(capacity);
        let seats = (first..end).filter_map(|seat| wire_seat(SeatIndex(seat as u32), venue)).collect();
        let next_page_token =
            if end < capacity { SEATS.token(&request.parent, &(end - 1).to_string()) } else { String::new() };
        Ok(Response::new(v1::ListSeatsResponse { seats, next_page_token }))
    }

    async fn create_performance(
        &self,
        request: Request<v1::CreatePerformanceRequest>,
    ) -> Result<Response<v1::Performance>, Status> {
        Caller::of(&request).require_admin()?;
        self.new_performance(request.into_inner()).await.map(Response::new)
    }

    async fn get_performance(
        &self,
        request: Request<v1::GetPerformanceRequest>,
    ) -> Result<Response<v1::Performance>, Status> {
        let caller = Caller::of(&request);
        let name = &request.get_ref().name;
        let id = PerformanceId::from(only_field(
            "name",
            id_in(name, "performances/", "performances/{performance}"),
        )?);
        // One that is being sold is at hand.
        let shard = self.node.directory.active(id.as_str());
        let found = match &shard {
            Some(shard) => Some(Arc::clone(shard.performance())),
            None => self.node.catalog.performance(&id).await.map_err(Problem::from)?,
        };
        let Some(info) = found else {
            return Err(refusal(
                Code::NotFound,
                "PERFORMANCE_NOT_FOUND",
                format!("there is no performance named {name}"),
            ));
        };
        let mut performance = [wire_performance(id.as_str(), info.venue.as_str(), &info.spec)];
        // Its shard knows that it is not cancelled.
        if shard.is_none_or(|shard| shard.read(|state| state.cancelled_at()).is_some()) {
            self.show_cancellations(&mut performance, &id, &id, &caller).await?;
        }
        let [performance] = performance;
        Ok(Response::new(performance))
    }

    async fn list_performances(
        &self,
        request: Request<v1::ListPerformancesRequest>,
    ) -> Result<Response<v1::ListPerformancesResponse>, Status> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let (size, after) = page(&PERFORMANCES, "", request.page_size, &request.page_token)?;
        let after = after.map(PerformanceId::from);
        let mut found =
            self.node.catalog.list_performances(after.as_ref(), size + 1).await.map_err(Problem::from)?;
        let more = found.len() > size;
        found.truncate(size);
        let next_page_token = match found.last() {
            Some(last) if more => PERFORMANCES.token("", last.id.as_str()),
            _ => String::new(),
        };
        let wire = |item: &crate::catalog::ListedPerformance| {
            wire_performance(item.id.as_str(), item.venue.as_str(), &item.spec)
        };
        let mut performances: Vec<v1::Performance> = found.iter().map(wire).collect();
        if let (Some(first), Some(last)) = (found.first(), found.last()) {
            self.show_cancellations(&mut performances, &first.id, &last.id, &caller).await?;
        }
        Ok(Response::new(v1::ListPerformancesResponse { performances, next_page_token }))
    }
}

/// Size and start of a page.
fn page(listing: &Listing, parent: &str, size: i32, token: &str) -> Result<(usize, Option<String>), Status> {
    let size = only_field("page_size", listing.size(size))?;
    let after = only_field("page_token", listing.after(parent, token))?;
    Ok((size, after))
}

fn venue_id(name: &str) -> Result<VenueId, String> {
    id_in(name, "venues/", "venues/{venue}").map(VenueId::from)
}

/// The id in a resource name.
fn id_in<'name>(name: &'name str, collection: &str, form: &str) -> Result<&'name str, String> {
    let id = name.strip_prefix(collection).filter(|id| is_id(id));
    id.ok_or_else(|| format!("must have the form {form}"))
}

/// The value of a field, or an `INVALID_ARGUMENT` that names it.
fn only_field<T>(field: &str, result: Result<T, String>) -> Result<T, Status> {
    result.map_err(|description| {
        let mut wrong = Violations::default();
        wrong.add(field, description);
        match wrong.check("INVALID_FIELD") {
            Err(status) => status,
            Ok(()) => Status::internal("a fault without a field"),
        }
    })
}

#[cfg(test)]
mod tests;
