//! Venues and performances: what an operator creates, once per `request_id`.

use bytes::Bytes;

use crate::ids::{Bucket, PerformanceId, UnixMillis, VenueId};

/// The client's id of one mutation (a UUID): the same id has one effect and one answer (I8).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RequestId(pub [u8; 16]);

/// A hash of the request's body: it tells a repetition from another request under the same id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fingerprint(pub u64);

/// A venue to create, and the row that it becomes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewVenue {
    /// Its name, unique among venues.
    pub id: VenueId,
    /// The request that creates it.
    pub request_id: RequestId,
    /// The hash of that request's body.
    pub fingerprint: Fingerprint,
    /// The name shown to people.
    pub display_name: Box<str>,
    /// The layout, opaque to the store.
    pub body: Bytes,
    /// When it was created.
    pub created_at: UnixMillis,
}

/// A stored venue.
pub type VenueRow = NewVenue;

/// A performance to create, and the row that it becomes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewPerformance {
    /// Its name, unique among performances.
    pub id: PerformanceId,
    /// The bucket that it lives in, for good.
    pub bucket: Bucket,
    /// Where it shows; the venue must exist.
    pub venue: VenueId,
    /// The request that creates it.
    pub request_id: RequestId,
    /// The hash of that request's body.
    pub fingerprint: Fingerprint,
    /// Prices, phases and limits, opaque to the store.
    pub body: Bytes,
    /// When it was created.
    pub created_at: UnixMillis,
}

/// A stored performance.
pub type PerformanceRow = NewPerformance;

/// A performance that will not take place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CancellationRow {
    /// Which one.
    pub performance: PerformanceId,
    /// When its sale ended.
    pub cancelled_at: UnixMillis,
    /// Who cancelled it; empty when that is not known.
    pub cancelled_by: Box<str>,
    /// Why, in their words; empty when they gave no reason.
    pub reason: Box<str>,
}

/// What became of a creation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CreateOutcome<Row> {
    /// It was created now.
    Created,
    /// The same request created it before: this is the row of then.
    Replayed(Row),
    /// The request id belongs to another request (its fingerprint differs).
    RequestIdReused,
    /// The name is taken by another request.
    AlreadyExists,
}
