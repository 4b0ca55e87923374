//! Which commands of a session go to another node, and what comes back from there.

use std::sync::Arc;
use std::time::Instant;

use earlybird_proto::v1;
use earlybird_proto::v1::session_request::Command;
use earlybird_proto::v1::session_response::Result as Message;

use super::links::LinkNews;
use super::routes::{RouteIndex, Waiting, Way, Wished};
use super::slots::InFlight;
use super::{Session, background};
use crate::ingress::meters::Kind;
use crate::ingress::status::{Problem, is_elsewhere};
use crate::ingress::{Elsewhere, deadline, names};

impl Session {
    /// Takes a command whose performance is not known to be here. Gives it back when it is, or names none.
    pub(super) fn accept_elsewhere(
        &mut self,
        request: v1::SessionRequest,
        now: Instant,
        timed: bool,
    ) -> Option<v1::SessionRequest> {
        if !self.may_send_on {
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
        let expires_at = deadline::of_command(now, request.timeout_ms, self.ingress.options.request_timeout);
        let slot = self.in_flight.insert(InFlight {
            tag: request.tag,
            route,
            kind,
            timed_since: timed.then_some(now),
            expires_at,
        });
        self.routes.sent(route, kind);
        let request = Arc::new(v1::SessionRequest { tag: slot.into(), ..request });
        self.place_raw(route, slot, request, expires_at, None);
        None
    }

    /// Sends a command on, or puts it in line until its owner is known. `refused_by`: the node that has just said that it is
    /// not.
    fn place_raw(
        &mut self,
        index: RouteIndex,
        slot: u32,
        request: Arc<v1::SessionRequest>,
        expires_at: Instant,
        refused_by: Option<Arc<str>>,
    ) {
        let Some(route) = self.routes.get_mut(index) else { return };
        let is_known = |there: &Elsewhere| there.version == self.ingress.node.cluster.view_version();
        let there = match &route.way {
            Way::There(there) if is_known(there) => Some(Arc::clone(&there.address)),
            Way::Opening(_) => None,
            Way::There(_) | Way::Open | Way::Closed => {
                let ingress = Arc::clone(&self.ingress);
                self.background.push(background::open(ingress, index, route.id(), true, refused_by));
                route.way = Way::Opening(Vec::new());
                None
            }
        };
        match (there, &mut route.way) {
            (Some(address), _) => self.send_on(&address, slot, request),
            (None, Way::Opening(waiting)) => {
                waiting.push(Waiting { slot, wished: Wished::Raw(request), expires_at });
            }
            (None, _) => {}
        }
    }

    /// Sends a command to the node at `address`.
    pub(super) fn send_on(&mut self, address: &Arc<str>, slot: u32, request: Arc<v1::SessionRequest>) {
        let peers = self.ingress.node.cluster.peers();
        let connect = |address: &str| peers.channel(address).ok();
        if !self.links.send(address, request, self.authorization.as_ref(), connect) {
            self.answer(slot, Err(Problem::owner_lost()));
        }
    }

    /// Tells what came back from other nodes.
    pub(super) fn take_link_news(&mut self) {
        for news in self.links.take() {
            match news {
                LinkNews::Reply(reply) => self.linked(reply),
                LinkNews::Ended { link } => {
                    self.ingress.node.cluster.suspect();
                    for slot in self.links.ended(link) {
                        self.answer(slot, Err(Problem::owner_lost()));
                    }
                }
            }
        }
    }

    fn linked(&mut self, reply: v1::SessionResponse) {
        // Tags are slots, so it always fits.
        let slot = reply.tag as u32;
        let Some(request) = self.links.answered(slot) else { return };
        let Some(command) = self.in_flight.get(slot) else { return };
        match reply.result {
            Some(Message::Error(error))
                if is_elsewhere(&error.reason) && Instant::now() < command.expires_at =>
            {
                self.ingress.node.cluster.suspect();
                let mut refused_by = None;
                if let Some(route) = self.routes.get_mut(command.route)
                    && let Way::There(there) = &route.way
                {
                    refused_by = Some(Arc::clone(&there.address));
                    route.way = Way::Closed;
                }
                self.place_raw(command.route, slot, request, command.expires_at, refused_by);
            }
            Some(message) => self.answer_as_told(slot, message),
            None => self.answer(slot, Err(Problem::mismatch())),
        }
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
