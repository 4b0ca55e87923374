//! Who calls, and what they may do.
//!
//! ```text
//! authorization: Bearer … ──► Verifier ──► Caller in the request's extensions ──► may_act_for, require_admin, …
//! ```
//!
//! Off by default: then no call is looked at, and every caller is trusted as a frontend of one's own.

mod keys;
mod verifier;

use std::sync::Arc;

use tonic::{Code, Request, Status};
use tonic_types::{ErrorDetails, StatusExt};

pub use keys::KeyError;
pub use verifier::Verifier;

/// Domain of every `ErrorInfo`.
const DOMAIN: &str = "earlybird";

/// What a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Act as itself: `buyer_id` must be the token's `sub`.
    Buyer,
    /// A frontend: act for any buyer.
    Bff,
    /// Also import, create, block, audit and refund.
    Admin,
}

/// Who calls. The default is a caller that is trusted with everything, because nothing checks who calls.
#[derive(Clone, Debug, Default)]
pub struct Caller(Option<Arc<Identity>>);

/// What a token says.
#[derive(Debug)]
struct Identity {
    subject: String,
    roles: Vec<Role>,
}

impl Caller {
    /// The caller with the token's subject and roles.
    #[must_use]
    pub fn new(subject: impl Into<String>, roles: impl Into<Vec<Role>>) -> Self {
        Self(Some(Arc::new(Identity { subject: subject.into(), roles: roles.into() })))
    }

    /// The caller of a request.
    #[must_use]
    pub fn of<T>(request: &Request<T>) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or_default()
    }

    /// Who calls, by the token's subject; none when nothing checks who calls.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.0.as_ref().map(|identity| identity.subject.as_str())
    }

    /// Whether the caller may act for this buyer.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`.
    pub fn may_act_for(&self, buyer_id: &str) -> Result<(), Status> {
        let Some(identity) = &self.0 else { return Ok(()) };
        if identity.has_any(&[Role::Bff, Role::Admin]) {
            return Ok(());
        }
        if identity.has_any(&[Role::Buyer]) && identity.subject == buyer_id {
            return Ok(());
        }
        Err(denied("a buyer acts only for themselves: buyer_id must be the token's sub"))
    }

    /// Whether the caller is an administrator.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`.
    pub fn require_admin(&self) -> Result<(), Status> {
        self.require(&[Role::Admin], "this needs the role admin")
    }

    /// Whether the caller is a frontend, or an administrator.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`.
    pub fn require_bff(&self) -> Result<(), Status> {
        self.require(&[Role::Bff, Role::Admin], "this needs the role bff or admin")
    }

    fn require(&self, roles: &[Role], otherwise: &str) -> Result<(), Status> {
        match &self.0 {
            Some(identity) if !identity.has_any(roles) => Err(denied(otherwise)),
            _ => Ok(()),
        }
    }
}

impl Identity {
    fn has_any(&self, roles: &[Role]) -> bool {
        self.roles.iter().any(|role| roles.contains(role))
    }
}

fn denied(message: &str) -> Status {
    refusal(Code::PermissionDenied, "PERMISSION_DENIED", message)
}

fn unauthenticated(message: &str) -> Status {
    refusal(Code::Unauthenticated, "UNAUTHENTICATED", message)
}

fn refusal(code: Code, reason: &str, message: &str) -> Status {
    let details = ErrorDetails::with_error_info(reason, DOMAIN, std::collections::HashMap::new());
    Status::with_error_details(code, message, details)
}

#[cfg(test)]
mod tests;
