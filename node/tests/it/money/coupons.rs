//! `kill -9` at every step of a payment with a coupon, and of money that comes late for one: in the end each coupon is used by
//! one order or is its owner's again (I14).

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use earlybird_proto::v1::campaign::Discount;
use earlybird_proto::v1::coupon::State as CouponState;
use earlybird_proto::v1::coupons_client::CouponsClient;
use earlybird_proto::v1::order::State;
use earlybird_proto::v1::{Campaign, CreateCampaignRequest, GetCouponRequest, IssueCouponRequest, Order};
use rustix::process::Signal;
use tokio::task::JoinSet;
use tonic::transport::Channel;

use super::buyers::Buyer;
use super::shop::Shop;
use crate::chaos::house::{connect, reason, request_id};
use crate::chaos::server::Server;

/// What a coupon takes off.
const DISCOUNT_MINOR: i64 = 300;
/// Each step of a payment or of a refund, and how often it is passed before the node dies at it.
const STEPS: [(&str, u32); 8] = [
    ("coupon-reserved", 2),
    ("lane-decided", 6),
    ("lane-committed", 6),
    ("pay-begun", 2),
    ("pay-answered", 3),
    ("pay-noted", 3),
    ("refund-answered", 1),
    ("refund-noted", 1),
];
/// Each step of late money.
const LATE_STEPS: [&str; 4] = ["late-reserved", "lane-decided", "lane-committed", "late-noted"];
/// Each step of an order that was sent with the payment of an earlier one.
const REPEATED_STEPS: [&str; 5] =
    ["pay-begun", "return-answered", "pay-answered", "late-reserved", "pay-noted"];
/// Buyers of a round.
const BUYERS: u32 = 4;

/// A shop whose buyers may have coupons.
struct Fair {
    shop: Shop,
    coupons: CouponsClient<Channel>,
}

impl Fair {
    /// Opens a shop with a campaign that returns its coupons on a refund.
    async fn open(shop: Shop) -> (Self, Server) {
        let server = shop.begin(Duration::from_secs(600)).await;
        let mut coupons = CouponsClient::new(connect(&shop.site.endpoint()));
        let campaign = Campaign {
            display_name: "Spring".into(),
            discount: Some(Discount::AmountMinor(DISCOUNT_MINOR)),
            currency_code: "KRW".into(),
            valid_days: 7,
            returns_on_refund: true,
            ..Campaign::default()
        };
        let request = CreateCampaignRequest {
            campaign_id: "spring".into(),
            campaign: Some(campaign),
            request_id: request_id(),
        };
        coupons.create_campaign(request).await.expect("a good campaign");
        (Self { shop, coupons }, server)
    }

    fn buyer(&self, name: &str) -> Buyer {
        Buyer::new(&self.shop.site.endpoint(), "carmen", name)
    }

    async fn issue(&self, member: &str) -> String {
        let request = IssueCouponRequest {
            campaign: "campaigns/spring".into(),
            member_id: member.into(),
            request_id: request_id(),
        };
        self.coupons.clone().issue_coupon(request).await.expect("there is one").into_inner().name
    }

    /// The coupon is used by this order, or free when there is none.
    async fn assert_used_by(&self, coupon: &str, order: Option<&Order>) {
        let found = self.coupons.clone().get_coupon(GetCouponRequest { name: coupon.into() }).await;
        let found = found.expect("it exists").into_inner();
        let state = if order.is_some() { CouponState::Redeemed } else { CouponState::Issued };
        let name = order.map(|order| order.name.as_str()).unwrap_or_default();
        assert_eq!((found.state(), found.order.as_str()), (state, name), "{coupon}");
    }
}

/// Is declined with the coupon, pays with it then, and may give all back. Returns the order that has the coupon in the end.
async fn buy(buyer: Buyer, number: u32, coupon: String, gives_back: bool) -> (String, Option<Order>) {
    let (hold, price_minor) = buyer.hold(&[number]).await;
    let hold = (hold, price_minor - DISCOUNT_MINOR);
    let declined = buyer.pay_with(&hold, &coupon, &format!("sim.REJECT_CARD_PAYMENT.{number}")).await;
    assert_eq!(reason(&declined.expect_err("it is declined")), "PAYMENT_DECLINED");
    let order = buyer.pay_with(&hold, &coupon, &format!("key-{number}")).await.expect("it is paid");
    assert_eq!((order.amount_minor, order.coupon.as_str()), (hold.1, coupon.as_str()));
    if !gives_back {
        return (coupon, Some(order));
    }
    buyer.refund(&order, &[]).await.expect("it is paid");
    (coupon, None)
}

on_both_stores!(
    a_kill_at_any_step_loses_no_coupon,
    late_money_with_a_coupon_buys_seats_or_goes_back,
    money_in_another_sum_buys_the_seats_of_the_order_of_that_sum,
);

