//! Watches across restarts of their shard. What a client sees of a server that stays up is tried from outside.

use std::sync::Arc;
use std::time::Duration;

use earlybird_engine::{
    Action, Answer, BuyerId, Command, HoldId, Millis, OrderId, RefundBy, SeatIndex, Seats,
};
use earlybird_proto::v1::watch_offers_response::News as OfferNews;
use earlybird_proto::v1::watch_seat_map_response::Update;
use earlybird_proto::{SeatChanges, v1};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::metadata::MetadataMap;

use super::KnownOffers;
use crate::ingress::origin::Origin;
use crate::ingress::{Ingress, IngressOptions, Services, names};
use crate::node::{Node, NodeOptions};
use crate::node_tests::{House, command, held, hold};
use crate::reply::Unavailable;
use crate::shard::Shard;

const PATIENCE: Duration = Duration::from_secs(20);

type News<T> = BoxStream<'static, Result<T, Status>>;

async fn start(house: &House) -> (Arc<Ingress>, Arc<Node>, Arc<Shard>) {
    let (node, shard) =
        house.start(NodeOptions { tick: Duration::from_millis(10), ..NodeOptions::default() }).await;
    let Services(ingress) =
        Services::new(Arc::clone(&node), IngressOptions::default(), CancellationToken::new());
    (ingress, node, shard)
}

async fn watch_seat_map(ingress: &Arc<Ingress>, shard: &Shard) -> News<v1::WatchSeatMapResponse> {
    let (performance, origin) = (&shard.performance().id, origin(ingress));
    Ingress::watch_seat_map(ingress, performance, origin, None).await.expect("it is served here")
}

/// Watches the offers of ben, who says that he knows of some.
async fn watch_offers(
    ingress: &Arc<Ingress>,
    shard: &Shard,
    known: KnownOffers,
) -> News<v1::WatchOffersResponse> {
    let (performance, origin) = (&shard.performance().id, origin(ingress));
    let stream = Ingress::watch_offers(ingress, performance, origin, BuyerId::from("ben"), known).await;
    stream.expect("it is served here")
}

fn origin(ingress: &Ingress) -> Origin {
    Origin::of(&MetadataMap::new(), &ingress.node.cluster)
}

