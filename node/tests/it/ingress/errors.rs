//! What is wrong with a request, and what stands against it.

use std::time::SystemTime;

use earlybird_proto::v1;
use tonic::Code;

use super::house::*;

#[tokio::test]
async fn every_method_names_the_field_that_is_wrong() {
    let house = House::open().await;
    let (mut seating, mut waitlist, mut orders, mut admin) =
        (house.seating.clone(), house.waitlist.clone(), house.orders.clone(), house.admin.clone());
    let hold = hold_request("alice", &[0]);
    macro_rules! check {
        ($field:literal, $call:expr) => {{
            let (status, reason, details) = failure($call.await);
            assert_eq!((status.code(), reason.as_str()), (Code::InvalidArgument, "INVALID_FIELD"));
            let fields = &details.bad_request().expect("BadRequest").field_violations;
            assert_eq!(fields[0].field, $field, "{status:?}");
            assert!(!fields[0].description.is_empty());
        }};
    }
    check!(
        "performance",
        seating.hold_seats(v1::HoldSeatsRequest { performance: "carmen".into(), ..hold.clone() })
    );
    check!("buyer_id", seating.hold_seats(v1::HoldSeatsRequest { buyer_id: String::new(), ..hold.clone() }));
    check!("buyer_id", seating.hold_seats(v1::HoldSeatsRequest { buyer_id: "a\n".into(), ..hold.clone() }));
    check!("grade", seating.hold_seats(v1::HoldSeatsRequest { grade: "g".repeat(33), ..hold.clone() }));
    check!("request_id", seating.hold_seats(v1::HoldSeatsRequest { request_id: "7".into(), ..hold.clone() }));
    let best = v1::HoldBestAvailableRequest {
        performance: NAME.into(),
        buyer_id: "alice".into(),
        count: 1,
        request_id: request_id(),
        ..Default::default()
    };
    check!(
        "request_id",
        seating.hold_best_available(v1::HoldBestAvailableRequest { request_id: "".into(), ..best.clone() })
    );
    check!(
        "category",
        seating.hold_best_available(v1::HoldBestAvailableRequest { category: "Pit".into(), ..best.clone() })
    );
    check!("zone", seating.hold_best_available(v1::HoldBestAvailableRequest { zone: "Pit".into(), ..best }));
    check!(
        "name",
        seating.extend_hold(v1::ExtendHoldRequest { request_id: request_id(), ..Default::default() })
    );
    check!(
        "name",
        seating.release_hold(v1::ReleaseHoldRequest { request_id: request_id(), ..Default::default() })
    );
    check!(
        "name",
        seating.get_hold(v1::GetHoldRequest { name: format!("{NAME}/holds/0"), buyer_id: "a".into() })
    );
    check!("parent", seating.list_holds(v1::ListHoldsRequest::default()));
    check!("performance", seating.get_seat_map(v1::GetSeatMapRequest::default()));
    check!("performance", seating.watch_seat_map(v1::WatchSeatMapRequest::default()));

    let join = join_request("alice", 0);
    check!(
        "performance",
        waitlist.join_waitlist(v1::JoinWaitlistRequest { performance: "x".into(), ..join.clone() })
    );
    check!("buyer_id", waitlist.join_waitlist(v1::JoinWaitlistRequest { buyer_id: "b".repeat(65), ..join }));
    check!(
        "request_id",
        waitlist.leave_waitlist(v1::LeaveWaitlistRequest { performance: NAME.into(), ..Default::default() })
    );
    check!("performance", waitlist.get_waitlist_entry(v1::GetWaitlistEntryRequest::default()));
    check!("parent", waitlist.list_waitlist_entries(v1::ListWaitlistEntriesRequest::default()));
    check!(
        "buyer_id",
        waitlist.watch_offers(v1::WatchOffersRequest { performance: NAME.into(), ..Default::default() })
    );

    let pay = v1::PayHoldRequest {
        hold: format!("{NAME}/holds/1"),
        buyer_id: "alice".into(),
        amount_minor: 1,
        payment_key: "k".into(),
        request_id: request_id(),
        ..Default::default()
    };
    check!("hold", orders.pay_hold(v1::PayHoldRequest { hold: NAME.into(), ..pay.clone() }));
    check!("amount_minor", orders.pay_hold(v1::PayHoldRequest { amount_minor: -1, ..pay.clone() }));
    check!("payment_key", orders.pay_hold(v1::PayHoldRequest { payment_key: String::new(), ..pay.clone() }));
    check!("payment_key", orders.pay_hold(v1::PayHoldRequest { payment_key: "k".repeat(201), ..pay }));
    check!("name", orders.get_order(v1::GetOrderRequest { name: format!("{NAME}/orders/x") }));
    check!("parent", orders.list_orders(v1::ListOrdersRequest::default()));
    let list = v1::ListOrdersRequest { parent: "performances/-".into(), ..Default::default() };
    check!("page_size", orders.list_orders(v1::ListOrdersRequest { page_size: -1, ..list.clone() }));
    check!("page_token", orders.list_orders(v1::ListOrdersRequest { page_token: "zz".into(), ..list }));
    let refund = v1::RefundOrderRequest {
        name: format!("{NAME}/orders/1"),
        request_id: request_id(),
        ..Default::default()
    };
    check!(
        "reason",
        orders.refund_order(v1::RefundOrderRequest { reason: "r".repeat(201), ..refund.clone() })
    );
    check!("request_id", orders.refund_order(v1::RefundOrderRequest { request_id: "".into(), ..refund }));

    check!(
        "performance",
        admin.block_seats(v1::BlockSeatsRequest { request_id: request_id(), ..Default::default() })
    );
    check!(
        "performance",
        admin.unblock_seats(v1::UnblockSeatsRequest { request_id: request_id(), ..Default::default() })
    );
    check!("name", admin.audit_performance(v1::AuditPerformanceRequest::default()));
}

