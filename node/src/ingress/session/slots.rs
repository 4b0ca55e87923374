//! The commands of a session that have no reply yet.

use std::time::Instant;

use bytes::Bytes;

use super::links::LinkIndex;
use super::routes::RouteIndex;
use crate::ingress::meters::Kind;

/// A command in flight.
pub(super) struct InFlight {
    /// The client's tag.
    pub(super) tag: u64,
    /// Where it went.
    pub(super) route: RouteIndex,
    /// Which method it is.
    pub(super) kind: Kind,
    /// When it was read, if its latency is to be noted.
    pub(super) timed_since: Option<Instant>,
    /// When the client stops waiting.
    pub(super) expires_at: Instant,
    /// Its place among all commands of the session.
    pub(super) number: u64,
    /// As it came, for whoever owns its performance by then. None in a session that sends nothing on.
    pub(super) message: Option<Bytes>,
    /// Where it is.
    pub(super) stage: Stage,
    /// Whether the client was told that its time is over, while another node still has it.
    pub(super) is_told: bool,
}

impl InFlight {
    /// Whether the session answers it at its deadline: a shard of this node does so itself.
    fn is_timed(&self) -> bool {
        !self.is_told && self.stage != Stage::Here
    }
}

/// Where a command in flight is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It waits in its route.
    Waiting,
    /// With the shard of its route.
    Here,
    /// With another node.
    There(LinkIndex),
}

/// A slab of commands in flight: a reply names its slot.
#[derive(Default)]
pub(super) struct Slots {
    slots: Vec<Option<InFlight>>,
    vacant: Vec<u32>,
}

impl Slots {
    /// Commands in flight.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.vacant.len()
    }

    /// Takes a command up, and tells its slot.
    pub(super) fn insert(&mut self, command: InFlight) -> u32 {
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(None);
            // The session's bound on commands in flight is far below 2^32.
            (self.slots.len() - 1) as u32
        });
        self.slots[slot as usize] = Some(command);
        slot
    }

    /// A command in flight; none for a slot that was answered already.
    pub(super) fn get(&self, slot: u32) -> Option<&InFlight> {
        self.slots.get(slot as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut InFlight> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    pub(super) fn remove(&mut self, slot: u32) -> Option<InFlight> {
        let removed = self.slots.get_mut(slot as usize)?.take();
        if removed.is_some() {
            self.vacant.push(slot);
        }
        removed
    }

    /// The commands that are past their deadlines, and that no shard of this node has.
    pub(super) fn overdue(&self, now: Instant) -> Vec<u32> {
        self.such_as(|command| command.is_timed() && command.expires_at <= now)
    }

    /// The earliest deadline of those that no shard of this node has.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let timed = self.slots.iter().flatten().filter(|command| command.is_timed());
        timed.map(|command| command.expires_at).min()
    }

    /// The commands that went over a link.
    pub(super) fn over(&self, link: LinkIndex) -> Vec<u32> {
        self.such_as(|command| command.stage == Stage::There(link))
    }

    fn such_as(&self, is_such: impl Fn(&InFlight) -> bool) -> Vec<u32> {
        let commands = (0..).zip(&self.slots);
        commands.filter(|(_, command)| command.as_ref().is_some_and(&is_such)).map(|(slot, _)| slot).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn in_flight(tag: u64, stage: Stage, expires_at: Instant) -> InFlight {
        InFlight {
            tag,
            route: RouteIndex::default(),
            kind: Kind::HoldSeats,
            timed_since: None,
            expires_at,
            number: tag,
            message: None,
            stage,
            is_told: false,
        }
    }

    #[test]
    fn slots_are_reused_and_answered_once() {
        let now = Instant::now();
        let command = |tag| in_flight(tag, Stage::Waiting, now);
        let mut slots = Slots::default();
        let (first, second) = (slots.insert(command(7)), slots.insert(command(8)));
        assert_eq!(slots.len(), 2);
        slots.remove(first);
        slots.remove(first);
        assert_eq!(slots.len(), 1);
        assert!(slots.get(first).is_none());
        assert_eq!(slots.insert(command(9)), first);
        assert_eq!(slots.get(second).map(|command| command.tag), Some(8));
        assert_eq!(slots.slots.len(), 2);
    }

    #[test]
    fn what_no_shard_of_this_node_has_is_overdue_at_its_deadline() {
        let begun = Instant::now();
        let after = |ms| begun + Duration::from_millis(ms);
        let mut slots = Slots::default();
        let waiting = slots.insert(in_flight(1, Stage::Waiting, after(30)));
        slots.insert(in_flight(2, Stage::Here, after(10)));
        let there = slots.insert(in_flight(3, Stage::There(LinkIndex::default()), after(20)));
        assert_eq!((slots.overdue(after(19)), slots.next_deadline()), (vec![], Some(after(20))));
        assert_eq!(slots.overdue(after(30)), [waiting, there]);
        slots.get_mut(there).expect("it is there").is_told = true;
        assert_eq!((slots.overdue(after(30)), slots.next_deadline()), (vec![waiting], Some(after(30))));
    }
}
