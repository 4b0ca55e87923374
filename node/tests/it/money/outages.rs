//! The provider is away, silent, or errs for a while: every payment ends, and holds go on meanwhile.

use std::time::{Duration, Instant};

use toss_sim::{Behaviour, Shares};

use super::buyers::{self, Plan};
use super::shop::Shop;
use crate::chaos::crowd::Crowd;

/// Buyers who pay while the provider fails.
const BUYERS: u32 = 24;
/// How long it fails.
const FAILS_FOR: Duration = Duration::from_secs(2);
/// Holds that must be acknowledged meanwhile.
const HOLDS_MEANWHILE_MIN: usize = 50;

/// Lets the provider fail, buyers pay and give back, and others hold seats; all must come right.
async fn check(fail: impl FnOnce(&Shop), mend: impl FnOnce(&Shop)) {
    let shop = Shop::on_sqlite().await;
    let server = shop.site.start().await;
    shop.build_hall().await;
    shop.open("carmen", Duration::from_secs(600)).await;
    let endpoint = shop.site.endpoint();
    buyers::done(buyers::many(&endpoint, "carmen", 4, 0, Plan::Keep)).await;

    fail(&shop);
    let buyers = buyers::many(&endpoint, "carmen", BUYERS, 100, Plan::GiveBack);
    shop.open("holds", Duration::from_secs(600)).await;
    let crowd = Crowd::gather(&endpoint, "holds", 1_000, 4);
    tokio::time::sleep(FAILS_FOR).await;
    let held = crowd.acknowledged();
    mend(&shop);
    assert!(held >= HOLDS_MEANWHILE_MIN, "{held} holds meanwhile");
    buyers::done(buyers).await;
    assert!(crowd.disperse().await.refused.is_empty(), "nothing else was refused");
    shop.close(server).await;
}

async fn check_shares(shares: Shares) {
    let fail = |shop: &Shop| shop.let_provider(|it: &mut Behaviour| it.shares = shares);
    let mend = |shop: &Shop| shop.let_provider(|it: &mut Behaviour| it.shares = Shares::default());
    check(fail, mend).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down() {
    let fail =
        |shop: &Shop| shop.provider.provider().set_down(Some(Instant::now() + Duration::from_secs(60)));
    check(fail, |shop| shop.provider.provider().set_down(None)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_silent_after_it_has_done_it() {
    check_shares(Shares { silent_done: 1.0, ..Shares::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_silent_and_has_done_nothing() {
    check_shares(Shares { silent: 1.0, ..Shares::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_with_and_without_effect() {
    check_shares(Shares { error: 0.5, error_done: 0.5, ..Shares::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_reset_before_and_after() {
    check_shares(Shares { reset: 0.5, reset_done: 0.5, ..Shares::default() }).await;
}
