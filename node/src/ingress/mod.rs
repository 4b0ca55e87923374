//! Where calls come in: every field is checked, the performance is found, and what the engine answers becomes a message.
//!
//! ```text
//!  unary ────► Parse ──► Wish ──► directory: shard ──► Command ──► Shard::call ──► Told ──► message, or Problem ──► Status
//!  Session ──► the same, in batches, over one queue of replies                      └─────────► or SessionError
//!  watches ──► the shard's feeds, across restarts of the shard and changes of its owner
//! ```
//!
//! Invariant: a session and a unary call say the same of the same command, since they share all but the transport.

mod admin;
mod answer;
pub mod catalog;
mod cluster;
mod coupon;
mod coupons;
mod deadline;
mod fingerprint;
mod grade;
mod jobs;
mod members;
pub mod meters;
pub mod names;
mod order;
mod orders;
mod origin;
mod page;
mod payments;
pub(crate) mod peer;
mod refund_account;
pub(crate) mod seating;
mod session;
pub mod status;
mod unary;
pub mod validate;
mod waitlist;
mod watch;
mod wish;

use std::sync::Arc;
use std::time::Duration;

use earlybird_engine::{HoldId, State};
use earlybird_persistence::{PerformanceId, ViewVersion};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::cluster::{OWNER_LOOK_EVERY, OWNER_WAIT_MAX};
use crate::node::Node;
use crate::reply::Unavailable;
use crate::shard::Shard;
use meters::Meters;
use status::{Problem, Reason};
use wish::Wish;

/// How long a look at holds waits for the journal: it is seldom so far behind unless the store is away.
const HOLDS_DURABLE_WITHIN: Duration = Duration::from_millis(100);

/// Bounds of calls.
#[derive(Clone, Copy, Debug)]
pub struct IngressOptions {
    /// Longest life of a unary call, and of a command of a session.
    pub request_timeout: Duration,
    /// Commands of one session without a reply; at so many the server stops reading.
    pub session_in_flight_max: usize,
    /// Longest message of a session's client, in bytes.
    pub message_bytes_max: usize,
}

impl Default for IngressOptions {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(10),
            session_in_flight_max: 4_096,
            message_bytes_max: 4 * 1024 * 1024,
        }
    }
}

/// Where a performance is served.
enum Place {
    /// By a shard of this node.
    Here(Arc<Shard>),
    /// By another node.
    There(Elsewhere),
}

/// The node that owns a performance, according to a view.
#[derive(Clone, Debug)]
struct Elsewhere {
    address: Arc<str>,
    version: ViewVersion,
}

/// What all services share.
pub struct Ingress {
    node: Arc<Node>,
    options: IngressOptions,
    /// Ends watches and sessions when the node shuts down.
    draining: CancellationToken,
    meters: Meters,
    /// One audit at a time.
    audits: Semaphore,
}

/// One handle that implements every service but `Catalog`.
#[derive(Clone)]
pub struct Services(Arc<Ingress>);

impl Services {
    /// Services of `node`. Cancel `draining` when the node begins to shut down: watches then end with `DRAINING`, and
    /// sessions once they have answered what they had read.
    #[must_use]
    pub fn new(node: Arc<Node>, options: IngressOptions, draining: CancellationToken) -> Self {
        Self(Arc::new(Ingress {
            node,
            options,
            draining,
            meters: Meters::default(),
            audits: Semaphore::new(1),
        }))
    }
}

impl Ingress {
    /// Whether the node can take this at all: without a payment provider nothing can be paid.
    fn admit(&self, wish: &Wish) -> Result<(), Problem> {
        if wish.is_payment() && self.node.payments.is_off() { Err(Problem::payments_off()) } else { Ok(()) }
    }

    /// Where a performance is served; waits a while for one that is between two owners.
    /// `refused_by`: the node that was asked last and was not the owner.
    async fn place(
        &self,
        id: &str,
        may_send_on: bool,
        mut refused_by: Option<Arc<str>>,
    ) -> Result<Place, Problem> {
        if !may_send_on {
            return self.look(id, may_send_on, &mut refused_by).await;
        }
        let cluster = &self.node.cluster;
        let deadline = tokio::time::Instant::now() + OWNER_WAIT_MAX;
        let mut views = cluster.views();
        loop {
            views.mark_unchanged();
            let refusal = match self.look(id, may_send_on, &mut refused_by).await {
                Err(problem) if problem.reason == Reason::NotOwner => problem,
                found => return found,
            };
            if tokio::time::Instant::now() >= deadline {
                return Err(refusal);
            }
            cluster.suspect();
            drop(tokio::time::timeout(OWNER_LOOK_EVERY, views.changed()).await);
        }
    }

    /// Where a performance is served now.
    async fn look(
        &self,
        id: &str,
        may_send_on: bool,
        refused_by: &mut Option<Arc<str>>,
    ) -> Result<Place, Problem> {
        if !may_send_on {
            return self.shard(id).await.map(Place::Here);
        }
        let view = self.node.cluster.view();
        match view.owner_of(id).and_then(|owner| owner.node.as_ref()) {
            Some(node) if node.id == *self.node.cluster.node() => self.shard(id).await.map(Place::Here),
            // It would refuse again: its word is older than this view, or this view than its word.
            Some(node) if refused_by.take().is_some_and(|refused| *refused == *node.address) => {
                Err(Problem::between_owners())
            }
            Some(node) => {
                let address = node.address.as_str().into();
                Ok(Place::There(Elsewhere { address, version: view.version }))
            }
            None => Err(Problem::between_owners()),
        }
    }

    /// A refusal because another node is the owner says which, so that a client may connect straight to it.
    fn with_owner(&self, id: &str, problem: Problem) -> Problem {
        if problem.reason != Reason::NotOwner {
            return problem;
        }
        let view = self.node.cluster.view();
        match view.owner_of(id).and_then(|owner| Some((owner.node.as_ref()?, owner.epoch))) {
            Some((node, epoch)) if node.id != *self.node.cluster.node() => problem
                .with("node", format!("nodes/{}", node.id))
                .with("address", node.address.clone())
                .with("epoch", epoch.to_string()),
            _ => problem,
        }
    }

    /// What a look at a shard's state shows, once that is durable: what a crash takes back must not have been told.
    async fn seen<R>(&self, shard: &Shard, look: impl FnOnce(&State) -> R) -> Result<R, Problem> {
        let (seen, sequence) = shard.read(|state| (look(state), state.sequence()));
        shard.until_durable(sequence, self.node.ack_timeout).await?;
        Ok(seen)
    }

    /// The same for holds. While the store is away, those that are durable are shown as they are in memory.
    async fn seen_holds<R>(
        &self,
        shard: &Shard,
        look: impl FnOnce(&State) -> (R, Option<HoldId>),
    ) -> Result<R, Problem> {
        let ((seen, newest), sequence) = shard.read(|state| (look(state), state.sequence()));
        match shard.until_durable(sequence, HOLDS_DURABLE_WITHIN).await {
            Err(Unavailable::Store) if newest.is_none_or(|hold| shard.is_durable(hold)) => {}
            Err(Unavailable::Store) => shard.until_durable(sequence, self.node.ack_timeout).await?,
            known => known?,
        }
        Ok(seen)
    }

    /// The shard of a performance by its `{performance}`.
    async fn shard(&self, id: &str) -> Result<Arc<Shard>, Problem> {
        if let Some(shard) = self.node.directory.active(id) {
            return Ok(shard);
        }
        let shard = self.node.directory.shard(&PerformanceId::from(id)).await;
        shard.map_err(|error| self.with_owner(id, Problem::inactive(error)))
    }
}
