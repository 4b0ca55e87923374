//! The payment provider of the demo: a simulator that goes wrong as a provider does.

use std::time::Duration;

use anyhow::Context;
use toss_sim::{Behaviour, Options, SECRET_KEY, Shares, Simulator};

/// Half of the provider's answers take no longer, in milliseconds.
const LATENCY_MEDIAN_MS: f64 = 50.0;
/// What goes wrong: 1% of the payments are declined, 0.5% of the calls are done and never answered, 0.5% are answered with an
/// error, half of them done all the same.
const SHARES: Shares = Shares {
    decline: 0.01,
    silent: 0.0,
    silent_done: 0.005,
    reset: 0.0,
    reset_done: 0.0,
    error: 0.002_5,
    error_done: 0.002_5,
};
/// How long the node waits for an answer before it asks. Shorter than in life, since the demo's five minutes are, too.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// Starts it.
///
/// # Errors
/// No port is free.
pub(super) async fn start(seed: u64) -> anyhow::Result<Simulator> {
    let behaviour =
        Behaviour { latency_median_ms: LATENCY_MEDIAN_MS, shares: SHARES, ..Behaviour::default() };
    let options = Options { seed, behaviour, ..Options::default() };
    Simulator::start(options).await.context("cannot start the payment provider's simulator")
}

/// The settings of a node that pays through it.
pub(super) fn settings(provider: &Simulator) -> [(&'static str, String); 4] {
    [
        ("EARLYBIRD_PAYMENTS__GATEWAY", "toss".to_owned()),
        ("EARLYBIRD_PAYMENTS__TOSS__BASE_URL", provider.url()),
        ("EARLYBIRD_PAYMENTS__TOSS__SECRET_KEY", SECRET_KEY.to_owned()),
        ("EARLYBIRD_PAYMENTS__TOSS__READ_TIMEOUT", format!("{}ms", READ_TIMEOUT.as_millis())),
    ]
}
