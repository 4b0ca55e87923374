//! Streams that watch a performance across restarts of its shard.
//!
//! ```text
//!  client asks for more ──► next piece of news, and nothing is read ahead
//!                              │ the shard was closed: load it again, resume where the client is
//!                              │ it cannot be loaded: try again, and after a while end with UNAVAILABLE
//!                              └ the node is draining: end with UNAVAILABLE (DRAINING)
//! ```
//!
//! A client that does not read is not read for: what it misses is coalesced by the shard's feed, so it costs no memory.

mod offers;
mod seat_map;

use std::sync::Arc;
use std::time::Duration;

use earlybird_persistence::PerformanceId;
use futures::stream::{self, BoxStream, StreamExt as _};
use tonic::Status;

use super::Ingress;
use super::meters::LiveStream;
use super::status::{Problem, Reason};
use crate::shard::Shard;

/// Tries to load a performance again before a watch ends; the client may then resume it.
const RESOLVE_TRIES_MAX: u32 = 6;
/// Pause after the first try; doubled after each.
const RESOLVE_PAUSE: Duration = Duration::from_millis(50);

/// One kind of news.
trait Watch: Send + 'static {
    /// What the client gets.
    type News: Send;

    /// The next piece of news; none when the shard was closed. Must lose nothing when dropped while waiting.
    fn next(&mut self) -> impl Future<Output = Option<Self::News>> + Send;

    /// Goes on with the shard as it was loaded again.
    fn resume(&mut self, shard: &Arc<Shard>);
}

/// What drives one watch.
struct Watcher<W> {
    ingress: Arc<Ingress>,
    performance: PerformanceId,
    watch: W,
    /// Counted until the client or the server ends the stream.
    _live: LiveStream,
}

impl<W: Watch> Watcher<W> {
    fn stream(self) -> BoxStream<'static, Result<W::News, Status>> {
        stream::unfold(Some(self), |watcher| async {
            let mut watcher = watcher?;
            match watcher.next().await {
                Ok(news) => Some((Ok(news), Some(watcher))),
                Err(problem) => Some((Err(problem.into()), None)),
            }
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<W::News, Problem> {
        loop {
            let draining = self.ingress.draining.cancelled();
            let news = tokio::select! {
                biased;
                () = draining => return Err(Problem::draining()),
                news = self.watch.next() => news,
            };
            match news {
                Some(news) => return Ok(news),
                None => self.resume().await?,
            }
        }
    }

    async fn resume(&mut self) -> Result<(), Problem> {
        let mut pause = RESOLVE_PAUSE;
        for attempt in 1.. {
            match self.ingress.shard(self.performance.as_str()).await {
                Ok(shard) => {
                    self.watch.resume(&shard);
                    return Ok(());
                }
                Err(problem) if attempt == RESOLVE_TRIES_MAX || !is_passing(problem.reason) => {
                    return Err(problem);
                }
                Err(_) => {}
            }
            tokio::select! {
                () = self.ingress.draining.cancelled() => return Err(Problem::draining()),
                () = tokio::time::sleep(pause) => {}
            }
            pause *= 2;
        }
        Ok(())
    }
}

/// Whether it is worth waiting for the problem to go away.
fn is_passing(reason: Reason) -> bool {
    matches!(reason, Reason::StoreUnavailable | Reason::ShardRestarted)
}

#[cfg(test)]
mod tests;
