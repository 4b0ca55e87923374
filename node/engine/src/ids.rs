//! Typed identifiers. All are local to one performance unless they say otherwise.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

number_id!(
    /// Dense index of a seat within its performance: `0..capacity`.
    SeatIndex(u32)
);
number_id!(
    /// A hold, numbered from 1 in the order of acceptance.
    HoldId(u64)
);
number_id!(
    /// An order, numbered from 1 in the order in which payments began.
    OrderId(u64)
);
number_id!(
    /// A refund of an order, numbered from 1 within the performance.
    RefundId(u64)
);
number_id!(
    /// Position of an entry in the journal: 1, 2, 3, … without gaps.
    Sequence(u64)
);
number_id!(
    /// Index into [`crate::Layout::categories`].
    CategoryIndex(u16)
);
number_id!(
    /// Index into [`crate::Layout::zones`].
    ZoneIndex(u16)
);
number_id!(
    /// Index into [`crate::Layout::rows`].
    RowIndex(u32)
);

impl SeatIndex {
    /// The index as a position in a slice of all seats.
    #[must_use]
    pub fn as_usize(self) -> usize {
        self.0 as usize
    }
}

/// Who buys: an opaque identifier that the frontend chose; 1..=64 bytes, checked at the edge.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BuyerId(pub Box<str>);

impl From<&str> for BuyerId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

/// The key that makes a retry harmless (I8): a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId(pub [u8; 16]);

/// A member grade such as `vip`; lower case, 1..=32 bytes, checked at the edge.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Grade(pub Box<str>);
