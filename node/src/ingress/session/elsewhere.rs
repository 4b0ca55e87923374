//! Which commands of a session go to another node, and what comes back from there.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::links::LinkNews;
use super::read::Came;
use super::routes::{RouteIndex, Waiting, Way};
use super::slots::Stage;
use super::wire::{SentOn, Subject, Verdict};
use super::{Session, background, wire};
use crate::ingress::status::Problem;
use crate::ingress::{Elsewhere, names};

impl Session {
    /// Takes a command whose performance is not known to be here. Returns whether it did: not one whose performance is here,
    /// or that names none.
    pub(super) fn accept_elsewhere(&mut self, message: &Bytes, now: Instant, timed: bool) -> bool {
        if !self.origin.may_send_on {
            return false;
        }
        let Some(Subject { tag, timeout_ms, kind, name }) = Subject::of(message) else { return false };
        let Some(id) = names::performance_in(name) else { return false };
        let route = self.routes.of(id);
        let is_here =
            self.routes.get(route).is_some_and(|route| matches!(route.way, Way::Open) && !route.is_stale());
        if !is_here {
            let came = Came { tag, timeout_ms, message: message.clone(), now, timed };
            let slot = self.begin(came, route, kind);
            self.send_or_wait(route, slot, now, None);
        }
        !is_here
    }

    /// Sends a command on, or puts it in line until its owner is known. `refused_by`: the node that has just said that it is
    /// not.
    pub(super) fn send_or_wait(
        &mut self,
        index: RouteIndex,
        slot: u32,
        now: Instant,
        refused_by: Option<Arc<str>>,
    ) {
        let Some(route) = self.routes.get_mut(index) else { return };
        let is_known = |there: &Elsewhere| there.version == self.ingress.node.cluster.view_version();
        if let Way::There(there) = &route.way
            && is_known(there)
        {
            let address = Arc::clone(&there.address);
            return self.send_on(index, &address, slot, now);
        }
        let Some(command) = self.in_flight.get(slot) else { return };
        let (number, expires_at) = (command.number, command.expires_at);
        if !matches!(route.way, Way::Opening(_)) {
            let ingress = Arc::clone(&self.ingress);
            self.background.push(background::open(ingress, index, route.id(), true, refused_by));
            route.reopen();
        }
        if let Way::Opening(opening) = &mut route.way {
            opening.push(Waiting { slot, number, wish: None, expires_at });
            self.alarm.set(expires_at);
        }
    }

    /// Sends a command to the node at `address`.
    pub(super) fn send_on(&mut self, index: RouteIndex, address: &Arc<str>, slot: u32, now: Instant) {
        let (cluster, origin) = (&self.ingress.node.cluster, &self.origin);
        let connect = |address: &str| Some((cluster.peers().channel(address).ok()?, origin.shown(cluster)));
        let Some(command) = self.in_flight.get_mut(slot) else { return };
        // What is left of its time, but not 0: that would be the longest.
        let left = command.expires_at.saturating_duration_since(now);
        let timeout_ms = u32::try_from(left.as_millis()).unwrap_or(u32::MAX).max(1);
        let sent_on = command.message.clone().map(|command| SentOn { command, tag: slot, timeout_ms });
        let sent = sent_on.and_then(|sent_on| self.links.send(address, sent_on, connect));
        match sent {
            Some(link) => {
                command.stage = Stage::There(link);
                self.alarm.set(command.expires_at);
                let kind = command.kind;
                if let Some(route) = self.routes.get_mut(index) {
                    route.went(kind);
                }
            }
            // The link has just ended, and its news is on the way.
            None if self.try_elsewhere(slot) => {}
            None => self.answer(slot, Err(Problem::between_owners())),
        }
    }

    /// Tells what came back from other nodes.
    pub(super) fn take_link_news(&mut self) {
        for news in self.links.take() {
            match news {
                LinkNews::Reply(reply) => self.linked(reply),
                LinkNews::Ended { link, is_drained } => {
                    self.ingress.node.cluster.suspect();
                    self.links.ended(link);
                    for slot in self.in_flight.over(link) {
                        // What a node that shuts down had not read was not done.
                        if !(is_drained && self.try_elsewhere(slot)) {
                            self.answer(slot, Err(Problem::owner_lost()));
                        }
                    }
                }
            }
        }
    }

    fn linked(&mut self, reply: Bytes) {
        match wire::verdict(&reply) {
            Some((slot, Verdict::Elsewhere)) if self.try_elsewhere(slot) => {}
            Some((slot, Verdict::Elsewhere | Verdict::Reply)) => self.pass(slot, reply),
            Some((slot, Verdict::Nothing)) => self.answer(slot, Err(Problem::mismatch())),
            // Whose it is cannot be told: that command is answered at its deadline.
            None => tracing::warn!("another node's reply cannot be read"),
        }
    }

    /// Puts a command back in line that was refused where it went, since the owner is another. Returns whether it may: it
    /// must be kept as it came, and somebody must wait for it still.
    pub(super) fn try_elsewhere(&mut self, slot: u32) -> bool {
        let Some(command) = self.in_flight.get_mut(slot) else { return false };
        let now = Instant::now();
        if command.is_told || command.message.is_none() || now >= command.expires_at {
            return false;
        }
        let (index, kind) = (command.route, command.kind);
        let had_gone = std::mem::replace(&mut command.stage, Stage::Waiting) != Stage::Waiting;
        self.ingress.node.cluster.suspect();
        let mut refused_by = None;
        if let Some(route) = self.routes.get_mut(index) {
            if had_gone {
                route.came_back(kind);
            }
            if let Way::There(there) = &route.way {
                refused_by = Some(Arc::clone(&there.address));
                route.way = Way::Closed;
            }
        }
        self.send_or_wait(index, slot, now, refused_by);
        self.go_on(index);
        true
    }
}
