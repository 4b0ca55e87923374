//! Which node owns which performance, and how nodes hear of each other.
//!
//! ```text
//! performance ──bucket_of──► bucket ──placement──► node
//!                                        ▲
//!                        loads, weights, who is there: the store, gossip
//! ```
//!
//! Nothing here decides who owns a bucket: that is a row of the store, with an epoch. Placement says who *should* own it,
//! and gossip says who seems to be there.

mod bucket;
pub mod gossip;
pub mod placement;

pub use bucket::{BUCKETS, bucket_of};
