//! What the provider tells without being asked: a hundred times, late and out of order; and money that it captured although
//! it had said that it would not.

use std::time::Duration;

use earlybird_proto::v1::order::State;
use toss_sim::WebhookBehaviour;

use super::buyers::{self, Buyer, Plan};
use super::shop::Shop;
use crate::chaos::house::reason;

/// How often each webhook is sent.
const COPIES: u32 = 100;

impl Shop {
    /// Lets the provider tell the node of every change, so often.
    pub(super) fn let_provider_tell(&self, copies: u32) {
        let url = format!("http://{}/webhooks/toss", self.site.http());
        self.let_provider(|behaviour| {
            let delays = WebhookBehaviour { copies, delay_ms_max: 300, ..WebhookBehaviour::default() };
            behaviour.webhooks = WebhookBehaviour { url: Some(url), ..delays };
        });
    }
}

on_both_stores!(webhooks_that_come_a_hundred_times_and_out_of_order_do_no_harm);

async fn webhooks_that_come_a_hundred_times_and_out_of_order_do_no_harm(shop: Shop) {
    let server = shop.begin(Duration::from_secs(600)).await;
    shop.let_provider_tell(COPIES);
    buyers::done(buyers::many(&shop.site.endpoint(), "carmen", 8, 0, Plan::GiveBack)).await;
    shop.assert_settled().await;
    shop.close(server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_was_captured_after_all_buys_the_seats_or_goes_back() {
    let shop = Shop::on_sqlite().await;
    let server = shop.begin(Duration::from_secs(600)).await;
    let ann = Buyer::new(&shop.site.endpoint(), "carmen", "ann");
    let hold = ann.hold(&[1, 2]).await;
    // The provider says no, and takes the money all the same.
    let status = ann.pay(&hold, "sim.done-REJECT_CARD_PAYMENT.ann").await.expect_err("it says no");
    assert_eq!(reason(&status), "PAYMENT_DECLINED");
    shop.let_provider_tell(1);
    shop.provider.provider().resend(&"sim.done-REJECT_CARD_PAYMENT.ann".into()).expect("it is known");
    let order = shop.until_order(1, |order| order.state() != State::Declined).await;
    assert!(matches!(order.state(), State::Paid | State::Refunding | State::Refunded), "{order:?}");
    shop.close(server).await;
}
