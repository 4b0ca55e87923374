//! A shop, as the tests play it.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use toss_sim::ledger::Totals;
use toss_sim::{Behaviour, Books, Options, SECRET_KEY, Simulator};

/// Longest wait for an answer that must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client of the provider.
#[derive(Clone)]
pub(crate) struct Shop {
    client: reqwest::Client,
    url: String,
}

/// Status and body.
pub(crate) type Answer = (u16, Value);

/// A simulator that behaves so, and its shop.
pub(crate) async fn start(behaviour: Behaviour) -> (Simulator, Shop) {
    let simulator = Simulator::start(Options { behaviour, ..Options::default() }).await.expect("it starts");
    let shop = Shop::at(&simulator.url());
    (simulator, shop)
}

impl Shop {
    pub(crate) fn at(url: &str) -> Self {
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
        Self { client, url: url.to_owned() }
    }

    /// A request without authentication.
    pub(crate) fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// A request with the shop's key.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path).basic_auth(SECRET_KEY, Some(""))
    }

    pub(crate) fn confirm_request(&self, payment: &str, order: &str, amount: i64) -> RequestBuilder {
        let body = json!({"paymentKey": payment, "orderId": order, "amount": amount});
        self.request(Method::POST, "/v1/payments/confirm").json(&body)
    }

    pub(crate) fn cancel_request(&self, payment: &str, amount: Option<i64>) -> RequestBuilder {
        let mut body = json!({"cancelReason": "cannot come"});
        if let Some(amount) = amount {
            body["cancelAmount"] = amount.into();
        }
        self.request(Method::POST, &format!("/v1/payments/{payment}/cancel")).json(&body)
    }

    pub(crate) async fn confirm(&self, payment: &str, order: &str, amount: i64) -> Answer {
        answer(self.confirm_request(payment, order, amount)).await
    }

    pub(crate) async fn cancel(&self, payment: &str, amount: Option<i64>) -> Answer {
        answer(self.cancel_request(payment, amount)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    /// Plays buyer, bank or fate.
    pub(crate) async fn sim(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let request = self.bare(method, &format!("/sim{path}"));
        answer(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    /// The status of an order's payment.
    pub(crate) async fn status(&self, order: &str) -> String {
        let (status, payment) = self.get(&format!("/v1/payments/orders/{order}")).await;
        assert_eq!(status, 200, "{payment}");
        payment["status"].as_str().expect("a status").to_owned()
    }

    pub(crate) async fn totals(&self) -> Totals {
        let (_, books) = self.sim(Method::GET, "/ledger?totals=true", None).await;
        serde_json::from_value::<Books>(books).expect("books").totals
    }
}

/// Sends a request that must be answered.
pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let answer = request.send().await.expect("an answer");
    let status = answer.status();
    let text = answer.text().await.expect("a body");
    (status.as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Asserts that a call was refused with a code.
pub(crate) fn assert_refused((status, body): &Answer, code: &str) {
    assert_eq!(body["code"], code, "{status} {body}");
    assert!(!StatusCode::from_u16(*status).expect("a status").is_success());
    assert!(body["message"].is_string());
}

/// Looks again until there is something, and returns it.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = std::time::Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        // Not a wait for the result, only a pause between two looks at it.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
