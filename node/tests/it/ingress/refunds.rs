//! What comes back of an order: the policy, the fee, the quote, and the history.

use earlybird_proto::v1;
use earlybird_proto::v1::order::State;
use earlybird_proto::v1::refund::{Reason, State as RefundState};
use earlybird_proto::v1::refund_policy::Fee;
use tonic::Code;

use super::house::*;

async fn house_with(policy: v1::RefundPolicy) -> House {
    House::build(Plan { refund_policy: Some(policy), ..Plan::default() }).await
}

/// Alice's order of seats 0, 1 and 10.
async fn bought(house: &House) -> v1::Order {
    let hold = house.hold("alice", &[0, 1, 10]).await.expect("free seats");
    house.pay(&hold).await.expect("it is paid")
}

fn quote(order: &v1::Order, seats: &[u32]) -> v1::QuoteRefundRequest {
    let (name, buyer_id) = (order.name.clone(), order.buyer_id.clone());
    v1::QuoteRefundRequest { name, buyer_id, seats: seats.into(), fee_minor: None }
}

/// I3: what goes back and what is kept adds up to what was paid, and the quote says so before.
#[tokio::test]
async fn the_fee_of_the_policy_is_kept_and_all_of_it_shows() {
    let fee = Some(Fee::FeeBasisPoints(1_250));
    let house = house_with(v1::RefundPolicy { fee, ..Default::default() }).await;
    let mut orders = house.orders.clone();
    let order = bought(&house).await;
    let quoted = orders.quote_refund(quote(&order, &[10])).await.expect("a quote").into_inner();
    assert_eq!((quoted.paid_minor, quoted.fee_minor, quoted.amount_minor), (7_000, 875, 6_125));
    assert_eq!((&quoted.seats[..], quoted.currency_code.as_str()), (&[10][..], "KRW"));

    let part = orders.refund_order(refund(&order, &[10])).await.expect("it is paid").into_inner();
    assert_eq!((part.state(), part.refunded_minor, part.fees_minor), (State::PartiallyRefunded, 6_125, 875));
    let rest = orders.refund_order(refund(&order, &[])).await.expect("the rest").into_inner();
    assert_eq!(rest.state(), State::Refunded);
    assert_eq!(rest.refunded_minor + rest.fees_minor, order.amount_minor);
    let shown: Vec<_> = rest.refunds.iter().map(|refund| (refund.reason(), refund.state())).collect();
    assert_eq!(shown, [(Reason::Buyer, RefundState::Completed); 2]);
    assert_eq!((rest.refunds[0].note.as_str(), rest.refunds[1].seats.as_slice()), ("ill", &[0, 1][..]));
    assert!(rest.refunds.iter().all(|refund| refund.create_time.is_some() && refund.settle_time.is_some()));
    // The list is read from the store: it says the same.
    let list = v1::ListOrdersRequest { parent: NAME.into(), ..Default::default() };
    assert_eq!(orders.list_orders(list).await.expect("a page").into_inner().orders, [rest]);
}

#[tokio::test]
async fn buyers_are_bound_by_the_policy_and_administrators_are_not() {
    let forbidden = v1::RefundPolicy { buyers_forbidden: true, ..Default::default() };
    let over = v1::RefundPolicy { close_time: Some(from_now(-60)), ..Default::default() };
    for (policy, expected) in [(forbidden, "REFUND_NOT_ALLOWED"), (over, "REFUND_DEADLINE_PASSED")] {
        let house = house_with(policy).await;
        let mut orders = house.orders.clone();
        let order = bought(&house).await;
        let (status, reason, details) = failure(orders.refund_order(refund(&order, &[])).await);
        assert_eq!((status.code(), reason.as_str()), (Code::FailedPrecondition, expected));
        assert_eq!(failure(orders.quote_refund(quote(&order, &[])).await).1, expected);
        let close_time = &details.error_info().expect("ErrorInfo").metadata.get("close_time").cloned();
        assert_eq!(close_time.is_some(), policy.close_time.is_some());
        let all = v1::RefundOrderRequest { buyer_id: String::new(), ..refund(&order, &[]) };
        let back = orders.refund_order(all).await.expect("by an administrator").into_inner();
        assert_eq!((back.refunded_minor, back.fees_minor), (order.amount_minor, 0));
        assert_eq!(back.refunds[0].reason(), Reason::Admin);
    }
}

#[tokio::test]
async fn a_fee_of_an_administrator_is_checked() {
    let house = House::open().await;
    let mut orders = house.orders.clone();
    let order = bought(&house).await;
    let with = |buyer_id: &str, fee_minor| v1::RefundOrderRequest {
        buyer_id: buyer_id.into(),
        fee_minor: Some(fee_minor),
        ..refund(&order, &[])
    };
    for wrong in [with("alice", 0), with("", -1), with("", i64::MIN)] {
        let (status, reason, _) = failure(orders.refund_order(wrong).await);
        assert_eq!((status.code(), reason.as_str()), (Code::InvalidArgument, "INVALID_FIELD"));
    }
    for wrong in [order.amount_minor + 1, i64::MAX] {
        let (status, reason, details) = failure(orders.refund_order(with("", wrong)).await);
        assert_eq!((status.code(), reason.as_str()), (Code::FailedPrecondition, "INVALID_FEE"));
        let metadata = &details.error_info().expect("ErrorInfo").metadata;
        assert_eq!(metadata["paid_minor"], order.amount_minor.to_string());
    }
    // All of it kept: nobody has to be asked, and the seats are free.
    let kept = orders.refund_order(with("", order.amount_minor)).await.expect("it is paid").into_inner();
    assert_eq!((kept.state(), kept.refunded_minor), (State::Refunded, 0));
    house.hold("bob", &[0, 1, 10]).await.expect("they are free again");
}

/// I13: payments of one hold are limited.
#[tokio::test]
async fn declined_payments_of_a_hold_are_limited() {
    let limits = v1::Limits { payment_attempts_max: Some(1), ..Default::default() };
    let house = House::build(Plan { limits, ..Plan::default() }).await;
    let hold = house.hold("alice", &[0]).await.expect("a free seat");
    let declined = house.orders.clone().pay_hold(pay_request(&hold, "sim.REJECT_CARD_PAYMENT.1")).await;
    assert_eq!(failure(declined).1, "PAYMENT_DECLINED");
    let (status, reason, _) = failure(house.pay(&hold).await);
    assert_eq!((status.code(), reason.as_str()), (Code::ResourceExhausted, "LIMIT_REACHED"));
}