#[tokio::test]
async fn a_performance_that_does_not_exist_is_not_found() {
    let house = House::open().await;
    let missing =
        v1::HoldSeatsRequest { performance: "performances/aida".into(), ..hold_request("alice", &[0]) };
    let (status, reason, _) = failure(house.seating.clone().hold_seats(missing).await);
    assert_eq!((status.code(), reason.as_str()), (Code::NotFound, "PERFORMANCE_NOT_FOUND"));
    let map = v1::GetSeatMapRequest { performance: "performances/aida".into() };
    assert_eq!(failure(house.seating.clone().get_seat_map(map).await).1, "PERFORMANCE_NOT_FOUND");
}

#[tokio::test]
async fn taken_seats_are_named_and_nothing_is_held() {
    let house = House::open().await;
    house.hold("alice", &[3, 5]).await.expect("free seats");
    let (status, reason, details) = failure(house.hold("bob", &[2, 5, 3]).await);
    assert_eq!((status.code(), reason.as_str()), (Code::Aborted, "SEAT_TAKEN"));
    let named = &details.error_info().expect("ErrorInfo").metadata["seats"];
    let mut named: Vec<_> = named.split(',').collect();
    named.sort_unstable();
    assert_eq!(named, ["3", "5"]);
    house.hold("carol", &[2]).await.expect("all or nothing: it is still free");
}

#[tokio::test]
async fn seats_that_make_no_sense_are_refused() {
    let house = House::open().await;
    let too_many: Vec<u32> = (0..1_001).collect();
    for seats in [&[][..], &[4, 4], &[SEATS], &[u32::MAX], &too_many] {
        let (status, reason, details) = failure(house.hold("alice", seats).await);
        assert_eq!((status.code(), reason.as_str()), (Code::InvalidArgument, "INVALID_SEATS"));
        assert_eq!(details.bad_request().expect("BadRequest").field_violations[0].field, "seats");
    }
}

