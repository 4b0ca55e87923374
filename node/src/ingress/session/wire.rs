//! A session's messages as they are on the wire: what goes to another node, and what comes back, is passed on unread but for
//! the few fields that say where to.
//!
//! Of a field that a message has twice the last counts. So a message gets another tag, or another time, by writing that
//! field once more behind it.

use bytes::{Buf as _, BufMut, Bytes};
use earlybird_proto::v1;
use prost::Message as _;
use prost::encoding::{uint32, uint64};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use crate::fields::{Fields, Value};
use crate::ingress::meters::Kind;
use crate::ingress::status::is_elsewhere;

/// `tag` of `SessionRequest` and of `SessionResponse`.
const TAG: u32 = 1;
/// `SessionRequest.timeout_ms`.
const TIMEOUT_MS: u32 = 2;
/// `SessionResponse.error`, and `SessionError.reason`.
const ERROR: u32 = 2;
const REASON: u32 = 2;
/// What names the performance, in every command.
const NAME: u32 = 1;

/// By how much a command may grow when it is sent on: by a tag and a time.
pub(crate) const SENT_ON_BYTES_MAX: usize = (1 + 10) + (1 + 5);

/// Which command a field of `SessionRequest` is.
fn kind_of(field: u32) -> Option<Kind> {
    Some(match field {
        3 => Kind::HoldSeats,
        4 => Kind::HoldBestAvailable,
        5 => Kind::ExtendHold,
        6 => Kind::ReleaseHold,
        7 => Kind::JoinWaitlist,
        8 => Kind::LeaveWaitlist,
        9 => Kind::PayHold,
        10 => Kind::RefundOrder,
        _ => return None,
    })
}

/// The caller's number for a command, if the message is whole.
pub(super) fn tag_of(command: &[u8]) -> Option<u64> {
    let mut tag = 0;
    for field in Fields(command) {
        if let (TAG, Value::Varint(value)) = field.ok()? {
            tag = value;
        }
    }
    Some(tag)
}

/// What must be known of a command to send it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subject<'m> {
    pub(super) tag: u64,
    pub(super) timeout_ms: u32,
    pub(super) kind: Kind,
    /// The name that says which performance it is about.
    pub(super) name: &'m str,
}

impl<'m> Subject<'m> {
    /// None when the message is not whole, or has no command or several: decoding it says more.
    pub(super) fn of(message: &'m [u8]) -> Option<Self> {
        let (mut tag, mut timeout_ms, mut command) = (0, 0, None);
        for field in Fields(message) {
            match field.ok()? {
                (TAG, Value::Varint(value)) => tag = value,
                // As a decoder reads it: by its lower half.
                (TIMEOUT_MS, Value::Varint(value)) => timeout_ms = value as u32,
                (number, value) => {
                    let Some(kind) = kind_of(number) else { continue };
                    let (Value::Bytes(body), None) = (value, command) else { return None };
                    command = Some((kind, body));
                }
            }
        }
        let (kind, body) = command?;
        let name = std::str::from_utf8(Fields(body).bytes(NAME)?).ok()?;
        Some(Self { tag, timeout_ms, kind, name })
    }
}

/// A command on its way to its owner.
#[derive(Debug)]
pub(super) struct SentOn {
    /// As it came.
    pub(super) command: Bytes,
    /// Its slot.
    pub(super) tag: u32,
    /// For how long it is waited for from now on.
    pub(super) timeout_ms: u32,
}

/// What came back from the owner of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its last word.
    Reply,
    /// Nothing was done: the performance is elsewhere.
    Elsewhere,
    /// Not a word.
    Nothing,
}

/// The slot of the command that a reply is to, and what it says. None when it cannot be told whose it is.
pub(super) fn verdict(reply: &[u8]) -> Option<(u32, Verdict)> {
    let (mut tag, mut verdict) = (0, Verdict::Nothing);
    for field in Fields(reply) {
        match field.ok()? {
            (TAG, Value::Varint(value)) => tag = value,
            (ERROR, Value::Bytes(error)) => {
                let reason = Fields(error).bytes(REASON).and_then(|reason| std::str::from_utf8(reason).ok());
                verdict = match reason {
                    Some(reason) if is_elsewhere(reason) => Verdict::Elsewhere,
                    _ => Verdict::Reply,
                };
            }
            (_, Value::Bytes(_)) => verdict = Verdict::Reply,
            _ => {}
        }
    }
    Some((u32::try_from(tag).ok()?, verdict))
}

