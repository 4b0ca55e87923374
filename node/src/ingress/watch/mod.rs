//! Streams that watch a performance, wherever it is served.
//!
//! ```text
//!  client asks for more ──► next piece of news, and nothing is read ahead
//!                              │ of a shard here, or of the same stream of another node
//!                              │ it ended, this node's lease is over, or the view names another owner: find who serves the performance, go on there
//!                              │ from where the client is
//!                              │ nobody serves it for long: end with the reason
//!                              └ this node is draining: end with UNAVAILABLE (DRAINING)
//! ```
//!
//! A client that does not read is not read for: what it misses is coalesced by the shard's feed, so it costs no memory.
//! A watch that comes from another node is served here or ends: that node goes on by itself.

mod offers;
mod seat_map;

pub(super) use offers::KnownOffers;

use std::sync::Arc;
use std::time::Duration;

use earlybird_persistence::PerformanceId;
use futures::stream::{self, BoxStream, StreamExt as _};
use tokio::sync::watch;
use tokio::time::{Instant, Interval, interval};
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use super::meters::LiveStream;
use super::origin::Origin;
use super::status::{Problem, Reason, reason_of};
use super::{Ingress, Place};
use crate::cluster::{Lease, OWNER_LOOK_EVERY, OWNER_WAIT_MAX, View};
use crate::shard::Shard;

/// How long a watch looks for somebody to go on with before it ends; the client may then resume it. A failover is shorter.
const GO_ON_MAX: Duration = Duration::from_secs(15);
/// Longest pause between two looks. The first is short, and each is twice the one before.
const PAUSE_MAX: Duration = Duration::from_millis(400);

/// How often a watch of a shard here looks whether the node may still speak for it.
const LEASE_LOOK_EVERY: Duration = Duration::from_secs(1);

/// One kind of news.
trait Watch: Send + 'static {
    /// What the client gets.
    type News: Send + 'static;

    /// Where a shard leaves it.
    type Feed: Send;

    /// Begins with a shard of this node, from where the client is.
    fn at_shard(&mut self, shard: &Arc<Shard>) -> Self::Feed;

    /// The next piece of news; none when the shard was closed. Must lose nothing when dropped while waiting.
    fn next(&mut self, feed: &mut Self::Feed) -> impl Future<Output = Option<Self::News>> + Send;

    /// Begins with another node, from where the client is. `shown` is what that node is to see.
    fn at_node(
        &mut self,
        channel: Channel,
        shown: MetadataMap,
    ) -> impl Future<Output = Result<Streaming<Self::News>, Status>> + Send;

    /// Notes what another node told. Returns whether it is news for the client.
    fn note(&mut self, news: &Self::News) -> bool;
}

/// Where news come from.
enum Source<W: Watch> {
    Nobody,
    Shard(W::Feed),
    Node { address: Arc<str>, news: Box<Streaming<W::News>>, views: watch::Receiver<Arc<View>> },
}

/// What drives one watch.
struct Watcher<W: Watch> {
    ingress: Arc<Ingress>,
    performance: PerformanceId,
    origin: Origin,
    watch: W,
    source: Source<W>,
    lease: Arc<Lease>,
    lease_looks: Interval,
    /// Counted until the client or the server ends the stream.
    _live: LiveStream,
}

