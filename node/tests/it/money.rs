//! Money under failure: whatever happens to the node or to the provider, and whenever, every order ends definitely, and the
//! provider's books, the orders and the journal agree to the last unit. Nothing is captured twice, and no money is taken
//! without seats or an exact refund (I3).
//!
//! ```text
//!  buyers (hold, pay, give back; each call until it has a definite answer) ──► node (a process) ──HTTP──► provider
//!                                                                               ▲ dies at a step          ▲ down, silent, errs
//! ```

/// Makes a test on each store of a check of a shop.
macro_rules! on_both_stores {
    ($($check:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $check() {
                super::$check(super::Shop::on_sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $check() {
                if let Some(shop) = super::Shop::on_postgres().await {
                    super::$check(shop).await;
                }
            })*
        }
    };
}

mod buyers;
mod coupons;
mod deadlines;
mod deposits;
mod kills;
mod outages;
mod shop;
mod webhooks;
