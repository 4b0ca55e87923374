//! What the shop is told without asking.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use parking_lot::Mutex;
use reqwest::Method;
use serde_json::{Value, json};
use toss_sim::{Behaviour, WebhookBehaviour};

use crate::support::{eventually, start};

/// What a shop was told: transmission id, retries before, body.
type Told = (String, u32, Value);

#[derive(Clone, Default)]
struct Ear {
    told: Arc<Mutex<Vec<Told>>>,
    /// Number of times that it does not listen, to each transmission.
    deaf: u32,
}

impl Ear {
    fn told(&self) -> Vec<Told> {
        self.told.lock().clone()
    }

    async fn until_told(&self, times: usize) -> Vec<Told> {
        eventually("webhooks come", async || (self.told().len() >= times).then(|| self.told())).await
    }
}

async fn hear(State(ear): State<Ear>, headers: HeaderMap, Json(body): Json<Value>) -> StatusCode {
    let header = |name: &str| headers[name].to_str().expect("text").to_owned();
    assert_eq!(header("tosspayments-webhook-transmission-time").len(), 26);
    let retried = header("tosspayments-webhook-transmission-retried-count").parse().expect("a number");
    ear.told.lock().push((header("tosspayments-webhook-transmission-id"), retried, body));
    if retried < ear.deaf { StatusCode::ACCEPTED } else { StatusCode::OK }
}

/// A shop's webhook, and its address.
async fn listen(deaf: u32) -> (Ear, String) {
    let ear = Ear { deaf, ..Ear::default() };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/webhooks/toss", listener.local_addr().expect("an address"));
    let router = Router::new().route("/webhooks/toss", post(hear)).with_state(ear.clone());
    tokio::spawn(axum::serve(listener, router).into_future());
    (ear, url)
}

fn telling(url: String, webhooks: &WebhookBehaviour) -> Behaviour {
    Behaviour { webhooks: WebhookBehaviour { url: Some(url), ..webhooks.clone() }, ..Behaviour::default() }
}

#[tokio::test]
async fn changes_are_told_until_they_are_received() {
    let (ear, url) = listen(2).await;
    let webhooks = WebhookBehaviour { retry_after_ms: 1, ..WebhookBehaviour::default() };
    let (_simulator, shop) = start(telling(url, &webhooks)).await;
    let (_, payment) = shop.confirm("key-1", "order-1", 100).await;
    let told = ear.until_told(3).await;
    let (ids, retries): (BTreeSet<_>, Vec<_>) = told.iter().map(|(id, retried, _)| (id, *retried)).unzip();
    assert_eq!((ids.len(), retries), (1, vec![0, 1, 2]));
    for (_, _, body) in told {
        assert_eq!(body["eventType"], "PAYMENT_STATUS_CHANGED");
        assert_eq!(body["data"], payment);
    }
}

#[tokio::test]
async fn copies_come_under_one_id_and_out_of_order() {
    let (ear, url) = listen(0).await;
    let webhooks = WebhookBehaviour { copies: 100, delay_ms_max: 100, ..WebhookBehaviour::default() };
    let (_simulator, shop) = start(telling(url, &webhooks)).await;
    for (number, key) in ["key-1", "key-2", "key-3"].into_iter().enumerate() {
        shop.confirm(key, &format!("order-{number}"), 100).await;
    }
    let told = ear.until_told(300).await;
    let mut copies: BTreeMap<&str, u32> = BTreeMap::new();
    for (id, ..) in &told {
        *copies.entry(id).or_default() += 1;
    }
    assert_eq!(copies.values().copied().collect::<Vec<_>>(), [100, 100, 100]);
    let orders: Vec<&str> =
        told.iter().map(|(_, _, body)| body["data"]["orderId"].as_str().expect("an order")).collect();
    assert!(!orders.is_sorted(), "delays mix them up");
}

#[tokio::test]
async fn deposits_are_told_with_the_secret_of_the_payment() {
    let (ear, url) = listen(0).await;
    let (_simulator, shop) = start(telling(url, &WebhookBehaviour::default())).await;
    let key = "sim.virtual-account.1";
    let (_, payment) = shop.confirm(key, "order-1", 100).await;
    shop.sim(Method::POST, &format!("/payments/{key}/deposit"), None).await;
    shop.sim(Method::POST, &format!("/payments/{key}/revert"), None).await;
    let told = ear.until_told(5).await;
    let mut deposits: Vec<_> =
        told.iter().map(|(_, _, body)| body).filter(|body| body["eventType"].is_null()).collect();
    deposits.sort_by_key(|body| body["createdAt"].as_str().map(str::to_owned));
    assert_eq!(deposits.len(), 2);
    for (body, status) in deposits.iter().zip(["DONE", "WAITING_FOR_DEPOSIT"]) {
        assert_eq!(body["status"], status);
        assert_eq!((&body["secret"], &body["orderId"]), (&payment["secret"], &json!("order-1")));
        assert!(body["transactionKey"].is_string());
    }
}

#[tokio::test]
async fn the_address_can_be_given_while_it_runs_and_webhooks_sent_again() {
    let (ear, url) = listen(0).await;
    let (_simulator, shop) = start(Behaviour::default()).await;
    shop.confirm("key-1", "order-1", 100).await;
    let changes = json!({"webhooks": {"url": url}});
    assert_eq!(shop.sim(Method::PATCH, "/behaviour", Some(changes)).await.0, 200);
    for _ in 0..2 {
        assert_eq!(shop.sim(Method::POST, "/payments/key-1/webhook", None).await.0, 200);
    }
    let told = ear.until_told(2).await;
    assert_ne!(told[0].0, told[1].0, "each is a transmission of its own");
    assert_eq!(told[0].2["data"], told[1].2["data"]);
}