/// A message for the client.
#[expect(clippy::large_enum_variant, reason = "a box would be one more allocation for each reply")]
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// Made here.
    Made(v1::SessionResponse),
    /// From the owner, under the slot of the command.
    Passed {
        /// The client's tag.
        tag: u64,
        /// As it came.
        reply: Bytes,
    },
}

/// Reads messages as bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Unread;

impl Decoder for Unread {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(message.copy_to_bytes(message.remaining())))
    }
}

/// The codec of a session.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SessionCodec;

impl Codec for SessionCodec {
    type Encode = Outgoing;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Unread;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Unread {
        Unread
    }
}

impl Encoder for SessionCodec {
    type Item = Outgoing;
    type Error = Status;

    fn encode(&mut self, message: Outgoing, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        match message {
            Outgoing::Made(response) => {
                response.encode(buffer).map_err(|error| Status::internal(error.to_string()))
            }
            Outgoing::Passed { tag, reply } => {
                write_reply(tag, &reply, buffer);
                Ok(())
            }
        }
    }
}

/// The codec of a session with another node.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LinkCodec;

impl Codec for LinkCodec {
    type Encode = SentOn;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Unread;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Unread {
        Unread
    }
}

impl Encoder for LinkCodec {
    type Item = SentOn;
    type Error = Status;

    fn encode(&mut self, sent: SentOn, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        write_command(&sent, buffer);
        Ok(())
    }
}

fn write_command(sent: &SentOn, buffer: &mut impl BufMut) {
    buffer.put_slice(&sent.command);
    uint64::encode(TAG, &sent.tag.into(), buffer);
    uint32::encode(TIMEOUT_MS, &sent.timeout_ms, buffer);
}

fn write_reply(tag: u64, reply: &[u8], buffer: &mut impl BufMut) {
    buffer.put_slice(reply);
    uint64::encode(TAG, &tag, buffer);
}

#[cfg(test)]
mod tests {
    use earlybird_proto::v1::session_request::Command;
    use earlybird_proto::v1::session_response::Result as Reply;

    use super::*;

