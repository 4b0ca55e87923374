//! The fields of an encoded message, read without decoding it.

use prost::DecodeError;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'m> {
    /// A number that is neither fixed nor floating.
    Varint(u64),
    /// A text, bytes, or a message.
    Bytes(&'m [u8]),
    /// Anything else, which is not looked at.
    Other,
}

/// The fields of a message by their numbers, in the order in which they were written. Of one that is there twice, the last
/// counts. After an error it is over.
pub(crate) struct Fields<'m>(pub(crate) &'m [u8]);

impl<'m> Fields<'m> {
    /// What the last field of this number and kind holds, in a message that can be read to its end.
    pub(crate) fn bytes(self, number: u32) -> Option<&'m [u8]> {
        let mut found = None;
        for field in self {
            if let (tag, Value::Bytes(value)) = field.ok()?
                && tag == number
            {
                found = Some(value);
            }
        }
        found
    }

    fn read(&mut self) -> Result<(u32, Value<'m>), DecodeError> {
        let message = &mut self.0;
        let (number, wire_type) = decode_key(message)?;
        let value = match wire_type {
            WireType::Varint => Value::Varint(decode_varint(message)?),
            WireType::LengthDelimited => {
                let before = *message;
                let length = decode_varint(message)?;
                match usize::try_from(length).ok().and_then(|length| message.split_at_checked(length)) {
                    Some((value, rest)) => {
                        *message = rest;
                        Value::Bytes(value)
                    }
                    None => {
                        // It says how it is too short.
                        *message = before;
                        skip_field(wire_type, number, message, DecodeContext::default())?;
                        Value::Other
                    }
                }
            }
            _ => {
                skip_field(wire_type, number, message, DecodeContext::default())?;
                Value::Other
            }
        };
        Ok((number, value))
    }
}

impl<'m> Iterator for Fields<'m> {
    type Item = Result<(u32, Value<'m>), DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use earlybird_proto::v1;
    use prost::Message as _;

    use super::*;

    #[test]
    fn fields_are_read_in_their_order() {
        let request = v1::SessionRequest { tag: 300, timeout_ms: 7, command: None };
        let mut message = request.encode_to_vec();
        message.extend([0x3d, 1, 2, 3, 4]);
        prost::encoding::string::encode(2, &"ann".to_owned(), &mut message);
        let fields: Result<Vec<_>, _> = Fields(&message).collect();
        let expected = vec![
            (1, Value::Varint(300)),
            (2, Value::Varint(7)),
            (7, Value::Other),
            (2, Value::Bytes(b"ann")),
        ];
        assert_eq!(fields.expect("it is whole"), expected);
        assert_eq!(Fields(&message).bytes(2), Some(&b"ann"[..]));
        assert_eq!(Fields(&message).bytes(1), None, "of another kind");
    }

    #[test]
    fn what_is_broken_ends_with_an_error() {
        for broken in
            [&b"\x0a\x05ann"[..], b"\x0a", b"\x08\xff", b"\x00", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"]
        {
            let fields: Vec<_> = Fields(broken).collect();
            assert!(matches!(fields.as_slice(), [Err(_)]), "{broken:?}: {fields:?}");
            assert_eq!(Fields(broken).bytes(1), None);
        }
    }
}
