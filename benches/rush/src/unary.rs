//! The same commands over unary calls, for comparison and for servers behind proxies that break streams.

use std::pin::Pin;
use std::task::Poll;

use earlybird_proto::v1::SessionRequest;
use earlybird_proto::v1::session_request::Command;
use futures::Stream;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tonic::{Request, Status};

use crate::answer::Answer;
use crate::connect::{Wire, orders, seating, waitlist};

/// Unary calls in flight over one channel; driven by whoever receives.
pub struct UnaryClient {
    wire: Wire,
    calls: FuturesUnordered<BoxFuture<'static, (u64, Answer)>>,
}

impl UnaryClient {
    /// A client over `wire`.
    pub fn new(wire: Wire) -> UnaryClient {
        UnaryClient { wire, calls: FuturesUnordered::new() }
    }

    /// Begins a call. How many are in flight is the caller's to bound.
    pub fn push(&mut self, request: SessionRequest) {
        let wire = self.wire.clone();
        self.calls.push(Box::pin(async move {
            let tag = request.tag;
            let answer = call(&wire, request).await.unwrap_or_else(|status| Answer::of_status(&status));
            (tag, answer)
        }));
    }

    /// Waits for answers and hands over those that have arrived, at most `max`. Never resolves when nothing is in flight.
    pub async fn receive(&mut self, max: usize, mut take: impl FnMut(u64, Answer)) {
        std::future::poll_fn(|cx| {
            for taken in 0..max {
                match Pin::new(&mut self.calls).poll_next(cx) {
                    Poll::Ready(Some((tag, answer))) => take(tag, answer),
                    Poll::Ready(None) | Poll::Pending if taken > 0 => return Poll::Ready(()),
                    Poll::Ready(None) | Poll::Pending => return Poll::Pending,
                }
            }
            Poll::Ready(())
        })
        .await;
    }
}

async fn call(wire: &Wire, request: SessionRequest) -> Result<Answer, Status> {
    let timeout = std::time::Duration::from_millis(u64::from(request.timeout_ms));
    let Some(command) = request.command else { return Err(Status::invalid_argument("no command")) };
    Ok(match command {
        Command::HoldSeats(r) => {
            Answer::of_hold(seating(wire).hold_seats(timed(r, timeout)).await?.get_ref())
        }
        Command::HoldBestAvailable(r) => {
            Answer::of_hold(seating(wire).hold_best_available(timed(r, timeout)).await?.get_ref())
        }
        Command::ExtendHold(r) => {
            Answer::of_hold(seating(wire).extend_hold(timed(r, timeout)).await?.get_ref())
        }
        Command::ReleaseHold(r) => {
            Answer::of_hold(seating(wire).release_hold(timed(r, timeout)).await?.get_ref())
        }
        Command::JoinWaitlist(r) => {
            Answer::of_place(waitlist(wire).join_waitlist(timed(r, timeout)).await?.get_ref())
        }
        Command::LeaveWaitlist(r) => {
            waitlist(wire).leave_waitlist(timed(r, timeout)).await?;
            Answer::Left
        }
        Command::PayHold(r) => Answer::of_order(orders(wire).pay_hold(timed(r, timeout)).await?.get_ref()),
        Command::RefundOrder(r) => {
            Answer::of_order(orders(wire).refund_order(timed(r, timeout)).await?.get_ref())
        }
    })
}

/// A request that says how long it may take; 0 says nothing.
pub fn timed<T>(message: T, timeout: std::time::Duration) -> Request<T> {
    let mut request = Request::new(message);
    if !timeout.is_zero() {
        request.set_timeout(timeout);
    }
    request
}
