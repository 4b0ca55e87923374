//! Bytes for the journal and for snapshots: one version byte, then postcard.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Entry, Snapshot};

/// The version that is written. Older ones must stay readable for as long as journals hold them.
const VERSION: u8 = 1;

/// Why bytes are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// There are no bytes.
    #[error("no bytes")]
    Empty,
    /// The bytes are of another version of the format.
    #[error("unknown version {0} of the format")]
    UnknownVersion(u8),
    /// The bytes are damaged.
    #[error("malformed: {0}")]
    Malformed(postcard::Error),
    /// There are more bytes than were needed.
    #[error("{0} bytes too many")]
    TrailingBytes(usize),
}

/// The bytes of a journal entry.
#[must_use]
pub fn encode_entry(entry: &Entry) -> Vec<u8> {
    encode(entry)
}

/// The journal entry of some bytes.
///
/// # Errors
/// If the bytes are not exactly one entry of a known version.
pub fn decode_entry(bytes: &[u8]) -> Result<Entry, CodecError> {
    decode(bytes)
}

/// The bytes of a snapshot.
#[must_use]
pub fn encode_snapshot(snapshot: &Snapshot) -> Vec<u8> {
    encode(snapshot)
}

/// The snapshot of some bytes.
///
/// # Errors
/// If the bytes are not exactly one snapshot of a known version.
pub fn decode_snapshot(bytes: &[u8]) -> Result<Snapshot, CodecError> {
    decode(bytes)
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_extend(value, vec![VERSION]).expect("postcard writes every type that this crate derives")
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    match bytes.split_first() {
        None => Err(CodecError::Empty),
        Some((&VERSION, body)) => match postcard::take_from_bytes(body) {
            Ok((value, [])) => Ok(value),
            Ok((_, rest)) => Err(CodecError::TrailingBytes(rest.len())),
            Err(error) => Err(CodecError::Malformed(error)),
        },
        Some((&other, _)) => Err(CodecError::UnknownVersion(other)),
    }
}
