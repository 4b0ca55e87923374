//! Commands whose owner does not answer are answered at their deadlines.
//!
//! A node looks at the deadlines of what it decides itself. One that is frozen, or cut off, does not, so the session that sent a
//! command on answers for it. One timer does for all commands: it is set to the earliest deadline.

use std::pin::Pin;
use std::task::Context;
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use super::Session;
use super::routes::{Way, is_settled_later};
use super::slots::Stage;
use crate::ingress::status::Problem;

/// How long after a deadline: the owner's own word, which says more, may be on its way. Deadlines that come closer together are
/// looked at together.
const GRACE: Duration = Duration::from_millis(10);

/// Rings at the earliest deadline.
#[derive(Default)]
pub(super) struct Alarm {
    /// None while no deadline is to be looked at.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    /// Sees to it that it rings for a command that expires then. Poll it after.
    pub(super) fn set(&mut self, expires_at: Instant) {
        let ring_at = tokio::time::Instant::from_std(expires_at + GRACE);
        match &mut self.sleep {
            Some(sleep) if sleep.deadline() <= ring_at => {}
            Some(sleep) => sleep.as_mut().reset(ring_at),
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(ring_at))),
        }
    }

    /// Whether it rings, once.
    fn poll(&mut self, context: &mut Context<'_>) -> bool {
        let rings = self.sleep.as_mut().is_some_and(|sleep| sleep.as_mut().poll(context).is_ready());
        if rings {
            self.sleep = None;
        }
        rings
    }
}

impl Session {
    /// Answers what is past its deadline.
    pub(super) fn poll_deadlines(&mut self, context: &mut Context<'_>) {
        while self.alarm.poll(context) {
            let now = Instant::now();
            for slot in self.in_flight.overdue(now) {
                self.expire(slot);
            }
            if let Some(next) = self.in_flight.next_deadline() {
                self.alarm.set(next);
            }
        }
    }

    /// Answers a command whose deadline has passed.
    pub(super) fn expire(&mut self, slot: u32) {
        let Some(command) = self.in_flight.get_mut(slot) else { return };
        if command.stage == Stage::Waiting {
            let (route, number, kind) = (command.route, command.number, command.kind);
            if let Some(Way::Opening(opening)) = self.routes.get_mut(route).map(|route| &mut route.way) {
                opening.remove(number);
            }
            // What is settled later may have been begun where it was before.
            let is_unknown = is_settled_later(kind);
            let problem = if is_unknown { Problem::owner_silent() } else { Problem::deadline_exceeded() };
            return self.answer(slot, Err(problem));
        }
        // Its place is kept until the other node has had its say: a late reply must not be taken for another command's.
        command.is_told = true;
        let (tag, kind) = (command.tag, command.kind);
        self.refuse(tag, kind, Problem::owner_silent());
    }
}
