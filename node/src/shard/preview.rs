//! A look at what a hold would come to, without a place in the inbox.

use earlybird_engine::{Action, Command, Rejection, State, Timestamp, decide};
use parking_lot::RwLockReadGuard;

/// The state as it is, for the time of a batch. Keep it short: the actor waits.
///
/// At an on-sale nearly every hold is turned down. A rejection changes nothing and is not remembered, so it may be decided at
/// any moment between the arrival of its command and the answer, by whoever looks: side by side on all cores, before the
/// one actor. What would be accepted has to be decided there again.
pub struct Preview<'s> {
    pub(super) state: RwLockReadGuard<'s, State>,
    pub(super) now: Timestamp,
}

impl Preview<'_> {
    /// Why a hold of named seats is turned down as things are; none when it may be accepted, and for every other command.
    ///
    /// Only holds: what the same caller sent before and has no answer to cannot have made room for one, but for the
    /// commands that give seats back, which the caller looks out for.
    #[must_use]
    pub fn rejection(&self, command: &Command) -> Option<Rejection> {
        match command.action {
            Action::Hold { .. } => decide(&self.state, self.now, command).err(),
            _ => None,
        }
    }
}
