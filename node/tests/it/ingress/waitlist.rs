//! Queues and offers.

use earlybird_proto::v1;
use earlybird_proto::v1::watch_offers_response::News;
use tonic::{Code, Streaming};

use super::house::*;

async fn watch(house: &House, buyer: &str) -> Streaming<v1::WatchOffersResponse> {
    let request =
        v1::WatchOffersRequest { performance: NAME.into(), buyer_id: buyer.into(), ..Default::default() };
    house.waitlist.clone().watch_offers(request).await.expect("a stream").into_inner()
}

async fn next(stream: &mut Streaming<v1::WatchOffersResponse>) -> News {
    let message = tokio::time::timeout(PATIENCE, stream.message()).await.expect("news comes in time");
    message.expect("the stream lives").expect("the stream goes on").news.expect("some news")
}

fn entry_request(buyer: &str, seat: u32) -> v1::GetWaitlistEntryRequest {
    v1::GetWaitlistEntryRequest { performance: NAME.into(), seat, buyer_id: buyer.into() }
}

#[tokio::test]
async fn places_are_given_in_order_and_move_up() {
    let house = House::open().await;
    let mut waitlist = house.waitlist.clone();
    house.hold("alice", &[0, 1]).await.expect("free seats");
    for (place, buyer) in (1..).zip(["bob", "carol", "dave"]) {
        let entry = waitlist.join_waitlist(join_request(buyer, 0)).await.expect("it is taken").into_inner();
        assert_eq!((entry.position, entry.seat, entry.performance.as_str()), (place, 0, NAME));
    }
    waitlist.join_waitlist(join_request("dave", 1)).await.expect("it is taken");
    let leave = v1::LeaveWaitlistRequest {
        performance: NAME.into(),
        seat: 0,
        buyer_id: "bob".into(),
        request_id: request_id(),
    };
    waitlist.leave_waitlist(leave.clone()).await.expect("bob waits");
    let entry = waitlist.get_waitlist_entry(entry_request("dave", 0)).await.expect("dave waits").into_inner();
    assert_eq!(entry.position, 2);
    let list = v1::ListWaitlistEntriesRequest { parent: NAME.into(), buyer_id: "dave".into() };
    let places = waitlist.list_waitlist_entries(list).await.expect("a list").into_inner().entries;
    assert_eq!(places.iter().map(|entry| (entry.seat, entry.position)).collect::<Vec<_>>(), [(0, 2), (1, 1)]);

    let again = v1::LeaveWaitlistRequest { request_id: request_id(), ..leave };
    let (status, reason, _) = failure(waitlist.leave_waitlist(again).await);
    assert_eq!((status.code(), reason.as_str()), (Code::NotFound, "NOT_WAITING"));
    let (status, reason, _) = failure(waitlist.get_waitlist_entry(entry_request("bob", 0)).await);
    assert_eq!((status.code(), reason.as_str()), (Code::NotFound, "NOT_WAITING"));
}

#[tokio::test]
async fn joining_says_why_not() {
    let house = House::open().await;
    let mut waitlist = house.waitlist.clone();
    house.hold("alice", &[0]).await.expect("a free seat");
    let block = v1::BlockSeatsRequest { performance: NAME.into(), seats: vec![2], request_id: request_id() };
    house.admin.clone().block_seats(block).await.expect("a free seat");
    waitlist.join_waitlist(join_request("bob", 0)).await.expect("it is taken");
    for (buyer, seat, code, reason) in [
        ("bob", 0, Code::AlreadyExists, "ALREADY_WAITING"),
        ("alice", 0, Code::FailedPrecondition, "ALREADY_HOLDER"),
        ("bob", 1, Code::FailedPrecondition, "SEAT_FREE"),
        ("bob", 2, Code::FailedPrecondition, "SEAT_BLOCKED"),
        ("bob", SEATS, Code::InvalidArgument, "INVALID_SEATS"),
    ] {
        let (status, told, _) = failure(waitlist.join_waitlist(join_request(buyer, seat)).await);
        assert_eq!((status.code(), told.as_str()), (code, reason));
    }
}