#[tokio::test]
async fn somebody_elses_hold_is_not_yours() {
    let house = House::open().await;
    let mut seating = house.seating.clone();
    let hold = house.hold("alice", &[0]).await.expect("a free seat");
    let theirs = v1::Hold { buyer_id: "mallory".into(), ..hold.clone() };
    for result in [
        seating.extend_hold(extend_request(&theirs)).await.map(drop),
        seating.release_hold(release_request(&theirs)).await.map(drop),
        house.pay(&theirs).await.map(drop),
        seating
            .get_hold(v1::GetHoldRequest { name: hold.name.clone(), buyer_id: "mallory".into() })
            .await
            .map(drop),
    ] {
        let (status, reason, _) = failure(result);
        assert_eq!((status.code(), reason.as_str()), (Code::PermissionDenied, "NOT_HOLDER"));
    }
    let unknown = v1::Hold { name: format!("{NAME}/holds/999"), ..hold };
    for result in [
        seating.extend_hold(extend_request(&unknown)).await.map(drop),
        seating.release_hold(release_request(&unknown)).await.map(drop),
        house.pay(&unknown).await.map(drop),
    ] {
        let (status, reason, _) = failure(result);
        assert_eq!((status.code(), reason.as_str()), (Code::NotFound, "HOLD_NOT_FOUND"));
    }
}

#[tokio::test]
async fn a_lapsed_hold_is_unusable_at_once() {
    // The slowest timer that there is, so that the deadline itself is seen to count before the timer comes.
    let house = House::build(Plan::default().with_short_holds().with("EARLYBIRD_SHARD__TICK", "100ms")).await;
    let mut seating = house.seating.clone();
    eventually("a hold is met after its deadline and before its timer", async || {
        let hold = house.hold("alice", &[0]).await.ok()?;
        loop {
            let (status, reason, _) = failure(seating.extend_hold(extend_request(&hold)).await);
            match reason.as_str() {
                "LIMIT_REACHED" => continue,
                "HOLD_EXPIRED" => assert_eq!(status.code(), Code::FailedPrecondition),
                _ => return None,
            }
            let get = v1::GetHoldRequest { name: hold.name.clone(), buyer_id: "alice".into() };
            assert_eq!(failure(seating.get_hold(get).await).1, "HOLD_NOT_FOUND");
            // From here on the timer may come in between.
            let gone = ["HOLD_EXPIRED", "HOLD_NOT_FOUND"];
            let released = failure(seating.release_hold(release_request(&hold)).await).1;
            let paid = failure(house.pay(&hold).await).1;
            assert!(gone.contains(&&*released) && gone.contains(&&*paid), "{released}, {paid}");
            return Some(());
        }
    })
    .await;
}

#[tokio::test]
async fn a_closed_sale_says_when_it_opens() {
    let phase = general(3_600, 7_200);
    let open_time = phase.open_time.expect("it is set");
    let house = House::build(Plan { phases: vec![phase], ..Plan::default() }).await;
    let (status, reason, details) = failure(house.hold("alice", &[0]).await);
    assert_eq!((status.code(), reason.as_str()), (Code::FailedPrecondition, "SALE_NOT_OPEN"));
    let told = &details.error_info().expect("ErrorInfo").metadata["open_time"];
    let opens = SystemTime::try_from(open_time).expect("a time");
    assert_eq!(*told, humantime::format_rfc3339_millis(opens).to_string());
    let (_, reason, _) = failure(house.waitlist.clone().join_waitlist(join_request("alice", 0)).await);
    assert_eq!(reason, "SALE_NOT_OPEN");
}

#[tokio::test]
async fn a_presale_is_for_its_members() {
    let phases = vec![presale(-60, 3_600), general(3_600, 7_200)];
    let house = House::build(Plan { phases, ..Plan::default() }).await;
    let (status, reason, details) = failure(house.hold("alice", &[0]).await);
    assert_eq!((status.code(), reason.as_str()), (Code::FailedPrecondition, "PRESALE_ONLY"));
    assert!(details.error_info().expect("ErrorInfo").metadata.contains_key("open_time"));
    let member = v1::HoldSeatsRequest { grade: "VIP".into(), ..hold_request("bob", &[0]) };
    house.seating.clone().hold_seats(member).await.expect("a member may");
}
