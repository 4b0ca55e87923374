//! Every fault in the burst of an on-sale, with the check from outside.

use std::time::Duration;

use earlybird_persistence::testing::skips_postgres;
use earlybird_proto::v1::{PlanRebalanceRequest, UndrainNodeRequest};

use super::Cluster;
use super::burst::{HOLD_TTL, OnSale, check, check_shared};
use super::clocks;
use super::faults::{Fault, Victim};
use super::moves::finished;
use super::network::{Others, skips_networks};
use crate::chaos::eventually;
use crate::chaos::house::reason;
use crate::chaos::proxy::Cut;

/// The ways in which a network is cut, and the performances that are sold meanwhile.
const WAYS: [(&str, Cut); 3] = [("both", Cut::Both), ("answers", Cut::Answers), ("requests", Cut::Requests)];

/// How long a node that is killed is missed, about.
const MISSED: Duration = Duration::from_secs(4);
/// For how long a node stands still: much longer than its lease.
const FROZEN: Duration = Duration::from_secs(10);
/// How long a network is cut: longer than a lease.
const CUT: Duration = Duration::from_secs(5);
/// How often connections to the database are cut, and definite answers in between.
const CUTS: u64 = 5;
const ANSWERS_BETWEEN_CUTS: u64 = 500;
/// About how long the nodes take to restart one after another, and the database to come back.
const RESTARTS: Duration = Duration::from_secs(6);
/// About how long a rebalance takes.
const REBALANCE: Duration = Duration::from_secs(4);
/// Performances from which one is chosen that a rebalance moves.
const CANDIDATES: usize = 6;

async fn kill_owner(sale: &mut OnSale<'_>) {
    sale.begin(Fault::Kill).await;
    sale.until_taken_over().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_on_sale_outlives_its_nodes() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let mut victim = Victim::on_one_network().await;
    victim.start().await;
    check_shared(&mut victim, "killed", MISSED, kill_owner).await;
    check_shared(&mut victim, "frozen", FROZEN, async |sale| sale.replace(Fault::Freeze, FROZEN).await).await;
    check_shared(&mut victim, "restarted", RESTARTS, async |sale| {
        sale.begin(Fault::RollingRestart).await;
        let after = sale.cluster().routing(0, sale.sold).await;
        assert!(after.epoch > sale.before.epoch, "it was handed over");
    })
    .await;
    victim.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_on_sale_outlives_networks_between_nodes_that_are_cut() {
    if skips_postgres().expect("PostgreSQL may be left out") || skips_networks() {
        return;
    }
    let mut victim = Victim::on_networks().await;
    victim.start().await;
    for (name, cut) in WAYS {
        let fault = Fault::CutOff(Others::Nodes, cut);
        check_shared(&mut victim, name, CUT, async |sale| {
            sale.begin(fault).await;
            let asked = sale.cluster().client(sale.other());
            let lost = asked.seat_map(sale.sold).await.expect_err("its owner cannot be reached");
            assert_eq!(reason(&lost), "OWNER_LOST");
            sale.last(CUT).await;
            sale.victim.end(fault, sale.owner).await;
            assert!(sale.victim.is_whole(), "nobody was taken for dead");
        })
        .await;
    }
    victim.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_on_sale_outlives_networks_to_the_database_that_are_cut() {
    if skips_postgres().expect("PostgreSQL may be left out") || skips_networks() {
        return;
    }
    let mut victim = Victim::on_networks().await;
    victim.start().await;
    for (name, cut) in WAYS {
        let fault = Fault::CutOff(Others::Database, cut);
        check_shared(&mut victim, name, CUT, async |sale| sale.replace(fault, CUT).await).await;
    }
    victim.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_on_sale_outlives_its_database() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let mut victim = Victim::on_one_network().await;
    victim.start().await;
    check_shared(&mut victim, "crashed", RESTARTS, async |sale| {
        sale.begin(Fault::DatabaseCrash).await;
        println!("the database was away for {:?}", sale.began.elapsed());
    })
    .await;
    check_shared(&mut victim, "cut", Duration::ZERO, async |sale| {
        for _ in 0..CUTS {
            let cut = async || Some(sale.victim.cut_connections().await).filter(|cut| *cut > 0);
            println!("{} connections cut", eventually("there are some to cut", cut).await);
            sale.answered(ANSWERS_BETWEEN_CUTS).await;
        }
    })
    .await;
    assert!(victim.is_whole(), "no node ended for it");
    victim.stop().await;
}

/// A new performance that a rebalance is about to move.
async fn about_to_move(cluster: &Cluster) -> String {
    let plan = cluster.operator(0).plan_rebalance(PlanRebalanceRequest::default()).await;
    let moves = plan.expect("a plan").into_inner().moves;
    for number in 0..CANDIDATES {
        let name = format!("rebalanced-{number}");
        cluster.client(0).create(&name, HOLD_TTL).await;
        let bucket = cluster.routing(0, &name).await.bucket;
        if moves.iter().any(|planned| planned.bucket == bucket) {
            return name;
        }
    }
    panic!("two thirds of the buckets are to be moved, and none of {CANDIDATES} is among them")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_on_sale_outlives_its_operators() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let mut victim =
        Victim::on_one_network().await.with(|cluster| cluster.with("CLUSTER__REBALANCE", "manual"));
    victim.start_uneven().await;
    let sold = about_to_move(&victim.cluster).await;
    check(&mut victim, &sold, REBALANCE, async |sale| {
        let mut moved = 0;
        // Moves that fail, where the machine is too busy to make them in time, are tried again by the next rebalance.
        eventually("nothing is left to move", async || {
            let begun = sale.cluster().begin_rebalance(sale.other(), 4).await.ok()?;
            let summary = finished(begun).await;
            moved += summary.moved;
            (summary.failed == 0).then_some(())
        })
        .await;
        println!("{moved} moved in {:?}", sale.began.elapsed());
        assert!(moved > 500, "two thirds of the buckets were elsewhere");
        sale.until_taken_over().await;
    })
    .await;

    for name in ["nodes/node-1", "nodes/node-2"] {
        victim.cluster.drain(name).await.expect("others take what it has");
        let undrain = UndrainNodeRequest { name: name.to_owned() };
        victim.cluster.operator(0).undrain_node(undrain).await.expect("it is there");
    }
    victim.cluster.client(0).create("contested", HOLD_TTL).await;
    check(&mut victim, "contested", REBALANCE, async |sale| {
        let (_, begun) = sale.cluster().rebalance_twice().await;
        sale.cluster().move_both_ways(&[sale.sold]).await;
        let summary = finished(begun).await;
        println!("{} moved, {} failed, in {:?}", summary.moved, summary.failed, sale.began.elapsed());
        assert!(summary.moved > 100, "buckets were elsewhere");
        let after = sale.cluster().routing(0, sale.sold).await;
        assert!(after.epoch > sale.before.epoch, "it was moved");
    })
    .await;
    assert!(victim.is_whole(), "no node ended for it");
    victim.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_on_sale_outlives_a_node_where_clocks_are_five_minutes_apart() {
    if skips_postgres().expect("PostgreSQL may be left out") {
        return;
    }
    let Some(library) = clocks::library() else { return };
    let mut victim = Victim::on_one_network().await.with(|cluster| clocks::set_apart(cluster, library));
    victim.start().await;
    clocks::assert_apart(victim.servers.iter().flatten());
    check_shared(&mut victim, "apart", MISSED, kill_owner).await;
    victim.stop().await;
}
