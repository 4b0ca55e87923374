//! Looks at what the provider has told, also what an earlier run of the node had promised to look at.
//!
//! ```text
//!  store: open webhooks, oldest first ──page by page──► a few looks at a time ──done──► settled
//!     ▲ the end: on behind the last, as soon as there is news          └ no answer, another node's: left open
//!     └ after a while: from the beginning, for those that were left open
//! ```
//!
//! Invariants: no webhook waits for one of another order to be answerable. Of one order they are looked at one after the
//! other, so while two wait, one of them is looked at after whatever is told now (I13).

use std::sync::Arc;
use std::time::Duration;

use earlybird_engine::OrderId;
use earlybird_persistence::{UnixMillis, WebhookRow};
use futures::StreamExt as _;
use futures::stream::{self, Stream};
use tokio::time::{Instant, timeout, timeout_at};

use super::Webhooks;
use crate::payments::DifferenceKind;
use crate::payments::review::Reviewed;

/// Webhooks read at a time.
const PAGE_ROWS: usize = 100;
/// Orders looked at, at a time.
const AT_ONCE_MAX: usize = 16;
/// Longest look at one, so that those which cannot be answered do not take all places for ever.
const LOOK_MAX: Duration = Duration::from_secs(30);
/// What the provider could not be asked about is looked at again so long after the last of the others, as is what another
/// node has taken for this one.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// How long a webhook is kept as known: the provider sends one again for about four days.
const KEPT_FOR: Duration = Duration::from_secs(8 * 24 * 3_600);
/// How often those that are older are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);

/// How far the open webhooks are read.
#[derive(Default)]
struct Reading {
    page: std::vec::IntoIter<WebhookRow>,
    /// The last row that was handed out.
    last: Option<WebhookRow>,
    /// When to begin again; known from the end on.
    again_at: Option<Instant>,
}

impl Webhooks {
    /// Works until it is dropped.
    pub(crate) async fn run(self: Arc<Self>) {
        let looks = self.open().map(|row| self.look_at(row)).buffer_unordered(AT_ONCE_MAX);
        tokio::join!(looks.for_each(std::future::ready), self.forget());
    }

    /// The open webhooks, over and over, without an end.
    fn open(&self) -> impl Stream<Item = WebhookRow> + '_ {
        stream::unfold(Reading::default(), async |mut reading| {
            let row = self.next_open(&mut reading).await;
            Some((row, reading))
        })
    }

    async fn next_open(&self, reading: &mut Reading) -> WebhookRow {
        loop {
            if let Some(row) = reading.page.next() {
                reading.last = Some(row.clone());
                return row;
            }
            match self.store.open_webhooks(reading.last.as_ref(), PAGE_ROWS).await {
                Ok(rows) => {
                    if reading.last.is_none() {
                        self.show_oldest(rows.first());
                    }
                    if !rows.is_empty() {
                        reading.page = rows.into_iter();
                        continue;
                    }
                }
                Err(error) => tracing::debug!(%error, "cannot read what webhooks have told"),
            }
            let again_at = *reading.again_at.get_or_insert_with(|| Instant::now() + AGAIN_AFTER);
            if timeout_at(again_at, self.news.notified()).await.is_err() {
                *reading = Reading::default();
            }
        }
    }

    /// Tells for how long the oldest of the open webhooks has waited.
    fn show_oldest(&self, oldest: Option<&WebhookRow>) {
        let waited_ms = oldest.map_or(0, |row| self.clock.now().0.saturating_sub(row.received_at.0));
        metrics::gauge!("earlybird_webhooks_oldest_seconds").set(waited_ms as f64 / 1e3);
    }

    async fn look_at(&self, row: WebhookRow) {
        // It, or the next of its order, is met again by the next reading.
        let order = (row.performance.clone(), row.order);
        if !self.looking.lock().insert(order.clone()) {
            return;
        }
        let is_done = timeout(LOOK_MAX, self.is_reviewed(&row)).await.unwrap_or(false);
        // Not noted, it is looked at once more, which does no harm.
        if is_done && let Err(error) = self.store.settle_webhook(&row.transmission_id).await {
            tracing::debug!(%error, "cannot note that a webhook was looked at");
        }
        self.looking.lock().remove(&order);
    }

    /// Looks at one order. Returns whether it is done with.
    async fn is_reviewed(&self, row: &WebhookRow) -> bool {
        let order = OrderId(row.order.0);
        match self.payments.review(&row.performance, order, true).await {
            // Its owner finds it in the same store.
            Ok(Reviewed::NotOurs) => return false,
            Ok(Reviewed::Differs(order, difference)) => {
                tracing::warn!(
                    performance = %row.performance, %order, ?difference,
                    "an order and the provider's record of it differ"
                );
                // The account may be open to be paid into again: nobody will tell of that once more.
                if difference.kind == DifferenceKind::DepositReverted {
                    return false;
                }
            }
            Ok(reviewed) => {
                tracing::debug!(performance = %row.performance, %order, ?reviewed, "looked at an order");
            }
            Err(error) => {
                tracing::debug!(performance = %row.performance, %order, %error, "cannot look at an order yet");
                return false;
            }
        }
        true
    }

    /// Forgets what is older than any repeat.
    async fn forget(&self) {
        let kept_ms = u64::try_from(KEPT_FOR.as_millis()).unwrap_or(u64::MAX);
        loop {
            let before = UnixMillis(self.clock.now().0.saturating_sub(kept_ms));
            if let Err(error) = self.store.forget_webhooks(before).await {
                tracing::debug!(%error, "cannot forget old webhooks");
            }
            tokio::time::sleep(FORGET_EVERY).await;
        }
    }
}
