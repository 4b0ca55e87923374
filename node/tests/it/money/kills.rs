//! `kill -9` at every step of a payment and of a refund, on both stores.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use rustix::process::Signal;

use super::buyers::{self, Plan};
use super::shop::Shop;

/// Each step, and how often it is passed before the node dies at it.
///
/// ```text
///  decided ─lane-decided─► journal ─lane-committed─► told, ─pay-begun─► provider ─pay-answered─► journal ─pay-noted─► told
/// ```
const STEPS: [(&str, u32); 10] = [
    ("lane-decided", 2),
    ("lane-committed", 2),
    ("lane-decided", 5),
    ("lane-committed", 5),
    ("pay-begun", 2),
    ("pay-answered", 2),
    ("pay-noted", 2),
    ("refund-begun", 3),
    ("refund-answered", 3),
    ("refund-noted", 3),
];
/// Buyers of a round.
const BUYERS: u32 = 8;

on_both_stores!(a_kill_at_any_step_takes_no_money_for_nothing);

async fn a_kill_at_any_step_takes_no_money_for_nothing(shop: Shop) {
    let server = shop.begin(Duration::from_secs(600)).await;
    assert!(server.terminate().await.0.success());
    let mut first_seat = 0;
    for (step, passes) in STEPS {
        let failpoints = format!("{step}={passes}*off->return");
        let mut server = shop.site.start_failing(&failpoints).await;
        let endpoint = shop.site.endpoint();
        let buyers = buyers::many(&endpoint, "carmen", BUYERS, first_seat, Plan::GiveBack);
        let status = server.ended().await;
        assert_eq!(status.signal(), Some(Signal::KILL.as_raw()), "{step}");
        let server = shop.site.start().await;
        buyers::done(buyers).await;
        shop.assert_settled().await;
        println!("{step} after {passes}: settled");
        server.kill().await;
        first_seat += 2 * BUYERS;
    }
    let server = shop.site.start().await;
    shop.close(server).await;
}
