//! What the node knows of a performance, ready to sell from.

use std::sync::Arc;

use earlybird_engine::{Layout, Settings};
use earlybird_persistence::{Bucket, PerformanceId, PerformanceRow, VenueId};

use super::spec::PerformanceSpec;
use super::venue::{BodyError, Venue};

/// A performance: immutable, shared by everything that serves it.
#[derive(Debug)]
pub struct PerformanceInfo {
    /// The `{performance}` part of its name.
    pub id: PerformanceId,
    /// `performances/{performance}`.
    pub name: Arc<str>,
    /// The group that it moves with.
    pub bucket: Bucket,
    /// Where it is shown.
    pub venue: VenueId,
    /// The seats; one allocation for all performances at a venue.
    pub layout: Arc<Layout>,
    /// Phases, limits and prices.
    pub settings: Arc<Settings>,
    /// Whether holds are acknowledged before they are durable.
    pub hold_ack_memory: bool,
    /// All that it was created with.
    pub spec: PerformanceSpec,
}

impl PerformanceInfo {
    /// The performance that was stored as `row`, at `venue`.
    ///
    /// # Errors
    /// The body cannot be read, or does not fit the venue.
    pub fn from_row(row: &PerformanceRow, venue: &Venue) -> Result<Self, BodyError> {
        let spec = PerformanceSpec::decode(&row.body)?;
        let layout = venue.layout.0.clone();
        if spec.capacity as usize != layout.capacity() {
            return Err(BodyError::Contradiction("the venue has another number of seats"));
        }
        if spec.categories != layout.categories
            || spec.settings.price_minor_by_category.len() != layout.categories.len()
        {
            return Err(BodyError::Contradiction("the prices do not fit the venue's categories"));
        }
        Ok(Self {
            id: row.id.clone(),
            name: format!("performances/{}", row.id).into(),
            bucket: row.bucket,
            venue: row.venue.clone(),
            layout,
            settings: Arc::new(spec.settings.clone()),
            hold_ack_memory: spec.hold_ack_memory,
            spec,
        })
    }
}
