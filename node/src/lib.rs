//! The server of earlybird: gRPC ingress, shard actors, the write-behind lane, timers, payments, config and metrics.

pub mod audit;
pub mod auth;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod directory;
pub mod http;
pub mod ingress;
mod lane;
pub mod logs;
pub mod metrics;
pub mod node;
pub mod payments;
pub mod readiness;
pub mod reply;
pub mod serve;
pub mod shard;
mod snapshots;
mod ticker;

#[cfg(test)]
mod node_tests;
