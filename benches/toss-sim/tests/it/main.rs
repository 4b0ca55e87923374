//! Tests of the simulator over real HTTP.

mod cancels;
mod confirms;
mod faults;
mod idempotency;
mod load;
mod process;
mod questions;
mod support;
mod webhooks;
