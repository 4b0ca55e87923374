//! Members: what is known of buyers.

mod birth;
mod grades;

use std::sync::Arc;

use earlybird_persistence::{BuyerId, MemberFilter, MemberRow, Store, StoreError};

pub use birth::{parse_birth_date, show_birth_date};
use grades::Grades;
pub use grades::GradesBusy;

/// Members of a node.
pub struct Members {
    store: Arc<dyn Store>,
    grades: Grades,
}

impl Members {
    /// Members of `store`. Grades are looked up by [`Members::run_grades`].
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { grades: Grades::new(Arc::clone(&store)), store })
    }

    /// Adds members, or replaces what is known of them. Returns how many rows were written.
    ///
    /// # Errors
    /// The store does not answer; it may be repeated.
    pub async fn put(&self, members: &[MemberRow]) -> Result<u64, StoreError> {
        let written = self.store.put_members(members).await;
        // Also when the outcome is unknown.
        self.grades.forget(members.iter().map(|member| &member.id));
        written
    }

    /// The member of that id.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn get(&self, id: &BuyerId) -> Result<Option<MemberRow>, StoreError> {
        self.store.member(id).await
    }

    /// Up to `limit` members by id, those after the given one.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn list(
        &self,
        filter: &MemberFilter,
        after: Option<&BuyerId>,
        limit: usize,
    ) -> Result<Vec<MemberRow>, StoreError> {
        self.store.list_members(filter, after, limit).await
    }

    /// Forgets a member.
    ///
    /// # Errors
    /// The store does not answer; it may be repeated.
    pub async fn delete(&self, id: &BuyerId) -> Result<(), StoreError> {
        let deleted = self.store.delete_member(id).await;
        self.grades.forget(std::iter::once(id));
        deleted.map(drop)
    }

    /// The grade of a buyer as it is known here; none if it has to be looked up.
    #[must_use]
    pub fn known_grade(&self, buyer: &str) -> Option<Option<earlybird_engine::Grade>> {
        self.grades.known(buyer)
    }

    /// The grade of a buyer; none for one who has none, or is no member.
    ///
    /// # Errors
    /// See [`GradesBusy`].
    pub async fn grade(&self, buyer: &str) -> Result<Option<earlybird_engine::Grade>, GradesBusy> {
        self.grades.look_up(buyer).await
    }

    /// Looks up grades until it is dropped. To be called once.
    pub async fn run_grades(&self) {
        self.grades.run().await;
    }
}
