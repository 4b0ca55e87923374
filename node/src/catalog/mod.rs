//! Venues and performances: import, checks, and what the store keeps of them.

mod bounds;
mod cache;
mod geometry;
mod import;
mod info;
mod plan;
mod read;
mod spec;
mod spec_v1;
mod stage;
mod venue;

pub use cache::{Catalog, ListedPerformance, StoredVenue};
pub use import::{SEATS_MAX, import_venue};
pub use info::PerformanceInfo;
pub use read::{PLAN_BYTES_MAX, PlanError};
pub use spec::PerformanceSpec;
pub use venue::{BodyError, SeatLabel, SeatView, SharedLayout, Venue};

#[cfg(test)]
mod import_tests;