impl<W: Watch> Watcher<W> {
    /// Begins to watch `performance` for whoever it is that asks, once it is served somewhere.
    async fn begin(
        ingress: &Arc<Ingress>,
        performance: &PerformanceId,
        origin: Origin,
        watch: W,
        live: LiveStream,
    ) -> Result<BoxStream<'static, Result<W::News, Status>>, Status> {
        let mut watcher = Self {
            ingress: Arc::clone(ingress),
            performance: performance.clone(),
            origin,
            watch,
            source: Source::Nobody,
            lease: ingress.node.cluster.lease(),
            lease_looks: interval(LEASE_LOOK_EVERY),
            _live: live,
        };
        watcher.find(OWNER_WAIT_MAX).await?;
        Ok(watcher.stream())
    }

    fn stream(self) -> BoxStream<'static, Result<W::News, Status>> {
        stream::unfold(Some(self), |watcher| async {
            let mut watcher = watcher?;
            match watcher.next().await {
                Ok(news) => Some((Ok(news), Some(watcher))),
                Err(status) => Some((Err(status), None)),
            }
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<W::News, Status> {
        loop {
            let is_here = matches!(self.source, Source::Shard(_));
            let news = tokio::select! {
                biased;
                () = self.ingress.draining.cancelled() => return Err(Problem::draining().into()),
                // Cut off from the store, nobody tells this node that another serves the performance.
                _ = self.lease_looks.tick(), if is_here => {
                    if self.lease.holds() {
                        continue;
                    }
                    None
                }
                news = self.source.next(&mut self.watch, &self.performance) => news,
            };
            match news {
                Some(news) => return Ok(news),
                None => self.find(GO_ON_MAX).await?,
            }
        }
    }

    /// Finds who serves the performance, and goes on there.
    async fn find(&mut self, patience: Duration) -> Result<(), Status> {
        self.source = Source::Nobody;
        let give_up_at = Instant::now() + patience;
        let mut pause = OWNER_LOOK_EVERY;
        loop {
            let refusal = match self.attach().await {
                Ok(source) => {
                    self.source = source;
                    return Ok(());
                }
                Err(refusal) => refusal,
            };
            if !self.is_passing(&refusal) {
                return Err(refusal);
            }
            if Instant::now() + pause > give_up_at {
                let is_told = reason_of(&refusal).is_some();
                return Err(if is_told { refusal } else { Problem::owner_lost().into() });
            }
            self.ingress.node.cluster.suspect();
            tokio::select! {
                () = self.ingress.draining.cancelled() => return Err(Problem::draining().into()),
                () = tokio::time::sleep(pause) => {}
            }
            pause = PAUSE_MAX.min(pause * 2);
        }
    }

    async fn attach(&mut self) -> Result<Source<W>, Status> {
        let place = self.ingress.look(self.performance.as_str(), self.origin.may_send_on, &mut None).await?;
        let address = match place {
            Place::Here(shard) => return Ok(Source::Shard(self.watch.at_shard(&shard))),
            Place::There(there) => there.address,
        };
        let cluster = &self.ingress.node.cluster;
        let channel = cluster.peers().channel(&address).map_err(|_| Problem::between_owners())?;
        metrics::counter!("earlybird_calls_forwarded_total").increment(1);
        let news = Box::new(self.watch.at_node(channel, self.origin.shown(cluster)).await?);
        Ok(Source::Node { address, news, views: cluster.views() })
    }

    /// Whether it is worth waiting for a refusal to pass.
    fn is_passing(&self, refusal: &Status) -> bool {
        let is_one_of = |reasons: &[Reason], told: &str| reasons.iter().any(|reason| told == reason.as_str());
        match reason_of(refusal) {
            Some(told) => {
                is_one_of(&[Reason::StoreUnavailable, Reason::ShardRestarted], &told)
                    // Where there are no others, another process has this node's name, and this one ends.
                    || self.origin.may_send_on
                        && is_one_of(&[Reason::NotOwner, Reason::Draining, Reason::Overloaded], &told)
            }
            // It comes from below the API: the connection was lost.
            None => {
                matches!(refusal.code(), Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled)
            }
        }
    }
}

impl<W: Watch> Source<W> {
    /// The next piece of news; none when there will be no more from here.
    async fn next(&mut self, watch: &mut W, performance: &PerformanceId) -> Option<W::News> {
        match self {
            Self::Nobody => None,
            Self::Shard(feed) => watch.next(feed).await,
            Self::Node { address, news, views } => loop {
                let moved = views.wait_for(|view| {
                    let owner = view.owner_of(performance.as_str()).and_then(|owner| owner.node.as_ref());
                    owner.is_some_and(|node| *node.address != **address)
                });
                let told = tokio::select! {
                    told = news.message() => told,
                    _ = moved => return None,
                };
                match told {
                    Ok(Some(news)) if watch.note(&news) => return Some(news),
                    Ok(Some(_)) => {}
                    Ok(None) => return None,
                    Err(status) => {
                        tracing::debug!(%address, %status, "a watch of another node has ended");
                        return None;
                    }
                }
            },
        }
    }
}

#[cfg(test)]
mod tests;
