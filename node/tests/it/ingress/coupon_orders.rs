//! Orders with coupons (I3, I14).

use earlybird_proto::v1;
use earlybird_proto::v1::campaign::Discount;
use earlybird_proto::v1::coupon::State as CouponState;
use earlybird_proto::v1::coupons_client::CouponsClient;
use earlybird_proto::v1::order::State;
use tonic::Code;
use tonic::transport::Channel;

use super::house::*;

/// A house with a campaign that takes so much off and returns its coupons on a refund.
async fn house_with(discount: Discount) -> (House, CouponsClient<Channel>) {
    let house = House::open().await;
    let coupons = spring(&house, discount).await;
    (house, coupons)
}

/// A campaign that takes so much off and returns its coupons on a refund.
pub(super) async fn spring(house: &House, discount: Discount) -> CouponsClient<Channel> {
    let mut coupons = CouponsClient::new(house.server.channel());
    let campaign = v1::Campaign {
        display_name: "Spring".into(),
        discount: Some(discount),
        currency_code: "KRW".into(),
        valid_days: 7,
        returns_on_refund: true,
        ..Default::default()
    };
    let request = v1::CreateCampaignRequest {
        campaign_id: "spring".into(),
        campaign: Some(campaign),
        request_id: request_id(),
    };
    coupons.create_campaign(request).await.expect("a good campaign");
    coupons
}

pub(super) async fn issue(coupons: &mut CouponsClient<Channel>, member: &str) -> String {
    let request = v1::IssueCouponRequest {
        campaign: "campaigns/spring".into(),
        member_id: member.into(),
        request_id: request_id(),
    };
    coupons.issue_coupon(request).await.expect("there is one").into_inner().name
}

async fn state(coupons: &mut CouponsClient<Channel>, name: &str) -> (CouponState, String) {
    let request = v1::GetCouponRequest { name: name.into() };
    let coupon = coupons.get_coupon(request).await.expect("it exists").into_inner();
    (coupon.state(), coupon.order)
}

pub(super) fn pay(hold: &v1::Hold, amount_minor: i64, coupon: &str, key: &str) -> v1::PayHoldRequest {
    v1::PayHoldRequest { amount_minor, coupon: coupon.into(), ..pay_request(hold, key) }
}

#[tokio::test]
async fn a_coupon_pays_its_part_and_comes_back_with_the_refund() {
    let (house, mut coupons) = house_with(Discount::AmountMinor(1_001)).await;
    let mut orders = house.orders.clone();
    let coupon = issue(&mut coupons, "alice").await;
    let hold = house.hold("alice", &[0, 1, 2]).await.expect("free seats");
    let amount_minor = 3 * STALLS_MINOR - 1_001;

    let (status, reason, details) =
        failure(orders.pay_hold(pay(&hold, hold.amount_minor, &coupon, &payment_key())).await);
    assert_eq!((status.code(), reason.as_str()), (Code::FailedPrecondition, "AMOUNT_MISMATCH"));
    let metadata = &details.error_info().expect("ErrorInfo").metadata;
    assert_eq!(metadata["expected_minor"], amount_minor.to_string());
    assert_eq!(metadata["discount_minor"], "1001");
    assert_eq!(state(&mut coupons, &coupon).await.0, CouponState::Issued, "it was given back");

    let declined = orders.pay_hold(pay(&hold, amount_minor, &coupon, "sim.REJECT_CARD_PAYMENT.1")).await;
    assert_eq!(failure(declined).1, "PAYMENT_DECLINED");
    assert_eq!(state(&mut coupons, &coupon).await.0, CouponState::Issued, "and again");

    let request = pay(&hold, amount_minor, &coupon, &payment_key());
    let order = orders.pay_hold(request.clone()).await.expect("it is paid").into_inner();
    assert_eq!((order.state(), order.amount_minor, order.discount_minor), (State::Paid, amount_minor, 1_001));
    assert_eq!(order.coupon, coupon);
    assert_eq!(state(&mut coupons, &coupon).await, (CouponState::Redeemed, order.name.clone()));
    assert_eq!(orders.pay_hold(request).await.expect("the same request").into_inner(), order, "I8");

    // One by one: what was paid goes back to the last unit, and the coupon with the last seat.
    let mut back = 0;
    for seat in [2, 0, 1] {
        assert_eq!(state(&mut coupons, &coupon).await.0, CouponState::Redeemed);
        back = orders
            .refund_order(refund(&order, &[seat]))
            .await
            .expect("it is paid")
            .into_inner()
            .refunded_minor;
    }
    assert_eq!(back, amount_minor, "I3");
    assert_eq!(state(&mut coupons, &coupon).await.0, CouponState::Issued);
}

