//! Reading commands, and handing them to their shards in batches.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use earlybird_proto::v1;
use earlybird_proto::v1::session_request::Command;
use futures::Stream as _;
use prost::Message as _;
use tonic::Status;

use super::Session;
use super::background::{self, Ungraded};
use super::routes::{Resolved, RouteIndex, Waiting, Way};
use super::slots::{InFlight, Stage};
use super::wire;
use crate::ingress::deadline;
use crate::ingress::fingerprint::Fingerprinter;
use crate::ingress::grade::Missing;
use crate::ingress::meters::Kind;
use crate::ingress::status::Problem;
use crate::ingress::wish::{Parse as _, Wish};
use crate::reply::{ReplyTo, Ticket};
use crate::shard::Job;

/// A command that has come.
pub(super) struct Came {
    pub(super) tag: u64,
    pub(super) timeout_ms: u32,
    pub(super) message: Bytes,
    pub(super) now: Instant,
    pub(super) timed: bool,
}

/// Commands read at a time: what a shard takes in one wake-up.
const BATCH_MAX: usize = 256;

impl Session {
    /// Reads what the client has sent, up to a batch. Returns whether there may be more.
    pub(super) fn poll_commands(&mut self, context: &mut Context<'_>) -> bool {
        let now = Instant::now();
        let room = self.ingress.options.session_in_flight_max.saturating_sub(self.in_flight.len());
        let limit = room.min(BATCH_MAX);
        let mut touched = std::mem::take(&mut self.touched);
        let mut read = 0;
        while read < limit {
            let Some(commands) = self.commands.as_mut() else { break };
            match std::pin::Pin::new(commands).poll_next(context) {
                Poll::Pending => break,
                Poll::Ready(Some(message)) => {
                    let accepted =
                        message.and_then(|message| self.accept(message, now, read == 0, &mut touched));
                    if let Err(status) = accepted {
                        // The client broke off, or does not speak the protocol.
                        self.commands = None;
                        self.ending.get_or_insert(status);
                    }
                    read += 1;
                }
                Poll::Ready(None) => self.commands = None,
            }
        }
        for route in touched.drain(..) {
            self.submit(route);
        }
        self.touched = touched;
        read == limit && limit > 0
    }

    /// Takes one command. Only the first of a batch is timed: it has waited longest, and a clock costs.
    ///
    /// # Errors
    /// When it cannot even be told which one it is.
    fn accept(
        &mut self,
        message: Bytes,
        now: Instant,
        timed: bool,
        touched: &mut Vec<RouteIndex>,
    ) -> Result<(), Status> {
        let max = self.ingress.options.message_bytes_max;
        if self.origin.may_send_on && message.len() > max {
            // In the transport's words: there is room for what other nodes add to what they send on.
            let length = message.len();
            let problem =
                format!("decoded message length too large: found {length} bytes, the limit is: {max} bytes");
            return Err(Status::out_of_range(problem));
        }
        if self.accept_elsewhere(&message, now, timed) {
            return Ok(());
        }
        let request = match decode(&message) {
            Ok(request) => request,
            Err(problem) => {
                let tag = wire::tag_of(&message).ok_or_else(|| Status::from(problem.clone()))?;
                self.refuse(tag, Kind::Invalid, problem);
                return Ok(());
            }
        };
        match self.check(request.command) {
            Ok(wish) => {
                let route = self.routes.of(wish.performance());
                let came = Came { tag: request.tag, timeout_ms: request.timeout_ms, message, now, timed };
                let slot = self.begin(came, route, wish.kind());
                self.place(route, slot, wish, now, touched);
            }
            Err(problem) => self.refuse(request.tag, Kind::Invalid, problem),
        }
        Ok(())
    }

    /// Takes a command up, in a slot.
    pub(super) fn begin(&mut self, came: Came, route: RouteIndex, kind: Kind) -> u32 {
        let Came { tag, timeout_ms, message, now, timed } = came;
        self.begun += 1;
        self.routes.sent(route, kind);
        self.in_flight.insert(InFlight {
            tag,
            route,
            kind,
            timed_since: timed.then_some(now),
            expires_at: deadline::of_command(now, timeout_ms, self.ingress.options.request_timeout),
            number: self.begun,
            message: self.origin.may_send_on.then_some(message),
            stage: Stage::Waiting,
            is_told: false,
        })
    }

    fn check(&mut self, command: Option<Command>) -> Result<Wish, Problem> {
        let wish = parse(command, &mut self.fingerprinter)?;
        wish.authorise(&self.caller).map_err(|status| Problem::denied(&status))?;
        if wish.coupon().is_some() {
            // It waits for the store, as an account does, and a session waits for nothing but its shards.
            return Err(Problem::field(
                "coupon",
                "is for a unary call of PayHold; a session takes payments without",
            ));
        }
        if wish.refund_account().is_some() {
            return Err(Problem::field(
                "refund_account",
                "is for a unary call of RefundOrder; a session gives no deposit back",
            ));
        }
        self.ingress.admit(&wish)?;
        Ok(wish)
    }

