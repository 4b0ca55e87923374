//! Payments whose answer comes when the hold's time is over.

use std::time::Duration;

use earlybird_proto::v1::order::State;

use super::buyers::Buyer;
use super::shop::Shop;
use crate::chaos::house::reason;

/// Life of a hold: the shortest that there is. The provider's answers below take longer.
const HOLD_TTL: Duration = Duration::from_secs(1);

on_both_stores!(a_payment_that_began_in_time_outlives_the_hold);

async fn a_payment_that_began_in_time_outlives_the_hold(shop: Shop) {
    let server = shop.begin(HOLD_TTL).await;
    let (ann, ben) = (buyer(&shop, "ann"), buyer(&shop, "ben"));

    // Each as long as the other, so both are under way when the holds' time is over. The node waits for an answer for half a
    // second only, and asks meanwhile.
    let paid = tokio::spawn(async move {
        let hold = ann.hold(&[1]).await;
        ann.pay(&hold, "sim.silent-late-1500.ann").await
    });
    let declined = tokio::spawn(async move {
        let hold = ben.hold(&[2]).await;
        ben.pay(&hold, "sim.delay-200.PROVIDER_ERROR-3.REJECT_CARD_PAYMENT.ben").await
    });
    let order = paid.await.expect("it does not panic").expect("it is captured in the end");
    assert_eq!(order.state(), State::Paid);
    let status = declined.await.expect("it does not panic").expect_err("it is declined in the end");
    assert_eq!(reason(&status), "PAYMENT_DECLINED");
    // The declined hold had no time left: its seat is for whoever comes.
    let (cat, hold) = (buyer(&shop, "cat"), [2]);
    let hold = cat.hold(&hold).await;
    assert_eq!(cat.pay(&hold, "cat").await.expect("the seat is free").state(), State::Paid);
    shop.close(server).await;
}

fn buyer(shop: &Shop, name: &str) -> Buyer {
    Buyer::new(&shop.site.endpoint(), "carmen", name)
}
