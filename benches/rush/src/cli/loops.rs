//! `rush churn`, `rush reject` and `rush mix`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use rush::onsale::House;
use rush::report;
use rush::scenario::{LoopReport, Options, Traffic, run};
use rush::transport::Mode;

/// The flags of `rush churn`.
#[derive(Args, Debug)]
pub(super) struct Churn {
    #[command(flatten)]
    flags: Flags,
}

/// The flags of `rush reject`.
#[derive(Args, Debug)]
pub(super) struct Reject {
    #[command(flatten)]
    flags: Flags,
}

/// The flags of `rush mix`.
#[derive(Args, Debug)]
pub(super) struct Mix {
    /// Share of the holds that are for seats held by others.
    #[arg(long, default_value_t = 0.995)]
    reject_share: f64,
    #[command(flatten)]
    flags: Flags,
}

impl Churn {
    /// Runs it.
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        self.flags.run(Traffic::Churn).await
    }
}

impl Reject {
    /// Runs it.
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        self.flags.run(Traffic::Reject).await
    }
}

impl Mix {
    /// Runs it.
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        self.flags.run(Traffic::Mix(self.reject_share)).await
    }
}

#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("house").required(true))]
struct Flags {
    /// URI of a node; may be repeated.
    #[arg(long = "endpoint", value_name = "URI", default_value = "http://127.0.0.1:50051")]
    endpoints: Vec<String>,
    /// File with a JWT, sent with every call.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A performance that exists, by id or name; its holds must outlive the run.
    #[arg(long, group = "house", value_name = "NAME")]
    performance: Option<String>,
    /// A venue that exists, by id or name; a performance is made at it.
    #[arg(long, group = "house", value_name = "NAME")]
    venue: Option<String>,
    /// A seating plan; its venue is imported, and a performance made at it.
    #[arg(long, group = "house", value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Acknowledge holds before they are on disk, where the performance is made.
    #[arg(long)]
    memory_ack: bool,
    /// Holds a second, each at its intended moment; as fast as answers come when not given.
    #[arg(long)]
    rate: Option<f64>,
    /// Commands in flight, over all sessions.
    #[arg(long, default_value_t = 1_024)]
    in_flight: usize,
    /// How long to count.
    #[arg(long, value_parser = super::duration, default_value = "10s")]
    duration: Duration,
    /// How long to run before counting.
    #[arg(long, value_parser = super::duration, default_value = "1s")]
    warmup: Duration,
    /// Session streams, or one call a command.
    #[arg(long, value_enum, default_value = "session")]
    mode: Mode,
    /// Sessions.
    #[arg(long, default_value_t = 4)]
    sessions: usize,
    /// Write the report as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Flags {
    fn options(&self, traffic: Traffic) -> anyhow::Result<Options> {
        let house = match (&self.performance, &self.venue, &self.plan) {
            (Some(name), _, _) => House::Performance(name.clone()),
            (_, Some(name), _) => House::Venue(name.clone()),
            (_, _, Some(path)) => House::Plan(path.clone()),
            (None, None, None) => anyhow::bail!("one of --performance, --venue and --plan is needed"),
        };
        Ok(Options {
            endpoints: self.endpoints.clone(),
            token: super::token(self.token_file.as_deref())?,
            house,
            traffic,
            rate: self.rate,
            in_flight: self.in_flight,
            duration: self.duration,
            warmup: self.warmup,
            mode: self.mode,
            sessions: self.sessions,
            memory_ack: self.memory_ack,
        })
    }

    async fn run(self, traffic: Traffic) -> anyhow::Result<ExitCode> {
        let options = self.options(traffic)?;
        let found = tokio::select! {
            found = run(options) => found.context("the loop could not be run")?,
            () = super::interrupted() => anyhow::bail!("interrupted"),
        };
        print(&found);
        if let Some(path) = &self.json {
            let json = serde_json::to_vec_pretty(&found)?;
            std::fs::write(path, json)
                .with_context(|| format!("--json: {} cannot be written", path.display()))?;
        }
        Ok(if found.errors == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }
}

fn print(found: &LoopReport) {
    println!("{}", report::kinds_table(&found.kinds));
    println!(
        "{:.0} answers a second over {:.1} s: {} ok, {} rejected, {} errors",
        found.rate_per_s, found.duration_s, found.ok, found.rejected, found.errors
    );
}
