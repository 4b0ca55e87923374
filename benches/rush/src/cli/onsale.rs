//! `rush onsale`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use rush::onsale::{House, Options, run_until};
use rush::progress::{Bar, Progress, Quiet};
use rush::report;
use rush::transport::Mode;

/// The flags of `rush onsale`.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("house").required(true))]
pub(super) struct Flags {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    sold: Sold,
    #[command(flatten)]
    traffic: Traffic,
    #[command(flatten)]
    people: People,
    #[command(flatten)]
    output: Output,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Server")]
struct Server {
    /// URI of a node; may be repeated.
    #[arg(long = "endpoint", value_name = "URI", default_value = "http://127.0.0.1:50051")]
    endpoints: Vec<String>,
    /// File with a JWT, sent with every call.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Session streams, or one call a command.
    #[arg(long, value_enum, default_value = "session")]
    mode: Mode,
    /// Sessions, each with its share of the buyers.
    #[arg(long, default_value_t = 16)]
    sessions: usize,
    /// Tries leave at whole multiples of it, many to a packet; the wait counts as latency; 0s sends each at its moment.
    #[arg(long, value_parser = super::duration, default_value = "2ms")]
    send_tick: Duration,
    /// How long the server may take for one attempt.
    #[arg(long, value_parser = super::duration, default_value = "10s")]
    timeout: Duration,
    /// How long to go on while the server is away.
    #[arg(long, value_parser = super::duration, default_value = "60s")]
    patience: Duration,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "What is sold")]
