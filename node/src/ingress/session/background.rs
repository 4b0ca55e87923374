//! What a session waits for without holding up its other commands: performances being loaded, payments being settled.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use earlybird_engine::{Grade, OrderId, RefundId};
use earlybird_proto::v1;
use futures::StreamExt as _;

use super::Session;
use super::routes::{Route, RouteIndex, Waiting, Way};
use crate::ingress::status::{Problem, is_elsewhere};
use crate::ingress::wish::Wish;
use crate::ingress::{Ingress, Place};
use crate::shard::Shard;

/// Something that a session waits for. There are at most as many as commands in flight, and they end with the session;
/// a settlement itself runs on in the node.
pub(super) type Background = Pin<Box<dyn Future<Output = Finished> + Send>>;

/// What came of it.
pub(super) enum Finished {
    /// A performance was loaded, or its owner found, or neither can be done.
    Opened { route: RouteIndex, place: Result<Place, Problem> },
    /// The grade of a command's buyer was looked up, or cannot be.
    Graded { route: RouteIndex, command: Box<Ungraded>, grade: Result<Option<Grade>, Problem> },
    /// A payment or a refund has come to an end.
    Settled { slot: u32, order: Box<Result<v1::Order, Problem>> },
}

/// A command whose buyer's grade is not known yet.
pub(super) struct Ungraded {
    pub(super) slot: u32,
    pub(super) wish: Wish,
    pub(super) expires_at: Instant,
}

/// Loads a performance, or finds its owner.
pub(super) fn open(
    ingress: Arc<Ingress>,
    route: RouteIndex,
    id: &str,
    may_send_on: bool,
    refused_by: Option<Arc<str>>,
) -> Background {
    let id = id.to_owned();
    Box::pin(
        async move { Finished::Opened { route, place: ingress.place(&id, may_send_on, refused_by).await } },
    )
}

/// Looks up the grade of a command's buyer.
pub(super) fn grade(ingress: Arc<Ingress>, route: RouteIndex, command: Ungraded) -> Background {
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
                Finished::Opened { route, place } => self.opened(route, place),
                Finished::Graded { route, command, grade } => match grade {
                    Ok(grade) => {
                        let Ungraded { slot, mut wish, expires_at } = *command;
                        wish.set_grade(grade);
                        self.queue_complete(route, slot, wish, expires_at);
                        self.submit(route);
                    }
                    Err(problem) => self.answer(command.slot, Err(problem)),
                },
                Finished::Settled { slot, order } => match *order {
                    // Its next owner settles it, and knows the request. It has been begun, whatever the refusal says.
                    Err(problem) if is_elsewhere(problem.reason.as_str()) => {
                        if !self.try_elsewhere(slot) {
                            self.answer(slot, Err(Problem::owner_lost()));
                        }
                    }
                    order => self.answer(slot, order.map(v1::session_response::Result::Order)),
                },
            }
        }
    }

    /// Goes on with the commands that waited for a performance, or tells why not.
    fn opened(&mut self, index: RouteIndex, place: Result<Place, Problem>) {
        let Some(route) = self.routes.get_mut(index) else { return };
        match place {
            Ok(place) => {
                if let Some((place, waiting)) = route.found(place) {
                    self.send_waiting(index, place, waiting);
                }
            }
            Err(problem) => {
                for command in route.not_found() {
                    self.answer(command.slot, Err(problem.clone()));
                }
            }
        }
    }

    /// Goes on with what waited for other commands to be decided, if they are.
    pub(super) fn go_on(&mut self, index: RouteIndex) {
        let found = self.routes.get_mut(index).and_then(Route::found_before);
        if let Some((place, waiting)) = found {
            self.send_waiting(index, place, waiting);
        }
    }

    /// Sends commands to where they belong, in the order in which they came.
    fn send_waiting(&mut self, index: RouteIndex, place: Place, waiting: Vec<Waiting>) {
        let Some(route) = self.routes.get_mut(index) else { return };
        let address = match place {
            Place::Here(shard) => {
                route.open(shard);
                None
            }
            Place::There(elsewhere) => {
                let address = Arc::clone(&elsewhere.address);
                route.way = Way::There(elsewhere);
                Some(address)
            }
        };
        let now = Instant::now();
        for command in waiting {
            // What its client has given up is not begun any more.
            if command.expires_at <= now {
                self.expire(command.slot);
                continue;
            }
            match &address {
                None => self.queue_waiting(index, command),
                Some(address) => self.send_on(index, address, command.slot, now),
            }
        }
        if address.is_none() {
            self.submit(index);
        }
    }
}
