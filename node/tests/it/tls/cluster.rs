//! Nodes that speak TLS with each other.

use std::time::Duration;

use earlybird_persistence::testing::{TempPostgres, skips_postgres};
use earlybird_proto::v1;
use earlybird_proto::v1::catalog_client::CatalogClient;
use futures::future::join_all;

use super::authority::{Authority, Files};
use super::channel;
use crate::chaos::eventually;
use crate::chaos::house::{self, Client};
use crate::chaos::server::{Server, Site};

/// Enough for each node to own some.
const PERFORMANCES: [&str; 6] = ["aida", "boheme", "carmen", "elektra", "faust", "tosca"];
const CALL_MAX: Duration = Duration::from_secs(20);

/// A node, and files for certificates of its own.
struct Member {
    site: Site,
    files: Files,
}

impl Member {
    /// It speaks plain text, and knows those who do not by this authority.
    fn plain(url: &str, number: usize, authority: &Authority) -> Self {
        let (site, files) = (Site::on(url), authority.issue());
        let key = site.folder().join("cluster.key");
        std::fs::write(&key, "a key that all nodes of this cluster know\n").expect("the key is written");
        let address = site.endpoint();
        let site = site
            .with("NODE__ID", &format!("node-{number}"))
            .with("CLUSTER__ADDRESS", &address)
            .with("CLUSTER__KEY_FILE", &key.display().to_string())
            .with("CLUSTER__GOSSIP_LISTEN", "127.0.0.1:0")
            .with("TLS__CA_FILE", &files.path("ca.crt"));
        Self { site, files }
    }

    /// It speaks TLS with everybody.
    fn encrypted(url: &str, number: usize, authority: &Authority) -> Self {
        let Self { site, files } = Self::plain(url, number, authority);
        let address = format!("https://{}", site.grpc());
        let site = site
            .with("CLUSTER__ADDRESS", &address)
            .with("TLS__CERT_FILE", &files.path("tls.crt"))
            .with("TLS__KEY_FILE", &files.path("tls.key"));
        Self { site, files }
    }

    /// As [`encrypted`](Self::encrypted), and everybody must show a certificate.
    fn wary(url: &str, number: usize, authority: &Authority) -> Self {
        let Self { site, files } = Self::encrypted(url, number, authority);
        Self { site: site.with("TLS__CLIENT_AUTH", "required"), files }
    }

    /// A client by TLS.
    fn client(&self, trusted: &Authority, own: &Files) -> Client {
        Client::over(channel(&self.site.grpc().to_string(), trusted, Some(own)))
    }
}

async fn shared_out(servers: &[Server]) {
    let is_shared = async || {
        let owned = join_all(servers.iter().map(|server| server.metric("earlybird_buckets_owned"))).await;
        (owned.iter().all(|owned| *owned > 300.0) && owned.iter().sum::<f64>() == 1_024.0).then_some(())
    };
    eventually("every node owns its share", is_shared).await;
}

async fn forwarded(servers: &[Server]) -> f64 {
    let counts = servers.iter().map(|server| server.metric("earlybird_calls_forwarded_total"));
    join_all(counts).await.iter().sum()
}

/// Holds a seat of every performance at this node.
async fn hold(client: &Client, seat: u32) {
    for id in PERFORMANCES {
        let held = client.hold(id, "ann", &[seat], CALL_MAX).await;
        held.unwrap_or_else(|status| panic!("{id}, seat {seat}: {status:?}"));
    }
}

/// Opens [`PERFORMANCES`] to sale.
async fn sell(client: &Client) {
    client.import(4).await;
    for id in PERFORMANCES {
        client.create(id, Duration::from_secs(600)).await;
    }
}

async fn database() -> Option<String> {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return None;
    }
    Some(TempPostgres::shared().expect("a server").new_database().await.expect("a database"))
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_send_calls_on_by_tls_also_under_another_authority() {
    let Some(url) = database().await else { return };
    let authority = Authority::new();
    let own = authority.issue();
    let members = [0, 1].map(|number| Member::wary(&url, number, &authority));
    let mut servers = vec![members[0].site.start().await, members[1].site.start().await];
    shared_out(&servers).await;
    let clients = members.each_ref().map(|member| member.client(&authority, &own));
    sell(&clients[0]).await;
    hold(&clients[0], 0).await;
    hold(&clients[1], 1).await;
    assert!(forwarded(&servers).await > 0.0, "six performances are not all where they are asked for");

    // Both nodes are given certificates of another authority, and one comes back with nothing but these.
    let successor = Authority::new();
    let own = successor.issue();
    for member in &members {
        member.files.write("ca.crt", successor.pem());
        successor.reissue(&member.files, Duration::from_secs(3_600));
    }
    let renewed = async || {
        let channel = channel(&members[0].site.grpc().to_string(), &successor, Some(&own));
        CatalogClient::new(channel).list_venues(v1::ListVenuesRequest::default()).await.ok()
    };
    eventually("the node that runs on has read them", renewed).await;
    assert!(servers.remove(1).terminate().await.0.success());
    servers.push(members[1].site.start().await);
    shared_out(&servers).await;
    let before = forwarded(&servers).await;
    let clients = members.each_ref().map(|member| member.client(&successor, &own));
    hold(&clients[0], 2).await;
    hold(&clients[1], 3).await;
    assert!(forwarded(&servers).await > before, "calls are sent on again");

    for server in servers {
        assert!(server.terminate().await.0.success());
    }
    house::audit(&url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_go_over_to_tls_one_by_one() {
    let Some(url) = database().await else { return };
    let authority = Authority::new();
    let own = authority.issue();
    let (plain, encrypted) = (Member::plain(&url, 0, &authority), Member::encrypted(&url, 1, &authority));
    let servers = vec![plain.site.start().await, encrypted.site.start().await];
    shared_out(&servers).await;
    let clients = [Client::of(&plain.site.endpoint()), encrypted.client(&authority, &own)];
    sell(&clients[0]).await;
    hold(&clients[0], 0).await;
    hold(&clients[1], 1).await;
    for server in &servers {
        assert!(server.metric("earlybird_calls_forwarded_total").await > 0.0, "both send calls on");
    }
    for server in servers {
        assert!(server.terminate().await.0.success());
    }
}
