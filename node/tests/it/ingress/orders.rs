//! Payments and refunds.

use earlybird_proto::v1;
use earlybird_proto::v1::order::State;
use tonic::Code;

use super::house::*;

#[tokio::test]
async fn an_order_is_paid_read_and_refunded_in_parts() {
    let house = House::open().await;
    let mut orders = house.orders.clone();
    let hold = house.hold("alice", &[0, 1, 10]).await.expect("free seats");
    let order = house.pay(&hold).await.expect("it is paid");
    let amount_minor = 2 * STALLS_MINOR + CIRCLE_MINOR;
    assert_eq!((order.state(), order.amount_minor, order.refunded_minor), (State::Paid, amount_minor, 0));
    assert_eq!((order.buyer_id.as_str(), order.currency_code.as_str()), ("alice", "KRW"));
    assert_eq!((&order.seats, &order.seats_left, &order.hold), (&hold.seats, &hold.seats, &hold.name));
    assert!(order.update_time.is_some() && order.create_time.is_some() && order.decline_reason.is_empty());

    let get = v1::GetOrderRequest { name: order.name.clone() };
    assert_eq!(orders.get_order(get.clone()).await.expect("it exists").into_inner(), order);

    let part = orders.refund_order(refund(&order, &[10])).await.expect("it is paid").into_inner();
    assert_eq!((part.state(), part.refunded_minor), (State::PartiallyRefunded, CIRCLE_MINOR));
    assert_eq!(part.seats_left, [0, 1]);
    house.hold("bob", &[10]).await.expect("it is free again");

    let rest = orders.refund_order(refund(&order, &[])).await.expect("the rest").into_inner();
    assert_eq!((rest.state(), rest.refunded_minor), (State::Refunded, amount_minor));
    assert_eq!(rest.seats_left, [] as [u32; 0]);
    assert_eq!(orders.get_order(get).await.expect("it exists").into_inner(), rest);
    let (status, reason, _) = failure(orders.refund_order(refund(&order, &[])).await);
    assert_eq!((status.code(), reason.as_str()), (Code::FailedPrecondition, "ORDER_STATE"));
}

#[tokio::test]
async fn the_price_is_the_servers() {
    let house = House::open().await;
    let hold = house.hold("alice", &[0]).await.expect("a free seat");
    for amount_minor in [0, 1, STALLS_MINOR + 1, i64::MAX] {
        let other = v1::Hold { amount_minor, ..hold.clone() };
        let (status, reason, details) = failure(house.pay(&other).await);
        assert_eq!((status.code(), reason.as_str()), (Code::FailedPrecondition, "AMOUNT_MISMATCH"));
        let metadata = &details.error_info().expect("ErrorInfo").metadata;
        assert_eq!(metadata["expected_minor"], STALLS_MINOR.to_string());
        assert_eq!(metadata["currency_code"], "KRW");
    }
    for amount_minor in [-1, i64::MIN] {
        let negative = v1::Hold { amount_minor, ..hold.clone() };
        let (status, reason, _) = failure(house.pay(&negative).await);
        assert_eq!((status.code(), reason.as_str()), (Code::InvalidArgument, "INVALID_FIELD"));
    }
    house.pay(&hold).await.expect("nothing was done by halves");
}

#[tokio::test]
async fn a_declined_payment_leaves_the_hold() {
    let house = House::open().await;
    let mut orders = house.orders.clone();
    let hold = house.hold("alice", &[0]).await.expect("a free seat");
    let declined = pay_request(&hold, "sim.REJECT_CARD_PAYMENT.1");
    let (status, reason, details) = failure(orders.pay_hold(declined.clone()).await);
    assert_eq!((status.code(), reason.as_str()), (Code::FailedPrecondition, "PAYMENT_DECLINED"));
    let told = details.error_info().expect("ErrorInfo").metadata["provider_reason"].clone();
    assert!(!told.is_empty());
    // The same request again is the same payment, and so the same answer.
    assert_eq!(failure(orders.pay_hold(declined).await).1, "PAYMENT_DECLINED");
    let first = v1::GetOrderRequest { name: format!("{NAME}/orders/1") };
    let first = orders.get_order(first).await.expect("it exists").into_inner();
    assert_eq!((first.state(), first.decline_reason), (State::Declined, told));
    assert_eq!(house.pay(&hold).await.expect("another card").state(), State::Paid);
}

