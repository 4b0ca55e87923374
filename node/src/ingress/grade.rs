//! The grade of a member, where a frontend did not send one.
//!
//! It is looked for only while a presale is open, where it decides. The rush of a general sale never waits for it.

use earlybird_engine::Grade;

use super::Ingress;
use super::status::Problem;
use super::wish::Wish;
use crate::members::GradesBusy;
use crate::reply::Unavailable;
use crate::shard::Shard;

/// What is to be done about a grade.
pub(super) enum Missing {
    /// Nothing: none is needed, one was sent, or the one that is known was put in.
    Nothing,
    /// It has to be looked up.
    LookUp,
}

impl Ingress {
    /// Puts the grade into a wish that needs one, if it is known here.
    pub(super) fn fill_grade(&self, wish: &mut Wish, shard: &Shard) -> Missing {
        let Some(buyer) = wish.without_grade() else { return Missing::Nothing };
        if !shard.performance().settings.asks_for_grade(self.node.clock.now()) {
            return Missing::Nothing;
        }
        match self.node.members.known_grade(&buyer.0) {
            Some(grade) => {
                wish.set_grade(grade);
                Missing::Nothing
            }
            None => Missing::LookUp,
        }
    }

    /// Looks up the grade of a buyer: none for one who is no member.
    ///
    /// # Errors
    /// `OVERLOADED` or `STORE_UNAVAILABLE`; nothing was done.
    pub(super) async fn look_up_grade(&self, buyer: &str) -> Result<Option<Grade>, Problem> {
        self.node.members.grade(buyer).await.map_err(|busy| match busy {
            GradesBusy::Overloaded => Problem::overloaded("too many grades are being looked up"),
            GradesBusy::Unavailable => Unavailable::Store.into(),
        })
    }
}