#[tokio::test]
async fn a_phase_without_waitlist_has_none() {
    let phases = vec![v1::SalePhase { waitlist_open: false, ..general(-60, 3_600) }];
    let house = House::build(Plan { phases, ..Plan::default() }).await;
    house.hold("alice", &[0]).await.expect("a free seat");
    let (status, reason, _) = failure(house.waitlist.clone().join_waitlist(join_request("bob", 0)).await);
    assert_eq!((status.code(), reason.as_str()), (Code::FailedPrecondition, "WAITLIST_NOT_OPEN"));
}

#[tokio::test]
async fn an_offer_is_heard_and_paid() {
    let house = House::open().await;
    let hold = house.hold("alice", &[0]).await.expect("a free seat");
    house.waitlist.clone().join_waitlist(join_request("bob", 0)).await.expect("it is taken");
    let mut news = watch(&house, "bob").await;
    house.seating.clone().release_hold(release_request(&hold)).await.expect("it lives");
    let News::Offer(offer) = next(&mut news).await else { panic!("an offer comes first") };
    assert_eq!(offer.seat, 0);
    assert!(offer.remaining.expect("it lapses").seconds > 500);

    // Whoever comes later hears of it too.
    let News::Offer(again) = next(&mut watch(&house, "bob").await).await else { panic!("it is open") };
    assert_eq!(again.hold, offer.hold);
    let get = v1::GetHoldRequest { name: offer.hold, buyer_id: "bob".into() };
    let held = house.seating.clone().get_hold(get).await.expect("an offer is a hold").into_inner();
    assert!(held.offer);
    assert_eq!(house.pay(&held).await.expect("it is paid like any hold").seats, [0]);
}

#[tokio::test]
async fn an_offer_that_lapses_goes_to_the_next() {
    let mut plan = Plan::default();
    plan.limits.offer_ttl = Some(prost_types::Duration { seconds: 1, nanos: 0 });
    let house = House::build(plan).await;
    let hold = house.hold("alice", &[0]).await.expect("a free seat");
    for buyer in ["bob", "carol"] {
        house.waitlist.clone().join_waitlist(join_request(buyer, 0)).await.expect("it is taken");
    }
    let (mut of_bob, mut of_carol) = (watch(&house, "bob").await, watch(&house, "carol").await);
    house.seating.clone().release_hold(release_request(&hold)).await.expect("it lives");
    let News::Offer(offer) = next(&mut of_bob).await else { panic!("bob is first") };
    let News::Lapsed(lapsed) = next(&mut of_bob).await else { panic!("it lapses") };
    assert_eq!((lapsed.hold, lapsed.seat), (offer.hold, 0));
    let News::Offer(offer) = next(&mut of_carol).await else { panic!("carol is next") };
    assert_eq!(offer.seat, 0);
    let gone = house.waitlist.clone().get_waitlist_entry(entry_request("bob", 0)).await;
    assert_eq!(failure(gone).1, "NOT_WAITING");
}

#[tokio::test]
async fn offers_that_a_client_says_it_knows_are_checked() {
    let house = House::open().await;
    let offer = |hold: &str, seat, seconds: Option<i64>| v1::Offer {
        hold: format!("{NAME}/{hold}"),
        seat,
        expire_time: seconds.map(|seconds| prost_types::Timestamp { seconds, nanos: 0 }),
        ..Default::default()
    };
    for (field, bad) in [
        ("hold", offer("orders/1", 0, Some(1))),
        ("seat", offer("holds/1", SEATS, Some(1))),
        ("expire_time", offer("holds/1", 0, None)),
    ] {
        let known_offers = vec![offer("holds/1", 0, Some(1)), bad];
        let request =
            v1::WatchOffersRequest { performance: NAME.into(), buyer_id: "bob".into(), known_offers };
        let (status, reason, _) = failure(house.waitlist.clone().watch_offers(request).await);
        assert_eq!((status.code(), reason.as_str()), (Code::InvalidArgument, "INVALID_FIELD"));
        let expected = format!("known_offers[1].{field}: ");
        assert!(status.message().starts_with(&expected), "{}", status.message());
    }
}
