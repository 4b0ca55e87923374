//! What the provider tells without being asked.
//!
//! ```text
//!  POST ──► read ──► whose order? ──► is it news? ──► kept in the store ──► 200
//!             │          │ nobody's      │ no             │                  then: look at the order and at
//!             │ 4xx      └─► 200         └─► 200          └ store down: 503  the provider's record, and repair
//! ```
//!
//! Invariants: a webhook is a hint, and nothing is done because of what it says. It is answered with 200 only once nothing
//! of it can be lost: it is kept, or its order will be looked at anyway, or it says what is durable here already. Repeats,
//! late and reordered ones do no harm, since all that follows from one is to ask the provider.

mod endpoint;
mod message;
mod worker;

use std::collections::HashSet;
use std::sync::{Arc, Weak};

use earlybird_engine::{OrderId, OrderStateName};
use earlybird_persistence as store;
use earlybird_persistence::{PerformanceId, Store, StoreError, UnixMillis, WebhookRow};
use parking_lot::Mutex;
use subtle::ConstantTimeEq as _;
use tokio::sync::Notify;

pub use self::endpoint::Endpoint;
use self::message::Message;
use super::Payments;
use super::under_way::Task;
use crate::clock::Clock;
use crate::directory::Directory;

/// Longest name of a transmission that is looked at.
const TRANSMISSION_BYTES_MAX: usize = 200;

/// What became of a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// It will be looked at, or says nothing new.
    Taken,
    /// It came before, or two of its order wait to be looked at already.
    Repeated,
    /// It is about nothing of ours.
    Ignored,
    /// It is not a webhook.
    Malformed(String),
    /// It does not come from the provider.
    Forbidden,
    /// It cannot be kept now: it is to be sent again.
    Unavailable,
}

impl Received {
    /// The names of all.
    pub(crate) fn names() -> [&'static str; 6] {
        [
            Self::Taken,
            Self::Repeated,
            Self::Ignored,
            Self::Malformed(String::new()),
            Self::Forbidden,
            Self::Unavailable,
        ]
        .map(|received| received.as_str())
    }

    /// Its name in metrics.
    fn as_str(&self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Repeated => "repeated",
            Self::Ignored => "ignored",
            Self::Malformed(_) => "malformed",
            Self::Forbidden => "forbidden",
            Self::Unavailable => "unavailable",
        }
    }
}

/// What webhooks need of the node.
pub struct Webhooks {
    store: Arc<dyn Store>,
    clock: Arc<Clock>,
    directory: Weak<Directory>,
    payments: Arc<Payments>,
    /// Something was kept that is to be looked at.
    news: Notify,
    /// Orders that are being looked at.
    looking: Mutex<HashSet<(PerformanceId, store::OrderId)>>,
}

impl Webhooks {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        clock: Arc<Clock>,
        directory: &Arc<Directory>,
        payments: Arc<Payments>,
    ) -> Arc<Self> {
        let directory = Arc::downgrade(directory);
        Arc::new(Self { store, clock, directory, payments, news: Notify::new(), looking: Mutex::default() })
    }

    /// Takes a webhook: the provider's name of this transmission, if it came with one, and the body.
    pub async fn receive(&self, transmission_id: Option<&str>, body: &[u8]) -> Received {
        let received = match self.take(transmission_id, body).await {
            Ok(received) => received,
            Err(error) => {
                tracing::debug!(%error, "cannot take a webhook");
                Received::Unavailable
            }
        };
        metrics::counter!("earlybird_webhooks_total", "outcome" => received.as_str()).increment(1);
        received
    }

    async fn take(&self, transmission_id: Option<&str>, body: &[u8]) -> Result<Received, StoreError> {
        let is_fit = |id: &&str| !id.is_empty() && id.len() <= TRANSMISSION_BYTES_MAX;
        let Some(transmission_id) = transmission_id.filter(is_fit) else {
            return Ok(Received::Malformed("tosspayments-webhook-transmission-id: required".to_owned()));
        };
        let (performance, order, hint) = match Message::read(body) {
            Err(what) => return Ok(Received::Malformed(what)),
            Ok(Message::Other) => return Ok(Received::Ignored),
            Ok(Message::Payment { payment, status }) => {
                // An order is durable before the provider hears of its payment, so one that is not found is another shop's.
                match self.payments.order_of(&payment).await? {
                    Some((performance, order)) => (performance, order, Some(status)),
                    None => return Ok(Received::Ignored),
                }
            }
            Ok(Message::Deposit { order_reference, secret }) => {
                let Some(account) = self.store.latest_deposit_account(&order_reference).await? else {
                    return Ok(Received::Ignored);
                };
                if !bool::from(account.secret.as_bytes().ct_eq(secret.as_bytes())) {
                    return Ok(Received::Forbidden);
                }
                (account.performance, OrderId(account.order.0), None)
            }
        };
        if self.is_known(&performance, order, hint.as_deref()) {
            return Ok(Received::Taken);
        }
        self.keep(transmission_id, performance, order).await
    }

    /// Whether nothing can come of it: the order's settlement is asking the provider anyway, or what is told is durable here.
    /// Every payment and refund is told by a webhook, and most of them end here, without a write.
    fn is_known(&self, performance: &PerformanceId, order: OrderId, hint: Option<&str>) -> bool {
        // A task of a performance that has gone to another node ends unheard.
        let Some(shard) =
            self.directory.upgrade().and_then(|directory| directory.active(performance.as_str()))
        else {
            return false;
        };
        if self.payments.under_way.nudge(&Task::Payment(performance.clone(), order)) {
            return true;
        }
        let committed = shard.committed();
        let state = shard.read(|state| {
            let order = state.order(order).filter(|order| order.last_sequence <= committed)?;
            Some((order.state, order.refunded_minor == 0))
        });
        matches!(
            (state, hint),
            (Some((OrderStateName::Paid, true)), Some("DONE"))
                | (Some((OrderStateName::Refunding, _)), Some("PARTIAL_CANCELED" | "CANCELED"))
                | (Some((OrderStateName::Refunded, false)), Some("CANCELED"))
                | (Some((OrderStateName::Declined, _)), Some("ABORTED" | "EXPIRED" | "CANCELED"))
        )
    }

    async fn keep(
        &self,
        transmission_id: &str,
        performance: PerformanceId,
        order: OrderId,
    ) -> Result<Received, StoreError> {
        let received_at = UnixMillis(self.clock.now().0);
        let order = store::OrderId(order.0);
        let row = WebhookRow { transmission_id: transmission_id.into(), performance, order, received_at };
        let is_kept = self.store.take_webhook(&row).await?;
        self.news.notify_one();
        Ok(if is_kept { Received::Taken } else { Received::Repeated })
    }
}
