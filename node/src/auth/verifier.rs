//! Checks tokens.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use tonic::Status;

use super::keys::{KeyError, PublicKeys, read_secret};
use super::{Caller, Role, denied, unauthenticated};
use crate::config::AuthConfig;

/// Longest token, in bytes.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Checks tokens by the keys, the issuer and the audience that were configured.
///
/// Each algorithm has its own key and its own validation, so that the public key of one is never the secret of the other.
pub struct Verifier {
    hs256: Option<(DecodingKey, Validation)>,
    rs256: Option<(PublicKeys, Validation)>,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (hs256, rs256) = (self.hs256.is_some(), self.rs256.is_some());
        formatter.debug_struct("Verifier").field("hs256", &hs256).field("rs256", &rs256).finish()
    }
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    #[serde(default)]
    roles: Roles,
}

/// `"roles": ["bff"]`, or `"roles": "bff"`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Roles {
    Many(Vec<String>),
    One(String),
}

impl Default for Roles {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl Verifier {
    /// A verifier as configured.
    ///
    /// # Errors
    /// A key file cannot be read or used.
    pub fn new(config: &AuthConfig) -> Result<Self, KeyError> {
        let validation = |algorithm| {
            let mut validation = Validation::new(algorithm);
            validation.set_issuer(&[&config.issuer]);
            validation.set_audience(&[&config.audience]);
            validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
            validation.validate_nbf = true;
            validation.leeway = config.leeway.as_secs();
            validation
        };
        let secret = config.hs256_secret_file.as_ref();
        let secret = secret.map(|file| read_secret("auth.hs256_secret_file", file)).transpose()?;
        let keys = config.jwks_file.as_ref();
        let keys = keys.map(|file| PublicKeys::read("auth.jwks_file", file)).transpose()?;
        Ok(Self {
            hs256: secret.map(|secret| (secret, validation(Algorithm::HS256))),
            rs256: keys.map(|keys| (keys, validation(Algorithm::RS256))),
        })
    }

    /// The caller of a call with these headers.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` without a token that is valid; `PERMISSION_DENIED` when it gives no role.
    pub fn caller(&self, headers: &HeaderMap) -> Result<Caller, Status> {
        self.caller_by(headers, |validation| Cow::Borrowed(validation))
    }

    /// The same for what a node of the cluster sends on. It has seen the token when it was good, which it may no longer be:
    /// a session outlives its token.
    ///
    /// # Errors
    /// As [`Verifier::caller`], but for a token that has expired.
    pub fn forwarded_caller(&self, headers: &HeaderMap) -> Result<Caller, Status> {
        self.caller_by(headers, |validation| {
            let mut validation = validation.clone();
            validation.validate_exp = false;
            Cow::Owned(validation)
        })
    }

    fn caller_by(
        &self,
        headers: &HeaderMap,
        adapt: impl FnOnce(&Validation) -> Cow<'_, Validation>,
    ) -> Result<Caller, Status> {
        let claims = self.claims(bearer(headers)?, adapt)?;
        let names = match claims.roles {
            Roles::Many(names) => names,
            Roles::One(name) => vec![name],
        };
        let roles: Vec<Role> = names.iter().filter_map(|name| role(name)).collect();
        if roles.is_empty() {
            return Err(denied("the token's roles hold none of buyer, bff and admin"));
        }
        Ok(Caller::new(claims.sub, roles))
    }

    fn claims(
        &self,
        token: &str,
        adapt: impl FnOnce(&Validation) -> Cow<'_, Validation>,
    ) -> Result<Claims, Status> {
        let header = decode_header(token).map_err(|error| unauthenticated(fault(error.kind())))?;
        let (key, validation) = match (header.alg, &self.hs256, &self.rs256) {
            (Algorithm::HS256, Some((key, validation)), _) => (key, validation),
            (Algorithm::RS256, _, Some((keys, validation))) => {
                let key =
                    keys.find(header.kid).ok_or_else(|| unauthenticated("the token's kid is not known"))?;
                (key, validation)
            }
            _ => return Err(unauthenticated("the token's algorithm is not accepted")),
        };
        let token = decode::<Claims>(token, key, &adapt(validation));
        token.map(|token| token.claims).map_err(|error| unauthenticated(fault(error.kind())))
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Status> {
    let header = headers.get(AUTHORIZATION).ok_or_else(|| unauthenticated("no authorization header"))?;
    let text = header.to_str().unwrap_or_default();
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || token.len() > TOKEN_BYTES_MAX {
        return Err(unauthenticated("the authorization header must be: Bearer <token>"));
    }
    Ok(token)
}

fn role(name: &str) -> Option<Role> {
    match name {
        "buyer" => Some(Role::Buyer),
        "bff" => Some(Role::Bff),
        "admin" => Some(Role::Admin),
        _ => None,
    }
}

/// What a caller is told: enough to mend an honest mistake.
fn fault(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpiredSignature => "the token has expired",
        ErrorKind::ImmatureSignature => "the token is not valid yet",
        ErrorKind::InvalidIssuer => "the token has another issuer",
        ErrorKind::InvalidAudience => "the token is for another audience",
        ErrorKind::InvalidSignature => "the token's signature is wrong",
        ErrorKind::MissingRequiredClaim(_) => "the token lacks one of exp, iss, aud and sub",
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => {
            "the token's algorithm is not accepted"
        }
        _ => "the token is malformed",
    }
}
