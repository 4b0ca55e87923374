//! Commands for performances of other nodes: one session to each such node, for as long as this one lasts.
//!
//! ```text
//!  command ──► owner is another node ──► Link: a Session to it, with the slot as tag ──► its replies, under the client's tags
//!                 ▲                          │ NOT_OWNER: nothing was done; find the owner anew
//!                 │                          │ the node has shut down, and answered all that it had read: the same
//!                 │                          │ the node does not take the link: the same, since nothing is sent before it has
//!                 └──────────────────────────┤
//!                                            └ the link is lost: the outcome of what is in flight is unknown, and told so
//! ```

use std::collections::VecDeque;
use std::iter;
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;
use earlybird_proto::SESSION;
use futures::task::AtomicWaker;
use futures::{FutureExt as _, Stream, StreamExt as _, stream};
use parking_lot::Mutex;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

use super::wire::{LinkCodec, SentOn};
use crate::ingress::status::{is_elsewhere, reason_of};

/// Replies that are left for the session at once, with one wake-up.
const REPLIES_AT_ONCE: usize = 256;

/// What comes back.
pub(super) enum LinkNews {
    /// A reply; its tag is the slot of the command.
    Reply(Bytes),
    /// The link has ended. `is_drained`: all that the other node had read it has answered, by its word or since it read nothing.
    Ended { link: LinkIndex, is_drained: bool },
}

/// A link of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LinkIndex(usize);

/// The links of a session.
#[derive(Default)]
pub(super) struct Links {
    /// A place is used again once its link has ended and what went with it has been told.
    links: Vec<Link>,
    port: Arc<LinkPort>,
}

struct Link {
    address: Arc<str>,
    /// None once it has ended. It holds no more than the session has commands in flight.
    sender: Option<UnboundedSender<SentOn>>,
    _task: AbortOnDropHandle<()>,
}

impl Links {
    /// Wakes `waker` when there is news. Call it before `take`.
    pub(super) fn register(&self, waker: &Waker) {
        self.port.waker.register(waker);
    }

    /// Takes all news.
    pub(super) fn take(&self) -> VecDeque<LinkNews> {
        if self.links.is_empty() { VecDeque::new() } else { std::mem::take(&mut *self.port.news.lock()) }
    }

    /// Sends a command to the node at `address`, and tells over which link. None when it cannot be
    /// sent. `connect` makes a channel to the node, and says what is shown to it.
    pub(super) fn send(
        &mut self,
        address: &Arc<str>,
        command: SentOn,
        connect: impl FnOnce(&str) -> Option<(Channel, MetadataMap)>,
    ) -> Option<LinkIndex> {
        let open = |link: &Link| link.address == *address && link.sender.is_some();
        let link = match self.links.iter().position(open) {
            Some(link) => link,
            None => self.open(address, connect(address)?),
        };
        self.links[link].sender.as_ref()?.send(command).is_ok().then_some(LinkIndex(link))
    }

    /// Opens a link, and returns its number.
    fn open(&mut self, address: &Arc<str>, (channel, shown): (Channel, MetadataMap)) -> usize {
        let (sender, commands) = unbounded_channel();
        // Nothing is sent before the other node has taken the link: what a link that does not come about carried was not done.
        let (taken, is_taken) = oneshot::channel();
        let commands = async { is_taken.await.ok().map(|()| UnboundedReceiverStream::new(commands)) };
        let mut request = Request::new(commands.map(stream::iter).flatten_stream().flatten());
        *request.metadata_mut() = shown;
        let vacant = self.links.iter().position(|link| link.sender.is_none());
        let (link, port) = (vacant.unwrap_or(self.links.len()), Arc::clone(&self.port));
        let task = tokio::spawn(async move {
            let is_drained = match open(channel, request).await {
                Ok(replies) => {
                    // Whoever would not hear of it has ended itself.
                    let _ = taken.send(());
                    carry(replies, &port).await.is_err_and(|status| {
                        tracing::debug!(%status, "a link to another node has ended");
                        reason_of(&status).is_some_and(|reason| is_elsewhere(&reason))
                    })
                }
                Err(status) => {
                    tracing::debug!(%status, "a link to another node did not come about");
                    true
                }
            };
            port.push(iter::once(LinkNews::Ended { link: LinkIndex(link), is_drained }));
        });
        let task = AbortOnDropHandle::new(task);
        let opened = Link { address: Arc::clone(address), sender: Some(sender), _task: task };
        match self.links.get_mut(link) {
            Some(place) => *place = opened,
            None => self.links.push(opened),
        }
        link
    }

    /// Notes that a link has ended.
    pub(super) fn ended(&mut self, link: LinkIndex) {
        if let Some(link) = self.links.get_mut(link.0) {
            link.sender = None;
        }
    }
}

async fn open(
    channel: Channel,
    commands: Request<impl Stream<Item = SentOn> + Send + 'static>,
) -> Result<Streaming<Bytes>, Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    Ok(client.streaming(commands, SESSION, LinkCodec).await?.into_inner())
}

async fn carry(replies: Streaming<Bytes>, port: &LinkPort) -> Result<(), Status> {
    let mut chunks = replies.ready_chunks(REPLIES_AT_ONCE);
    while let Some(chunk) = chunks.next().await {
        let mut end = Ok(());
        let replies = chunk.into_iter().map_while(|reply| reply.map_err(|status| end = Err(status)).ok());
        port.push(replies.map(LinkNews::Reply));
        end?;
    }
    Ok(())
}

#[derive(Default)]
struct LinkPort {
    news: Mutex<VecDeque<LinkNews>>,
    waker: AtomicWaker,
}

impl LinkPort {
    fn push(&self, news: impl Iterator<Item = LinkNews>) {
        let mut queue = self.news.lock();
        let was_empty = queue.is_empty();
        queue.extend(news);
        drop(queue);
        if was_empty {
            self.waker.wake();
        }
    }
}
