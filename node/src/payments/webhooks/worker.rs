//! Looks at what the provider has told, also what an earlier run of the node had promised to look at.

use std::sync::Arc;
use std::time::Duration;

use earlybird_engine::OrderId;
use earlybird_persistence::{StoreError, UnixMillis, WebhookRow};
use futures::StreamExt as _;
use futures::stream;
use tokio::time::{Instant, timeout};

use super::Webhooks;
use crate::payments::review::Reviewed;

/// Orders looked at together.
const BATCH_ROWS: usize = 100;
/// Of them, at a time.
const AT_ONCE_MAX: usize = 8;
/// What the provider could not be asked about is looked at again so often, besides whenever there is news.
const AGAIN_AFTER: Duration = Duration::from_secs(15);
/// How long a webhook is kept as known: the provider sends one again for about four days.
const KEPT_FOR: Duration = Duration::from_secs(8 * 24 * 3_600);
/// How often those that are older are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);

impl Webhooks {
    /// Works until it is dropped.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut forgotten_at: Option<Instant> = None;
        loop {
            let is_all_done = match self.look_at_open().await {
                Ok(is_all_done) => is_all_done,
                Err(error) => {
                    tracing::debug!(%error, "cannot read what webhooks have told");
                    false
                }
            };
            if forgotten_at.is_none_or(|at| at.elapsed() >= FORGET_EVERY) && self.forget().await.is_ok() {
                forgotten_at = Some(Instant::now());
            }
            let pause = if is_all_done { FORGET_EVERY } else { AGAIN_AFTER };
            drop(timeout(pause, self.news.notified()).await);
        }
    }

    /// Looks at the orders that the provider has told of. Returns whether nothing is left.
    async fn look_at_open(&self) -> Result<bool, StoreError> {
        loop {
            let rows = self.store.open_webhooks(BATCH_ROWS).await?;
            let is_last = rows.len() < BATCH_ROWS;
            let looked: Vec<bool> =
                stream::iter(rows).map(|row| self.look_at(row)).buffer_unordered(AT_ONCE_MAX).collect().await;
            if !looked.iter().all(|is_done| *is_done) {
                return Ok(false);
            }
            if is_last {
                return Ok(true);
            }
        }
    }

    /// Looks at one order. Returns whether it is done with.
    async fn look_at(&self, row: WebhookRow) -> bool {
        let order = OrderId(row.order.0);
        match self.payments.review(&row.performance, order, true).await {
            Ok(Reviewed::Differs(difference)) => {
                tracing::warn!(
                    performance = %row.performance, %order, ?difference,
                    "an order and the provider's record of it differ"
                );
            }
            Ok(reviewed) => {
                tracing::debug!(performance = %row.performance, %order, ?reviewed, "looked at an order");
            }
            Err(error) => {
                tracing::debug!(performance = %row.performance, %order, %error, "cannot look at an order yet");
                return false;
            }
        }
        self.store.settle_webhook(&row.transmission_id).await.is_ok()
    }

    async fn forget(&self) -> Result<(), StoreError> {
        let kept_ms = u64::try_from(KEPT_FOR.as_millis()).unwrap_or(u64::MAX);
        let before = UnixMillis(self.clock.now().0.saturating_sub(kept_ms));
        self.store.forget_webhooks(before).await.map(drop)
    }
}
