//! Where shards leave the replies to a session's commands.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use futures::task::AtomicWaker;
use parking_lot::Mutex;

use crate::reply::{Delivery, ReplyPort};

/// A reply on its way to the session's task. Its tag is the slot of the command.
pub(super) enum Delivered {
    /// The reply.
    Reply(Delivery),
    /// The command was lost on its way.
    Lost { tag: u64 },
}

/// The queue of replies, filled by shards on their tasks and emptied by the session on its own.
///
/// It holds at most as many replies as the session has commands in flight.
#[derive(Default)]
pub(super) struct Port {
    replies: Mutex<VecDeque<Delivered>>,
    waker: AtomicWaker,
    /// The client is gone: replies are for nobody.
    closed: AtomicBool,
}

impl Port {
    /// Wakes `waker` at the next reply that finds the queue empty. Call it before `take`, so that none is missed.
    pub(super) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Moves all replies to `into`, which is empty: the two queues change places, so neither is made anew.
    pub(super) fn take(&self, into: &mut VecDeque<Delivered>) {
        debug_assert!(into.is_empty(), "replies would be told out of order");
        std::mem::swap(&mut *self.replies.lock(), into);
    }

    /// Takes no more replies.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        drop(std::mem::take(&mut *self.replies.lock()));
    }

    fn push(&self, delivered: impl Iterator<Item = Delivered>) {
        if self.closed.load(Ordering::Acquire) {
            return;
        }
        let mut replies = self.replies.lock();
        let was_empty = replies.is_empty();
        replies.extend(delivered);
        drop(replies);
        if was_empty {
            self.waker.wake();
        }
    }
}

impl ReplyPort for Port {
    fn deliver(&self, replies: &mut dyn Iterator<Item = Delivery>) {
        self.push(replies.map(Delivered::Reply));
    }

    fn abandon(&self, tag: u64) {
        self.push(std::iter::once(Delivered::Lost { tag }));
    }
}