async fn next<T>(stream: &mut News<T>) -> T {
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
    let mut stream = watch_seat_map(&ingress, &shard).await;
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
    let mut stream = watch_offers(&ingress, &shard, KnownOffers::default()).await;
    let release = Action::ReleaseHold { buyer: BuyerId::from("ann"), hold: lost };
    shard.call(command(3, release), None).await.expect("it lives");
    let Some(OfferNews::Offer(offer)) = next(&mut stream).await.news else {
        panic!("ben is offered the seat")
    };
    let shard = restart(&node, &shard).await;
    // The offer is still open, and known: what comes next is its end, from whichever of the two activations sees it.
    let Some(OfferNews::Lapsed(lapsed)) = next(&mut stream).await.news else { panic!("it was told before") };
    assert_eq!((&lapsed.hold, lapsed.seat), (&offer.hold, 7));
    drop(shard);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_ends_when_its_client_goes() {
    let house = House::new();
    let (ingress, _node, shard) = start(&house).await;
    let handles = Arc::strong_count(&ingress);
    let mut stream = watch_seat_map(&ingress, &shard).await;
    next(&mut stream).await;
    assert!(Arc::strong_count(&ingress) > handles);
    drop(stream);
    assert_eq!(Arc::strong_count(&ingress), handles);
}

/// Does something without a request of its own.
async fn act(shard: &Shard, action: Action) -> Answer {
    shard.call(Command { request: None, action }, None).await.expect("it can be done")
}

/// Ben has the seats offered to him, and tells by which holds.
async fn offered(shard: &Shard, seats: &[u32], stream: &mut News<v1::WatchOffersResponse>) -> Vec<v1::Offer> {
    let named = seats.iter().copied().map(SeatIndex).collect();
    let hold = Action::Hold { buyer: BuyerId::from("ann"), grade: None, seats: named };
    let Answer::Held { hold, .. } = act(shard, hold).await else { panic!("the seats are free") };
    for &seat in seats {
        let join = Action::JoinWaitlist { buyer: BuyerId::from("ben"), grade: None, seat: SeatIndex(seat) };
        act(shard, join).await;
    }
    act(shard, Action::ReleaseHold { buyer: BuyerId::from("ann"), hold }).await;
    let mut offers = Vec::new();
    for _ in seats {
        let Some(OfferNews::Offer(offer)) = next(stream).await.news else { panic!("an offer") };
        offers.push(offer);
    }
    offers.sort_unstable_by_key(|offer| offer.seat);
    offers
}

/// Begins to pay an offer.
async fn begin_payment(shard: &Shard, offer: &v1::Offer) -> OrderId {
    let pay = Action::BeginPayment {
        buyer: BuyerId::from("ben"),
        hold: id(offer),
        amount_minor: 1_000,
        payment_key: "key".into(),
        coupon: None,
    };
    let Answer::PaymentBegun { order, .. } = act(shard, pay).await else { panic!("it lives") };
    order
}

fn id(offer: &v1::Offer) -> HoldId {
    names::hold("hold", &offer.hold).expect("the name of a hold").1
}

/// The seat of the next offer that is over.
async fn next_lapsed(stream: &mut News<v1::WatchOffersResponse>) -> u32 {
    let Some(OfferNews::Lapsed(lapsed)) = next(stream).await.news else { panic!("the end of an offer") };
    lapsed.seat
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_is_told_what_one_who_stayed_was_told() {
    let mut house = House::new();
    house.limits.offer_ttl_ms = Millis(1_000);
    let (ingress, _node, shard) = start(&house).await;
    let mut stayed = watch_offers(&ingress, &shard, KnownOffers::default()).await;
    // Offers of the seats 1 to 5: released, paid, paid and refunded, left alone, declined when no time is left.
    let mut known = offered(&shard, &[1, 2, 3, 4, 5], &mut stayed).await;
    act(&shard, Action::ReleaseHold { buyer: BuyerId::from("ben"), hold: id(&known[0]) }).await;
    for (offer, is_refunded) in [(&known[1], false), (&known[2], true)] {
        let order = begin_payment(&shard, offer).await;
        act(&shard, Action::ConfirmPayment { order }).await;
        if is_refunded {
            let by = RefundBy::Admin { fee_minor: 0 };
            let (seats, note) = (Seats::new(), "".into());
            let refund = Action::BeginRefund { by, order, seats, note, to_account: false };
            let Answer::RefundBegun { refund, .. } = act(&shard, refund).await else { panic!("it is paid") };
            act(&shard, Action::CompleteRefund { refund }).await;
        }
    }
    let declined = begin_payment(&shard, &known[4]).await;
    assert_eq!([next_lapsed(&mut stayed).await, next_lapsed(&mut stayed).await], [1, 4]);
    act(&shard, Action::DeclinePayment { order: declined, reason: "REJECT_CARD_PAYMENT".into() }).await;
    assert_eq!(next_lapsed(&mut stayed).await, 5);
    // And one that the cancelling of the performance ends.
    known.extend(offered(&shard, &[6], &mut stayed).await);
    act(&shard, Action::CancelPerformance).await;
    assert_eq!(next_lapsed(&mut stayed).await, 6);

    let info = shard.performance();
    let known = KnownOffers::parse(&known, info.id.as_str(), info.layout.seats.len()).expect("they are fit");
    let mut back = watch_offers(&ingress, &shard, known).await;
    let mut told = Vec::new();
    while told.len() < 4 {
        told.push(next_lapsed(&mut back).await);
    }
    assert_eq!(told, [1, 4, 5, 6], "and nothing of what was paid");
}
