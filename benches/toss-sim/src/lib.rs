//! A simulator of Toss Payments.
//!
//! It answers as the provider does: confirming, refunding in full and in part, questions, the list of transactions,
//! idempotency keys, virtual accounts and webhooks. It goes wrong as the provider may, by chance ([`Behaviour`]) or on
//! demand ([`fault::directive`]); and it has books that can be compared with the shop's to the last unit.
//!
//! Amounts are whole units of a currency without decimals, such as KRW.

pub mod answer;
mod api;
pub mod code;
pub mod fault;
pub mod idempotency;
pub mod ids;
pub mod ledger;
mod net;
pub mod payment;
pub mod provider;
mod simulator;
pub mod time;
pub mod webhook;

pub use api::Books;
pub use fault::{Behaviour, Shares, WebhookBehaviour};
pub use simulator::{Options, SECRET_KEY, Simulator};
