//! Errors as callers see them.
//!
//! ```text
//!  Rejection, Failure, ActivateError, StoreError ──► Problem ──┬─► tonic::Status with google.rpc details   (unary)
//!                                                             └─► SessionError                            (Session)
//! ```
//!
//! Both ways start from the same [`Problem`], so a session tells the same as a unary call.

mod failure;
mod reason;
mod rejection;
mod render;

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use earlybird_engine::SeatList;
use tonic::{Code, Status};

pub use reason::Reason;
pub(crate) use rejection::rfc3339;
pub(crate) use render::reason_of;

/// The domain of every `google.rpc.ErrorInfo`.
pub const DOMAIN: &str = "earlybird";

/// One error, before it takes the form of the path that it leaves by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Why; it decides the code.
    pub reason: Reason,
    /// For people.
    pub message: Cow<'static, str>,
    /// The seats that it is about.
    pub seats: SeatList,
    /// Wait so long before trying again.
    pub retry_delay: Option<Duration>,
    /// Further facts by name.
    pub metadata: Vec<(&'static str, String)>,
    /// What the reason asks to be told besides.
    pub detail: Option<Box<Detail>>,
}

/// The further `google.rpc` detail of a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    /// `BadRequest`: the field and what is wrong with it.
    Field {
        /// Name of the field in the request, with its path.
        field: Cow<'static, str>,
        /// What is wrong with it.
        description: Cow<'static, str>,
    },
    /// `QuotaFailure`: what is limited and how.
    Quota {
        /// What is limited.
        subject: &'static str,
        /// How.
        description: String,
    },
}

/// Whether a reason says that nothing was done, because the node does not own the performance or is about to hand it over.
pub(crate) fn is_elsewhere(reason: &str) -> bool {
    [Reason::NotOwner, Reason::Draining].iter().any(|moved| reason == moved.as_str())
}

impl Problem {
    /// A problem without further facts.
    #[must_use]
    pub fn new(reason: Reason, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            reason,
            message: message.into(),
            seats: SeatList::new(),
            retry_delay: None,
            metadata: Vec::new(),
            detail: None,
        }
    }

    /// An answer that does not belong to the command: the server's own fault.
    #[must_use]
    pub fn mismatch() -> Self {
        Self::new(Reason::Internal, "the answer to another command")
    }

    /// What the check of the caller said.
    #[must_use]
    pub fn denied(status: &Status) -> Self {
        let reason = match status.code() {
            Code::Unauthenticated => Reason::Unauthenticated,
            _ => Reason::PermissionDenied,
        };
        Self::new(reason, status.message().to_owned())
    }

    /// A field of the request that is not acceptable.
    #[must_use]
    pub fn field(field: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Reason::InvalidField, "").with_field(field, description)
    }

    /// A limit that is reached.
    #[must_use]
    pub fn quota(subject: &'static str, description: impl Into<String>) -> Self {
        let description = description.into();
        let mut problem = Self::new(Reason::LimitReached, description.clone()).with("limit", subject);
        problem.detail = Some(Box::new(Detail::Quota { subject, description }));
        problem
    }

    /// With the field that is to blame, which becomes the message.
    #[must_use]
    pub fn with_field(mut self, field: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        let description = description.into();
        self.message = format!("{field}: {description}").into();
        self.detail = Some(Box::new(Detail::Field { field: field.into(), description }));
        self
    }

    /// The same, where the field that is to blame is one of the message at `path` of the request.
    #[must_use]
    pub fn within(mut self, path: impl Display) -> Self {
        if let Some(Detail::Field { field, description }) = self.detail.as_deref_mut() {
            *field = format!("{path}.{field}").into();
            self.message = format!("{field}: {description}").into();
        }
        self
    }

    /// With one more fact.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.metadata.push((name, value.into()));
        self
    }

    /// With the seats that it is about.
    #[must_use]
    pub fn about(mut self, seats: SeatList) -> Self {
        self.seats = seats;
        self
    }

    /// With the time to wait before trying again.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_delay = Some(delay);
        self
    }
}
