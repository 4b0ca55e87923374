//! Telling the client what its commands came to.

use std::sync::Arc;

use bytes::Bytes;
use earlybird_engine::{Action, Answer, Timestamp};
use earlybird_proto::v1;
use earlybird_proto::v1::session_response::Result as Message;

use super::port::Delivered;
use super::slots::{InFlight, Stage};
use super::wire::Outgoing;
use super::{Session, background};
use crate::ingress::answer::{Told, tell};
use crate::ingress::meters::Kind;
use crate::ingress::status::Problem;
use crate::ingress::wish::take_buyer;
use crate::reply::{Delivery, Failure, Unavailable};

/// The slot that a tag stands for: tags are given out as slots, so it always fits.
fn slot(tag: u64) -> u32 {
    tag as u32
}

impl Session {
    /// Tells all replies that have come.
    pub(super) fn take_replies(&mut self) {
        let mut delivered = std::mem::take(&mut self.delivered);
        self.port.take(&mut delivered);
        if !delivered.is_empty() {
            let now = self.ingress.node.clock.now();
            for delivered in delivered.drain(..) {
                match delivered {
                    Delivered::Reply(Delivery { tag, action, reply: Ok(answer) }) => {
                        self.accepted(slot(tag), now, action, answer);
                    }
                    Delivered::Reply(Delivery { tag, reply: Err(Failure::Unavailable(reason)), .. })
                        if matches!(reason, Unavailable::NotOwner | Unavailable::Draining)
                            && self.try_elsewhere(slot(tag)) => {}
                    Delivered::Reply(Delivery { tag, reply: Err(failure), .. }) => {
                        let problem = Problem::failed(failure, self.performance_of(slot(tag)));
                        self.answer(slot(tag), Err(problem));
                    }
                    Delivered::Lost { tag } => {
                        self.answer(slot(tag), Err(Unavailable::ShardRestarted.into()))
                    }
                }
            }
        }
        self.delivered = delivered;
    }

    /// The whole name of the performance of a command in flight.
    fn performance_of(&self, slot: u32) -> &str {
        let route = self.in_flight.get(slot).and_then(|command| self.routes.get(command.route));
        route.and_then(|route| route.shard.as_ref()).map_or("", |shard| &shard.performance().name)
    }

    fn accepted(&mut self, slot: u32, now: Timestamp, action: Action, answer: Answer) {
        let Some(command) = self.in_flight.get(slot) else { return };
        let expires_at = command.expires_at;
        let Some(shard) = self.routes.get(command.route).and_then(|route| route.shard.as_ref()) else {
            return;
        };
        let message = match tell(shard, now, take_buyer(action), answer) {
            Ok(Told::Hold(hold)) => Ok(Message::Hold(hold)),
            Ok(Told::Place(entry)) => Ok(Message::WaitlistEntry(entry)),
            Ok(Told::Left) => Ok(Message::Left(v1::LeaveWaitlistResponse {})),
            Ok(Told::Payment(order)) => {
                let (ingress, shard) = (Arc::clone(&self.ingress), Arc::clone(shard));
                self.background.push(background::pay(ingress, slot, shard, order, expires_at));
                return;
            }
            Ok(Told::Refund(refund, order)) => {
                let (ingress, shard) = (Arc::clone(&self.ingress), Arc::clone(shard));
                let both = (refund, order);
                self.background.push(background::refund(ingress, slot, shard, both, expires_at));
                return;
            }
            Ok(Told::Done) => Err(Problem::mismatch()),
            Err(problem) => Err(problem),
        };
        self.answer(slot, message);
    }

    /// Takes a command out of its slot: it is answered. What waited for it goes on.
    fn end(&mut self, slot: u32) -> Option<InFlight> {
        let command = self.in_flight.remove(slot)?;
        self.routes.answered(command.route, command.kind);
        if command.stage != Stage::Waiting
            && let Some(route) = self.routes.get_mut(command.route)
        {
            route.came_back(command.kind);
            self.go_on(command.route);
        }
        Some(command)
    }

    /// The last word on a command in flight, from the node that decided it, which has counted it.
    pub(super) fn pass(&mut self, slot: u32, reply: Bytes) {
        let Some(command) = self.end(slot).filter(|command| !command.is_told) else { return };
        self.ready.push_back(Outgoing::Passed { tag: command.tag, reply });
    }

    /// The last word on a command in flight.
    pub(super) fn answer(&mut self, slot: u32, message: Result<Message, Problem>) {
        let Some(command) = self.end(slot).filter(|command| !command.is_told) else { return };
        if let Some(since) = command.timed_since {
            self.ingress.meters.took(command.kind, since.elapsed());
        }
        match message {
            Ok(message) => {
                self.tally.add(command.kind, None);
                self.tell(command.tag, message);
            }
            Err(problem) => self.refuse(command.tag, command.kind, problem),
        }
    }

    /// Tells a problem.
    pub(super) fn refuse(&mut self, tag: u64, kind: Kind, problem: Problem) {
        self.tally.add(kind, Some(problem.reason));
        self.tell(tag, Message::Error(problem.into()));
    }

    fn tell(&mut self, tag: u64, message: Message) {
        self.ready.push_back(Outgoing::Made(v1::SessionResponse { tag, result: Some(message) }));
    }
}
