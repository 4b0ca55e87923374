//! The deadlines of a shard's holds, in a hierarchical timer wheel.
//!
//! An entry is never cancelled: it carries the deadline that it was armed for, and one that fires for a hold with another
//! deadline, or for a hold that is gone, is dropped. When too many such entries have gathered the wheel is made anew.

use std::time::Duration;

use earlybird_engine::{HoldId, Timestamp};
use hierarchical_hash_wheel_timer::wheels::Skip;
use hierarchical_hash_wheel_timer::wheels::quad_wheel::{QuadWheelWithOverflow, no_prune};

/// One unit of the wheel. Deadlines are rounded up to it: a hold never lapses early.
const UNIT_MS: u64 = 10;
/// Dead entries that are borne before the wheel is made anew, beside twice the live ones.
const DEAD_ENTRIES_BORNE: usize = 65_536;

/// A hold and the deadline that it had when the timer was armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Alarm {
    pub(super) hold: HoldId,
    pub(super) deadline: Timestamp,
}

/// The wheel.
pub(super) struct Timers {
    /// Made when something is armed, for an empty one takes 28 kilobytes.
    wheel: Option<QuadWheelWithOverflow<Alarm>>,
    /// The unit up to which the wheel was turned: time in milliseconds / [`UNIT_MS`].
    turned_to: u64,
    armed: usize,
    /// Entries whose time had come when they were armed.
    due_now: Vec<Alarm>,
}

impl Timers {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { wheel: None, turned_to: now.0 / UNIT_MS, armed: 0, due_now: Vec::new() }
    }

    /// Arms the timer of a hold.
    pub(super) fn arm(&mut self, alarm: Alarm) {
        let due_unit = alarm.deadline.0.div_ceil(UNIT_MS);
        let Some(units) = due_unit.checked_sub(self.turned_to).filter(|units| *units > 0) else {
            self.due_now.push(alarm);
            return;
        };
        // The wheel calls its unit a millisecond; here it is UNIT_MS of them.
        let wheel = self.wheel.get_or_insert_with(|| QuadWheelWithOverflow::new(no_prune));
        match wheel.insert_with_delay(alarm, Duration::from_millis(units)) {
            Ok(()) => self.armed += 1,
            Err(_) => self.due_now.push(alarm),
        }
    }

    /// Turns the wheel to `now` and appends what became due.
    pub(super) fn turn(&mut self, now: Timestamp, due: &mut impl Extend<Alarm>) {
        // After an outage it may be many: they came in no order, and whoever was due first is first.
        self.due_now.sort_unstable_by_key(|alarm| (alarm.deadline, alarm.hold));
        due.extend(self.due_now.drain(..));
        let target = now.0 / UNIT_MS;
        while let Some(wheel) = self.wheel.as_mut().filter(|_| self.turned_to < target && self.armed > 0) {
            let skipped = match wheel.can_skip() {
                Skip::Millis(units) => u64::from(units).min(target - self.turned_to),
                Skip::Empty | Skip::None => 0,
            };
            if let Ok(units @ 1..) = u32::try_from(skipped) {
                wheel.skip(units);
                self.turned_to += skipped;
                continue;
            }
            let fired = wheel.tick();
            self.turned_to += 1;
            self.armed -= fired.len();
            due.extend(fired);
        }
        if self.armed == 0 {
            self.wheel = None;
        }
        self.turned_to = self.turned_to.max(target);
    }

    /// The earliest time at which [`Self::turn`] may find something; none when nothing is armed.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        if !self.due_now.is_empty() {
            return Some(Timestamp(0));
        }
        match self.wheel.as_ref()?.can_skip() {
            Skip::Empty => None,
            Skip::Millis(units) => Some(Timestamp((self.turned_to + u64::from(units)) * UNIT_MS)),
            Skip::None => Some(Timestamp(self.turned_to * UNIT_MS)),
        }
    }

    /// Whether so many entries are dead that the wheel should be made anew, given the number of live holds.
    pub(super) fn is_cluttered(&self, live: usize) -> bool {
        self.armed > 2 * live + DEAD_ENTRIES_BORNE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm(number: u64, deadline_ms: u64) -> Alarm {
        Alarm { hold: HoldId(number), deadline: Timestamp(deadline_ms) }
    }

    #[test]
    fn every_alarm_fires_once_at_its_time() {
        let start = 1_700_000_000_123;
        let mut timers = Timers::new(Timestamp(start));
        let spans = [1, 9, 10, 11, 255, 2_559, 2_560, 2_561, 60_000, 600_000, 655_359, 655_361, 9_000_000];
        for (number, span) in (0..).zip(spans) {
            timers.arm(alarm(number, start + span));
        }
        let mut fired = Vec::new();
        let mut now = start;
        while fired.len() < spans.len() {
            now += 37;
            let mut due = Vec::new();
            timers.turn(Timestamp(now), &mut due);
            for alarm in due {
                assert!(alarm.deadline.0 <= now, "fired early: {alarm:?} at {now}");
                assert!(now - alarm.deadline.0 < 37 + 2 * UNIT_MS, "fired late: {alarm:?} at {now}");
                fired.push(alarm.hold.0);
            }
        }
        fired.sort_unstable();
        assert_eq!(fired, (0..13).collect::<Vec<_>>());
        assert_eq!(timers.next_due(), None);
    }

    #[test]
    fn a_wheel_is_made_when_it_is_needed_and_given_up_when_it_is_empty() {
        let mut timers = Timers::new(Timestamp(1_000));
        let mut due = Vec::new();
        for (number, start) in [(1, 5_000), (2, 700_000), (3, 9_000_000)] {
            timers.turn(Timestamp(start), &mut due);
            assert!(timers.wheel.is_none() && due.is_empty());
            timers.arm(alarm(number, start + 400));
            timers.turn(Timestamp(start + 390), &mut due);
            assert!(timers.wheel.is_some() && due.is_empty(), "never early");
            timers.turn(Timestamp(start + 420), &mut due);
            assert_eq!(due, [alarm(number, start + 400)]);
            assert!(timers.wheel.is_none());
            due.clear();
        }
    }

    #[test]
    fn a_past_deadline_is_due_at_once() {
        let mut timers = Timers::new(Timestamp(1_000));
        timers.arm(alarm(1, 500));
        assert_eq!(timers.next_due(), Some(Timestamp(0)));
        let mut due = Vec::new();
        timers.turn(Timestamp(1_000), &mut due);
        assert_eq!(due, [alarm(1, 500)]);
    }

    #[test]
    fn what_was_due_before_the_start_is_due_in_the_order_of_deadlines() {
        let mut timers = Timers::new(Timestamp(1_000));
        for (number, deadline_ms) in [(1, 900), (3, 300), (4, 900), (2, 300), (5, 1_000)] {
            timers.arm(alarm(number, deadline_ms));
        }
        let mut due = Vec::new();
        timers.turn(Timestamp(1_000), &mut due);
        assert_eq!(due, [(2, 300), (3, 300), (1, 900), (4, 900), (5, 1_000)].map(|(n, ms)| alarm(n, ms)));
    }
}
