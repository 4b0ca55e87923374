//! Bytes for the journal and for snapshots: one version byte, then postcard.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::event::v1::EntryV1;
use crate::snapshot::v1::SnapshotV1;
use crate::{Entry, Snapshot};

/// The version that is written. Older ones must stay readable for as long as journals hold them.
const VERSION: u8 = 2;

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
    match split(bytes)? {
        (1, body) => decode::<EntryV1>(body).map(Into::into),
        (VERSION, body) => decode(body),
        (other, _) => Err(CodecError::UnknownVersion(other)),
    }
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
    match split(bytes)? {
        (1, body) => decode::<SnapshotV1>(body).map(Into::into),
        (VERSION, body) => decode(body),
        (other, _) => Err(CodecError::UnknownVersion(other)),
    }
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_extend(value, vec![VERSION]).expect("postcard writes every type that this crate derives")
}

/// The version and what follows it.
fn split(bytes: &[u8]) -> Result<(u8, &[u8]), CodecError> {
    bytes.split_first().map(|(version, body)| (*version, body)).ok_or(CodecError::Empty)
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, CodecError> {
    match postcard::take_from_bytes(body) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(CodecError::TrailingBytes(rest.len())),
        Err(error) => Err(CodecError::Malformed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{layout, settings};
    use crate::{Event, HoldId, Limits, OrderId, OrderStateName, RefundId, RefundReason, Sequence, State};

    /// Bytes as they are in journals of version 1.
    #[test]
    fn reads_entries_of_version_1() {
        let begun = [1, 5, 100, 0, 1, 5, 1, 2, 0x90, 0x03, 1, b'k'];
        let entry = decode_entry(&begun).expect("it was written once");
        assert_eq!((entry.sequence, entry.at.0), (Sequence(5), 100));
        let (order, hold, payment_key) = (OrderId(1), HoldId(2), "k".into());
        let event = Event::PaymentBegun { order, hold, amount_minor: 200, payment_key, coupon: None };
        assert_eq!(entry.events[..], [event]);
        let refund_begun = [1, 6, 100, 0, 1, 8, 1, 1, 2, 3, 4, 0x90, 0x03];
        let entry = decode_entry(&refund_begun).expect("it was written once");
        let event = Event::RefundBegun {
            refund: RefundId(1),
            order: OrderId(1),
            seats: crate::testing::seats(&[3, 4]),
            amount_minor: 200,
            fee_minor: 0,
            reason: RefundReason::Buyer,
            note: "".into(),
        };
        assert_eq!(entry.events[..], [event]);
    }

    /// Bytes of a snapshot of version 1: ann bought seats 1 and 2 for 200 and refunds seat 2.
    #[test]
    fn reads_snapshots_of_version_1() {
        let order = [0, 3, 1, 2, 1, 2, 2, 1, 2, 0x90, 0x03, 0, 1, b'k', 0, 100, 1, 101, 4, 102];
        let refund = [1, 1, 2, 0xc8, 0x01, 0, 102];
        let mut bytes = vec![1, 4, 1, 1, 3, b'a', b'n', b'n', 0, 1];
        bytes.extend(order);
        bytes.push(1);
        bytes.extend(refund);
        bytes.extend([0, 0, 0]);
        let snapshot = decode_snapshot(&bytes).expect("it was written once");
        let (layout, settings) = (layout(&[&[10]]).into(), settings(Limits::default()).into());
        let state = State::restore(layout, settings, snapshot).expect("it is consistent");
        let order = state.order(OrderId(1)).expect("it is there");
        assert_eq!((order.state, order.amount_minor), (OrderStateName::Refunding, 200));
        let refunds: Vec<_> = state.refunds_of(OrderId(1)).map(|refund| refund.amount_minor).collect();
        assert_eq!(refunds, [100]);
    }
}
