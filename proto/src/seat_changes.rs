//! The `changes` of a `SeatMapDelta`.

use bytes::{Bytes, BytesMut};
use prost::encoding::{decode_varint, encode_varint};

/// Room for the state in each number.
const STATES: u32 = 8;

/// Encodes seats, in ascending order, with the number of each one's new `SeatState`.
#[must_use]
pub fn encode_seat_changes(changes: impl Iterator<Item = (u32, u8)>) -> Bytes {
    let mut encoded = BytesMut::new();
    let mut next = 0;
    for (seat, state) in changes {
        let passed_over = seat.saturating_sub(next);
        encode_varint(u64::from(passed_over) * u64::from(STATES) + u64::from(state), &mut encoded);
        next = seat.saturating_add(1);
    }
    encoded.freeze()
}

/// The seats of a delta with their new states; ends early at what is not an encoding.
#[derive(Clone, Debug)]
pub struct SeatChanges {
    rest: Bytes,
    next: u32,
}

impl SeatChanges {
    /// Reads the `changes` of a delta.
    #[must_use]
    pub fn new(changes: Bytes) -> Self {
        Self { rest: changes, next: 0 }
    }
}

impl Iterator for SeatChanges {
    type Item = (u32, u8);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let change = u32::try_from(decode_varint(&mut self.rest).ok()?).ok()?;
        let seat = self.next.checked_add(change / STATES)?;
        self.next = seat.checked_add(1)?;
        Some((seat, (change % STATES) as u8))
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::v1::SeatMapDelta;

    /// The message as the protocol file has it.
    #[derive(Clone, PartialEq, prost::Message)]
    struct AsWritten {
        #[prost(uint64, tag = "1")]
        from_version: u64,
        #[prost(uint64, tag = "2")]
        version: u64,
        #[prost(uint32, repeated, tag = "5")]
        changes: Vec<u32>,
    }

    #[test]
    fn it_is_what_the_protocol_file_says() {
        let changes = encode_seat_changes([(5, 1), (6, 2), (300, 0), (49_999, 4)].into_iter());
        let delta = SeatMapDelta { from_version: 7, version: 8, changes };
        let read = AsWritten::decode(delta.encode_to_vec().as_slice()).expect("it is a message");
        let changes = vec![41, 2, 293 * 8, 49_698 * 8 + 4];
        assert_eq!(read, AsWritten { from_version: 7, version: 8, changes });
    }

    #[test]
    fn what_is_encoded_is_read() {
        let changes = [(0, 3), (1, 0), (2, 1), (17, 4), (49_999, 2)];
        let encoded = encode_seat_changes(changes.into_iter());
        assert_eq!(SeatChanges::new(encoded).collect::<Vec<_>>(), changes);
        assert_eq!(SeatChanges::new(Bytes::new()).count(), 0);
    }

    #[test]
    fn what_is_no_encoding_ends_it() {
        assert_eq!(SeatChanges::new(Bytes::from_static(&[8, 0xff, 0xff])).collect::<Vec<_>>(), [(1, 0)]);
        let overflow = Bytes::from_static(&[0xff, 0xff, 0xff, 0xff, 0x7f, 1]);
        assert_eq!(SeatChanges::new(overflow).count(), 0);
    }
}
