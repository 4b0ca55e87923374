//! Open-loop load generator for earlybird, with a check from outside.
//!
//! It speaks the public gRPC API alone. Every request has an intended moment from a precomputed arrival curve, and its
//! latency counts from there, so that a server that falls behind cannot hide it by slowing the generator down.
//!
//! [`onsale::run`] is the whole: it sells a house to ten times more buyers than seats, keeps a [`ledger`] of what was
//! acknowledged, and compares it with the final state ([`check`]). [`session::SessionClient`] is useful on its own.

pub mod answer;
pub mod check;
pub mod clock;
pub mod command;
pub mod connect;
pub mod ids;
pub mod ledger;
pub mod limits;
pub mod onsale;
pub mod pacing;
pub mod progress;
pub mod report;
pub mod scenario;
pub mod session;
mod slab;
pub mod stats;
pub mod transport;
pub mod unary;
