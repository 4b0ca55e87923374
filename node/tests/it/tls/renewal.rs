//! Certificates that are replaced while the node serves.

use std::time::Duration;

use earlybird_proto::v1;
use earlybird_proto::v1::catalog_client::CatalogClient;
use rustix::process::Signal;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::authority::Authority;
use super::{channel, metric, server, shown};
use crate::chaos::eventually;

const NOT_AFTER: &str = "earlybird_tls_certificate_not_after_seconds";

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_connections_and_old_ones_go_on() {
    let authority = Authority::new();
    let files = authority.issue();
    let mut server = server(&files).await;
    let old = channel(server.grpc(), &authority, None);
    let watch = HealthClient::new(old.clone()).watch(HealthCheckRequest::default()).await;
    let mut watch = watch.expect("a watch").into_inner();
    watch.message().await.expect("news").expect("news");
    let first = shown(server.grpc(), &authority).await.expect("a certificate");

    let (second, not_after_s) = authority.reissue(&files, Duration::from_secs(7_200));
    assert_ne!(first, second);
    let is_shown = async || (shown(server.grpc(), &authority).await == Some(second.clone())).then_some(());
    eventually("the new certificate is shown", is_shown).await;
    assert_eq!(metric(&server, NOT_AFTER).await, not_after_s);
    let venues = CatalogClient::new(old).list_venues(v1::ListVenuesRequest::default()).await;
    venues.expect("the connection goes on");

    // What is new is half written: the key is not that of the certificate.
    let key = files.read("tls.key");
    let (third, _) = authority.reissue(&files, Duration::from_secs(7_200));
    let whole = files.read("tls.key");
    files.write("tls.key", &key);
    server.signal(Signal::HUP);
    let refused = async || server.log().contains("cannot use the new certificates").then_some(());
    eventually("it says what is wrong", refused).await;
    assert!(server.log().contains("is not the key of"), "{}", server.log());
    assert_eq!(shown(server.grpc(), &authority).await, Some(second));
    assert_eq!(metric(&server, NOT_AFTER).await, not_after_s);

    files.write("tls.key", &whole);
    server.signal(Signal::HUP);
    let is_shown = async || (shown(server.grpc(), &authority).await == Some(third.clone())).then_some(());
    eventually("it is shown once it is whole", is_shown).await;
    assert_eq!(server.log().matches("cannot use the new certificates").count(), 1);

    server.sigterm();
    while let Ok(Some(_)) = watch.message().await {}
    assert_eq!(server.ended().await.code(), Some(0), "{}", server.log());
}
