//! Malformed venue files: an error that names the field, and nothing stored.

use earlybird_proto::v1;
use tonic::Code;
use tonic_types::StatusExt;

use super::{CLUB, catalog, import, reason};
use crate::support::Server;

/// Imports `plan` and expects this message.
async fn refused(server: &Server, plan: impl Into<bytes::Bytes>, message: &str) {
    let status = catalog(server).import_venue(import("hall", plan)).await.expect_err(message);
    assert_eq!(reason(&status), (Code::InvalidArgument, "INVALID_VENUE".into()), "{status:?}");
    assert!(status.message().starts_with(message), "{}", status.message());
    let fields = status.get_details_bad_request().expect("BadRequest").field_violations;
    assert!(status.message().starts_with(&fields[0].field));
}

#[tokio::test]
async fn a_malformed_plan_is_refused_by_its_field_and_nothing_is_stored() {
    let server = Server::start().await;
    let changed = |from: &str, to: &str| {
        assert!(CLUB.contains(from));
        CLUB.replacen(from, to, 1)
    };
    refused(
        &server,
        changed("\"category\":\"VIP\"", "\"category\":\"X\""),
        "seating_plan.zones[0].rows[0].seats[0].category: unknown category \"X\"; the plan has \"VIP\", \"R\", \"S\", \"A\"",
    )
    .await;
    refused(
        &server,
        changed("\"ST-A-2\"", "\"ST-A-1\""),
        "seating_plan.zones[0].rows[0].seats[1].seat_guid: seat_guid \"ST-A-1\" is also that of zones[0].rows[0].seats[0]",
    )
    .await;
    refused(&server, &b"seats"[..], "seating_plan: not JSON: expected value at line 1 column 1").await;
    refused(&server, &b""[..], "seating_plan: the seating plan is empty").await;
    refused(
        &server,
        r#"{"name":"x","categories":[],"zones":[]}"#,
        "seating_plan.zones: the plan has no seats; at least one is needed",
    )
    .await;
    refused(&server, vec![b'['; 1_000_000], "seating_plan: nested deeper than 64 levels at byte 64").await;
    refused(&server, vec![b' '; 32 * 1024 * 1024 + 1], "seating_plan: the seating plan has 33554433 bytes")
        .await;

    let list = catalog(&server).list_venues(v1::ListVenuesRequest::default()).await.expect("a list");
    assert!(list.into_inner().venues.is_empty());
}

#[tokio::test]
async fn a_plan_of_100_mb_is_refused_before_it_is_read() {
    let server = Server::start().await;
    let status =
        catalog(&server).import_venue(import("hall", vec![b'['; 100_000_000])).await.expect_err("too long");
    assert_eq!(reason(&status), (Code::InvalidArgument, "INVALID_VENUE".into()), "{status:?}");
    assert!(status.message().starts_with("seating_plan: "), "{}", status.message());
    // The peak of the server's memory, in kilobytes: it never held the plan.
    let process = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap_or_default();
    let peak = process.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak_kb = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<u64>().ok());
    assert!(peak_kb.is_none_or(|peak_kb| peak_kb < 90_000), "{peak_kb:?} kB");
    // And it serves on.
    catalog(&server).import_venue(import("hall", CLUB)).await.expect("a good plan");
}
