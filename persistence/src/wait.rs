//! Every wait has a deadline (I13).

use std::future::Future;
use std::time::Duration;

use crate::error::Cause;
use crate::options::whole_ms;

/// The answer, or [`Cause::TimedOut`] when it takes longer. The future is dropped then.
pub(crate) async fn answer_within<T>(limit: Duration, future: impl Future<Output = T>) -> Result<T, Cause> {
    let timed_out = |_| Cause::TimedOut { waited_ms: whole_ms(limit) };
    tokio::time::timeout(limit, future).await.map_err(timed_out)
}

/// A connection, or [`Cause::Busy`] when none gets free in time.
pub(crate) async fn free_within<T>(limit: Duration, future: impl Future<Output = T>) -> Result<T, Cause> {
    let busy = |_| Cause::Busy { waited_ms: whole_ms(limit) };
    tokio::time::timeout(limit, future).await.map_err(busy)
}
