//! Members: buyers of whom more is known.

use async_trait::async_trait;

use crate::error::StoreError;
use crate::ids::{BuyerId, UnixMillis};

/// The most members of one [`MemberStore::put_members`], and the most ids of one [`MemberStore::grades_of`].
pub const MEMBERS_MAX: usize = 10_000;

/// A birth date. That there is such a day is checked where it enters the system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BirthDate {
    /// The year.
    pub year: u16,
    /// The day of the year.
    pub day: MonthDay,
}

/// A day of any year, 29 February included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MonthDay {
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

impl MonthDay {
    pub(crate) fn column(self) -> i64 {
        i64::from(self.month) * 100 + i64::from(self.day)
    }
}

/// A member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberRow {
    /// The buyer's id.
    pub id: BuyerId,
    /// The grade that presales name, in lower case.
    pub grade: Option<Box<str>>,
    /// When the member was born.
    pub birth: Option<BirthDate>,
    /// When this was written last.
    pub updated_at: UnixMillis,
}

/// Which members to list or to count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MemberFilter {
    /// All of them.
    All,
    /// Those of a grade.
    Grade(Box<str>),
    /// Those who were born on this day of a year.
    Birthday(MonthDay),
}

/// Members in the store.
#[async_trait]
pub trait MemberStore {
    /// Adds members, or replaces what is known of them; the last of several with one id counts. At most [`MEMBERS_MAX`].
    /// Returns how many rows were written: one that is as it was is not. May be repeated.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Invalid`].
    async fn put_members(&self, members: &[MemberRow]) -> Result<u64, StoreError>;

    /// The member of that id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn member(&self, id: &BuyerId) -> Result<Option<MemberRow>, StoreError>;

    /// The grades of these members, in no order; those who are no members are left out. At most [`MEMBERS_MAX`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Invalid`].
    async fn grades_of(&self, ids: &[BuyerId]) -> Result<Vec<(BuyerId, Option<Box<str>>)>, StoreError>;

    /// Up to `limit` members by id, those after the given one (exclusive).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn list_members(
        &self,
        filter: &MemberFilter,
        after: Option<&BuyerId>,
        limit: usize,
    ) -> Result<Vec<MemberRow>, StoreError>;

    /// How many members there are.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn count_members(&self, filter: &MemberFilter) -> Result<u64, StoreError>;

    /// Forgets a member. Returns whether there was one. The member's coupons stay.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; it may be repeated.
    async fn delete_member(&self, id: &BuyerId) -> Result<bool, StoreError>;
}
