//! Typed ids and units of the store. None of them knows what the engine means by it.

use std::fmt;
use std::sync::Arc;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a name; its form is checked where it enters the system, not here.
            #[must_use]
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self::new(name)
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                Self::new(name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

text_id! {
    /// Names a performance: the unit of sharding.
    PerformanceId
}
text_id! {
    /// Names a venue.
    VenueId
}
text_id! {
    /// Names a node of the cluster.
    NodeId
}
text_id! {
    /// Names a buyer, who may be a member.
    BuyerId
}
text_id! {
    /// Names a coupon campaign.
    CampaignId
}
text_id! {
    /// Names a job.
    JobId
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// Fences a bucket: it grows at every change of owner (I9). The first owner has epoch 1.
    Epoch(u64)
}
number! {
    /// Counts the runs of a node: each start is one more. The first is 1.
    Incarnation(u64)
}
number! {
    /// Grows with every change of nodes, owners and pins.
    ViewVersion(u64)
}
number! {
    /// The place of an entry in its performance's journal. The first entry is 1; 0 means "before the first".
    Sequence(u64)
}
number! {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    UnixMillis(u64)
}
number! {
    /// Names an order within its performance.
    OrderId(u64)
}
number! {
    /// Names a hold within its performance.
    HoldId(u64)
}
number! {
    /// A seat's dense index within its performance.
    Seat(u32)
}
number! {
    /// Names a coupon; given by the store, from 1 on.
    CouponId(u64)
}

impl CouponId {
    /// Reads the id as it is shown: a number from 1 on without a sign or leading zeros, so that one coupon has one name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let canonical = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|id| canonical && i64::try_from(*id).is_ok()).map(Self)
    }
}

/// One of [`Bucket::COUNT`] fixed groups of performances: the unit of ownership.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Bucket(u16);

impl Bucket {
    /// How many buckets there are, for good: a performance's bucket is a hash modulo this number.
    pub const COUNT: u16 = 1024;

    /// The bucket of that number, or none when it is not below [`Bucket::COUNT`].
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number < Self::COUNT { Some(Self(number)) } else { None }
    }

    /// The number, below [`Bucket::COUNT`].
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Every bucket, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Sequence {
    /// Before the first entry: the head of a performance without a journal.
    pub const NONE: Self = Self(0);

    /// The place after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
