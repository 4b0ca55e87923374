//! Pages of the catalog (AIP-158): how long they are, and the token that asks for the next.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::ingress::status::Problem;

/// Longer tokens were not made here.
const TOKEN_BYTES_MAX: usize = 512;

/// One kind of listing.
#[derive(Clone, Copy, Debug)]
pub(in crate::ingress) struct Listing {
    /// Its name, so that no token is taken for that of another listing.
    pub(in crate::ingress) name: &'static str,
    /// Items of a page when the caller does not say.
    pub(in crate::ingress) size_default: usize,
    /// Most items of a page.
    pub(in crate::ingress) size_max: usize,
}

impl Listing {
    /// Items of a page when `asked` for so many.
    pub(in crate::ingress) fn size(&self, asked: i32) -> Result<usize, String> {
        match usize::try_from(asked) {
            Ok(0) => Ok(self.size_default),
            Ok(size) => Ok(size.min(self.size_max)),
            Err(_) => Err("must be 0 or more".into()),
        }
    }

    /// The token of the page after the item `last`, beneath `parent`.
    pub(in crate::ingress) fn token(&self, parent: &str, last: &str) -> String {
        let mut bytes = self.seal(parent, last).to_le_bytes().to_vec();
        bytes.extend_from_slice(last.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The item that the page of `token` comes after; none for the first page.
    pub(in crate::ingress) fn after(&self, parent: &str, token: &str) -> Result<Option<String>, String> {
        if token.is_empty() {
            return Ok(None);
        }
        let read = || {
            let bytes = URL_SAFE_NO_PAD.decode(token).ok().filter(|_| token.len() <= TOKEN_BYTES_MAX)?;
            let (seal, last) = bytes.split_first_chunk()?;
            let last = String::from_utf8(last.to_vec()).ok()?;
            (u64::from_le_bytes(*seal) == self.seal(parent, &last)).then_some(last)
        };
        read().map(Some).ok_or_else(|| "is not a next_page_token of this listing".into())
    }

    /// Size of a page, and the item that it comes after.
    ///
    /// # Errors
    /// `INVALID_FIELD`.
    pub(in crate::ingress) fn page(
        &self,
        parent: &str,
        size: i32,
        token: &str,
    ) -> Result<(usize, Option<String>), Problem> {
        let size = self.size(size).map_err(|what| Problem::field("page_size", what))?;
        let after = self.after(parent, token).map_err(|what| Problem::field("page_token", what))?;
        Ok((size, after))
    }

    /// Cuts what was read to the size of a page, one less than was asked for, and returns the token of the next page.
    pub(in crate::ingress) fn cut<T>(
        &self,
        parent: &str,
        rows: &mut Vec<T>,
        size: usize,
        key: impl Fn(&T) -> String,
    ) -> String {
        let more = rows.len() > size;
        rows.truncate(size);
        rows.last().filter(|_| more).map(|last| self.token(parent, &key(last))).unwrap_or_default()
    }

    /// Ties a token to its listing. It guards against mistakes, not against malice: a forged token reads nothing that its
    /// caller could not read anyway.
    fn seal(&self, parent: &str, last: &str) -> u64 {
        xxh3_64_with_seed(last.as_bytes(), xxh3_64(format!("{} {parent}", self.name).as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEATS: Listing = Listing { name: "seats", size_default: 10, size_max: 100 };

    #[test]
    fn sizes_have_a_default_and_a_bound() {
        assert_eq!([0, 1, 100, i32::MAX].map(|size| SEATS.size(size)), [Ok(10), Ok(1), Ok(100), Ok(100)]);
        assert!(SEATS.size(-1).is_err());
    }

    #[test]
    fn a_token_belongs_to_its_listing() {
        let token = SEATS.token("venues/a", "41");
        assert_eq!(SEATS.after("venues/a", &token), Ok(Some("41".into())));
        assert_eq!(SEATS.after("venues/a", ""), Ok(None));
        assert!(SEATS.after("venues/b", &token).is_err());
        assert!(Listing { name: "venues", ..SEATS }.after("venues/a", &token).is_err());
        for bad in ["x", "41", "!!!!", &token[1..], &format!("{token}AA"), &"A".repeat(600)] {
            assert!(SEATS.after("venues/a", bad).is_err(), "{bad}");
        }
    }
}
