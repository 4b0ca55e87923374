//! A client of `Seating.Session`: many commands in flight over one stream, sent and received in batches.
//!
//! ```text
//! push ──► pending ──flush──► outbox ──► tonic encodes what is there into one frame
//!                                                                     │
//! receive ◄── everything that has arrived, up to a bound ◄────────────┘
//! ```

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use earlybird_proto::v1::{SessionRequest, SessionResponse};
use futures::Stream;
use parking_lot::Mutex;
use tonic::{Status, Streaming};

use crate::connect::{Wire, seating};

/// One session. Dropping it ends the stream.
pub struct SessionClient {
    pending: VecDeque<SessionRequest>,
    outbox: Arc<Outbox>,
    replies: Streaming<SessionResponse>,
}

impl SessionClient {
    /// Opens a session.
    ///
    /// # Errors
    /// The status of the server, or `UNAVAILABLE` when it is not there.
    pub async fn open(wire: &Wire) -> Result<SessionClient, Status> {
        let outbox = Arc::new(Outbox::default());
        let requests = Requests { batch: VecDeque::new(), outbox: Arc::clone(&outbox) };
        let replies = seating(wire).session(requests).await?.into_inner();
        Ok(SessionClient { pending: VecDeque::new(), outbox, replies })
    }

    /// Adds a command to the batch. It leaves with [`Self::flush`]; how many are in flight is the caller's to bound.
    pub fn push(&mut self, request: SessionRequest) {
        self.pending.push_back(request);
    }

    /// Sends the batch.
    pub fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let waker = {
            let mut state = self.outbox.state.lock();
            state.queue.append(&mut self.pending);
            state.waker.take()
        };
        // Woken outside the lock: the sender may run at once on this very thread.
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits for replies and hands over those that have arrived, at most `max`. May be dropped and called again.
    ///
    /// # Errors
    /// When the session ended; what was in flight is then unknown.
    pub async fn receive(&mut self, max: usize, mut take: impl FnMut(SessionResponse)) -> Result<(), Status> {
        poll_fn(|cx| {
            for taken in 0..max {
                match Pin::new(&mut self.replies).poll_next(cx) {
                    Poll::Ready(Some(Ok(reply))) => take(reply),
                    Poll::Ready(Some(Err(status))) => return Poll::Ready(Err(status)),
                    Poll::Ready(None) => {
                        return Poll::Ready(Err(Status::unavailable("the session was closed")));
                    }
                    Poll::Pending if taken > 0 => return Poll::Ready(Ok(())),
                    Poll::Pending => return Poll::Pending,
                }
            }
            Poll::Ready(Ok(()))
        })
        .await
    }
}

impl Drop for SessionClient {
    fn drop(&mut self) {
        let mut state = self.outbox.state.lock();
        state.closed = true;
        if let Some(waker) = state.waker.take() {
            drop(state);
            waker.wake();
        }
    }
}

/// What waits to be encoded. Its length is bounded by the callers' bound on commands in flight.
#[derive(Default)]
struct Outbox {
    state: Mutex<OutboxState>,
}

#[derive(Default)]
struct OutboxState {
    queue: VecDeque<SessionRequest>,
    waker: Option<Waker>,
    closed: bool,
}

/// The request stream: takes the whole outbox with one lock, then gives it out without any.
struct Requests {
    batch: VecDeque<SessionRequest>,
    outbox: Arc<Outbox>,
}

impl Stream for Requests {
    type Item = SessionRequest;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<SessionRequest>> {
        if let Some(request) = self.batch.pop_front() {
            return Poll::Ready(Some(request));
        }
        let this = &mut *self;
        let mut state = this.outbox.state.lock();
        std::mem::swap(&mut this.batch, &mut state.queue);
        if let Some(request) = this.batch.pop_front() {
            return Poll::Ready(Some(request));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
