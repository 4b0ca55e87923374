//! Which commands of a session go to another node, and what comes back from there.

use std::sync::Arc;
use std::time::Instant;

use earlybird_proto::v1;
use earlybird_proto::v1::session_request::Command;
use earlybird_proto::v1::session_response::Result as Message;

use super::links::LinkNews;
use super::routes::{RouteIndex, Waiting, Way};
use super::slots::Stage;
use super::{Session, background};
use crate::ingress::meters::Kind;
use crate::ingress::status::{Problem, is_elsewhere};
use crate::ingress::{Elsewhere, names};

impl Session {
    /// Takes a command whose performance is not known to be here. Gives it back when it is, or names none.
    pub(super) fn accept_elsewhere(
        &mut self,
        request: v1::SessionRequest,
        now: Instant,
        timed: bool,
    ) -> Option<v1::SessionRequest> {
        if !self.origin.may_send_on {
            return Some(request);
        }
        let Some((kind, name)) = request.command.as_ref().map(subject) else { return Some(request) };
        let Some(id) = names::performance_in(name) else { return Some(request) };
        let route = self.routes.of(id);
        let is_here =
            self.routes.get(route).is_some_and(|route| matches!(route.way, Way::Open) && !route.is_stale());
        if is_here {
            return Some(request);
        }
        let slot = self.begin(request, route, kind, now, timed);
        self.send_or_wait(route, slot, None);
        None
    }

    /// Sends a command on, or puts it in line until its owner is known. `refused_by`: the node that has just said that it is
    /// not.
    fn send_or_wait(&mut self, index: RouteIndex, slot: u32, refused_by: Option<Arc<str>>) {
        let Some(route) = self.routes.get_mut(index) else { return };
        let is_known = |there: &Elsewhere| there.version == self.ingress.node.cluster.view_version();
        if let Way::There(there) = &route.way
            && is_known(there)
        {
            let address = Arc::clone(&there.address);
            return self.send_on(index, &address, slot);
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
    pub(super) fn send_on(&mut self, index: RouteIndex, address: &Arc<str>, slot: u32) {
        let (cluster, origin) = (&self.ingress.node.cluster, &self.origin);
        let connect = |address: &str| Some((cluster.peers().channel(address).ok()?, origin.shown(cluster)));
        let Some(command) = self.in_flight.get_mut(slot) else { return };
        // What is left of its time, but not 0: that would be the longest.
        let left = command.expires_at.saturating_duration_since(Instant::now());
        let timeout_ms = u32::try_from(left.as_millis()).unwrap_or(u32::MAX).max(1);
        let request = command.request.clone();
        let sent = request.and_then(|request| self.links.send(address, (request, timeout_ms), connect));
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

    fn linked(&mut self, reply: v1::SessionResponse) {
        // Tags are slots, so it always fits.
        let slot = reply.tag as u32;
        match reply.result {
            Some(Message::Error(error)) if is_elsewhere(&error.reason) && self.try_elsewhere(slot) => {}
            Some(message) => self.answer_as_told(slot, message),
            None => self.answer(slot, Err(Problem::mismatch())),
        }
    }

    /// Puts a command back in line that was refused where it went, since the owner is another. Returns whether it may: it
    /// must be kept as it came, and somebody must wait for it still.
    pub(super) fn try_elsewhere(&mut self, slot: u32) -> bool {
        let Some(command) = self.in_flight.get_mut(slot) else { return false };
        if command.is_told || command.request.is_none() || Instant::now() >= command.expires_at {
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
        self.send_or_wait(index, slot, refused_by);
        self.go_on(index);
        true
    }
}

/// Which method a command is, and the name that says which performance it is about.
fn subject(command: &Command) -> (Kind, &str) {
    match command {
        Command::HoldSeats(request) => (Kind::HoldSeats, &request.performance),
        Command::HoldBestAvailable(request) => (Kind::HoldBestAvailable, &request.performance),
        Command::ExtendHold(request) => (Kind::ExtendHold, &request.name),
        Command::ReleaseHold(request) => (Kind::ReleaseHold, &request.name),
        Command::JoinWaitlist(request) => (Kind::JoinWaitlist, &request.performance),
        Command::LeaveWaitlist(request) => (Kind::LeaveWaitlist, &request.performance),
        Command::PayHold(request) => (Kind::PayHold, &request.hold),
        Command::RefundOrder(request) => (Kind::RefundOrder, &request.name),
    }
}