struct Sold {
    /// A performance that exists, by id or name.
    #[arg(long, group = "house", value_name = "NAME")]
    performance: Option<String>,
    /// A venue that exists, by id or name; a performance is made at it.
    #[arg(long, group = "house", value_name = "NAME")]
    venue: Option<String>,
    /// A seating plan; its venue is imported, and a performance made at it.
    #[arg(long, group = "house", value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Life of a hold, where the performance is made.
    #[arg(long, value_parser = super::duration, default_value = "5s")]
    hold_ttl: Duration,
    /// Price of the cheapest category in minor units, where the performance is made.
    #[arg(long, default_value_t = 50_000)]
    price: i64,
    /// Acknowledge holds before they are on disk, where the performance is made.
    #[arg(long)]
    memory_ack: bool,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Traffic")]
struct Traffic {
    /// Seats that the number of buyers is reckoned from [default: the capacity].
    #[arg(long)]
    seats: Option<u32>,
    /// Buyers [default: ten for each seat].
    #[arg(long)]
    buyers: Option<u32>,
    /// Tries of each buyer, on average; payments and the like come on top.
    #[arg(long, default_value_t = 20.0)]
    tries: f64,
    /// Share of the tries that come in the burst.
    #[arg(long, default_value_t = 0.2)]
    burst_share: f64,
    /// Length of the burst.
    #[arg(long, value_parser = super::duration, default_value = "10s")]
    burst: Duration,
    /// Length of the whole curve.
    #[arg(long, value_parser = super::duration, default_value = "5m")]
    duration: Duration,
    /// The first part of the burst, for members alone, where the performance is made.
    #[arg(long, value_parser = super::duration, default_value = "2s")]
    presale: Duration,
    /// Divides the times of the curve, and of thinking.
    #[arg(long, default_value_t = 5.0)]
    compress: f64,
    /// Makes the choices of the buyers repeatable.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "What people do (shares from 0 to 1)")]
struct People {
    /// Members among the buyers: they go first, and queue for seats they missed.
    #[arg(long, default_value_t = 0.02)]
    vip_share: f64,
    /// Holds that are paid.
    #[arg(long, default_value_t = 0.8)]
    pay: f64,
    /// Holds that are left to lapse.
    #[arg(long, default_value_t = 0.1)]
    abandon: f64,
    /// Holds that are given back; what remains of the three shares is extended, then paid.
    #[arg(long, default_value_t = 0.05)]
    release: f64,
    /// Payments that the provider's simulator is asked to decline.
    #[arg(long, default_value_t = 0.03)]
    decline: f64,
    /// Orders that are given back.
    #[arg(long, default_value_t = 0.01)]
    refund: f64,
    /// Tries for the best seats available rather than for named ones.
    #[arg(long, default_value_t = 0.1)]
    best_available: f64,
    /// Tries that look at the whole seat map instead.
    #[arg(long, default_value_t = 0.0005)]
    looks: f64,
    /// Weights of holds of 1, 2, 3 and 4 seats.
    #[arg(long, value_delimiter = ',', default_value = "0.5,0.35,0.1,0.05")]
    multi: Vec<f64>,
    /// Mean time between a hold and what its buyer does with it.
    #[arg(long, value_parser = super::duration, default_value = "2s")]
    think_time: Duration,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Afterwards")]
struct Output {
    /// Leave unsold what is unsold at the end of the curve.
    #[arg(long)]
    no_settle: bool,
    /// Longest time to sell what is left [default: as long as holds and offers need to lapse twice].
    #[arg(long, value_parser = super::duration)]
    settle: Option<Duration>,
    /// Compare with the final state; this is the default.
    #[arg(long, overrides_with = "no_check")]
    check: bool,
    /// Do not compare with the final state.
    #[arg(long)]
    no_check: bool,
    /// Errors among the requests, as a share, beyond which the exit code is 1.
    #[arg(long, default_value_t = 0.01)]
    max_error_share: f64,
    /// Write the report as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write the report as a page with charts.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Where the simulator of the payment provider is, such as http://127.0.0.1:8090: its books, the orders and the journal
    /// must agree. Needs a token of an administrator where the server wants one.
    #[arg(long, value_name = "URL")]
    toss_sim: Option<String>,
    /// No progress bar.
    #[arg(long, short)]
    quiet: bool,
}

impl Flags {
    fn options(&self) -> anyhow::Result<Options> {
        let Flags { server, sold, traffic, people, output } = self;
        let house = match (&sold.performance, &sold.venue, &sold.plan) {
            (Some(name), _, _) => House::Performance(name.clone()),
            (_, Some(name), _) => House::Venue(name.clone()),
            (_, _, Some(path)) => House::Plan(path.clone()),
            (None, None, None) => anyhow::bail!("one of --performance, --venue and --plan is needed"),
        };
        Ok(Options {
            endpoints: server.endpoints.clone(),
            token: super::token(server.token_file.as_deref())?,
            house,
            seats: traffic.seats,
            buyers: traffic.buyers,
            tries: traffic.tries,
            burst_share: traffic.burst_share,
            burst: traffic.burst,
            duration: traffic.duration,
            presale: traffic.presale,
            compress: traffic.compress,
            vip_share: people.vip_share,
            pay: people.pay,
            abandon: people.abandon,
            release: people.release,
            decline: people.decline,
            refund: people.refund,
            best_available: people.best_available,
            looks: people.looks,
            multi: people.multi.clone(),
            think_time: people.think_time,
            hold_ttl: sold.hold_ttl,
            memory_ack: sold.memory_ack,
            price_minor: sold.price,
            mode: server.mode,
            sessions: server.sessions,
            send_tick: server.send_tick,
            timeout: server.timeout,
            patience: server.patience,
            seed: traffic.seed,
            settle: !output.no_settle,
            settle_max: output.settle,
            check: !output.no_check,
            toss_sim: output.toss_sim.clone(),
        })
    }
}

/// Runs an on-sale, prints and writes its report.
pub(super) async fn run(flags: Flags) -> anyhow::Result<ExitCode> {
    let options = flags.options()?;
    let max_error_share = flags.output.max_error_share;
    ensure!(
        (0.0..=1.0).contains(&max_error_share),
        "--max-error-share: {max_error_share} is not a share; 0 to 1 is accepted"
    );
    let bar = (!flags.output.quiet).then(Bar::new);
    let progress: &dyn Progress = bar.as_ref().map_or(&Quiet, |bar| bar);
    let outcome = run_until(options, progress, super::interrupted()).await;
    if let Some(bar) = &bar {
        bar.clear();
    }
    let outcome = outcome.context("the on-sale could not be run")?;
    let found = &outcome.report;
    report::print_table(found);
    if let Some(path) = &flags.output.report {
        report::write_json(found, path)?;
    }
    if let Some(path) = &flags.output.html {
        report::write_html(found, path)?;
    }
    Ok(match () {
        () if found.check_error.is_some() || found.gave_up => ExitCode::from(2),
        () if !outcome.violations.is_empty() || found.requests.error_share > max_error_share => {
            ExitCode::from(1)
        }
        () => ExitCode::SUCCESS,
    })
}