#[tokio::test]
async fn a_slow_payment_is_unknown_until_it_is_known() {
    let house = House::build(Plan::default().with_slow_payments(400.0)).await;
    let (mut orders, mut seating) = (house.orders.clone(), house.seating.clone());
    let hold = house.hold("alice", &[0]).await.expect("a free seat");
    let pay = pay_request(&hold, "key");
    let mut session = super::session::Client::open(&house).await;
    let command = v1::session_request::Command::PayHold(pay.clone());
    let impatient = v1::SessionRequest { tag: 1, timeout_ms: 100, command: Some(command) };
    let replies = session.send_all(vec![impatient]).await;
    let Some(v1::session_response::Result::Error(error)) = &replies[&1].result else { panic!("{replies:?}") };
    assert_eq!((error.code, error.reason.as_str()), (Code::Unavailable as i32, "PAYMENT_UNKNOWN"));
    assert_eq!(error.metadata["order"], format!("{NAME}/orders/1"));

    // Meanwhile it is being paid: it can be neither given back nor paid twice.
    for result in [
        seating.release_hold(release_request(&hold)).await.map(drop),
        seating.extend_hold(extend_request(&hold)).await.map(drop),
        orders.pay_hold(pay_request(&hold, "another-key")).await.map(drop),
    ] {
        let (status, reason, details) = failure(result);
        assert_eq!((status.code(), reason.as_str()), (Code::FailedPrecondition, "PAYMENT_IN_PROGRESS"));
        assert_eq!(details.error_info().expect("ErrorInfo").metadata["order"], format!("{NAME}/orders/1"));
    }
    assert_eq!(orders.pay_hold(pay).await.expect("the same request joins").into_inner().state(), State::Paid);
}

#[tokio::test]
async fn a_payment_is_settled_although_its_caller_is_gone() {
    let house = House::build(Plan::default().with_slow_payments(50.0)).await;
    let hold = house.hold("alice", &[0]).await.expect("a free seat");
    let mut orders = house.orders.clone();
    let call = tokio::spawn(async move { orders.pay_hold(pay_request(&hold, "key")).await });
    let get = v1::GetOrderRequest { name: format!("{NAME}/orders/1") };
    eventually("the payment begins", async || house.orders.clone().get_order(get.clone()).await.ok()).await;
    call.abort();
    eventually("the order is paid", async || {
        let order = house.orders.clone().get_order(get.clone()).await.expect("it exists").into_inner();
        (order.state() == State::Paid).then_some(())
    })
    .await;
}

#[tokio::test]
async fn refunds_are_for_the_owner_and_for_seats_of_the_order() {
    let house = House::open().await;
    let mut orders = house.orders.clone();
    let hold = house.hold("alice", &[0]).await.expect("a free seat");
    let order = house.pay(&hold).await.expect("it is paid");
    let theirs = v1::Order { buyer_id: "mallory".into(), ..order.clone() };
    assert_eq!(failure(orders.refund_order(refund(&theirs, &[])).await).1, "NOT_HOLDER");
    let (status, reason, _) = failure(orders.refund_order(refund(&order, &[1])).await);
    assert_eq!((status.code(), reason.as_str()), (Code::InvalidArgument, "INVALID_SEATS"));
    let missing = v1::Order { name: format!("{NAME}/orders/99"), ..order.clone() };
    let (status, reason, _) = failure(orders.refund_order(refund(&missing, &[])).await);
    assert_eq!((status.code(), reason.as_str()), (Code::NotFound, "ORDER_NOT_FOUND"));
    let get = v1::GetOrderRequest { name: missing.name };
    assert_eq!(failure(orders.get_order(get).await).1, "ORDER_NOT_FOUND");
    // An administrator names no buyer.
    let by_admin = v1::RefundOrderRequest { buyer_id: String::new(), ..refund(&order, &[]) };
    assert_eq!(
        orders.refund_order(by_admin).await.expect("it is paid").into_inner().state(),
        State::Refunded
    );
}

#[tokio::test]
async fn orders_are_listed_newest_first_by_pages() {
    let house = House::open().await;
    let mut orders = house.orders.clone();
    for seat in 0..5 {
        let buyer = if seat == 2 { "bob" } else { "alice" };
        let hold = house.hold(buyer, &[seat]).await.expect("a free seat");
        house.pay(&hold).await.expect("it is paid");
    }
    let all = v1::ListOrdersRequest { parent: NAME.into(), page_size: 2, ..Default::default() };
    let mut seats = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListOrdersRequest { page_token, ..all.clone() };
        let page = orders.list_orders(request).await.expect("a page").into_inner();
        assert!(page.orders.len() <= 2);
        assert!(page.orders.iter().all(|order| order.state() == State::Paid));
        seats.extend(page.orders.into_iter().flat_map(|order| order.seats_left));
        if page.next_page_token.is_empty() {
            break;
        }
        page_token = page.next_page_token;
    }
    assert_eq!(seats, [4, 3, 2, 1, 0]);
    let of_bob = v1::ListOrdersRequest {
        parent: "performances/-".into(),
        buyer_id: "bob".into(),
        ..Default::default()
    };
    let page = orders.list_orders(of_bob).await.expect("a page").into_inner();
    assert_eq!(page.orders.len(), 1);
    assert_eq!((page.orders[0].buyer_id.as_str(), page.next_page_token.as_str()), ("bob", ""));
    assert_eq!(page.orders[0].hold, format!("{NAME}/holds/3"));
}
