//! The benchmarks that hold earlybird against its peers, side by side in one run.
//!
//! ```text
//!  side-by-side ──► bench::* ──starts──► peers: earlybird serve, an echo, Redis, PostgreSQL (all real processes)
//!                     │ drives them ──► load: one client for all, so that a ratio compares servers and nothing else
//!                     └ rows ──► table, or JSON
//! ```
//!
//! Figures are of the machine that they were measured on; ratios travel better. A missed target is shown, not hidden.

pub mod bench;
pub mod coupons;
pub mod house;
pub mod load;
pub mod machine;
pub mod options;
pub mod outside;
pub mod peers;
pub mod process;
pub mod row;
pub mod table;
pub mod usage;
pub mod world;
