//! Webhooks: what the shop is told without asking, perhaps late, twice, out of order, or never.

use std::sync::{Arc, Weak};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};
use uuid::Uuid;

use crate::fault::WebhookBehaviour;
use crate::payment::Payment;
use crate::provider::Provider;
use crate::time::{created, now};

/// Events that wait to be sent; more are lost, as webhooks may be.
const QUEUED_MAX: usize = 65_536;
/// Requests under way at a time.
const CONCURRENCY_MAX: usize = 256;
/// How long the shop may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest pause before one is sent again.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// What the shop is told.
#[derive(Debug)]
pub enum Event {
    /// A payment has another status.
    StatusChanged(Box<Payment>),
    /// A deposit came to a virtual account, or was taken back.
    Deposit(Box<Payment>),
}

/// The way to the shop.
pub struct Webhooks {
    queue: mpsc::Sender<Event>,
}

/// One webhook on its way.
struct Delivery {
    client: reqwest::Client,
    url: String,
    body: Value,
    transmission: String,
    retries_max: u32,
    retry_after: Duration,
}

impl Webhooks {
    /// Sends what is to be sent, as the provider behaves at that time, until the provider is gone.
    #[must_use]
    pub fn start(provider: Weak<Provider>, seed: u64) -> Self {
        let (queue, events) = mpsc::channel(QUEUED_MAX);
        tokio::spawn(run(events, provider, StdRng::seed_from_u64(seed)));
        Self { queue }
    }

    /// Sends an event, some time.
    pub fn send(&self, event: Event) {
        if self.queue.try_send(event).is_err() {
            tracing::warn!("too many webhooks wait to be sent: one is lost");
        }
    }
}

async fn run(mut events: mpsc::Receiver<Event>, provider: Weak<Provider>, mut luck: StdRng) {
    let client = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build().unwrap_or_default();
    let room = Arc::new(Semaphore::new(CONCURRENCY_MAX));
    while let Some(event) = events.recv().await {
        let Some(provider) = provider.upgrade() else { return };
        let behaviour = provider.behaviour().webhooks;
        drop(provider);
        let Some(url) = behaviour.url.clone() else { continue };
        if luck.random::<f64>() < behaviour.lose {
            continue;
        }
        let body = event.body();
        let transmission = Uuid::new_v4().to_string();
        for _ in 0..behaviour.copies {
            let delay = Duration::from_millis(luck.random_range(0..=behaviour.delay_ms_max));
            let delivery = Delivery::new(&client, &url, &body, &transmission, &behaviour);
            let room = Arc::clone(&room);
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                delivery.run(&room).await;
            });
        }
    }
}

impl Event {
    fn body(&self) -> Value {
        match self {
            Self::StatusChanged(payment) => json!({
                "eventType": "PAYMENT_STATUS_CHANGED",
                "createdAt": created(now()),
                "data": payment,
            }),
            Self::Deposit(payment) => json!({
                "createdAt": created(now()),
                "secret": payment.secret,
                "status": payment.status,
                "transactionKey": payment.last_transaction_key,
                "orderId": payment.order_id,
            }),
        }
    }
}

impl Delivery {
    fn new(
        client: &reqwest::Client,
        url: &str,
        body: &Value,
        transmission: &str,
        behaviour: &WebhookBehaviour,
    ) -> Self {
        Self {
            client: client.clone(),
            url: url.to_owned(),
            body: body.clone(),
            transmission: transmission.to_owned(),
            retries_max: behaviour.retries_max,
            retry_after: Duration::from_millis(behaviour.retry_after_ms),
        }
    }

    /// Sends it until the shop says 200, or the provider gives up.
    async fn run(self, room: &Semaphore) {
        let mut pause = self.retry_after;
        for retried in 0..=self.retries_max {
            // The semaphore is never closed.
            let permit = room.acquire().await.ok();
            if self.is_received(retried).await {
                return;
            }
            drop(permit);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_AFTER_MAX);
        }
        tracing::debug!(transmission = self.transmission, "a webhook was never received");
    }

    async fn is_received(&self, retried: u32) -> bool {
        let sent = self
            .client
            .post(&self.url)
            .header("tosspayments-webhook-transmission-id", &self.transmission)
            .header("tosspayments-webhook-transmission-time", created(now()))
            .header("tosspayments-webhook-transmission-retried-count", retried)
            .json(&self.body)
            .send()
            .await;
        sent.is_ok_and(|answer| answer.status() == StatusCode::OK)
    }
}
