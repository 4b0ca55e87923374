//! One request id, one effect, one answer (I8).

use earlybird_proto::v1;
use earlybird_proto::v1::session_request::Command;
use earlybird_proto::v1::session_response::Result as Message;
use tonic::Code;

use super::house::*;
use super::session::Client;

/// What must be the same in two answers: all but what depends on when they were given.
fn timeless(hold: v1::Hold) -> v1::Hold {
    v1::Hold { server_time: None, remaining: None, ..hold }
}

#[tokio::test]
async fn the_same_request_has_one_effect_on_either_path() {
    let house = House::open().await;
    let mut seating = house.seating.clone();
    let mut session = Client::open(&house).await;
    let request = hold_request("alice", &[0, 1]);
    let first = seating.hold_seats(request.clone()).await.expect("free seats").into_inner();
    let second = seating.hold_seats(request.clone()).await.expect("a replay").into_inner();
    assert_eq!(timeless(first.clone()), timeless(second));
    match session.send(Command::HoldSeats(request.clone())).await {
        Message::Hold(third) => assert_eq!(timeless(first), timeless(third)),
        other => panic!("{other:?}"),
    }
    let by_session = hold_request("alice", &[2]);
    let Message::Hold(first) = session.send(Command::HoldSeats(by_session.clone())).await else { panic!() };
    let second = seating.hold_seats(by_session).await.expect("a replay").into_inner();
    assert_eq!(timeless(first), timeless(second));
    house.until_held(3).await;
}

#[tokio::test]
async fn another_body_under_the_same_id_is_refused_on_either_path() {
    let house = House::open().await;
    let mut session = Client::open(&house).await;
    let request = hold_request("alice", &[0]);
    house.seating.clone().hold_seats(request.clone()).await.expect("a free seat");
    let other = v1::HoldSeatsRequest { seats: vec![1], ..request.clone() };
    let (status, reason, details) = failure(house.seating.clone().hold_seats(other.clone()).await);
    assert_eq!((status.code(), reason.as_str()), (Code::InvalidArgument, "REQUEST_ID_REUSED"));
    assert_eq!(details.bad_request().expect("BadRequest").field_violations[0].field, "request_id");
    match session.send(Command::HoldSeats(other)).await {
        Message::Error(error) => assert_eq!(error.reason, "REQUEST_ID_REUSED"),
        other => panic!("{other:?}"),
    }
    // Another method is another body too.
    let join = v1::JoinWaitlistRequest { request_id: request.request_id, ..join_request("bob", 0) };
    assert_eq!(failure(house.waitlist.clone().join_waitlist(join).await).1, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn a_rejected_request_is_decided_afresh() {
    let house = House::open().await;
    let hold = house.hold("alice", &[0]).await.expect("a free seat");
    let request = hold_request("bob", &[0]);
    assert_eq!(failure(house.seating.clone().hold_seats(request.clone()).await).1, "SEAT_TAKEN");
    house.seating.clone().release_hold(release_request(&hold)).await.expect("it lives");
    house.seating.clone().hold_seats(request).await.expect("the seat is free now");
}

#[tokio::test]
async fn two_clicks_on_pay_are_one_payment() {
    let house = House::build(Plan::default().with_slow_payments(50.0)).await;
    let hold = house.hold("alice", &[0]).await.expect("a free seat");
    let request = pay_request(&hold, "key");
    let (mut one, mut two) = (house.orders.clone(), house.orders.clone());
    let (first, second) = tokio::join!(one.pay_hold(request.clone()), two.pay_hold(request.clone()));
    let first = first.expect("it is paid").into_inner();
    assert_eq!(first, second.expect("it is the same payment").into_inner());
    assert_eq!(first, one.pay_hold(request).await.expect("a replay").into_inner());
    let all = v1::ListOrdersRequest { parent: NAME.into(), ..Default::default() };
    assert_eq!(one.list_orders(all).await.expect("a page").into_inner().orders.len(), 1);
}

#[tokio::test]
async fn releases_extensions_refunds_and_waits_replay() {
    let house = House::open().await;
    let (mut seating, mut orders, mut waitlist) =
        (house.seating.clone(), house.orders.clone(), house.waitlist.clone());
    let hold = house.hold("alice", &[0]).await.expect("a free seat");
    let extend = extend_request(&hold);
    let first = seating.extend_hold(extend.clone()).await.expect("once").into_inner();
    let second = seating.extend_hold(extend).await.expect("a replay").into_inner();
    assert_eq!(timeless(first), timeless(second));

    let join = join_request("bob", 0);
    let first = waitlist.join_waitlist(join.clone()).await.expect("it is taken").into_inner();
    assert_eq!(first, waitlist.join_waitlist(join).await.expect("a replay").into_inner());
    let leave = v1::LeaveWaitlistRequest {
        performance: NAME.into(),
        seat: 0,
        buyer_id: "bob".into(),
        request_id: request_id(),
    };
    waitlist.leave_waitlist(leave.clone()).await.expect("bob waits");
    waitlist.leave_waitlist(leave).await.expect("a replay");

    let order = house.pay(&hold).await.expect("it is paid");
    let refund = v1::RefundOrderRequest {
        name: order.name,
        buyer_id: "alice".into(),
        request_id: request_id(),
        ..Default::default()
    };
    let first = orders.refund_order(refund.clone()).await.expect("it is paid").into_inner();
    assert_eq!(first, orders.refund_order(refund).await.expect("a replay").into_inner());

    let hold = house.hold("alice", &[1]).await.expect("a free seat");
    let release = release_request(&hold);
    let first = seating.release_hold(release.clone()).await.expect("it lives").into_inner();
    let second = seating.release_hold(release).await.expect("a replay").into_inner();
    assert_eq!(timeless(v1::Hold { expire_time: None, ..first }), timeless(second));
}
