//! The command line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use toss_sim::{Behaviour, Options, SECRET_KEY, Shares, Simulator, WebhookBehaviour};
use tracing_subscriber::EnvFilter;

/// A simulator of Toss Payments: it captures and refunds, goes wrong as a provider does, and keeps books to compare with.
///
/// Point a shop's base URL at it. Everything below can be changed while it runs: `GET` and `PATCH /sim/behaviour`.
/// `GET /sim/ledger` has its books (`?totals=true` the sums alone), `GET /sim/counts` what was called and what went wrong,
/// `POST /sim/down?for_ms=…` takes it away for a while, `POST /sim/payments/{key}/deposit` and `/revert` play the bank.
///
/// A payment key chooses its own fate, too: `sim.REJECT_CARD_PAYMENT.x` is declined, `sim.silent-done.x` captured without an
/// answer, `sim.cancel-PROVIDER_ERROR-2.x` has two refunds fail, `sim.virtual-account.x` waits for a deposit.
#[derive(Debug, Parser)]
#[command(name = "toss-sim", version)]
pub(crate) struct Arguments {
    /// Where to listen; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Key that the shop must show; it begins with test_sk_ or live_sk_
    #[arg(long, value_name = "KEY", default_value = SECRET_KEY, env = "TOSS_SIM_SECRET_KEY", hide_env_values = true)]
    secret_key: String,
    /// File in which the books are kept, so that a restart finds them; without it, in memory alone
    #[arg(long, value_name = "FILE")]
    ledger_file: Option<PathBuf>,
    /// Writes the address and the process id there, as JSON, once it listens
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Makes chance repeatable: the same payment keys meet the same luck
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    time: TimeArguments,
    #[command(flatten)]
    faults: FaultArguments,
    #[command(flatten)]
    rules: RuleArguments,
    #[command(flatten)]
    webhooks: WebhookArguments,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Time")]
struct TimeArguments {
    /// Half of all calls take no longer
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "50ms")]
    median: Duration,
    /// How much they differ: the deviation of the time's logarithm; 0 for not at all
    #[arg(long, value_name = "NUMBER", default_value_t = Behaviour::default().latency_sigma)]
    sigma: f64,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Faults (shares from 0 to 1)")]
struct FaultArguments {
    /// Confirmations that are declined
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    decline: f64,
    /// Calls without an answer, of which nothing was done
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    silent: f64,
    /// Calls without an answer that were done
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    silent_done: f64,
    /// Connections that are reset, and nothing was done
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    reset: f64,
    /// Connections that are reset after it was done
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    reset_done: f64,
    /// Calls that are answered with an error, and nothing was done
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    error: f64,
    /// Calls that are answered with an error, and were done
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    error_done: f64,
    /// Questions that are answered with an error
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    find_error: f64,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Rules")]
struct RuleArguments {
    /// Of two refunds of a payment within a second, only the first is done
    #[arg(long)]
    forbid_consecutive_cancels: bool,
    /// Only payments that were opened with POST /sim/sessions can be confirmed
    #[arg(long)]
    need_sessions: bool,
    /// Deposits go back although the refund names no account
    #[arg(long)]
    need_no_refund_account: bool,
    /// Life of a payment that the shop has not confirmed
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "10m")]
    confirm_within: Duration,
    /// Life of a virtual account that nothing was paid into
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "7d")]
    deposit_within: Duration,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Webhooks")]
struct WebhookArguments {
    /// Where the shop hears of changes
    #[arg(long, value_name = "URL")]
    webhook_url: Option<String>,
    /// How often each is sent
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    webhook_copies: u32,
    /// Each copy waits up to so long, so that they come out of order
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "0s")]
    webhook_delay: Duration,
    /// Share of the webhooks that are never sent
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    webhook_lose: f64,
}

/// Serves until SIGTERM or SIGINT.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let filter = EnvFilter::builder().with_default_directive(tracing::Level::INFO.into()).from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(serve(arguments));
    // Callers that are kept without an answer must not keep the program.
    runtime.shutdown_background();
    result
}

async fn serve(arguments: Arguments) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let ready_file = arguments.ready_file.clone();
    let simulator = Simulator::start(arguments.options()).await?;
    tracing::info!(url = simulator.url(), "Toss Payments is simulated");
    if let Some(path) = &ready_file {
        write_ready_file(path, simulator.address())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    let totals = simulator.provider().read(toss_sim::ledger::Ledger::totals);
    println!("{}", serde_json::to_string(&totals)?);
    Ok(())
}

/// The file appears whole or not at all.
fn write_ready_file(path: &Path, address: SocketAddr) -> std::io::Result<()> {
    let content = json!({"url": format!("http://{address}"), "pid": std::process::id()});
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    std::fs::write(&partial, format!("{content}\n"))?;
    std::fs::rename(&partial, path)
}

impl Arguments {
    fn options(self) -> Options {
        let faults = &self.faults;
        let shares = Shares {
            decline: faults.decline,
            silent: faults.silent,
            silent_done: faults.silent_done,
            reset: faults.reset,
            reset_done: faults.reset_done,
            error: faults.error,
            error_done: faults.error_done,
        };
        let webhooks = WebhookBehaviour {
            url: self.webhooks.webhook_url,
            copies: self.webhooks.webhook_copies,
            delay_ms_max: milliseconds(self.webhooks.webhook_delay),
            lose: self.webhooks.webhook_lose,
            ..WebhookBehaviour::default()
        };
        let behaviour = Behaviour {
            latency_median_ms: self.time.median.as_secs_f64() * 1_000.0,
            latency_sigma: self.time.sigma,
            shares,
            find_error: faults.find_error,
            forbids_consecutive_cancels: self.rules.forbid_consecutive_cancels,
            needs_sessions: self.rules.need_sessions,
            needs_refund_account: !self.rules.need_no_refund_account,
            confirm_within_ms: milliseconds(self.rules.confirm_within),
            deposit_within_ms: milliseconds(self.rules.deposit_within),
            webhooks,
            ..Behaviour::default()
        };
        Options {
            listen: self.listen,
            secret_key: self.secret_key,
            ledger_file: self.ledger_file,
            seed: self.seed,
            behaviour,
        }
    }
}

/// Out of bounds it is the largest, which the settings' check then names.
fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn defaults_are_settings_that_hold() {
        let options = Arguments::parse_from(["toss-sim"]).options();
        assert_eq!(options.behaviour.check(), Ok(()));
        assert_eq!(options.behaviour.latency_median_ms, 50.0);
    }
}
