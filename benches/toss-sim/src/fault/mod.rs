//! What goes wrong, and when.
//!
//! Faults come from three places, the first that has one counts: the header `TossPayments-Test-Code`, the directives in the
//! payment key ([`directive`]), and chance ([`Behaviour::shares`]).

mod behaviour;
pub mod directive;
mod draw;

use std::time::Duration;

use foldhash::HashMap;
use parking_lot::Mutex;

pub use behaviour::{Behaviour, Shares, WebhookBehaviour};
pub use draw::Luck;

use crate::code::ErrorCode;
use crate::ids::PaymentKey;

/// What the shop calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `POST /v1/payments/confirm`.
    Confirm,
    /// `POST /v1/payments/{paymentKey}/cancel`.
    Cancel,
    /// `GET /v1/payments/…`.
    Find,
}

/// One thing that goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is answered with an error, and nothing was done. A confirmation that is answered with a decline ends the payment.
    Error(ErrorCode),
    /// It is done, and answered with an error.
    ErrorDone(ErrorCode),
    /// It gets no answer, and nothing was done.
    Silent,
    /// It is done, and gets no answer.
    SilentDone,
    /// It gets no answer, and is done so much later.
    SilentLate(Duration),
    /// Its connection is reset, and nothing was done.
    Reset,
    /// It is done, and its connection is reset.
    ResetDone,
}

impl Operation {
    /// Its name in counts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Cancel => "cancel",
            Self::Find => "find",
        }
    }
}

impl Fault {
    /// Its name in counts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error(code) if code.is_decline() => "decline",
            Self::Error(_) => "error",
            Self::ErrorDone(_) => "error-done",
            Self::Silent => "silent",
            Self::SilentDone => "silent-done",
            Self::SilentLate(_) => "silent-late",
            Self::Reset => "reset",
            Self::ResetDone => "reset-done",
        }
    }
}

/// How often each payment was called for, so that a fault may come once and not again.
#[derive(Default)]
pub struct Attempts {
    calls: Mutex<HashMap<(Operation, PaymentKey), u32>>,
}

impl Attempts {
    /// Number of calls before this one.
    pub fn next(&self, operation: Operation, payment: &PaymentKey) -> u32 {
        let mut calls = self.calls.lock();
        let count = calls.entry((operation, payment.clone())).or_default();
        *count = count.saturating_add(1);
        *count - 1
    }
}
