//! Watches across restarts of their shard. What a client sees of a server that stays up is tried from outside.

use std::sync::Arc;
use std::time::Duration;

use earlybird_engine::{Action, BuyerId, Millis, SeatIndex};
use earlybird_proto::v1::watch_offers_response::News;
use earlybird_proto::v1::watch_seat_map_response::Update;
use earlybird_proto::{SeatChanges, v1};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::ingress::{Ingress, IngressOptions, Services};
use crate::node::{Node, NodeOptions};
use crate::node_tests::{House, command, held, hold};
use crate::reply::Unavailable;
use crate::shard::Shard;

const PATIENCE: Duration = Duration::from_secs(20);

async fn start(house: &House) -> (Arc<Ingress>, Arc<Node>, Arc<Shard>) {
    let (node, shard) =
        house.start(NodeOptions { tick: Duration::from_millis(10), ..NodeOptions::default() }).await;
    let Services(ingress) =
        Services::new(Arc::clone(&node), IngressOptions::default(), CancellationToken::new());
    (ingress, node, shard)
}

async fn next<T>(stream: &mut BoxStream<'static, Result<T, Status>>) -> T {
    let message = tokio::time::timeout(PATIENCE, stream.next()).await.expect("news comes in time");
    message.expect("the stream goes on").expect("the stream lives")
}

/// Restarts the performance, as after a panic.
async fn restart(node: &Node, shard: &Shard) -> Arc<Shard> {
    shard.condemn(Unavailable::ShardRestarted);
    node.directory.shard(&shard.performance().id).await.expect("it is loaded again")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seat_map_watch_starts_over_when_its_performance_does() {
    let house = House::new();
    let (ingress, node, shard) = start(&house).await;
    let mut stream = Ingress::watch_seat_map(&ingress, &shard, None);
    let Some(Update::Snapshot(first)) = next(&mut stream).await.update else {
        panic!("a snapshot comes first")
    };
    let shard = restart(&node, &shard).await;
    held(shard.call(hold(1, "ann", 7), None).await);
    let Some(Update::Snapshot(second)) = next(&mut stream).await.update else {
        panic!("it is another generation")
    };
    assert_ne!(first.generation, second.generation);
    let mut state = second.states[7];
    while state != v1::SeatState::Held as u8 {
        let Some(Update::Delta(delta)) = next(&mut stream).await.update else { panic!("deltas follow") };
        state = SeatChanges::new(delta.changes).find(|(seat, _)| *seat == 7).map_or(state, |(_, new)| new);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_watch_tells_nothing_twice_and_misses_no_lapse() {
    let mut house = House::new();
    house.limits.offer_ttl_ms = Millis(1_000);
    let (ingress, node, shard) = start(&house).await;
    let lost = held(shard.call(hold(1, "ann", 7), None).await);
    let join = Action::JoinWaitlist { buyer: BuyerId::from("ben"), grade: None, seat: SeatIndex(7) };
    shard.call(command(2, join), None).await.expect("the seat is taken");
    let mut stream = Ingress::watch_offers(&ingress, &shard, BuyerId::from("ben"));
    let release = Action::ReleaseHold { buyer: BuyerId::from("ann"), hold: lost };
    shard.call(command(3, release), None).await.expect("it lives");
    let Some(News::Offer(offer)) = next(&mut stream).await.news else { panic!("ben is offered the seat") };
    let shard = restart(&node, &shard).await;
    // The offer is still open, and known: what comes next is its end, from whichever of the two activations sees it.
    let Some(News::Lapsed(lapsed)) = next(&mut stream).await.news else { panic!("it was told before") };
    assert_eq!((&lapsed.hold, lapsed.seat), (&offer.hold, 7));
    drop(shard);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_ends_when_its_client_goes() {
    let house = House::new();
    let (ingress, _node, shard) = start(&house).await;
    let handles = Arc::strong_count(&ingress);
    let mut stream = Ingress::watch_seat_map(&ingress, &shard, None);
    next(&mut stream).await;
    assert!(Arc::strong_count(&ingress) > handles);
    drop(stream);
    assert_eq!(Arc::strong_count(&ingress), handles);
}