async fn a_kill_at_any_step_loses_no_coupon(shop: Shop) {
    let (fair, mut server) = Fair::open(shop).await;
    let mut number = 0;
    for (step, passes) in STEPS {
        let mut coupons = Vec::new();
        for _ in 0..BUYERS {
            number += 1;
            coupons.push((number, fair.issue(&format!("buyer-{number}")).await));
        }
        assert!(server.terminate().await.0.success());
        let mut failing = fair.shop.site.start_failing(&format!("{step}={passes}*off->return")).await;
        let buyers: JoinSet<_> = coupons
            .into_iter()
            .map(|(number, coupon)| {
                let buyer = fair.buyer(&format!("buyer-{number}"));
                buy(buyer, number, coupon, number % 2 == 0)
            })
            .collect();
        assert_eq!(failing.ended().await.signal(), Some(Signal::KILL.as_raw()), "{step}");
        server = fair.shop.site.start().await;
        for (coupon, order) in buyers.join_all().await {
            fair.assert_used_by(&coupon, order.as_ref()).await;
        }
        fair.shop.assert_settled().await;
        println!("{step} after {passes}: settled");
    }
    fair.shop.close(server).await;
}

/// Money that was captured although the provider had declined, and of which it tells when the node is about to die.
async fn late_money_with_a_coupon_buys_seats_or_goes_back(shop: Shop) {
    let (fair, mut server) = Fair::open(shop).await;
    let mut orders = 0;
    for (seat, step) in (0..).step_by(3).zip(LATE_STEPS) {
        let (ann, ben) = (format!("ann-{seat}"), format!("ben-{seat}"));
        let (anns, bens) = (fair.issue(&ann).await, fair.issue(&ben).await);
        let keys =
            [format!("sim.done-REJECT_CARD_PAYMENT.{ann}"), format!("sim.done-REJECT_CARD_PAYMENT.{ben}")];
        for (name, seat, coupon, key) in [(&ann, seat, &anns, &keys[0]), (&ben, seat + 1, &bens, &keys[1])] {
            let buyer = fair.buyer(name);
            let (hold, price_minor) = buyer.hold(&[seat]).await;
            let declined = buyer.pay_with(&(hold, price_minor - DISCOUNT_MINOR), coupon, key).await;
            assert_eq!(reason(&declined.expect_err("it says no")), "PAYMENT_DECLINED");
            fair.assert_used_by(coupon, None).await;
        }
        // Ben uses his coupon otherwise; Ann has hers.
        let (hold, price_minor) = fair.buyer(&ben).hold(&[seat + 2]).await;
        let elsewhere = fair.buyer(&ben).pay_with(&(hold, price_minor - DISCOUNT_MINOR), &bens, &ben).await;
        let elsewhere = elsewhere.expect("it is paid");
        assert!(server.terminate().await.0.success());

        let mut failing = fair.shop.site.start_failing(&format!("{step}=return")).await;
        fair.shop.let_provider_tell(1);
        for key in keys {
            fair.shop.provider.provider().resend(&key.as_str().into()).expect("it is known");
        }
        assert_eq!(failing.ended().await.signal(), Some(Signal::KILL.as_raw()), "{step}");
        server = fair.shop.site.start().await;
        let order = fair.shop.until_order(orders + 1, |order| order.state() == State::Paid).await;
        assert!(order.captured_late);
        fair.assert_used_by(&anns, Some(&order)).await;
        let order = fair.shop.until_order(orders + 2, |order| order.state() == State::Refunded).await;
        assert_eq!((order.captured_late, order.refunded_minor), (true, order.amount_minor), "I3");
        fair.assert_used_by(&bens, Some(&elsewhere)).await;
        println!("{step}: settled");
        fair.shop.let_provider(|behaviour| behaviour.webhooks.url = None);
        orders += 3;
    }
    fair.shop.close(server).await;
}

/// A key that was declined, and captured all the same, is brought again without the coupon.
async fn money_in_another_sum_buys_the_seats_of_the_order_of_that_sum(shop: Shop) {
    let (fair, mut server) = Fair::open(shop).await;
    let mut orders = 0;
    for (seat, step) in (0..).zip(REPEATED_STEPS) {
        let ann = format!("ann-{seat}");
        let (coupon, key) = (fair.issue(&ann).await, format!("sim.done-REJECT_CARD_PAYMENT.{ann}"));
        let buyer = fair.buyer(&ann);
        let (hold, price_minor) = buyer.hold(&[seat]).await;
        let declined = buyer.pay_with(&(hold.clone(), price_minor - DISCOUNT_MINOR), &coupon, &key).await;
        assert_eq!(reason(&declined.expect_err("it says no")), "PAYMENT_DECLINED");
        assert!(server.terminate().await.0.success());

        let mut failing = fair.shop.site.start_failing(&format!("{step}=return")).await;
        let again = tokio::spawn(async move { buyer.pay(&(hold, price_minor), &key).await });
        assert_eq!(failing.ended().await.signal(), Some(Signal::KILL.as_raw()), "{step}");
        server = fair.shop.site.start().await;
        let declined = again.await.expect("no panic").expect_err("it is of another sum");
        assert_eq!(reason(&declined), "PAYMENT_DECLINED", "{step}");
        let order = fair.shop.until_order(orders + 1, |order| order.state() == State::Paid).await;
        assert!(order.captured_late);
        fair.assert_used_by(&coupon, Some(&order)).await;
        println!("{step}: settled");
        orders += 2;
    }
    fair.shop.close(server).await;
}
