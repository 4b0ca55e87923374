//! Creating venues and performances: checked, and once per `request_id`.

use earlybird_engine::Timestamp;
use earlybird_persistence::{
    Bucket, CreateOutcome, Fingerprint, NewPerformance, NewVenue, PerformanceId, RequestId, UnixMillis,
    VenueId,
};
use earlybird_proto::v1;
use prost::Message;
use tonic::{Code, Status};
use uuid::Uuid;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::performance::{spec, wire_performance};
use super::venue::wire_venue;
use super::violations::{Violations, refusal};
use super::{CatalogService, venue_id};
use crate::catalog::{BodyError, PerformanceSpec, PlanError, Venue, import_venue};
use crate::ingress::names::is_id;
use crate::ingress::status::Problem;

const ID_RULE: &str = "must have 1 to 63 of a-z, 0-9 and -, start with a letter and not end in -";
const INVALID_VENUE: &str = "INVALID_VENUE";
const INVALID_PERFORMANCE: &str = "INVALID_PERFORMANCE";
/// Length of a UUID with its hyphens; the parser would take other forms as well.
const UUID_BYTES: usize = 36;

impl CatalogService {
    pub(super) async fn create_venue(&self, request: v1::ImportVenueRequest) -> Result<v1::Venue, Status> {
        let mut wrong = Violations::default();
        let request_id = wrong.take("request_id", request_id(&request.request_id));
        wrong.take("venue_id", id(&request.venue_id));
        wrong.check(INVALID_VENUE)?;
        let Some(request_id) = request_id else { return Err(lost()) };

        let (venue, body, fingerprint) = self.read_plan(&request).await?;
        let id = VenueId::from(request.venue_id);
        let new = NewVenue {
            id: id.clone(),
            request_id,
            fingerprint,
            display_name: venue.display_name.clone(),
            body: body.into(),
            created_at: UnixMillis(self.node.clock.now().0),
        };
        match self.node.catalog.create_venue(&new).await.map_err(Problem::from)? {
            CreateOutcome::Created => Ok(wire_venue(&id, &venue, new.created_at)),
            // The same plan under the same id: only the time differs.
            CreateOutcome::Replayed(row) => Ok(wire_venue(&id, &venue, row.created_at)),
            CreateOutcome::RequestIdReused => Err(reused()),
            CreateOutcome::AlreadyExists => {
                let message = format!("there is a venue named venues/{id} already");
                Err(refusal(Code::AlreadyExists, "VENUE_EXISTS", message))
            }
        }
    }

    /// Reads a plan off the async threads, a few at once.
    async fn read_plan(
        &self,
        request: &v1::ImportVenueRequest,
    ) -> Result<(Venue, Vec<u8>, Fingerprint), Status> {
        let permit = self.imports.clone().acquire_owned().await.map_err(|_| lost())?;
        let (plan, id) = (request.seating_plan.clone(), request.venue_id.clone());
        let work = move || {
            let _permit = permit;
            let venue = import_venue(&plan).map_err(|error| plan_status(&error))?;
            let body = venue.encode().map_err(|error| unencodable(&error))?;
            let mut hash = Xxh3::new();
            hash.update(&(id.len() as u64).to_le_bytes());
            hash.update(id.as_bytes());
            hash.update(&plan);
            Ok((venue, body, Fingerprint(hash.digest())))
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| lost())?
    }

    pub(super) async fn new_performance(
        &self,
        mut request: v1::CreatePerformanceRequest,
    ) -> Result<v1::Performance, Status> {
        let mut wrong = Violations::default();
        let request_id = wrong.take("request_id", request_id(&std::mem::take(&mut request.request_id)));
        wrong.take("performance_id", id(&request.performance_id));
        let Some(performance) = &mut request.performance else {
            wrong.add("performance", "must be set");
            return Err(wrong.check(INVALID_PERFORMANCE).err().unwrap_or_else(lost));
        };
        // What the server sets is ignored, so it is no part of the fingerprint either.
        (performance.name, performance.capacity, performance.create_time) = (String::new(), 0, None);
        performance.cancellation = None;
        let Some(venue) = wrong.take("performance.venue", venue_id(&performance.venue)) else {
            return Err(wrong.check(INVALID_PERFORMANCE).err().unwrap_or_else(lost));
        };
        let layout = self.venue(&venue).await?.venue.layout.0.clone();
        let now = self.node.clock.now();
        let spec = spec(performance, &layout, now, &mut wrong);
        wrong.check(INVALID_PERFORMANCE)?;
        let Some(request_id) = request_id else { return Err(lost()) };
        let fingerprint = Fingerprint(xxh3_64(&request.encode_to_vec()));
        self.store_performance(request.performance_id, venue, spec, request_id, fingerprint, now).await
    }

    async fn store_performance(
        &self,
        id: String,
        venue: VenueId,
        spec: PerformanceSpec,
        request_id: RequestId,
        fingerprint: Fingerprint,
        now: Timestamp,
    ) -> Result<v1::Performance, Status> {
        let bucket = Bucket::new(earlybird_cluster::bucket_of(&id)).ok_or_else(lost)?;
        let body = spec.encode().map_err(|error| unencodable(&error))?.into();
        let id = PerformanceId::from(id);
        let created_at = UnixMillis(now.0);
        let new = NewPerformance {
            id: id.clone(),
            bucket,
            venue: venue.clone(),
            request_id,
            fingerprint,
            body,
            created_at,
        };
        match self.node.catalog.create_performance(&new).await.map_err(Problem::from)? {
            CreateOutcome::Created => Ok(wire_performance(id.as_str(), venue.as_str(), &spec)),
            CreateOutcome::Replayed(row) => {
                let spec = PerformanceSpec { created_at: Timestamp(row.created_at.0), ..spec };
                Ok(wire_performance(id.as_str(), venue.as_str(), &spec))
            }
            CreateOutcome::RequestIdReused => Err(reused()),
            CreateOutcome::AlreadyExists => {
                let message = format!("there is a performance named performances/{id} already");
                Err(refusal(Code::AlreadyExists, "PERFORMANCE_EXISTS", message))
            }
        }
    }
}

fn id(id: &str) -> Result<(), String> {
    if is_id(id) { Ok(()) } else { Err(ID_RULE.into()) }
}

fn request_id(text: &str) -> Result<RequestId, String> {
    match Uuid::try_parse(text) {
        Ok(id) if text.len() == UUID_BYTES && !id.is_nil() => Ok(RequestId(*id.as_bytes())),
        _ => {
            Err("must be a UUID such as 6f1c2a34-58d7-4b0e-9a3c-2f6d1e0b7c55, a new one for each request"
                .into())
        }
    }
}

fn plan_status(error: &PlanError) -> Status {
    let mut wrong = Violations::default();
    let separator = if error.path.is_empty() { "" } else { "." };
    wrong.add(format!("seating_plan{separator}{}", error.path), error.message.clone());
    wrong.check(INVALID_VENUE).err().unwrap_or_else(lost)
}

fn reused() -> Status {
    refusal(
        Code::InvalidArgument,
        "REQUEST_ID_REUSED",
        "request_id: was used before for a request with another body; use a new one",
    )
}

fn unencodable(error: &BodyError) -> Status {
    tracing::error!(%error, "cannot encode what was checked");
    lost()
}

/// A fault of the program, not of the caller.
fn lost() -> Status {
    refusal(Code::Internal, "INTERNAL", "internal error")
}
