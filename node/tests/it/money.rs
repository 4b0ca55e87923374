//! Money under failure: whatever happens to the node or to the provider, and whenever, every order ends definitely, and the
//! provider's books, the orders and the journal agree to the last unit. Nothing is captured twice, and no money is taken
//! without seats or an exact refund (I3).
//!
//! ```text
//!  buyers (hold, pay, give back; each call until it has a definite answer) ──► node (a process) ──HTTP──► provider
//!                                                                               ▲ dies at a step          ▲ down, silent, errs
//! ```

mod buyers;
mod coupons;
mod deadlines;
mod deposits;
mod kills;
mod outages;
mod shop;
mod webhooks;
