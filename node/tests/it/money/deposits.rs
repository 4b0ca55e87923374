//! `kill -9` at every step of a deposit: its account, its coming, its refund, and the bank that takes it back; on both stores.

use std::os::unix::process::ExitStatusExt as _;
use std::sync::Arc;
use std::time::Duration;

use earlybird_proto::v1::order::State;
use rustix::process::Signal;
use tokio::task::JoinSet;
use toss_sim::provider::Provider;

use super::buyers::{self, Buyer};
use super::shop::Shop;

/// Steps that the node dies at when it passes them for the second time.
///
/// ```text
///  account ─deposit-issued─► journal ─deposit-awaited─► deposit ─pay-answered─► journal ─pay-noted─► told
///  refund ─refund-account-kept─► journal, ─refund-begun─► provider ─refund-answered─► journal ─refund-noted─► told
///  taken back ─► account closed ─reversion-closed─► journal ─reversion-noted─► told
/// ```
const STEPS: [&str; 10] = [
    "deposit-issued",
    "deposit-awaited",
    "pay-answered",
    "pay-noted",
    "refund-account-kept",
    "refund-begun",
    "refund-answered",
    "refund-noted",
    "reversion-closed",
    "reversion-noted",
];
/// Buyers of a round: half of them give their seats back, from the others the bank takes the money.
const BUYERS: u32 = 4;

on_both_stores!(a_kill_at_any_step_of_a_deposit_takes_no_money_for_nothing);

async fn a_kill_at_any_step_of_a_deposit_takes_no_money_for_nothing(shop: Shop) {
    let server = shop.begin(Duration::from_secs(600)).await;
    shop.let_provider_tell(1);
    assert!(server.terminate().await.0.success());
    for (round, step) in (0..).zip(STEPS) {
        let mut server = shop.site.start_failing(&format!("{step}=1*off->return")).await;
        let buyers = deposits(&shop, round);
        let status = server.ended().await;
        assert_eq!(status.signal(), Some(Signal::KILL.as_raw()), "{step}");
        let server = shop.site.start().await;
        buyers::done(buyers).await;
        shop.assert_settled().await;
        println!("{step}: settled");
        server.kill().await;
    }
    let server = shop.site.start().await;
    shop.close(server).await;
}

fn deposits(shop: &Shop, round: u32) -> JoinSet<()> {
    let mut set = JoinSet::new();
    for number in 0..BUYERS {
        let buyer = Buyer::new(&shop.site.endpoint(), "carmen", &format!("buyer-{round}-{number}"));
        let provider = Arc::clone(shop.provider.provider());
        let key = format!("sim.virtual-account.{round}-{number}");
        set.spawn(deposit(buyer, provider, 2 * (round * BUYERS + number), key, number % 2 == 0));
    }
    set
}

/// Pays for two seats by a deposit, and gives them back one by one; or the bank takes the money.
async fn deposit(buyer: Buyer, provider: Arc<Provider>, first_seat: u32, key: String, gives_back: bool) {
    let hold = buyer.hold(&[first_seat, first_seat + 1]).await;
    let order = buyer.pay(&hold, &key).await.expect("the provider takes the key");
    let key = key.as_str().into();
    provider.deposit(&key).expect("an account was issued");
    let order = buyer.until(&order, State::Paid).await;
    if gives_back {
        buyer.refund_deposit(&order, &[first_seat]).await.expect("it is paid");
        buyer.until(&order, State::PartiallyRefunded).await;
        buyer.refund_deposit(&order, &[]).await.expect("one seat is left");
    } else {
        provider.revert(&key).expect("it was paid");
        buyer.until(&order, State::Refunded).await;
        assert!(provider.deposit(&key).is_err(), "the account is closed");
    }
}
