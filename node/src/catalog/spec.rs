//! What a performance was created with, as it is kept.

use earlybird_engine::{Settings, Timestamp};
use serde::{Deserialize, Serialize};

use super::spec_v1::PerformanceSpecV1;
use super::venue::{BodyError, decode_body, encode_body};

/// First byte of a stored performance. Those of older versions are read on.
const VERSION: u8 = 2;

/// A performance as it was created. It never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerformanceSpec {
    /// Name for people.
    pub display_name: Box<str>,
    /// When the curtain rises, if that is known.
    pub start_time: Option<Timestamp>,
    /// Names of the venue's categories, in the order of the prices, so that showing a price needs no layout.
    pub categories: Vec<Box<str>>,
    /// Phases, limits and prices.
    pub settings: Settings,
    /// Whether holds are acknowledged from memory.
    pub hold_ack_memory: bool,
    /// Number of seats.
    pub capacity: u32,
    /// When it was created.
    pub created_at: Timestamp,
}

impl PerformanceSpec {
    /// The bytes to store.
    ///
    /// # Errors
    /// None that a checked performance can cause.
    pub fn encode(&self) -> Result<Vec<u8>, BodyError> {
        encode_body(VERSION, self)
    }

    /// The performance that was stored as `bytes`.
    ///
    /// # Errors
    /// The bytes are not a performance of a version that is known.
    pub fn decode(bytes: &[u8]) -> Result<Self, BodyError> {
        match bytes.first() {
            Some(1) => decode_body::<PerformanceSpecV1>(1, bytes).map(Into::into),
            _ => decode_body(VERSION, bytes),
        }
    }
}
