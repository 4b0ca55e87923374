//! Unary `HoldSeats`, with a fixed number of calls in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use anyhow::ensure;
use earlybird_proto::v1::HoldSeatsRequest;
use rush::connect::{Dialer, seating};
use tonic::Code;

use super::closed::Span;

/// How many calls over how many connections.
#[derive(Clone, Copy, Debug)]
pub struct Calls {
    /// Connections, each with its share of the calls.
    pub connections: usize,
    /// Calls in flight, all together.
    pub in_flight: usize,
}

/// Calls `HoldSeats` with what `make` gives and expects `expected`. Returns the calls answered a second.
///
/// # Errors
/// When calls end otherwise.
pub async fn unary<M>(
    dialer: &Dialer,
    calls: Calls,
    span: Span,
    expected: Code,
    make: impl Fn(usize) -> M,
) -> anyhow::Result<f64>
where
    M: FnMut() -> HoldSeatsRequest + Send + 'static,
{
    let counted = Arc::new((AtomicU64::new(0), AtomicBool::new(false)));
    let wires: Vec<_> = (0..calls.connections).map(|number| dialer.channel(number)).collect();
    let mut callers = tokio::task::JoinSet::new();
    for number in 0..calls.in_flight {
        let mut client = seating(&wires[number % wires.len()]);
        let (mut next, counted) = (make(number), Arc::clone(&counted));
        callers.spawn(async move {
            while !counted.1.load(Ordering::Relaxed) {
                let code = client.hold_seats(next()).await.map_or_else(|status| status.code(), |_| Code::Ok);
                ensure!(code == expected, "a call ended with {code:?}, not {expected:?}");
                counted.0.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
    }
    tokio::time::sleep(span.warm_up).await;
    let (before, since) = (counted.0.load(Ordering::Relaxed), Instant::now());
    tokio::time::sleep(span.measured).await;
    let answered = counted.0.load(Ordering::Relaxed) - before;
    let rate = answered as f64 / since.elapsed().as_secs_f64();
    counted.1.store(true, Ordering::Relaxed);
    while let Some(caller) = callers.join_next().await {
        caller??;
    }
    Ok(rate)
}
