//! The pure seat engine.
//!
//! ```text
//!            decide(&state, now, &command)                 evolve(&mut state, &entry)
//!  Command ─────────────────────────────► Decision::Commit(Entry) ───────────────► State
//!                     │                        │
//!                     │ Err(Rejection)         └ the node journals the entry, and answers once it is durable
//!                     └ nothing changed
//! ```
//!
//! The same [`evolve`] serves live traffic, recovery, simulation and the audit, so a state rebuilt from the journal
//! equals the live one (I12). There is no clock, no randomness and no IO here: time comes in as an argument.

mod answer;
pub mod best_available;
mod check;
mod codec;
mod commands;
mod event;
mod evolve;
mod ids;
mod layout;
mod promote;
mod refund_quote;
mod rejection;
mod settings;
mod snapshot;
mod state;
#[cfg(test)]
mod testing;
mod time;
mod views;

pub use answer::Answer;
pub use check::{Violation, check_invariants};
pub use codec::{CodecError, decode_entry, decode_snapshot, encode_entry, encode_snapshot};
pub use commands::*;
pub use event::*;
pub use evolve::evolve;
pub use ids::*;
pub use layout::*;
pub use refund_quote::*;
pub use rejection::*;
pub use settings::*;
pub use snapshot::*;
pub use state::{RefundState, State};
pub use time::*;
pub use views::*;
