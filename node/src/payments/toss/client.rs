//! One call to the provider: what goes out, and what of the answer can be believed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
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
    /// The machine has no roots of trust.
    #[error("cannot read the certificates that this machine trusts")]
    Roots(#[from] std::io::Error),
    /// The TLS library refuses its own defaults.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
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
    http: HttpClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base_url: Url,
    authorization: HeaderValue,
    answer_within: Duration,
}

impl Client {
    pub(super) fn new(options: &TossOptions) -> Result<Self, TossError> {
        check_address(options)?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(options.connect_timeout));
        let http = HttpClient::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(options.connections_idle_max)
            .build(connector(&options.base_url, tcp)?);
        Ok(Self {
            http,
            base_url: options.base_url.clone(),
            authorization: authorization(options)?,
            answer_within: options.read_timeout,
        })
    }

    /// `GET` of the path with these segments.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, &str)]) -> Answer<T> {
        let mut url = self.url(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.exchange(self.request(Method::GET, &url), Bytes::new()).await
    }

    /// `POST` to the path with these segments.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        idempotency_key: &str,
        body: &impl Serialize,
    ) -> Answer<T> {
        let request = self.request(Method::POST, &self.url(path));
        let request =
            request.header(CONTENT_TYPE, "application/json").header(IDEMPOTENCY_KEY, idempotency_key);
        match serde_json::to_vec(body) {
            Ok(body) => self.exchange(request, body.into()).await,
            Err(error) => Answer::Silence(format!("nothing was sent: {error}")),
        }
    }

    /// Each segment is one, whatever characters it has: some of them come from buyers.
    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path);
        }
        url
    }

    fn request(&self, method: Method, url: &Url) -> http::request::Builder {
        Request::builder()
            .method(method)
            .uri(url.as_str())
            .header(AUTHORIZATION, self.authorization.clone())
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, concat!("earlybird/", env!("CARGO_PKG_VERSION")))
    }

    async fn exchange<T: DeserializeOwned>(&self, request: http::request::Builder, body: Bytes) -> Answer<T> {
        let request = match request.body(Full::new(body)) {
            Ok(request) => request,
            Err(error) => return Answer::Silence(format!("nothing was sent: {error}")),
        };
        let exchange = async {
            let response = self.http.request(request).await.map_err(|error| describe(&error))?;
            let status = response.status();
            read(response).await.map(|body| (status, body))
        };
        match timeout(self.answer_within, exchange).await {
            Ok(Ok((status, body))) => understand(status, &body),
            Ok(Err(why)) => Answer::Silence(why),
            Err(_) => Answer::Silence(format!("no answer within {:?}", self.answer_within)),
        }
    }
}

/// Plain HTTP for plain addresses; for the others TLS with the certificates that this machine trusts.
fn connector(base_url: &Url, tcp: HttpConnector) -> Result<HttpsConnector<HttpConnector>, TossError> {
    let provider = ring::default_provider();
    if base_url.scheme() == "https" {
        let https = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider)?;
        return Ok(https.https_only().enable_http1().wrap_connector(tcp));
    }
    let trusts_nobody = ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let http = HttpsConnectorBuilder::new().with_tls_config(trusts_nobody);
    Ok(http.https_or_http().enable_http1().wrap_connector(tcp))
}

fn authorization(options: &TossOptions) -> Result<HeaderValue, TossError> {
    let key = options.secret_key.expose_secret();
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(TossError::Key);
    }
    let credentials = format!("Basic {}", STANDARD.encode(format!("{key}:")));
    let mut authorization = HeaderValue::from_str(&credentials).map_err(|_| TossError::Key)?;
    authorization.set_sensitive(true);
    Ok(authorization)
}

fn check_address(options: &TossOptions) -> Result<(), TossError> {
    let url = &options.base_url;
    let is_server = matches!(url.scheme(), "http" | "https") && url.as_str().parse::<Uri>().is_ok();
    let is_this_machine = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => return Err(TossError::Address),
    };
    let is_test_key = options.secret_key.expose_secret().starts_with(TEST_KEY_PREFIX);
    match url.scheme() {
        _ if !is_server => Err(TossError::Address),
        "http" if !is_this_machine && !is_test_key => Err(TossError::PlainText),
        _ => Ok(()),
    }
}

fn understand<T: DeserializeOwned>(status: StatusCode, body: &[u8]) -> Answer<T> {
    if status.is_success() {
        return match serde_json::from_slice(body) {
            Ok(done) => Answer::Done(done),
            Err(error) => {
                Answer::Silence(format!("status {status} with a body that cannot be read: {error}"))
            }
        };
    }
    match serde_json::from_slice::<Refusal>(body) {
        Ok(refusal) => Answer::Refused { refusal, is_kept: status.is_client_error() },
        Err(_) => Answer::Silence(format!("status {status} without an error code")),
    }
}

async fn read(response: Response<Incoming>) -> Result<Bytes, String> {
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    body.map(http_body_util::Collected::to_bytes).map_err(|error| describe(&*error))
}

/// An error with its causes: "connection refused" is one of them.
fn describe(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
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
        ] {
            assert_eq!(check_address(&options(base_url, key)).is_ok(), is_fit, "{base_url} {key}");
        }
        for key in ["", "live\n"] {
            assert!(Client::new(&options("http://127.0.0.1:1", key)).is_err(), "{key:?}");
        }
    }

    #[tokio::test]
    async fn no_key_of_a_buyer_leaves_its_place_in_the_path() {
        let client = Client::new(&options("http://127.0.0.1/base/", "key")).expect("a client");
        for (key, shown) in [("a/b?c#d", "a%2Fb%3Fc%23d"), ("열", "%EC%97%B4"), ("%2e%2e", "%252e%252e")] {
            let url = client.url(&["payments", key, "cancel"]);
            assert_eq!(url.as_str(), format!("http://127.0.0.1/base/v1/payments/{shown}/cancel"));
        }
    }

    #[test]
    fn the_key_is_not_shown() {
        let options = options("https://pay.example", "live_sk_hidden");
        let shown = format!("{options:?}{:?}", authorization(&options));
        assert!(!shown.contains("hidden") && !shown.contains(&STANDARD.encode("live_sk_hidden:")), "{shown}");
    }
}
