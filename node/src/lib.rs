//! The server of earlybird: gRPC ingress, shard actors, the write-behind lane, timers, payments, config and metrics.

pub mod catalog;
