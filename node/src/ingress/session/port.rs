//! Where shards leave the replies to a session's commands.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use earlybird_engine::Action;
use futures::task::AtomicWaker;
use parking_lot::Mutex;

use crate::reply::{Reply, ReplyPort};

/// A reply on its way to the session's task.
pub(super) struct Delivered {
    /// The slot of the command.
    pub(super) slot: u32,
    /// The reply and what it is a reply to; none when the command was lost on its way.
    pub(super) reply: Option<(Action, Reply)>,
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

    fn push(&self, delivered: Delivered) {
        if self.closed.load(Ordering::Acquire) {
            return;
        }
        let mut replies = self.replies.lock();
        let was_empty = replies.is_empty();
        replies.push_back(delivered);
        drop(replies);
        if was_empty {
            self.waker.wake();
        }
    }
}

/// The slot that a tag stands for: tags are given out as slots, so it always fits.
fn slot(tag: u64) -> u32 {
    tag as u32
}

impl ReplyPort for Port {
    fn deliver(&self, tag: u64, action: Action, reply: Reply) {
        self.push(Delivered { slot: slot(tag), reply: Some((action, reply)) });
    }

    fn abandon(&self, tag: u64) {
        self.push(Delivered { slot: slot(tag), reply: None });
    }
}