/// I8: whatever has become of the coupon since, the answer is the same, and nothing is taken.
#[tokio::test]
async fn a_request_that_is_repeated_takes_no_coupon() {
    let (house, mut coupons) = house_with(Discount::AmountMinor(1_000)).await;
    let mut orders = house.orders.clone();
    let coupon = issue(&mut coupons, "alice").await;
    let hold = house.hold("alice", &[0]).await.expect("a free seat");
    let request = pay(&hold, STALLS_MINOR - 1_000, &coupon, "sim.REJECT_CARD_PAYMENT.1");
    for _ in 0..2 {
        assert_eq!(failure(orders.pay_hold(request.clone()).await).1, "PAYMENT_DECLINED");
        assert_eq!(state(&mut coupons, &coupon).await.0, CouponState::Issued);
    }
    let other = house.hold("alice", &[1]).await.expect("a free seat");
    let order = orders.pay_hold(pay(&other, STALLS_MINOR - 1_000, &coupon, &payment_key())).await;
    let order = order.expect("it is paid").into_inner();
    assert_eq!(failure(orders.pay_hold(request).await).1, "PAYMENT_DECLINED");
    assert_eq!(state(&mut coupons, &coupon).await, (CouponState::Redeemed, order.name));
}

/// Where nothing is left to pay, the provider is not asked: it would decline this key.
#[tokio::test]
async fn a_coupon_may_pay_for_all() {
    let (house, mut coupons) = house_with(Discount::AmountMinor(1_000_000)).await;
    let mut orders = house.orders.clone();
    let coupon = issue(&mut coupons, "alice").await;
    let hold = house.hold("alice", &[0]).await.expect("a free seat");
    let order = orders
        .pay_hold(pay(&hold, 0, &coupon, "sim.REJECT_CARD_PAYMENT.1"))
        .await
        .expect("nothing to pay")
        .into_inner();
    assert_eq!((order.state(), order.amount_minor, order.discount_minor), (State::Paid, 0, STALLS_MINOR));
    assert_eq!(state(&mut coupons, &coupon).await.0, CouponState::Redeemed);
    let refunded = orders.refund_order(refund(&order, &[])).await.expect("it is paid").into_inner();
    assert_eq!((refunded.state(), refunded.refunded_minor), (State::Refunded, 0));
    assert_eq!(state(&mut coupons, &coupon).await.0, CouponState::Issued);
}

#[tokio::test]
async fn a_coupon_is_its_owners_and_is_used_once() {
    let (house, mut coupons) = house_with(Discount::PercentBasisPoints(1_000)).await;
    let mut orders = house.orders.clone();
    let coupon = issue(&mut coupons, "alice").await;
    let hers = house.hold("alice", &[0]).await.expect("a free seat");
    let his = house.hold("bob", &[1]).await.expect("a free seat");
    let amount_minor = STALLS_MINOR - STALLS_MINOR / 10;
    let foreign = orders.pay_hold(pay(&his, amount_minor, &coupon, &payment_key())).await;
    assert_eq!(failure(foreign).1, "COUPON_NOT_OWNER");
    let missing = orders.pay_hold(pay(&hers, amount_minor, "coupons/999999", &payment_key())).await;
    assert_eq!(failure(missing).1, "COUPON_NOT_FOUND");
    for wrong in ["coupon/1", "coupons/x", "coupons/0", "coupons/"] {
        let (status, reason, _) =
            failure(orders.pay_hold(pay(&hers, amount_minor, wrong, &payment_key())).await);
        assert_eq!((status.code(), reason.as_str()), (Code::InvalidArgument, "INVALID_FIELD"), "{wrong}");
    }
    orders.pay_hold(pay(&hers, amount_minor, &coupon, &payment_key())).await.expect("it is paid");
    let again = house.hold("alice", &[2]).await.expect("a free seat");
    assert_eq!(
        failure(orders.pay_hold(pay(&again, amount_minor, &coupon, &payment_key())).await).1,
        "COUPON_USED"
    );
}

