//! The gRPC server: every service of the API, health, reflection and gRPC-Web on one port.

use std::sync::Arc;

use earlybird_proto::FILE_DESCRIPTOR_SET;
use earlybird_proto::cluster::peer_server::PeerServer;
use earlybird_proto::v1::admin_server::AdminServer;
use earlybird_proto::v1::catalog_server::CatalogServer;
use earlybird_proto::v1::cluster_server::ClusterServer;
use earlybird_proto::v1::coupons_server::CouponsServer;
use earlybird_proto::v1::jobs_server::JobsServer;
use earlybird_proto::v1::members_server::MembersServer;
use earlybird_proto::v1::orders_server::OrdersServer;
use earlybird_proto::v1::payments_server::PaymentsServer;
use earlybird_proto::v1::waitlist_server::WaitlistServer;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tonic_web::GrpcWebLayer;

use super::connections::incoming;
use super::gate::{Gate, GateLayer};
use super::router::{Router, RouterLayer};
use crate::catalog::PLAN_BYTES_MAX;
use crate::config::GrpcConfig;
use crate::ingress::catalog::CatalogService;
use crate::ingress::peer::PeerService;
use crate::ingress::{IngressOptions, Services, seating};
use crate::node::Node;
use crate::tls::Tls;

/// Room around a seating plan in its request. It is more than a request needs, so that a plan which is a little too long
/// is refused by its own check, whose error says more.
const IMPORT_BYTES_MAX: usize = PLAN_BYTES_MAX + 1024 * 1024;

/// What stands before a message: whether it is compressed, and how long it is.
const FRAME_BYTES: usize = 5;

/// Bytes that a client may send ahead on one stream, and on one connection: enough for a busy session on a fast network.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;

/// Tells by gRPC which services serve.
#[derive(Clone)]
pub(super) struct Health {
    reporter: HealthReporter,
    names: Vec<&'static str>,
}

impl Health {
    /// All serve.
    pub(super) async fn serving(&self) {
        self.set(ServingStatus::Serving).await;
    }

    /// None serves.
    pub(super) async fn not_serving(&self) {
        self.set(ServingStatus::NotServing).await;
    }

    async fn set(&self, status: ServingStatus) {
        for name in &self.names {
            self.reporter.set_service_status(name, status).await;
        }
    }
}

/// The server before it runs.
pub(super) struct GrpcServer {
    config: GrpcConfig,
    routes: Routes,
    gate: Arc<Gate>,
    router: Arc<Router>,
    health: Health,
}

impl GrpcServer {
    /// A server of `node`; `draining` ends its watches and sessions.
    pub(super) fn new(
        config: &GrpcConfig,
        node: Arc<Node>,
        gate: Arc<Gate>,
        draining: CancellationToken,
    ) -> Self {
        let (reporter, health_service) = tonic_health::server::health_reporter();
        // The empty name stands for the whole server.
        let mut names = vec![""];
        let options = IngressOptions {
            request_timeout: config.request_timeout,
            session_in_flight_max: config.session_in_flight_max,
            message_bytes_max: config.max_message_bytes,
        };
        let services = Services::new(Arc::clone(&node), options, draining);
        let max = config.max_message_bytes;
        let router = Arc::new(Router::new(Arc::clone(&node.cluster), max + FRAME_BYTES));
        let peer = Arc::clone(&node);
        let catalog = CatalogServer::new(CatalogService::new(node));
        let mut routes = Routes::new(health_service);
        add(&mut routes, &mut names, catalog.max_decoding_message_size(IMPORT_BYTES_MAX));
        add(&mut routes, &mut names, seating::service(&services));
        add(&mut routes, &mut names, WaitlistServer::new(services.clone()).max_decoding_message_size(max));
        add(&mut routes, &mut names, OrdersServer::new(services.clone()).max_decoding_message_size(max));
        add(&mut routes, &mut names, MembersServer::new(services.clone()).max_decoding_message_size(max));
        add(&mut routes, &mut names, CouponsServer::new(services.clone()).max_decoding_message_size(max));
        add(&mut routes, &mut names, JobsServer::new(services.clone()).max_decoding_message_size(max));
        add(&mut routes, &mut names, PaymentsServer::new(services.clone()).max_decoding_message_size(max));
        add(&mut routes, &mut names, ClusterServer::new(services.clone()).max_decoding_message_size(max));
        add(&mut routes, &mut names, AdminServer::new(services).max_decoding_message_size(max));
        // Not for clients: without reflection and health.
        let peer = PeerServer::new(PeerService::new(peer));
        let routes = reflection(routes.add_service(peer)).prepare();
        Self { config: config.clone(), routes, gate, router, health: Health { reporter, names } }
    }

    /// What tells clients whether the server serves.
    pub(super) fn health(&self) -> Health {
        self.health.clone()
    }

    /// Serves until `stop`, and then until the calls under way have ended; by TLS, if there is a certificate.
    pub(super) async fn run(
        self,
        listener: TcpListener,
        tls: Option<Arc<Tls>>,
        stop: CancellationToken,
    ) -> Result<(), tonic::transport::Error> {
        let config = self.config;
        let incoming = incoming(listener, config.connections_max, tls);
        Server::builder()
            .accept_http1(true)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_concurrent_streams(config.streams_per_connection_max)
            .http2_keepalive_interval(Some(config.keepalive_interval))
            .http2_keepalive_timeout(Some(config.keepalive_timeout))
            .layer(GrpcWebLayer::new())
            .layer(GateLayer(self.gate))
            .layer(RouterLayer(self.router))
            .add_routes(self.routes)
            .serve_with_incoming_shutdown(incoming, stop.cancelled_owned())
            .await
    }
}

fn add<S>(routes: &mut Routes, names: &mut Vec<&'static str>, service: S)
where
    S: tower::Service<http::Request<tonic::body::Body>, Error = std::convert::Infallible>
        + NamedService
        + Clone
        + Send
        + Sync
        + 'static,
    S::Response: axum::response::IntoResponse,
    S::Future: Send + 'static,
{
    names.push(S::NAME);
    *routes = std::mem::take(routes).add_service(service);
}

/// Adds reflection in both versions that clients speak.
fn reflection(routes: Routes) -> Routes {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    match (builder().build_v1(), builder().build_v1alpha()) {
        (Ok(v1), Ok(v1alpha)) => routes.add_service(v1).add_service(v1alpha),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "serving without reflection");
            routes
        }
    }
}
