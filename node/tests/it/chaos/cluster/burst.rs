//! An on-sale that pays through a provider, and what happens in its burst.
//!
//! ```text
//!  tries │▇▇▇▇▇▇▇
//!        │▇▇▇▇▇▇▇▅▅▅▄▄▄▃▃▃▃▂▂▂▂▂▂
//!        └──┴──────────────┴─────┴──► settled: check from outside, audit
//!           the fault       all is well again (L1), and the on-sale goes on
//! ```
//!
//! A fault that names a node happens to the owner of the performance that is sold.

use std::time::{Duration, Instant};

use earlybird_proto::v1::Routing;
use rush::onsale::House;

use super::faults::{Fault, Victim};
use super::{Cluster, RECOVERY_BOUND};
use crate::chaos::eventually;
use crate::chaos::sale::{self, Marks};

/// Tries of each buyer.
const TRIES: f64 = 3.0;
const BURST: Duration = Duration::from_secs(2);
/// Share of the tries that come in the burst.
const BURST_SHARE: f64 = 0.4;
/// Share of the tries after which the fault begins, in the middle of the burst.
const FAULT_SHARE: f64 = 0.1;
/// By how much an on-sale outlasts its fault.
const AFTER: Duration = Duration::from_secs(5);
/// Life of a hold: seats come back several times in an on-sale, and are offered to who waits.
pub(super) const HOLD_TTL: Duration = Duration::from_secs(2);
/// Share of the holds that are left to lapse.
const ABANDON_SHARE: f64 = 0.25;
/// Share of the holds that are paid.
const PAY_SHARE: f64 = 0.65;

/// An on-sale in the middle of its burst.
pub(super) struct OnSale<'a> {
    pub(super) victim: &'a mut Victim,
    marks: Marks,
    pub(super) sold: &'a str,
    /// Where the performance was before the fault.
    pub(super) before: Routing,
    /// The same, as the number of the node.
    pub(super) owner: usize,
    pub(super) began: Instant,
}

impl OnSale<'_> {
    pub(super) fn cluster(&self) -> &Cluster {
        &self.victim.cluster
    }

    /// Has the fault happen to the owner.
    pub(super) async fn begin(&mut self, fault: Fault) {
        self.victim.begin(fault, self.owner, self.sold).await;
    }

    /// A node that is not the owner.
    pub(super) fn other(&self) -> usize {
        (self.owner + 1) % self.victim.servers.len()
    }

    /// Waits until another node has the performance.
    pub(super) async fn until_taken_over(&self) {
        let taken = async || {
            let now = self.cluster().routing(self.other(), self.sold).await;
            let taken = !now.node.is_empty() && now.node != self.before.node;
            (taken && now.epoch > self.before.epoch).then_some(now.node)
        };
        let owner = eventually("another node takes over", taken).await;
        println!("{} instead of {} after {:?}", owner, self.before.node, self.began.elapsed());
        assert!(self.began.elapsed() < RECOVERY_BOUND, "{:?}", self.began.elapsed());
    }

    /// Nothing is waited for here: so long the fault lasts.
    pub(super) async fn last(&self, duration: Duration) {
        tokio::time::sleep(duration.saturating_sub(self.began.elapsed())).await;
    }

    /// The owner of before is not one any more: it finds that out, and ends.
    async fn end_of_zombie(&mut self) {
        let zombie = self.victim.servers[self.owner].as_mut().expect("the process is there");
        let status = zombie.ended().await;
        assert!(!status.success(), "it reads itself dead and ends: {status}");
        assert!(zombie.log().contains("this run of the node is over"), "it says why");
    }

    /// A fault that the owner outlives, but not as the owner.
    pub(super) async fn replace(&mut self, fault: Fault, lasts: Duration) {
        self.begin(fault).await;
        self.until_taken_over().await;
        self.last(lasts).await;
        let (victim, owner) = (&mut *self.victim, self.owner);
        assert!(victim.is_whole(), "it does not know yet");
        victim.end(fault, owner).await;
        self.end_of_zombie().await;
    }

    /// Waits until buyers have been given so many more definite answers.
    pub(super) async fn answered(&mut self, more: u64) {
        let answers = self.marks.borrow().answers;
        sale::answered(&mut self.marks, answers + more).await.expect("the on-sale outlasts the fault");
    }
}

/// Sells this performance, and has something happen in the burst that lasts about so long.
pub(super) async fn check(
    victim: &mut Victim,
    sold: &str,
    lasts: Duration,
    happen: impl AsyncFnOnce(&mut OnSale<'_>),
) {
    println!("{sold}:");
    let options = rush::onsale::Options {
        house: House::Performance(sold.to_owned()),
        burst: BURST,
        burst_share: BURST_SHARE,
        abandon: ABANDON_SHARE,
        pay: PAY_SHARE,
        hold_ttl: HOLD_TTL,
        ..victim.options(TRIES, lasts + AFTER, 1)
    };
    let began = Instant::now();
    let meddle = async |mut marks: Marks| {
        let planned = sale::begun(&mut marks).await.planned as f64;
        let mark = sale::answered(&mut marks, (planned * FAULT_SHARE) as u64).await.expect("it goes on");
        assert!((mark.answers as f64) < planned * BURST_SHARE, "the burst is not over");
        let owner = victim.cluster.owner(sold).await;
        let before = victim.cluster.routing(owner, sold).await;
        let mut on_sale = OnSale { victim, marks, sold, before, owner, began: Instant::now() };
        happen(&mut on_sale).await;
        on_sale.victim.recover().await;
        on_sale.answered(1).await;
    };
    let (outcome, ()) = sale::run(options, meddle).await;
    sale::assert_sound(&outcome);
    victim.audit().await;
    println!("{sold}: {:?} in all", began.elapsed());
}

/// As [`check`], of a new performance, once every node owns its share.
pub(super) async fn check_shared(
    victim: &mut Victim,
    sold: &str,
    lasts: Duration,
    happen: impl AsyncFnOnce(&mut OnSale<'_>),
) {
    victim.shared_out().await;
    victim.cluster.client(0).create(sold, HOLD_TTL).await;
    check(victim, sold, lasts, happen).await;
}