/// I14: of many payments at once with one coupon, one has it.
#[tokio::test]
async fn a_coupon_is_raced_for_and_used_by_one_order() {
    let (house, mut coupons) = house_with(Discount::AmountMinor(1_000)).await;
    let coupon = issue(&mut coupons, "alice").await;
    let mut tries = tokio::task::JoinSet::new();
    for seat in 0..4 {
        let hold = house.hold("alice", &[seat]).await.expect("a free seat");
        // Each hold is paid with the right amount and with a wrong one, which gives the coupon back.
        for amount_minor in [STALLS_MINOR - 1_000, STALLS_MINOR] {
            let (mut orders, request) =
                (house.orders.clone(), pay(&hold, amount_minor, &coupon, &payment_key()));
            tries.spawn(async move { orders.pay_hold(request).await });
        }
    }
    let results = tries.join_all().await;
    let paid: Vec<_> = results.into_iter().filter_map(Result::ok).map(|order| order.into_inner()).collect();
    assert!(paid.len() <= 1, "{paid:?}");
    let expected = if paid.is_empty() { CouponState::Issued } else { CouponState::Redeemed };
    assert_eq!(state(&mut coupons, &coupon).await.0, expected);
}

/// A click without the coupon may win while the one with it reserves: then the coupon is nobody's.
#[tokio::test]
async fn a_coupon_that_came_too_late_is_given_back() {
    let house = House::build(Plan::default().with_slow_payments(100.0)).await;
    let mut coupons = spring(&house, Discount::AmountMinor(1_000)).await;
    for seat in 0..8 {
        let coupon = issue(&mut coupons, "alice").await;
        let hold = house.hold("alice", &[seat]).await.expect("a free seat");
        let (mut with, mut without) = (house.orders.clone(), house.orders.clone());
        let discounted = pay(&hold, STALLS_MINOR - 1_000, &coupon, &payment_key());
        let (with, without) =
            tokio::join!(with.pay_hold(discounted), without.pay_hold(pay_request(&hold, &payment_key())),);
        let expected = if with.is_ok() { CouponState::Redeemed } else { CouponState::Issued };
        assert!(with.is_ok() != without.is_ok(), "I1: {with:?} {without:?}");
        assert_eq!(state(&mut coupons, &coupon).await.0, expected, "I14: {with:?}");
    }
}

#[tokio::test]
async fn a_session_takes_no_coupon() {
    let (house, mut coupons) = house_with(Discount::AmountMinor(1_000)).await;
    let coupon = issue(&mut coupons, "alice").await;
    let hold = house.hold("alice", &[0]).await.expect("a free seat");
    let mut session = super::session::Client::open(&house).await;
    let command =
        v1::session_request::Command::PayHold(pay(&hold, STALLS_MINOR - 1_000, &coupon, &payment_key()));
    let request = v1::SessionRequest { tag: 1, command: Some(command), ..Default::default() };
    let replies = session.send_all(vec![request]).await;
    let Some(v1::session_response::Result::Error(error)) = &replies[&1].result else { panic!("{replies:?}") };
    assert_eq!((error.code, error.reason.as_str()), (Code::InvalidArgument as i32, "INVALID_FIELD"));
}
