//! Venues and performances from the store, kept at hand. They never change once created, so nothing goes stale.

use std::sync::Arc;

use earlybird_persistence::{
    CreateOutcome, NewPerformance, NewVenue, PerformanceId, PerformanceRow, Store, StoreError, UnixMillis,
    VenueId, VenueRow,
};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::info::PerformanceInfo;
use super::spec::PerformanceSpec;
use super::venue::{BodyError, Venue};

/// Performances kept at hand, about a kilobyte each. Those that are active keep what they need themselves, so ten thousand
/// that nobody asks for cost next to nothing.
const PERFORMANCES_CACHED_MAX: usize = 1_000;

/// Seats of all venues kept at hand together: about 100 bytes each.
const VENUE_SEATS_CACHED_MAX: u64 = 2_000_000;

/// Venues read from the store at once while listing: a venue's body is up to tens of megabytes.
const VENUES_PER_READ: usize = 8;

/// A venue with what the store knows besides.
#[derive(Debug)]
pub struct StoredVenue {
    /// The `{venue}` part of its name.
    pub id: VenueId,
    /// When it was imported.
    pub created_at: UnixMillis,
    /// The venue.
    pub venue: Venue,
}

/// A performance as it is listed: without the seats.
#[derive(Debug)]
pub struct ListedPerformance {
    /// The `{performance}` part of its name.
    pub id: PerformanceId,
    /// Where it is shown.
    pub venue: VenueId,
    /// All that it was created with.
    pub spec: PerformanceSpec,
}

/// Reads and creates venues and performances.
#[derive(Debug)]
pub struct Catalog {
    store: Arc<dyn Store>,
    performances: Cache<PerformanceId, Arc<PerformanceInfo>>,
    venues: Cache<VenueId, Arc<StoredVenue>, BySeats>,
}

/// Weighs a venue by its seats.
#[derive(Clone, Debug)]
struct BySeats;

impl Weighter<VenueId, Arc<StoredVenue>> for BySeats {
    fn weight(&self, _: &VenueId, venue: &Arc<StoredVenue>) -> u64 {
        venue.venue.capacity() as u64
    }
}

/// Keeps "no such thing" out of a cache.
enum Missing {
    NotFound,
    Store(StoreError),
}

impl From<StoreError> for Missing {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Catalog {
    /// A catalog on `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            performances: Cache::new(PERFORMANCES_CACHED_MAX),
            venues: Cache::with_weighter(64, VENUE_SEATS_CACHED_MAX, BySeats),
        }
    }

    /// A performance, or none of that name. Callers who ask at once share one reading of the store.
    ///
    /// # Errors
    /// The store does not answer, or what it holds is corrupt.
    pub async fn performance(&self, id: &PerformanceId) -> Result<Option<Arc<PerformanceInfo>>, StoreError> {
        found(self.performances.get_or_insert_async(id, self.load_performance(id)).await)
    }

    /// A venue, or none of that name.
    ///
    /// # Errors
    /// As [`Catalog::performance`].
    pub async fn venue(&self, id: &VenueId) -> Result<Option<Arc<StoredVenue>>, StoreError> {
        let load = async {
            let row = self.store.venue(id).await?.ok_or(Missing::NotFound)?;
            Ok(Arc::new(read_venue(row).await?))
        };
        found(self.venues.get_or_insert_async(id, load).await)
    }

    /// Up to `limit` venues by id, those after `after`.
    ///
    /// # Errors
    /// As [`Catalog::performance`].
    pub async fn list_venues(
        &self,
        after: Option<&VenueId>,
        limit: usize,
    ) -> Result<Vec<Arc<StoredVenue>>, StoreError> {
        let mut venues: Vec<Arc<StoredVenue>> = Vec::new();
        let mut after = after.cloned();
        while venues.len() < limit {
            let wanted = VENUES_PER_READ.min(limit - venues.len());
            let rows = self.store.list_venues(after.as_ref(), wanted).await?;
            let last = rows.len() < wanted;
            for row in rows {
                after = Some(row.id.clone());
                venues.push(match self.venues.get(&row.id) {
                    Some(known) => known,
                    None => Arc::new(read_venue(row).await?),
                });
            }
            if last {
                break;
            }
        }
        Ok(venues)
    }

    /// Up to `limit` performances by id, those after `after`.
    ///
    /// # Errors
    /// As [`Catalog::performance`].
    pub async fn list_performances(
        &self,
        after: Option<&PerformanceId>,
        limit: usize,
    ) -> Result<Vec<ListedPerformance>, StoreError> {
        let rows = self.store.list_performances(after, limit).await?;
        rows.into_iter().map(listed).collect()
    }

    /// Creates a venue, once per request id.
    ///
    /// # Errors
    /// The store does not answer: repeat it with the same request id.
    pub async fn create_venue(&self, venue: &NewVenue) -> Result<CreateOutcome<VenueRow>, StoreError> {
        self.store.create_venue(venue).await
    }

    /// Creates a performance, once per request id.
    ///
    /// # Errors
    /// As [`Catalog::create_venue`].
    pub async fn create_performance(
        &self,
        performance: &NewPerformance,
    ) -> Result<CreateOutcome<PerformanceRow>, StoreError> {
        self.store.create_performance(performance).await
    }

    async fn load_performance(&self, id: &PerformanceId) -> Result<Arc<PerformanceInfo>, Missing> {
        let row = self.store.performance(id).await?.ok_or(Missing::NotFound)?;
        let what = format!("performance {id}");
        let Some(venue) = self.venue(&row.venue).await? else {
            return Err(
                StoreError::Corrupt { what: format!("{what}: its venue {} is missing", row.venue) }.into()
            );
        };
        let info = PerformanceInfo::from_row(&row, &venue.venue).map_err(|error| corrupt(&what, &error))?;
        Ok(Arc::new(info))
    }
}

fn found<T>(result: Result<T, Missing>) -> Result<Option<T>, StoreError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Missing::NotFound) => Ok(None),
        Err(Missing::Store(error)) => Err(error),
    }
}

/// Decodes off the async threads: a large venue takes milliseconds.
async fn read_venue(row: VenueRow) -> Result<StoredVenue, StoreError> {
    let what = format!("venue {}", row.id);
    let body = row.body;
    let decoded = tokio::task::spawn_blocking(move || Venue::decode(&body)).await;
    let venue = match decoded {
        Ok(venue) => venue.map_err(|error| corrupt(&what, &error))?,
        Err(stopped) => return Err(StoreError::Corrupt { what: format!("{what}: {stopped}") }),
    };
    Ok(StoredVenue { id: row.id, created_at: row.created_at, venue })
}

fn listed(row: PerformanceRow) -> Result<ListedPerformance, StoreError> {
    let spec = PerformanceSpec::decode(&row.body)
        .map_err(|error| corrupt(&format!("performance {}", row.id), &error))?;
    Ok(ListedPerformance { id: row.id, venue: row.venue, spec })
}

fn corrupt(what: &str, error: &BodyError) -> StoreError {
    StoreError::Corrupt { what: format!("{what}: {error}") }
}
