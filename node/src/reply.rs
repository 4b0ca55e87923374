//! How an answer finds its way back from a shard to the caller.

use std::sync::Arc;
use std::time::Duration;

use earlybird_engine::{Action, Answer, Rejection};
use tokio::sync::oneshot;

/// What a command came to.
pub type Reply = Result<Answer, Failure>;

/// Why a command has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The engine turned it down; nothing changed.
    Rejected(Rejection),
    /// The inbox is full; nothing changed.
    Overloaded {
        /// When to try again.
        retry_after: Duration,
    },
    /// The caller's deadline passed before the command was decided; nothing changed.
    DeadlineExceeded,
    /// The outcome is unknown, or nothing was done: the same request may be sent again.
    Unavailable(Unavailable),
}

/// Why a shard could not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// The store does not take the journal.
    Store,
    /// The store does not take the journal fast enough: nothing was decided, since there is no room for more.
    OutboxFull,
    /// The shard failed, or was put to rest, with the command in it.
    ShardRestarted,
    /// The node is shutting down.
    Draining,
    /// Another node owns the performance.
    NotOwner,
}

/// Where replies of many commands go: a session.
pub trait ReplyPort: Send + Sync + 'static {
    /// Takes replies that came together, so that one lock and one wake-up serve all of them. Must not block.
    fn deliver(&self, replies: &mut dyn Iterator<Item = Delivery>);
    /// Takes word that the command with this tag was lost on the way: answer that the outcome is unknown.
    fn abandon(&self, tag: u64);
}

/// The reply to one command of a session.
#[derive(Debug)]
pub struct Delivery {
    /// The tag of the command.
    pub tag: u64,
    /// What was wished, given back.
    pub action: Action,
    /// What it came to.
    pub reply: Reply,
}

/// Where one reply goes. One that is dropped without an answer tells its caller so: nobody waits in vain.
pub enum ReplyTo {
    /// Nobody waits.
    Nobody,
    /// A unary call; it notices the dropped sender.
    Unary(oneshot::Sender<Reply>),
    /// A session.
    Port(Ticket),
}

/// The right, and the duty, to answer one command of a session.
pub struct Ticket {
    port: Option<Arc<dyn ReplyPort>>,
    tag: u64,
}

impl Ticket {
    /// A ticket for the command with this tag.
    #[must_use]
    pub fn new(port: Arc<dyn ReplyPort>, tag: u64) -> Self {
        Self { port: Some(port), tag }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(port) = self.port.take() {
            port.abandon(self.tag);
        }
    }
}

impl ReplyTo {
    /// Sends the reply.
    pub fn send(self, action: Action, reply: Reply) {
        match self {
            Self::Nobody => {}
            // A caller that is gone wants no answer.
            Self::Unary(sender) => drop(sender.send(reply)),
            Self::Port(mut ticket) => {
                if let Some(port) = ticket.port.take() {
                    port.deliver(&mut std::iter::once(Delivery { tag: ticket.tag, action, reply }));
                }
            }
        }
    }

    /// Sends many replies, and empties the vector. Neighbours that go to the same session go there together.
    pub fn send_all(replies: &mut Vec<(Self, Action, Reply)>) {
        let mut replies = replies.drain(..).peekable();
        while let Some((to, action, reply)) = replies.next() {
            match to {
                Self::Port(Ticket { port: Some(ref port), .. }) => {
                    let port = Arc::clone(port);
                    let first = to.delivery(action, reply);
                    let rest = std::iter::from_fn(|| {
                        let (to, action, reply) = replies.next_if(|(to, ..)| to.goes_to(&port))?;
                        to.delivery(action, reply)
                    });
                    port.deliver(&mut first.into_iter().chain(rest));
                }
                other => other.send(action, reply),
            }
        }
    }

    fn goes_to(&self, port: &Arc<dyn ReplyPort>) -> bool {
        matches!(self, Self::Port(Ticket { port: Some(own), .. }) if Arc::ptr_eq(own, port))
    }

    /// The reply as a session takes it, and the ticket redeemed by it.
    fn delivery(self, action: Action, reply: Reply) -> Option<Delivery> {
        let Self::Port(mut ticket) = self else { return None };
        ticket.port.take()?;
        Some(Delivery { tag: ticket.tag, action, reply })
    }

    /// Whether the caller is known to be gone.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        matches!(self, Self::Unary(sender) if sender.is_closed())
    }
}
