//! The API over gRPC: every method, every reason, on unary calls and sessions.

mod cancellation;
mod coupon_orders;
mod coupons;
mod deposit_refunds;
mod depositing;
mod errors;
mod house;
mod limits;
mod members;
mod orders;
mod paying;
mod reconciling;
mod refunds;
mod repeated_keys;
mod replays;
mod seating;
mod session;
mod telling;
mod waitlist;
mod watch;
