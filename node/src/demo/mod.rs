//! The whole on-sale in one command: a node, an arena, a hundred thousand buyers, and the proof.

mod provider;
mod server;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use earlybird_persistence::PerformanceId;
use rush::check::LedgerSum;
use rush::onsale::{House, Options, Outcome};

use crate::audit::{AuditOptions, AuditReport, audit_journal};
use crate::catalog::Catalog;
use server::Server;

/// The arena that comes with the program: 10,000 seats in four categories.
const ARENA: &[u8] = include_bytes!("../../../venues/arena.json");

/// Sell an arena of 10,000 seats to 100,000 buyers, and prove that nothing went wrong.
///
/// Starts a node on free ports with an SQLite file, and a payment provider that declines, falls silent and errs; imports the
/// bundled arena, and plays a concert on-sale of five minutes in one: members first, a burst, waitlists, payments, holds that
/// lapse. Then it compares what the buyers were told with what the node has, and the provider's books with the orders and the
/// journal, stops the node, and replays its journal. Exits 0 only if all of it holds.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Where the node's files and the reports go; its database is made anew.
    #[arg(long, default_value = "target/demo", value_name = "FOLDER")]
    dir: PathBuf,
    /// Number of buyers.
    #[arg(long, default_value_t = 100_000)]
    buyers: u32,
    /// Requests of each buyer, on average.
    #[arg(long, default_value_t = 20.0)]
    tries: f64,
    /// How many times faster than life the five minutes pass.
    #[arg(long, default_value_t = 6.0)]
    compress: f64,
    /// Makes the run repeatable, as far as the machine's timing lets it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs the demo.
///
/// # Errors
/// When a part of it cannot run; what it finds wrong is printed, and told by the exit code.
pub async fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let folder = &args.dir;
    let database = fresh_database(folder)?;
    let plan = folder.join("arena.json");
    std::fs::write(&plan, ARENA).with_context(|| format!("cannot write {}", plan.display()))?;

    let store_url = format!("sqlite://{}", database.display());
    let provider = provider::start(args.seed).await?;
    let server = Server::start(&store_url, folder, provider::settings(&provider)).await?;
    eprintln!("A node is up at {}; its log is {}.", server.endpoint, folder.join("node.log").display());
    eprintln!("It takes money through a payment provider that is simulated at {}.", provider.url());
    let bar = rush::progress::Bar::new();
    let outcome = rush::onsale::run(options(args, &server.endpoint, &provider.url(), plan), &bar).await;
    bar.clear();
    let outcome = outcome?;
    server.stop().await.context("the node did not stop as it should")?;

    rush::report::print_table(&outcome.report);
    rush::report::write_json(&outcome.report, &folder.join("report.json"))?;
    rush::report::write_html(&outcome.report, &folder.join("report.html"))?;
    let audit = audit(&store_url, &outcome.report.performance).await?;
    println!("{}", audit.to_text());
    Ok(verdict(&outcome, &audit, folder))
}

/// Makes the folder, and removes what an earlier run left in it.
fn fresh_database(folder: &Path) -> anyhow::Result<PathBuf> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let names =
        ["earlybird.db", "earlybird.db-wal", "earlybird.db-shm", "ready.json", "report.json", "report.html"];
    for name in names {
        let path = folder.join(name);
        if path.exists() {
            std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(folder.join("earlybird.db"))
}

fn options(args: &DemoArgs, endpoint: &str, provider: &str, plan: PathBuf) -> Options {
    Options {
        buyers: Some(args.buyers),
        tries: args.tries,
        compress: args.compress,
        seed: args.seed,
        hold_ttl: Duration::from_secs(5),
        // The provider declines by itself.
        decline: 0.0,
        toss_sim: Some(provider.to_owned()),
        ..Options::new(endpoint, House::Plan(plan))
    }
}

async fn audit(store_url: &str, performance: &str) -> anyhow::Result<AuditReport> {
    let store = earlybird_persistence::open(store_url).await?;
    let id = PerformanceId::from(performance.trim_start_matches("performances/"));
    let catalog = Catalog::new(std::sync::Arc::clone(&store));
    let info = catalog.performance(&id).await?.context("the performance is not in the store")?;
    let report = audit_journal(&*store, &info, &AuditOptions::default()).await?;
    store.close().await;
    Ok(report)
}

/// Whether the three ledgers agree, and with the journal as it is on disk.
fn do_ledgers_agree(outcome: &Outcome, audit: &AuditReport) -> bool {
    let money = &audit.money;
    outcome.report.ledgers.is_some_and(|ledgers| {
        let LedgerSum { payments, captured_minor, refunded_minor } = ledgers.journal;
        let on_disk = (money.payments, money.captured_minor, money.refunded_minor);
        ledgers.agree() && on_disk == (payments, captured_minor, refunded_minor)
    })
}

fn verdict(outcome: &Outcome, audit: &AuditReport, folder: &Path) -> ExitCode {
    let findings = [
        (outcome.sold_out, "every seat that can be sold is sold"),
        (outcome.violations.is_empty(), "what the buyers were told is what the node has"),
        (audit.clean, "the journal replays to it, and breaks no invariant"),
        (
            do_ledgers_agree(outcome, audit),
            "provider, orders and journal have the same money, to the last unit",
        ),
    ];
    println!();
    for (holds, what) in findings {
        println!("{} {what}", if holds { "✔" } else { "✘" });
    }
    println!("Reports: {} and report.json beside it.", folder.join("report.html").display());
    if findings.iter().all(|(holds, _)| *holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
