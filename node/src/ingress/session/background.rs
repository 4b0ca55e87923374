//! What a session waits for without holding up its other commands: performances being loaded, payments being settled.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use earlybird_engine::{Grade, OrderId, RefundId};
use earlybird_proto::v1;
use futures::StreamExt as _;

use super::Session;
use super::routes::{RouteIndex, Waiting, Way};
use crate::ingress::Ingress;
use crate::ingress::status::Problem;
use crate::shard::Shard;

/// Something that a session waits for. There are at most as many as commands in flight, and they end with the session;
/// a settlement itself runs on in the node.
pub(super) type Background = Pin<Box<dyn Future<Output = Finished> + Send>>;

/// What came of it.
pub(super) enum Finished {
    /// A performance was loaded, or cannot be.
    Opened { route: RouteIndex, shard: Result<Arc<Shard>, Problem> },
    /// The grade of a command's buyer was looked up, or cannot be.
    Graded { route: RouteIndex, command: Box<Waiting>, grade: Result<Option<Grade>, Problem> },
    /// A payment or a refund has come to an end.
    Settled { slot: u32, order: Box<Result<v1::Order, Problem>> },
}

/// Loads a performance.
pub(super) fn open(ingress: Arc<Ingress>, route: RouteIndex, id: &str) -> Background {
    let id = id.to_owned();
    Box::pin(async move { Finished::Opened { route, shard: ingress.shard(&id).await } })
}

/// Looks up the grade of a command's buyer.
pub(super) fn grade(ingress: Arc<Ingress>, route: RouteIndex, command: Waiting) -> Background {
    let command = Box::new(command);
    Box::pin(async move {
        let grade = match command.wish.without_grade() {
            Some(buyer) => ingress.look_up_grade(&buyer.0).await,
            None => Ok(None),
        };
        Finished::Graded { route, command, grade }
    })
}

/// Settles a payment.
pub(super) fn pay(
    ingress: Arc<Ingress>,
    slot: u32,
    shard: Arc<Shard>,
    order: OrderId,
    expires_at: Instant,
) -> Background {
    Box::pin(async move {
        let order = ingress.settle_payment(&shard, order, expires_at).await;
        Finished::Settled { slot, order: Box::new(order) }
    })
}

/// Settles a refund.
pub(super) fn refund(
    ingress: Arc<Ingress>,
    slot: u32,
    shard: Arc<Shard>,
    (refund, order): (RefundId, OrderId),
    expires_at: Instant,
) -> Background {
    Box::pin(async move {
        let order = ingress.settle_refund(&shard, refund, order, expires_at).await;
        Finished::Settled { slot, order: Box::new(order) }
    })
}

impl Session {
    /// Takes up what has come to an end.
    pub(super) fn poll_background(&mut self, context: &mut Context<'_>) {
        while let Poll::Ready(Some(finished)) = self.background.poll_next_unpin(context) {
            match finished {
                Finished::Opened { route, shard } => self.opened(route, shard),
                Finished::Graded { route, command, grade } => match grade {
                    Ok(grade) => {
                        let mut command = *command;
                        command.wish.set_grade(grade);
                        self.queue_complete(route, command);
                        self.submit(route);
                    }
                    Err(problem) => self.answer(command.slot, Err(problem)),
                },
                Finished::Settled { slot, order } => {
                    self.answer(slot, (*order).map(v1::session_response::Result::Order));
                }
            }
        }
    }

    /// Sends the commands that waited for a performance, in the order in which they came, or tells why not.
    fn opened(&mut self, index: RouteIndex, shard: Result<Arc<Shard>, Problem>) {
        let Some(route) = self.routes.get_mut(index) else { return };
        let Way::Opening(waiting) = std::mem::replace(&mut route.way, Way::Closed) else { return };
        match shard {
            Ok(shard) => {
                route.open(shard);
                for command in waiting {
                    self.queue(index, command);
                }
                self.submit(index);
            }
            Err(problem) => {
                for command in waiting {
                    self.answer(command.slot, Err(problem.clone()));
                }
            }
        }
    }
}
