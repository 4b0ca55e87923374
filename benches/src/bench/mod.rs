//! The benchmarks, in the order of the table.

mod birthday;
mod churn;
mod claims;
mod drain;
mod engine;
mod expiry;
mod failover;
mod forward;
mod handoff;
mod memory;
mod passive;
mod payments;
mod recovery;
mod seat_map;
mod session;
mod unary;
mod watchers;

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use futures::future::LocalBoxFuture;

use crate::row::Row;
use crate::world::World;

/// Longest that one benchmark may take.
const TIMEOUT: Duration = Duration::from_secs(900);

type Run = for<'w> fn(&'w World) -> LocalBoxFuture<'w, anyhow::Result<Vec<Row>>>;

/// All benchmarks by name.
const ALL: [(&str, Run); 17] = [
    ("engine", |world| Box::pin(engine::run(world))),
    ("memory", |world| Box::pin(memory::run(world))),
    ("session", |world| Box::pin(session::run(world))),
    ("unary", |world| Box::pin(unary::run(world))),
    ("churn", |world| Box::pin(churn::run(world))),
    ("expiry", |world| Box::pin(expiry::run(world))),
    ("seat-map", |world| Box::pin(seat_map::run(world))),
    ("watchers", |world| Box::pin(watchers::run(world))),
    ("recovery", |world| Box::pin(recovery::run(world))),
    ("payments", |world| Box::pin(payments::run(world))),
    ("birthday", |world| Box::pin(birthday::run(world))),
    ("claims", |world| Box::pin(claims::run(world))),
    ("handoff", |world| Box::pin(handoff::run(world))),
    ("drain", |world| Box::pin(drain::run(world))),
    ("failover", |world| Box::pin(failover::run(world))),
    ("forward", |world| Box::pin(forward::run(world))),
    ("passive", |world| Box::pin(passive::run(world))),
];

/// What a run came to.
#[derive(Debug, Default)]
pub struct Measured {
    /// What was measured.
    pub rows: Vec<Row>,
    /// Benchmarks that failed.
    failed: Vec<&'static str>,
}

impl Measured {
    /// An error when a benchmark failed, as opposed to one that missed its target.
    ///
    /// # Errors
    /// The names of those that failed.
    pub fn into_result(self) -> anyhow::Result<()> {
        ensure!(self.failed.is_empty(), "not measured: {}", self.failed.join(", "));
        Ok(())
    }
}

/// Runs the benchmarks named, or all. One that fails is told on standard error and does not keep the others.
///
/// # Errors
/// When there is none of a name.
pub async fn run(world: &World, only: &[String]) -> anyhow::Result<Measured> {
    let is_known = |name: &&String| ALL.iter().any(|(known, _)| known == name);
    if let Some(unknown) = only.iter().find(|name| !is_known(name)) {
        let names = ALL.map(|(name, _)| name).join(", ");
        bail!("there is no benchmark {unknown:?}; there are {names}");
    }
    let mut measured = Measured::default();
    for (name, run) in ALL {
        if !only.is_empty() && !only.iter().any(|wanted| wanted == name) {
            continue;
        }
        eprintln!("{name}");
        let rows = tokio::time::timeout(TIMEOUT, run(world)).await;
        match rows.with_context(|| format!("took longer than {TIMEOUT:?}")).flatten() {
            Ok(rows) => measured.rows.extend(rows),
            Err(error) => {
                eprintln!("error: {name}: {error:#}");
                measured.failed.push(name);
            }
        }
    }
    Ok(measured)
}

/// The middle one; of two, the better.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Microseconds of a histogram as milliseconds.
fn quantile_ms(latency: &hdrhistogram::Histogram<u64>, share: f64) -> f64 {
    latency.value_at_quantile(share) as f64 / 1_000.0
}