    /// Puts a command where it goes: to the batch of its shard, or in line for a performance that is being loaded.
    fn place(
        &mut self,
        index: RouteIndex,
        slot: u32,
        wish: Wish,
        now: Instant,
        touched: &mut Vec<RouteIndex>,
    ) {
        let Some(command) = self.in_flight.get(slot) else { return };
        let (number, expires_at) = (command.number, command.expires_at);
        let Some(route) = self.routes.get_mut(index) else { return };
        if matches!(route.way, Way::There(_)) {
            // It had to be decoded to tell what it is about.
            return self.send_or_wait(index, slot, now, None);
        }
        let is_first = route.batch.is_empty();
        // Looked at once for each batch: it takes a lock.
        if is_first && (matches!(route.way, Way::Closed) || route.is_stale()) {
            // What is still to be refused by the shard that was must not be overtaken.
            let active = self.ingress.node.directory.active(route.id()).filter(|_| route.is_clear());
            match active {
                Some(shard) => route.open(shard),
                None => {
                    let ingress = Arc::clone(&self.ingress);
                    let may_send_on = self.origin.may_send_on;
                    self.background.push(background::open(ingress, index, route.id(), may_send_on, None));
                    route.reopen();
                }
            }
        }
        if let Way::Opening(opening) = &mut route.way {
            self.alarm.set(expires_at);
            return opening.push(Waiting { slot, number, wish: Some(wish), expires_at });
        }
        if is_first {
            touched.push(index);
        }
        self.queue(index, slot, wish, expires_at);
    }

    /// Adds a command that has waited to the batch of its shard.
    pub(super) fn queue_waiting(&mut self, index: RouteIndex, command: Waiting) {
        let Waiting { slot, wish, expires_at, .. } = command;
        let wish = wish.map_or_else(|| self.check_kept(slot), Ok);
        match wish {
            Ok(wish) => self.queue(index, slot, wish, expires_at),
            Err(problem) => self.answer(slot, Err(problem)),
        }
    }

    /// Checks a command that was kept as it came.
    fn check_kept(&mut self, slot: u32) -> Result<Wish, Problem> {
        let message = self.in_flight.get(slot).and_then(|command| command.message.clone());
        let request = decode(&message.ok_or_else(Problem::mismatch)?)?;
        self.check(request.command)
    }

    /// Adds a command to the batch of its shard, or looks up first what it lacks.
    fn queue(&mut self, index: RouteIndex, slot: u32, mut wish: Wish, expires_at: Instant) {
        let (Some(route), Some(command)) = (self.routes.get_mut(index), self.in_flight.get_mut(slot)) else {
            return;
        };
        command.stage = Stage::Here;
        route.went(command.kind);
        let Some(shard) = route.shard.as_ref() else { return };
        match self.ingress.fill_grade(&mut wish, shard) {
            Missing::Nothing => self.queue_complete(index, slot, wish, expires_at),
            Missing::LookUp => {
                let command = Ungraded { slot, wish, expires_at };
                self.background.push(background::grade(Arc::clone(&self.ingress), index, command));
            }
        }
    }

    /// Adds a command that lacks nothing to the batch of its shard.
    pub(super) fn queue_complete(&mut self, index: RouteIndex, slot: u32, wish: Wish, expires_at: Instant) {
        let Some(route) = self.routes.get_mut(index) else { return };
        let Some(shard) = &route.shard else { return };
        match wish.resolve(&shard.performance().layout) {
            Ok(command) => route.batch.push(Resolved { slot, command, expires_at }),
            Err(rejection) => {
                let problem = Problem::rejected(rejection, &shard.performance().name);
                self.answer(slot, Err(problem));
            }
        }
    }

    /// Hands the batch of a shard over, but for the holds that are turned down as things are: those are answered.
    pub(super) fn submit(&mut self, index: RouteIndex) {
        let Some(route) = self.routes.get_mut(index) else { return };
        let Some(shard) = route.shard.clone() else { return };
        let preview =
            (route.may_look_ahead() && shard.is_open()).then(|| shard.preview(self.ingress.node.clock.now()));
        let mut rejected = std::mem::take(&mut self.rejected);
        for Resolved { slot, command, expires_at } in route.batch.drain(..) {
            match preview.as_ref().and_then(|preview| preview.rejection(&command)) {
                Some(rejection) => rejected.push((slot, rejection)),
                None => {
                    let reply = ReplyTo::Port(Ticket::new(self.port.clone(), slot.into()));
                    route.jobs.push(Job { command, expires_at: Some(expires_at), reply });
                }
            }
        }
        drop(preview);
        if !route.jobs.is_empty() {
            shard.submit_all(&mut route.jobs);
        }
        for (slot, rejection) in rejected.drain(..) {
            self.answer(slot, Err(Problem::rejected(rejection, &shard.performance().name)));
        }
        self.rejected = rejected;
    }
}

fn decode(message: &[u8]) -> Result<v1::SessionRequest, Problem> {
    v1::SessionRequest::decode(message)
        .map_err(|error| Problem::field("command", format!("it cannot be read: {error}")))
}

fn parse(command: Option<Command>, by: &mut Fingerprinter) -> Result<Wish, Problem> {
    match command {
        Some(Command::HoldSeats(request)) => request.parse(by),
        Some(Command::HoldBestAvailable(request)) => request.parse(by),
        Some(Command::ExtendHold(request)) => request.parse(by),
        Some(Command::ReleaseHold(request)) => request.parse(by),
        Some(Command::JoinWaitlist(request)) => request.parse(by),
        Some(Command::LeaveWaitlist(request)) => request.parse(by),
        Some(Command::PayHold(request)) => request.parse(by),
        Some(Command::RefundOrder(request)) => request.parse(by),
        None => Err(Problem::field("command", "required, and one that this server knows")),
    }
}
