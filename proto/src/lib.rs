//! The gRPC API of earlybird, generated from `earlybird/v1/*.proto`, which documents every field.

mod seat_changes;
mod session;

pub use seat_changes::{SeatChanges, encode_seat_changes};
pub use session::{SESSION, SeatingService};

/// Version 1 of the API.
pub mod v1 {
    #![allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used)]
    tonic::include_proto!("earlybird.v1");
    include!(concat!(env!("OUT_DIR"), "/servers/earlybird.v1.rs"));
}

/// What nodes of a cluster say to each other.
pub mod cluster {
    #![allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used)]
    tonic::include_proto!("earlybird.cluster.v1");
}

impl std::fmt::Debug for v1::RefundAccount {
    /// Nothing of it: it is the buyer's, and logs are read by many.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RefundAccount").finish_non_exhaustive()
    }
}

/// The encoded `FileDescriptorSet` of the API, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/earlybird.bin"));
