//! The keys that tokens are checked with, read once at start.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};

/// Shortest secret: as long as the hash, as RFC 7518 section 3.2 asks for.
const SECRET_BYTES_MIN: usize = 32;

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file cannot be read.
    #[error("{key}: cannot read {}: {source}", file.display())]
    Unreadable {
        /// The configuration key that names the file.
        key: &'static str,
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file holds something else.
    #[error("{key}: {}: {what}", file.display())]
    Unusable {
        /// The configuration key that names the file.
        key: &'static str,
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

/// The public keys of a JWK set that verify RS256.
pub(super) struct PublicKeys {
    /// By `kid`; a key without one is under none.
    by_id: HashMap<Option<String>, DecodingKey>,
}

impl PublicKeys {
    /// Reads a JWK set. Keys for anything but RS256 signatures are passed over.
    pub(super) fn read(key: &'static str, file: &Path) -> Result<Self, KeyError> {
        let unusable = |what: String| KeyError::Unusable { key, file: file.to_owned(), what };
        let set: JwkSet = serde_json::from_slice(&read(key, file)?)
            .map_err(|error| unusable(format!("not a JWK set: {error}")))?;
        let mut by_id = HashMap::new();
        for jwk in set.keys.iter().filter(|jwk| verifies_rs256(jwk)) {
            let id = jwk.common.key_id.clone();
            let decoding =
                DecodingKey::from_jwk(jwk).map_err(|error| unusable(format!("key {id:?}: {error}")))?;
            if by_id.insert(id.clone(), decoding).is_some() {
                return Err(unusable(format!("two keys have the kid {id:?}")));
            }
        }
        if by_id.is_empty() {
            return Err(unusable("holds no RSA key for RS256 signatures".into()));
        }
        Ok(Self { by_id })
    }

    /// The key that a token names; a token that names none is taken to mean the only one.
    pub(super) fn find(&self, id: Option<String>) -> Option<&DecodingKey> {
        match id {
            None if self.by_id.len() == 1 => self.by_id.values().next(),
            id => self.by_id.get(&id),
        }
    }
}

/// Reads the secret of HS256 tokens.
pub(super) fn read_secret(key: &'static str, file: &Path) -> Result<DecodingKey, KeyError> {
    let mut secret = read(key, file)?;
    while secret.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        secret.pop();
    }
    if secret.len() < SECRET_BYTES_MIN {
        let what = format!("the secret has {} bytes; at least {SECRET_BYTES_MIN} are needed", secret.len());
        return Err(KeyError::Unusable { key, file: file.to_owned(), what });
    }
    Ok(DecodingKey::from_secret(&secret))
}

fn read(key: &'static str, file: &Path) -> Result<Vec<u8>, KeyError> {
    std::fs::read(file).map_err(|source| KeyError::Unreadable { key, file: file.to_owned(), source })
}

fn verifies_rs256(jwk: &Jwk) -> bool {
    let is_rsa = matches!(jwk.algorithm, AlgorithmParameters::RSA(_));
    let is_for_rs256 = matches!(jwk.common.key_algorithm, None | Some(KeyAlgorithm::RS256));
    let is_for_signatures = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
    is_rsa && is_for_rs256 && is_for_signatures
}
