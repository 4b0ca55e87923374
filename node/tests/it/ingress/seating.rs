//! Holds from the first to the last.

use earlybird_proto::v1;
use earlybird_proto::v1::hold::State;

use super::house::*;

#[tokio::test]
async fn a_hold_is_made_read_extended_and_released() {
    let house = House::open().await;
    let mut seating = house.seating.clone();
    let hold = house.hold("alice", &[3, 4]).await.expect("free seats");
    assert_eq!(hold.seats, [3, 4]);
    assert_eq!((hold.buyer_id.as_str(), hold.state(), hold.offer), ("alice", State::Active, false));
    assert_eq!(hold.amount_minor, 2 * STALLS_MINOR);
    assert_eq!(hold.name, format!("{NAME}/holds/1"));
    let remaining = hold.remaining.expect("it lapses").seconds;
    assert!((590..=600).contains(&remaining), "{remaining}");
    assert_eq!(hold.together, None);

    let get = v1::GetHoldRequest { name: hold.name.clone(), buyer_id: "alice".into() };
    let read = seating.get_hold(get.clone()).await.expect("it lives").into_inner();
    assert_eq!((&read.seats, read.expire_time), (&hold.seats, hold.expire_time));

    let extended = seating.extend_hold(extend_request(&hold)).await.expect("once is allowed").into_inner();
    assert_eq!(extended.seats, hold.seats);
    assert!(time_ms(extended.expire_time) >= time_ms(hold.expire_time));

    let released = seating.release_hold(release_request(&hold)).await.expect("it lives").into_inner();
    assert_eq!((released.state(), released.name), (State::Released, hold.name));
    assert_eq!(failure(seating.get_hold(get).await).1, "HOLD_NOT_FOUND");
}

#[tokio::test]
async fn best_available_seats_are_together_and_of_the_category() {
    let house = House::open().await;
    let request = v1::HoldBestAvailableRequest {
        performance: NAME.into(),
        buyer_id: "alice".into(),
        count: 3,
        category: "Circle".into(),
        zone: "Main".into(),
        request_id: request_id(),
        ..Default::default()
    };
    let hold = house.seating.clone().hold_best_available(request).await.expect("ten are free").into_inner();
    assert_eq!(hold.together, Some(true));
    assert_eq!((hold.seats.len(), hold.amount_minor), (3, 3 * CIRCLE_MINOR));
}

#[tokio::test]
async fn holds_of_a_buyer_are_listed_oldest_first() {
    let house = House::open().await;
    for seat in [7, 5, 6] {
        house.hold("alice", &[seat]).await.expect("a free seat");
    }
    house.hold("bob", &[1]).await.expect("a free seat");
    let request = v1::ListHoldsRequest { parent: NAME.into(), buyer_id: "alice".into() };
    let listed = house.seating.clone().list_holds(request).await.expect("a list").into_inner();
    let seats: Vec<_> = listed.holds.iter().flat_map(|hold| hold.seats.clone()).collect();
    assert_eq!(seats, [7, 5, 6]);
}

#[tokio::test]
async fn the_seat_map_shows_every_state() {
    let house = House::open().await;
    house.hold("alice", &[0]).await.expect("a free seat");
    let sold = house.hold("bob", &[1]).await.expect("a free seat");
    house.pay(&sold).await.expect("it is paid");
    let block = v1::BlockSeatsRequest { performance: NAME.into(), seats: vec![2], request_id: request_id() };
    house.admin.clone().block_seats(block).await.expect("a free seat");
    let map = eventually("the map is published", async || {
        let map = house.seat_map().await;
        (map.states[..4] == [1, 3, 4, 0]).then_some(map)
    })
    .await;
    assert_eq!(map.states.len(), SEATS as usize);
    let counts = map.counts.expect("counts");
    assert_eq!(
        (counts.free, counts.held, counts.paying, counts.sold, counts.blocked),
        (SEATS - 3, 1, 0, 1, 1)
    );
}

#[tokio::test]
async fn a_hold_lapses_and_its_seat_is_free_again() {
    let house = House::build(Plan::default().with_short_holds()).await;
    house.hold("alice", &[0]).await.expect("a free seat");
    eventually("bob gets the seat", async || house.hold("bob", &[0]).await.ok()).await;
    assert!(house.metric("earlybird_expiry_late_seconds_count").await >= 1.0);
    let request = v1::ListHoldsRequest { parent: NAME.into(), buyer_id: "alice".into() };
    let listed = house.seating.clone().list_holds(request).await.expect("a list").into_inner();
    assert_eq!(listed.holds, []);
}

#[tokio::test]
async fn blocked_seats_are_out_of_the_sale_until_they_are_unblocked() {
    let house = House::open().await;
    let (seats, mut admin) = (vec![0, 1], house.admin.clone());
    let block =
        v1::BlockSeatsRequest { performance: NAME.into(), seats: seats.clone(), request_id: request_id() };
    admin.block_seats(block.clone()).await.expect("free seats");
    assert_eq!(failure(house.hold("alice", &[1, 2]).await).1, "SEAT_BLOCKED");
    let again = v1::BlockSeatsRequest { request_id: request_id(), ..block };
    assert_eq!(failure(admin.block_seats(again).await).1, "SEAT_NOT_FREE");
    let unblock = v1::UnblockSeatsRequest { performance: NAME.into(), seats, request_id: request_id() };
    admin.unblock_seats(unblock.clone()).await.expect("blocked seats");
    let again = v1::UnblockSeatsRequest { request_id: request_id(), ..unblock };
    assert_eq!(failure(admin.unblock_seats(again).await).1, "SEAT_NOT_BLOCKED");
    house.hold("alice", &[1, 2]).await.expect("free again");
}

fn time_ms(time: Option<prost_types::Timestamp>) -> i64 {
    let time = time.expect("a time");
    time.seconds * 1_000 + i64::from(time.nanos) / 1_000_000
}
