//! `Seating.Session`: many commands and replies over one stream, the fast way.
//!
//! ```text
//!  client ──► read up to 256 ──► Parse ──► routes: one batch for each shard ──submit_all──► shards
//!                                   └ wrong: told at once                                     │ deliver
//!  client ◄── messages ◄── replies are told in batches ◄──────────── Port (one queue) ◄───────┘
//!                              └ a payment began: settled in the background, then told
//! ```
//!
//! One task does all of it: the one that the HTTP/2 server polls the response with. While the client does not take
//! replies, or too many commands have none, nothing is read; HTTP/2 then stops the client. Nothing is ever dropped.

mod background;
mod deadlines;
mod elsewhere;
mod links;
mod port;
mod read;
mod routes;
mod slots;
mod tell;
mod wire;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use earlybird_engine::Rejection;
use futures::Stream;
use futures::stream::FuturesUnordered;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::{Request, Status, Streaming};

use self::background::Background;
use self::deadlines::Alarm;
use self::links::Links;
use self::port::{Delivered, Port};
use self::routes::{RouteIndex, Routes};
use self::slots::Slots;
pub(crate) use self::wire::{Outgoing, SENT_ON_BYTES_MAX, SessionCodec};
use super::Ingress;
use super::fingerprint::Fingerprinter;
use super::meters::{LiveStream, StreamKind, Tally};
use super::origin::Origin;
use super::status::Problem;
use crate::auth::Caller;

/// A session, as the stream of its replies.
pub(crate) struct Session {
    ingress: Arc<Ingress>,
    caller: Caller,
    /// None once the client has sent all it had to send, or the node is draining.
    commands: Option<Streaming<Bytes>>,
    routes: Routes,
    in_flight: Slots,
    /// Commands that have come, ever.
    begun: u64,
    /// Sessions with other nodes.
    links: Links,
    /// For the deadlines of what is not with a shard of this node.
    alarm: Alarm,
    /// Whose commands they are, and whether they may go to other nodes.
    origin: Origin,
    port: Arc<Port>,
    /// Performances being loaded and payments being settled.
    background: FuturesUnordered<Background>,
    /// Replies taken from the port; empty between polls, kept for its room.
    delivered: VecDeque<Delivered>,
    /// Routes with commands in the batch being read; kept for its room likewise.
    touched: Vec<RouteIndex>,
    /// Holds of a batch that were turned down at a look; kept for its room likewise.
    rejected: Vec<(u32, Rejection)>,
    /// Messages for the client.
    ready: VecDeque<Outgoing>,
    fingerprinter: Fingerprinter,
    tally: Tally,
    draining: Pin<Box<WaitForCancellationFutureOwned>>,
    /// How the stream ends, once all is told.
    ending: Option<Status>,
    _live: LiveStream,
}

impl Session {
    pub(super) fn new(ingress: Arc<Ingress>, caller: Caller, request: Request<Streaming<Bytes>>) -> Self {
        let origin = Origin::of(request.metadata(), &ingress.node.cluster);
        let draining = Box::pin(ingress.draining.clone().cancelled_owned());
        let live = ingress.meters.stream(StreamKind::Session);
        Self {
            ingress,
            caller,
            commands: Some(request.into_inner()),
            routes: Routes::default(),
            in_flight: Slots::default(),
            begun: 0,
            links: Links::default(),
            alarm: Alarm::default(),
            origin,
            port: Arc::default(),
            background: FuturesUnordered::new(),
            delivered: VecDeque::new(),
            touched: Vec::new(),
            rejected: Vec::new(),
            ready: VecDeque::new(),
            fingerprinter: Fingerprinter::default(),
            tally: Tally::default(),
            draining,
            ending: None,
            _live: live,
        }
    }

    /// Stops reading when the node begins to shut down. What was read is still answered.
    fn poll_draining(&mut self, context: &mut Context<'_>) {
        if self.ending.is_none() && self.draining.as_mut().poll(context).is_ready() {
            self.commands = None;
            self.ending = Some(Problem::draining().into());
        }
    }

    fn is_finished(&self) -> bool {
        self.commands.is_none() && self.in_flight.len() == 0 && self.ready.is_empty()
    }
}

impl Stream for Session {
    type Item = Result<Outgoing, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let session = &mut *self;
        loop {
            if let Some(message) = session.ready.pop_front() {
                return Poll::Ready(Some(Ok(message)));
            }
            // Registered before the queue is looked at, so that no reply goes unnoticed.
            session.port.register(context.waker());
            session.links.register(context.waker());
            session.take_replies();
            session.take_link_news();
            session.poll_draining(context);
            let read = session.poll_commands(context);
            // Last, since replies and commands put more of it in the background: what is not polled wakes nobody.
            session.poll_background(context);
            session.poll_deadlines(context);
            session.tally.flush(&session.ingress.meters);
            if session.is_finished() {
                return Poll::Ready(session.ending.take().map(Err));
            }
            if session.ready.is_empty() && !read {
                return Poll::Pending;
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.port.close();
    }
}
