//! The node's edge: command line, configuration, catalog, probes, tokens, drain.

mod catalog;
mod import;
mod metrics;
mod ports;
mod process;
mod roles;
mod tokens;

use std::time::{SystemTime, UNIX_EPOCH};

use earlybird_proto::v1;
use earlybird_proto::v1::catalog_client::CatalogClient;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::Server;

const CLUB: &str = include_str!("../../../../venues/club.json");

fn request_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn catalog(server: &Server) -> CatalogClient<Channel> {
    CatalogClient::new(server.channel()).max_encoding_message_size(usize::MAX)
}

fn import(id: &str, plan: impl Into<bytes::Bytes>) -> v1::ImportVenueRequest {
    v1::ImportVenueRequest { venue_id: id.into(), seating_plan: plan.into(), request_id: request_id() }
}

/// A performance at the club that is on sale from now on.
fn performance(id: &str) -> v1::CreatePerformanceRequest {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs() as i64;
    let time = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let price = |category: &str| v1::Price { category: category.into(), amount_minor: 10_000 };
    v1::CreatePerformanceRequest {
        performance_id: id.into(),
        performance: Some(v1::Performance {
            display_name: "Opening night".into(),
            venue: "venues/club".into(),
            currency_code: "KRW".into(),
            prices: ["VIP", "R", "S", "A"].map(price).into(),
            phases: vec![v1::SalePhase {
                kind: v1::sale_phase::Kind::General.into(),
                open_time: time(now_s - 60),
                close_time: time(now_s + 3600),
                waitlist_open: true,
                ..Default::default()
            }],
            ..Default::default()
        }),
        request_id: request_id(),
    }
}

/// Code and reason of a failure.
fn reason(status: &Status) -> (Code, String) {
    (status.code(), status.get_details_error_info().map(|info| info.reason).unwrap_or_default())
}
