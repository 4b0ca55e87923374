//! The key that the nodes of a cluster share: who shows it is one of them.

use earlybird_cluster::gossip::KEY_BYTES_MIN;
use http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};

/// Metadata in which nodes show each other the key.
const SHOWN_AS: &str = "earlybird-cluster-key";

/// The key. It shows itself to nobody but other nodes.
#[derive(Clone, Debug)]
pub struct ClusterKey {
    secret: SecretString,
    shown: MetadataValue<Ascii>,
}

impl ClusterKey {
    /// A key of this text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(secret: SecretString) -> Result<Self, String> {
        if secret.expose_secret().len() < KEY_BYTES_MIN {
            return Err(format!("a key of at least {KEY_BYTES_MIN} bytes is needed"));
        }
        let shown: Result<MetadataValue<Ascii>, _> = secret.expose_secret().parse();
        let mut shown = shown.map_err(|_| "the key must be text without control characters")?;
        shown.set_sensitive(true);
        Ok(Self { secret, shown })
    }

    /// The text.
    pub(crate) fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// Shows it with a call to another node.
    pub(crate) fn show(&self, metadata: &mut MetadataMap) {
        metadata.insert(SHOWN_AS, self.shown.clone());
    }

    /// Whether a call comes with it.
    pub(crate) fn is_shown(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(SHOWN_AS).map(HeaderValue::as_bytes);
        shown.is_some_and(|shown| self.secret.expose_secret().as_bytes().ct_eq(shown).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_known_by_the_key_alone() {
        let key = |text: &str| ClusterKey::new(text.into());
        let ours = key("a key that all nodes share").expect("a key");
        let other = key("a key of another cluster").expect("a key");
        let mut metadata = MetadataMap::new();
        assert!(!ours.is_shown(&HeaderMap::new()));
        ours.show(&mut metadata);
        let headers = metadata.into_headers();
        assert!(ours.is_shown(&headers) && !other.is_shown(&headers));
        assert!(!format!("{ours:?} {headers:?}").contains("all nodes"), "it is never logged");
    }

    #[test]
    fn a_key_that_cannot_serve_is_refused() {
        for bad in ["", "fifteen bytes..", "sixteen bytes\nand a line"] {
            assert!(ClusterKey::new(bad.into()).is_err(), "{bad:?}");
        }
    }
}
