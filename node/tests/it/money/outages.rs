//! The provider is away, silent, or errs for a while: every payment ends, and holds go on meanwhile.
//!
//! It fails until the payments have met that, over and over with pauses that grow, and holds were acknowledged meanwhile: so
//! long and not for a time. An outage of a minute is no other: the node waits for answers for half a second here, and begins
//! with short pauses.

use std::time::{Duration, Instant};

use toss_sim::{Behaviour, Shares};

use super::buyers::{self, Plan};
use super::shop::Shop;
use crate::chaos::crowd::Crowd;
use crate::chaos::eventually;

/// Buyers who pay while the provider fails.
const BUYERS: u32 = 24;
/// Holds that must be acknowledged meanwhile.
const HOLDS_MEANWHILE_MIN: usize = 50;
/// Confirmations without a definite answer, in the mean of all buyers: each pause is twice as long as the one before.
const ATTEMPTS_MIN: f64 = 7.0;
/// Confirmations without a definite answer.
const UNKNOWN: &str = "earlybird_payments_unknown_total";
/// 1 while the provider is taken to be out of order.
const OUTAGE: &str = "earlybird_payments_outage";

/// How the provider fails.
#[derive(Clone, Copy)]
enum Failure {
    /// It answers nothing at all.
    Down,
    /// Some calls go wrong, and nothing is done until that is over.
    Undone(Shares),
    /// Some calls go wrong, and a question shows what was done.
    Done(Shares),
}

impl Failure {
    fn begin(self, shop: &Shop) {
        match self {
            Self::Down => {
                shop.provider.provider().set_down(Some(Instant::now() + Duration::from_secs(3_600)));
            }
            Self::Undone(shares) | Self::Done(shares) => {
                shop.let_provider(|it: &mut Behaviour| it.shares = shares);
            }
        }
    }

    fn end(self, shop: &Shop) {
        shop.provider.provider().set_down(None);
        shop.let_provider(|it: &mut Behaviour| it.shares = Shares::default());
    }

    /// Confirmations of each buyer that must have met it.
    fn attempts_min(self) -> f64 {
        match self {
            Self::Down | Self::Undone(_) => ATTEMPTS_MIN,
            Self::Done(_) => 1.0,
        }
    }
}

/// Lets the provider fail, buyers pay and give back, and others hold seats; all must come right.
async fn check(shop: Shop, failure: Failure) {
    let server = shop.begin(Duration::from_secs(600)).await;
    shop.open("holds", Duration::from_secs(600)).await;
    let endpoint = shop.site.endpoint();
    buyers::done(buyers::many(&endpoint, "carmen", 4, 0, Plan::Keep)).await;
    assert_eq!(server.metric(OUTAGE).await, 0.0);

    failure.begin(&shop);
    let buyers = buyers::many(&endpoint, "carmen", BUYERS, 100, Plan::GiveBack);
    let attempts_min = f64::from(BUYERS) * failure.attempts_min();
    eventually("the payments meet it", async || (server.metric(UNKNOWN).await >= attempts_min).then_some(()))
        .await;
    let crowd = Crowd::gather(&endpoint, "holds", 1_000, 4);
    crowd.until_acknowledged(HOLDS_MEANWHILE_MIN).await;
    assert!(crowd.disperse().await.refused.is_empty(), "holds go on");
    if let Failure::Down = failure {
        assert_eq!(server.metric(OUTAGE).await, 1.0, "it is told");
    }
    failure.end(&shop);
    buyers::done(buyers).await;
    assert_eq!(server.metric(OUTAGE).await, 0.0);
    shop.close(server).await;
}

/// Makes a test on each store of each failure.
macro_rules! failures {
    ($($name:ident: $failure:expr),* $(,)?) => {
        $(async fn $name(shop: Shop) {
            check(shop, $failure).await;
        })*
        on_both_stores!($($name),*);
    };
}

failures! {
    a_provider_that_is_down: Failure::Down,
    a_provider_that_is_silent_after_it_has_done_it:
        Failure::Done(Shares { silent_done: 1.0, ..Shares::default() }),
    errors_with_and_without_effect:
        Failure::Done(Shares { error: 0.5, error_done: 0.5, ..Shares::default() }),
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_silent_and_has_done_nothing() {
    let failure = Failure::Undone(Shares { silent: 1.0, ..Shares::default() });
    check(Shop::on_sqlite().await, failure).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_without_effect() {
    check(Shop::on_sqlite().await, Failure::Undone(Shares { error: 1.0, ..Shares::default() })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_reset_before_and_after() {
    let failure = Failure::Done(Shares { reset: 0.5, reset_done: 0.5, ..Shares::default() });
    check(Shop::on_sqlite().await, failure).await;
}
