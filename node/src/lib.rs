//! The server of earlybird: gRPC ingress, shard actors, the write-behind lane, timers, payments, config and metrics.

mod aside;
pub mod audit;
pub mod auth;
mod cancellation;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod coupons;
pub mod demo;
pub mod directory;
mod failpoint;
mod fields;
pub mod http;
pub mod ingress;
pub mod jobs;
mod lane;
pub mod logs;
pub mod members;
pub mod metrics;
pub mod node;
pub mod payments;
pub mod people;
pub mod readiness;
pub mod reply;
pub mod serve;
pub mod shard;
mod snapshots;
mod ticker;
pub mod tls;

#[cfg(test)]
mod node_tests;
