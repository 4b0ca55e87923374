//! Watches of a performance whose owner changes, and of a node that goes.

use std::time::Duration;

use earlybird_persistence::testing::skips_postgres;
use earlybird_proto::v1::watch_offers_response::News;
use earlybird_proto::v1::{
    Offer, SeatState, WatchOffersRequest, WatchOffersResponse, WatchSeatMapRequest, WatchSeatMapResponse,
};
use tonic::{Status, Streaming};

use super::Cluster;
use crate::chaos::house::reason;
use crate::chaos::{PATIENCE, eventually};
use crate::support::MapCopy;

const PERFORMANCE: &str = "performances/brief";
/// How long holds and offers live.
const HOLD_TTL: Duration = Duration::from_secs(3);
const TIMEOUT: Duration = Duration::from_secs(20);

async fn heard<T>(what: &str, stream: &mut Streaming<T>) -> Result<T, Status> {
    let message = tokio::time::timeout(PATIENCE, stream.message()).await;
    let message = message.unwrap_or_else(|_| panic!("waited in vain: {what}"))?;
    Ok(message.expect("a watch ends with a reason"))
}

/// What ben hears of his offers.
struct Offers(Streaming<WatchOffersResponse>);

impl Offers {
    async fn watch(cluster: &Cluster, node: usize, known: &[Offer]) -> Self {
        let request = WatchOffersRequest {
            performance: PERFORMANCE.into(),
            buyer_id: "ben".into(),
            known_offers: known.into(),
        };
        let watched = cluster.client(node).waitlist.watch_offers(request).await;
        Self(watched.expect("any node takes it").into_inner())
    }

    async fn offer(&mut self) -> Offer {
        match heard("an offer", &mut self.0).await.expect("the watch goes on").news {
            Some(News::Offer(offer)) => offer,
            other => panic!("expected an offer, not {other:?}"),
        }
    }

    async fn assert_lapsed(&mut self, offer: &Offer) {
        match heard("its end", &mut self.0).await.expect("the watch goes on").news {
            Some(News::Lapsed(lapsed)) => assert_eq!((&lapsed.hold, lapsed.seat), (&offer.hold, offer.seat)),
            other => panic!("expected the end of {offer:?}, not {other:?}"),
        }
    }
}

/// A seat map as a client keeps it.
struct Map {
    stream: Streaming<WatchSeatMapResponse>,
    copy: MapCopy,
}

impl Map {
    async fn watch(cluster: &Cluster, node: usize) -> Self {
        let stream = Self::stream(cluster, node, (0, 0)).await;
        Self { stream, copy: MapCopy::default() }
    }

    async fn stream(
        cluster: &Cluster,
        node: usize,
        (resume_generation, resume_version): (u64, u64),
    ) -> Streaming<WatchSeatMapResponse> {
        let performance = PERFORMANCE.into();
        let request = WatchSeatMapRequest { performance, resume_version, resume_generation };
        let watched = cluster.client(node).seating.watch_seat_map(request).await;
        watched.expect("any node takes it").into_inner()
    }

    async fn resume(&mut self, cluster: &Cluster, node: usize) {
        self.stream = Self::stream(cluster, node, (self.copy.generation, self.copy.version)).await;
    }

    async fn next(&mut self) -> Result<(), Status> {
        self.copy.apply(heard("a change of the map", &mut self.stream).await?);
        Ok(())
    }

    async fn until(&mut self, seat: usize, state: SeatState) {
        while self.copy.states.get(seat).is_none_or(|now| i32::from(*now) != state as i32) {
            self.next().await.expect("the watch goes on");
        }
    }
}

/// Has a seat offered to ben: ann gives it back.
async fn offer_to_ben(cluster: &Cluster, node: usize, seat: u32) {
    let client = cluster.client(node);
    let hold = client.hold("brief", "ann", &[seat], TIMEOUT).await.expect("it is free");
    client.join("brief", "ben", seat).await.expect("it is taken");
    client.release(hold.name, "ann").await.expect("it lives");
}

#[tokio::test(flavor = "multi_thread")]
async fn watches_go_on_when_the_owner_changes_and_are_resumed_when_their_node_goes() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let cluster = Cluster::of(3).await.with("CLUSTER__REBALANCE", "manual");
    let mut servers = cluster.start_uneven().await;
    cluster.client(0).create("brief", HOLD_TTL).await;
    let (mut offers, mut map) = (Offers::watch(&cluster, 1, &[]).await, Map::watch(&cluster, 1).await);
    map.until(0, SeatState::Free).await;
    // Handed over while an offer is open: the watches do not notice, wherever they come from.
    for (seat, to) in [(0, 2), (1, 1), (2, 2)] {
        offer_to_ben(&cluster, 0, seat).await;
        let offer = offers.offer().await;
        cluster.move_to(0, "brief", to).await.expect("it is moved");
        map.until(seat as usize, SeatState::Held).await;
        offers.assert_lapsed(&offer).await;
        map.until(seat as usize, SeatState::Free).await;
    }
    assert_eq!(map.copy.snapshots, 4, "one at the start, and one of each new owner");

    offer_to_ben(&cluster, 0, 3).await;
    let offer = offers.offer().await;
    map.until(3, SeatState::Held).await;
    assert!(servers.remove(1).terminate().await.0.success());
    let ended = [heard("the end", &mut offers.0).await.err(), map.next().await.err()];
    assert!(ended.iter().all(|end| end.as_ref().map(reason).as_deref() == Some("DRAINING")), "{ended:?}");
    eventually("the offer lapses", async || {
        let seen = cluster.client(0).seat_map("brief").await.expect("any node tells");
        (seen.states[3] == SeatState::Free as u8).then_some(())
    })
    .await;
    Offers::watch(&cluster, 0, std::slice::from_ref(&offer)).await.assert_lapsed(&offer).await;
    map.resume(&cluster, 0).await;
    map.until(3, SeatState::Free).await;
    assert_eq!(map.copy.snapshots, 4, "what was missed was enough");
    servers.insert(1, cluster.sites[1].start().await);
    cluster.judge(servers, Vec::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn watches_outlast_an_owner_that_is_killed() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let cluster = Cluster::of(3).await.with("CLUSTER__REBALANCE", "manual");
    let mut servers = cluster.start_uneven().await;
    cluster.client(0).create("brief", HOLD_TTL).await;
    cluster.move_to(0, "brief", 2).await.expect("it is moved");
    let (mut offers, mut map) = (Offers::watch(&cluster, 1, &[]).await, Map::watch(&cluster, 1).await);
    offer_to_ben(&cluster, 0, 0).await;
    let offer = offers.offer().await;
    map.until(0, SeatState::Held).await;
    servers.remove(2).kill().await;
    offers.assert_lapsed(&offer).await;
    map.until(0, SeatState::Free).await;
    servers.push(cluster.sites[2].start().await);
    cluster.judge(servers, Vec::new()).await;
}