    /// One of each, and what it is about.
    fn commands() -> [(Command, Kind, &'static str); 8] {
        let (performance, hold, order) =
            ("performances/aida", "performances/aida/holds/7", "performances/aida/orders/9");
        let hold_seats = v1::HoldSeatsRequest {
            performance: performance.into(),
            buyer_id: "ann".into(),
            seats: vec![1, 2],
            request_id: "performances/decoy".into(),
            ..Default::default()
        };
        let best = v1::HoldBestAvailableRequest { performance: performance.into(), ..Default::default() };
        let extend = v1::ExtendHoldRequest { name: hold.into(), ..Default::default() };
        let release = v1::ReleaseHoldRequest { name: hold.into(), ..Default::default() };
        let join = v1::JoinWaitlistRequest { performance: performance.into(), ..Default::default() };
        let leave = v1::LeaveWaitlistRequest { performance: performance.into(), ..Default::default() };
        let pay = v1::PayHoldRequest { hold: hold.into(), ..Default::default() };
        let refund = v1::RefundOrderRequest { name: order.into(), ..Default::default() };
        [
            (Command::HoldSeats(hold_seats), Kind::HoldSeats, performance),
            (Command::HoldBestAvailable(best), Kind::HoldBestAvailable, performance),
            (Command::ExtendHold(extend), Kind::ExtendHold, hold),
            (Command::ReleaseHold(release), Kind::ReleaseHold, hold),
            (Command::JoinWaitlist(join), Kind::JoinWaitlist, performance),
            (Command::LeaveWaitlist(leave), Kind::LeaveWaitlist, performance),
            (Command::PayHold(pay), Kind::PayHold, hold),
            (Command::RefundOrder(refund), Kind::RefundOrder, order),
        ]
    }

    #[test]
    fn a_command_is_sent_on_as_it_came_but_for_its_tag_and_its_time() {
        for (command, kind, name) in commands() {
            for tag in [0, u64::MAX] {
                let request = v1::SessionRequest { tag, timeout_ms: 1_000, command: Some(command.clone()) };
                let came = Bytes::from(request.encode_to_vec());
                assert_eq!(Subject::of(&came), Some(Subject { tag, timeout_ms: 1_000, kind, name }));
                assert_eq!(tag_of(&came), Some(tag));
                let mut sent = Vec::new();
                write_command(
                    &SentOn { command: came.clone(), tag: u32::MAX, timeout_ms: u32::MAX },
                    &mut sent,
                );
                assert!(sent.len() <= came.len() + SENT_ON_BYTES_MAX);
                let read = v1::SessionRequest::decode(&*sent).expect("it can be read");
                let expected =
                    v1::SessionRequest { tag: u32::MAX.into(), timeout_ms: u32::MAX, ..request.clone() };
                assert_eq!(read, expected);
                let again = Subject { tag: u32::MAX.into(), timeout_ms: u32::MAX, kind, name };
                assert_eq!(Subject::of(&sent), Some(again));
            }
        }
    }

    #[test]
    fn what_is_no_single_command_is_left_to_be_decoded() {
        let [(command, ..), (other, ..), ..] = commands();
        let whole = v1::SessionRequest { tag: 7, timeout_ms: 0, command: Some(command) }.encode_to_vec();
        let second = v1::SessionRequest { tag: 8, timeout_ms: 0, command: Some(other) }.encode_to_vec();
        let both = [whole.clone(), second].concat();
        let none = v1::SessionRequest { tag: 7, timeout_ms: 5, command: None }.encode_to_vec();
        let nameless = Command::ExtendHold(v1::ExtendHoldRequest::default());
        let nameless = v1::SessionRequest { tag: 7, timeout_ms: 0, command: Some(nameless) }.encode_to_vec();
        for left in [&both[..], &none, &nameless, &whole[..whole.len() - 1], b"\x08\x07\x18\x01"] {
            assert_eq!(Subject::of(left), None, "{left:?}");
        }
        assert_eq!(tag_of(&both), Some(8));
        assert_eq!(tag_of(&whole[..whole.len() - 1]), None);
    }

    fn reply(tag: u64, result: Option<Reply>) -> Vec<u8> {
        v1::SessionResponse { tag, result }.encode_to_vec()
    }

    #[test]
    fn a_reply_gets_the_tag_of_the_client() {
        let hold = Reply::Hold(v1::Hold { name: "performances/aida/holds/7".into(), ..Default::default() });
        for (slot, tag) in [(0, 5), (3, 0), (4_095, u64::MAX)] {
            let came = reply(slot, Some(hold.clone()));
            assert_eq!(verdict(&came), Some((slot as u32, Verdict::Reply)));
            let mut told = Vec::new();
            write_reply(tag, &came, &mut told);
            let read = v1::SessionResponse::decode(&*told).expect("it can be read");
            assert_eq!(read, v1::SessionResponse { tag, result: Some(hold.clone()) });
        }
    }

    #[test]
    fn a_refusal_by_who_is_not_the_owner_is_known() {
        use Verdict::{Elsewhere, Nothing};
        for (reason, expected) in
            [("NOT_OWNER", Elsewhere), ("DRAINING", Elsewhere), ("SEAT_TAKEN", Verdict::Reply)]
        {
            let error = v1::SessionError { code: 9, reason: reason.into(), ..Default::default() };
            assert_eq!(verdict(&reply(3, Some(Reply::Error(error)))), Some((3, expected)), "{reason}");
        }
        assert_eq!(verdict(&reply(3, None)), Some((3, Nothing)));
        assert_eq!(verdict(&reply(u64::MAX, Some(Reply::Left(v1::LeaveWaitlistResponse {})))), None);
        assert_eq!(verdict(b"\x12\x05"), None);
    }
}
