//! Datagrams that only those who know the cluster's key can make.

use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

use super::GossipError;

/// The fewest bytes of a key: shorter ones can be guessed from one recorded datagram.
pub const KEY_BYTES_MIN: usize = 16;

/// Bytes that the seal adds to a datagram.
const TAG_BYTES: usize = 32;

/// Says what the key is used for, so that a seal made elsewhere with the same key does not fit here.
const PURPOSE: &[u8] = b"earlybird-gossip-1:";

/// HMAC-SHA256 behind the message. It tells whose datagram it is, not that it is new: what is replayed tells gossip nothing,
/// since heartbeats and versions only ever grow.
#[derive(Clone)]
pub(super) struct Seal(Hmac<Sha256>);

impl Seal {
    pub(super) fn new(key: &SecretString) -> Result<Self, GossipError> {
        let key = key.expose_secret().as_bytes();
        if key.len() < KEY_BYTES_MIN {
            return Err(GossipError::KeyTooShort);
        }
        // An HMAC takes keys of any length.
        let mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| GossipError::KeyTooShort)?;
        Ok(Self(mac.chain_update(PURPOSE)))
    }

    /// Puts the seal behind the message.
    pub(super) fn close(&self, message: &mut Vec<u8>) {
        let tag = self.0.clone().chain_update(&message).finalize().into_bytes();
        message.extend_from_slice(&tag);
    }

    /// The message, if its seal is right.
    pub(super) fn open<'a>(&self, datagram: &'a [u8]) -> Option<&'a [u8]> {
        let (message, tag) = datagram.split_at(datagram.len().checked_sub(TAG_BYTES)?);
        self.0.clone().chain_update(message).verify_slice(tag).ok().map(|()| message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(key: &str) -> Seal {
        Seal::new(&key.into()).expect("a long key")
    }

    #[test]
    fn opens_what_was_closed_and_nothing_else() {
        let ours = seal("a key of this cluster");
        let mut datagram = b"hello".to_vec();
        ours.close(&mut datagram);
        assert_eq!(ours.open(&datagram), Some(&b"hello"[..]));
        assert_eq!(seal("a key of another one").open(&datagram), None);
        for byte in 0..datagram.len() {
            let mut changed = datagram.clone();
            changed[byte] ^= 1;
            assert_eq!(ours.open(&changed), None, "byte {byte}");
            assert_eq!(ours.open(&datagram[..byte]), None, "{byte} bytes");
        }
    }

    #[test]
    fn short_keys_are_refused() {
        assert!(matches!(Seal::new(&"0123456789abcde".into()), Err(GossipError::KeyTooShort)));
        assert!(Seal::new(&"0123456789abcdef".into()).is_ok());
    }
}
