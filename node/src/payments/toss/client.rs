//! One call to the provider: what goes out, and what of the answer can be believed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, redirect};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::{Host, Url};

use super::options::TossOptions;
use super::wire::Refusal;

/// Header of the key that makes a retry harmless.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Largest answer that is read: a full page of transactions is far smaller.
const ANSWER_BYTES_MAX: usize = 8 << 20;
/// How long an idle connection is kept: shorter than the minute after which servers and balancers commonly close them.
const IDLE_MAX: Duration = Duration::from_secs(50);
/// How keys begin with which no money moves.
const TEST_KEY_PREFIX: &str = "test_";

/// Why a connection to the provider cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TossError {
    /// The key has characters that no key has.
    #[error("payments.toss.secret_key: must have printable ASCII characters alone")]
    Key,
    /// The key would be sent in the clear.
    #[error(
        "payments.toss.base_url: must begin with https://, unless it is this machine or the secret key is a test key"
    )]
    PlainText,
    /// The address cannot have a path behind it.
    #[error("payments.toss.base_url: must be the http:// or https:// address of a server")]
    Address,
    /// The client cannot be built.
    #[error("cannot set up the connection to the payment provider")]
    Client(#[from] reqwest::Error),
}

/// What came of a call.
pub(super) enum Answer<T> {
    /// Done; what the provider says.
    Done(T),
    /// Not done, or so it says.
    Refused {
        refusal: Refusal,
        /// Whether it will say so again to the same idempotency key.
        is_kept: bool,
    },
    /// No answer, or none that can be read.
    Silence(String),
}

pub(super) struct Client {
    http: reqwest::Client,
    base_url: Url,
}

impl Client {
    pub(super) fn new(options: &TossOptions) -> Result<Self, TossError> {
        check_address(options)?;
        // The first provider of cryptography counts for the process; whoever came before has set one as well.
        drop(rustls::crypto::ring::default_provider().install_default());
        let key = options.secret_key.expose_secret();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TossError::Key);
        }
        let credentials = format!("Basic {}", STANDARD.encode(format!("{key}:")));
        let mut authorization = HeaderValue::from_str(&credentials).map_err(|_| TossError::Key)?;
        authorization.set_sensitive(true);
        let builder = reqwest::Client::builder();
        // What is on this machine is not behind a proxy.
        let builder = if is_this_machine(&options.base_url) { builder.no_proxy() } else { builder };
        let http = builder
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, authorization)]))
            .user_agent(concat!("earlybird/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(options.connect_timeout)
            .timeout(options.connect_timeout + options.read_timeout)
            .read_timeout(options.read_timeout)
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(options.connections_idle_max)
            .redirect(redirect::Policy::none())
            // A retry is the settlement's to decide: it asks first.
            .retry(reqwest::retry::never())
            .build()?;
        Ok(Self { http, base_url: options.base_url.clone() })
    }

    /// `GET` of the path with these segments.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, &str)]) -> Answer<T> {
        let mut url = self.url(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        exchange(self.http.request(Method::GET, url)).await
    }

    /// `POST` to the path with these segments.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        idempotency_key: &str,
        body: &impl Serialize,
    ) -> Answer<T> {
        let request = self.http.request(Method::POST, self.url(path));
        exchange(request.header(IDEMPOTENCY_KEY, idempotency_key).json(body)).await
    }

    /// Each segment is one, whatever characters it has: some of them come from buyers.
    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path);
        }
        url
    }
}

fn check_address(options: &TossOptions) -> Result<(), TossError> {
    let url = &options.base_url;
    if url.cannot_be_a_base() || url.host().is_none() || !matches!(url.scheme(), "http" | "https") {
        return Err(TossError::Address);
    }
    let is_test_key = options.secret_key.expose_secret().starts_with(TEST_KEY_PREFIX);
    if url.scheme() == "https" || is_this_machine(url) || is_test_key {
        return Ok(());
    }
    Err(TossError::PlainText)
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

async fn exchange<T: DeserializeOwned>(request: RequestBuilder) -> Answer<T> {
    // Without the address: it has the buyer's payment key in it.
    let silence = |error: reqwest::Error| Answer::Silence(describe(&error.without_url()));
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => return silence(error),
    };
    let status = response.status();
    let body = match read(response).await {
        Ok(Some(body)) => body,
        Ok(None) => return Answer::Silence(format!("an answer of more than {ANSWER_BYTES_MAX} bytes")),
        Err(error) => return silence(error),
    };
    if status.is_success() {
        return match serde_json::from_slice(&body) {
            Ok(done) => Answer::Done(done),
            Err(error) => {
                Answer::Silence(format!("status {status} with a body that cannot be read: {error}"))
            }
        };
    }
    match serde_json::from_slice::<Refusal>(&body) {
        Ok(refusal) => Answer::Refused { refusal, is_kept: status.is_client_error() },
        Err(_) => Answer::Silence(format!("status {status} without an error code")),
    }
}

/// The body; none when it is too large.
async fn read(mut response: Response) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// An error with its causes: "connection refused" is one of them.
fn describe(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(base_url: &str, key: &str) -> TossOptions {
        TossOptions {
            base_url: base_url.parse().expect("a URL"),
            secret_key: key.into(),
            connect_timeout: Duration::from_secs(1),
            read_timeout: Duration::from_secs(1),
            connections_idle_max: 1,
        }
    }

    #[test]
    fn a_live_key_is_never_sent_in_the_clear() {
        for (base_url, key, is_fit) in [
            ("https://api.tosspayments.com", "live_sk_1", true),
            ("http://127.0.0.1:8080", "live_sk_1", true),
            ("http://localhost:8080/", "live_sk_1", true),
            ("http://toss-sim:8080", "test_sk_1", true),
            ("http://toss-sim:8080", "live_sk_1", false),
            ("ftp://127.0.0.1", "live_sk_1", false),
            ("data:text", "live_sk_1", false),
            ("https://api.tosspayments.com", "", false),
            ("https://api.tosspayments.com", "live\n", false),
        ] {
            assert_eq!(Client::new(&options(base_url, key)).is_ok(), is_fit, "{base_url} {key}");
        }
    }

    #[test]
    fn no_key_of_a_buyer_leaves_its_place_in_the_path() {
        let client = Client::new(&options("https://pay.example/base/", "key")).expect("a client");
        for (key, shown) in [("a/b?c#d", "a%2Fb%3Fc%23d"), ("열", "%EC%97%B4"), ("%2e%2e", "%252e%252e")] {
            let url = client.url(&["payments", key, "cancel"]);
            assert_eq!(url.as_str(), format!("https://pay.example/base/v1/payments/{shown}/cancel"));
        }
    }

    #[test]
    fn the_key_is_not_shown() {
        let shown = format!("{:?}", options("https://pay.example", "live_sk_hidden"));
        assert!(!shown.contains("hidden"), "{shown}");
    }
}
