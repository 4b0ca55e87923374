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
use std::sync::Arc;
use std::task::Waker;

use bytes::BufMut;
use earlybird_proto::v1;
use futures::task::AtomicWaker;
use futures::{FutureExt as _, Stream, StreamExt as _, stream};
use http::uri::PathAndQuery;
use parking_lot::Mutex;
use prost::{EncodeError, Message as _};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::codec::{Codec, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};
use tonic_prost::{ProstCodec, ProstDecoder};

use crate::ingress::status::{is_elsewhere, reason_of};

/// `SessionRequest.timeout_ms`.
const TIMEOUT_MS_FIELD: u32 = 2;

const SESSION: PathAndQuery = PathAndQuery::from_static("/earlybird.v1.Seating/Session");

/// What comes back. Nearly always it is a reply.
#[expect(clippy::large_enum_variant, reason = "a box would be one more allocation for each reply")]
pub(super) enum LinkNews {
    /// A reply; its tag is the slot of the command.
    Reply(v1::SessionResponse),
    /// The link has ended. `is_drained`: all that the other node had read it has answered, by its word or since it read nothing.
    Ended { link: LinkIndex, is_drained: bool },
}

/// A link of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LinkIndex(usize);

/// A command on its way, and for how long it is waited for from now on, in milliseconds.
type Sent = (Arc<v1::SessionRequest>, u32);

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
    sender: Option<UnboundedSender<Sent>>,
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

    /// Sends a command, whose tag is its slot, to the node at `address`, and tells over which link. None when it cannot be
    /// sent. `connect` makes a channel to the node, and says what is shown to it.
    pub(super) fn send(
        &mut self,
        address: &Arc<str>,
        command: Sent,
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
            port.push(LinkNews::Ended { link: LinkIndex(link), is_drained });
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
    commands: Request<impl Stream<Item = Sent> + Send + 'static>,
) -> Result<Streaming<v1::SessionResponse>, Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    Ok(client.streaming(commands, SESSION, SharedCodec).await?.into_inner())
}

async fn carry(mut replies: Streaming<v1::SessionResponse>, port: &LinkPort) -> Result<(), Status> {
    while let Some(reply) = replies.message().await? {
        port.push(LinkNews::Reply(reply));
    }
    Ok(())
}

#[derive(Default)]
struct LinkPort {
    news: Mutex<VecDeque<LinkNews>>,
    waker: AtomicWaker,
}

impl LinkPort {
    fn push(&self, news: LinkNews) {
        let mut queue = self.news.lock();
        let was_empty = queue.is_empty();
        queue.push_back(news);
        drop(queue);
        if was_empty {
            self.waker.wake();
        }
    }
}

/// Encodes commands that are kept until they are answered.
#[derive(Clone, Copy, Debug, Default)]
struct SharedCodec;

impl Codec for SharedCodec {
    type Encode = Sent;
    type Decode = v1::SessionResponse;
    type Encoder = Self;
    type Decoder = ProstDecoder<v1::SessionResponse>;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<v1::SessionRequest, v1::SessionResponse>::default().decoder()
    }
}

impl Encoder for SharedCodec {
    type Item = Sent;
    type Error = Status;

    fn encode(&mut self, command: Sent, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        write(&command, buffer).map_err(|error| Status::internal(error.to_string()))
    }
}

/// Writes a command with the time that it has left. Of a field that is there twice, the last counts.
fn write((request, timeout_ms): &Sent, buffer: &mut impl BufMut) -> Result<(), EncodeError> {
    request.encode(buffer)?;
    prost::encoding::uint32::encode(TIMEOUT_MS_FIELD, timeout_ms, buffer);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_sent_on_with_the_time_that_it_has_left() {
        let leave = v1::LeaveWaitlistRequest { buyer_id: "ann".into(), ..Default::default() };
        let command = Some(v1::session_request::Command::LeaveWaitlist(leave));
        let request = Arc::new(v1::SessionRequest { tag: 7, timeout_ms: 1_000, command });
        let mut bytes = Vec::new();
        write(&(Arc::clone(&request), 50), &mut bytes).expect("a vector has room");
        let read = v1::SessionRequest::decode(&*bytes).expect("it can be read");
        assert_eq!(read, v1::SessionRequest { timeout_ms: 50, ..(*request).clone() });
    }
}
