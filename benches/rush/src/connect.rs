//! Connections to the server: endpoints, the token, and the clients over them.

use std::time::Duration;

use anyhow::Context;
use earlybird_proto::v1::admin_client::AdminClient;
use earlybird_proto::v1::catalog_client::CatalogClient;
use earlybird_proto::v1::orders_client::OrdersClient;
use earlybird_proto::v1::seating_client::SeatingClient;
use earlybird_proto::v1::waitlist_client::WaitlistClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// A channel that adds the token to every call.
pub type Wire = InterceptedService<Channel, Bearer>;

/// Largest message taken: a seat map of a large house, or a page of orders.
const MESSAGE_BYTES_MAX: usize = 64 << 20;
/// Flow-control windows: a batch of replies must not wait for a window update.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 8 << 20;

/// Adds `authorization: Bearer …` where there is a token.
#[derive(Clone, Debug)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    /// A bearer of `token`, or of none.
    ///
    /// # Errors
    /// When the token has characters that a header must not have.
    pub fn new(token: Option<&str>) -> anyhow::Result<Bearer> {
        let value = token.map(|token| format!("Bearer {}", token.trim()).parse()).transpose();
        Ok(Bearer(value.context("the token has characters that a header must not have")?))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// Where the server is and who we are; gives out channels.
#[derive(Clone, Debug)]
pub struct Dialer {
    endpoints: Vec<Endpoint>,
    bearer: Bearer,
}

impl Dialer {
    /// A dialer of `endpoints` (URIs such as `http://127.0.0.1:50051`), with a token or none.
    ///
    /// # Errors
    /// When there is no endpoint, or one is not a URI, or the token is not one.
    pub fn new(endpoints: &[String], token: Option<&str>) -> anyhow::Result<Dialer> {
        anyhow::ensure!(!endpoints.is_empty(), "--endpoint: at least one is needed");
        let endpoints = endpoints.iter().map(|uri| endpoint(uri)).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Dialer { endpoints, bearer: Bearer::new(token)? })
    }

    /// A channel to the `number`th endpoint (counted round). It connects when first used, and again whenever it must.
    pub fn channel(&self, number: usize) -> Wire {
        let endpoint = &self.endpoints[number % self.endpoints.len()];
        InterceptedService::new(endpoint.connect_lazy(), self.bearer.clone())
    }

    /// The number of endpoints; at least 1.
    pub fn endpoints(&self) -> usize {
        self.endpoints.len()
    }
}

fn endpoint(uri: &str) -> anyhow::Result<Endpoint> {
    let endpoint = Endpoint::from_shared(uri.to_owned())
        .with_context(|| format!("--endpoint: {uri:?} is not a URI such as http://127.0.0.1:50051"))?;
    Ok(endpoint
        .connect_timeout(Duration::from_secs(3))
        .tcp_nodelay(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keep_alive_interval(Duration::from_secs(5))
        .keep_alive_timeout(Duration::from_secs(10)))
}

/// A client of `Admin`.
pub fn admin(wire: &Wire) -> AdminClient<Wire> {
    AdminClient::new(wire.clone())
}

/// A client of `Catalog`.
pub fn catalog(wire: &Wire) -> CatalogClient<Wire> {
    CatalogClient::new(wire.clone())
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX)
}

/// A client of `Seating`.
pub fn seating(wire: &Wire) -> SeatingClient<Wire> {
    SeatingClient::new(wire.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
}

/// A client of `Orders`.
pub fn orders(wire: &Wire) -> OrdersClient<Wire> {
    OrdersClient::new(wire.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
}

/// A client of `Waitlist`.
pub fn waitlist(wire: &Wire) -> WaitlistClient<Wire> {
    WaitlistClient::new(wire.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
}
