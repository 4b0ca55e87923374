//! What Prometheus scrapes: the recorder, and in `catalogue` what each metric means.

mod catalogue;

use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// From a command decided in memory to one that waits for a slow disk or provider.
const LATENCY_BUCKETS_S: [f64; 16] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// How late holds expire, around the bound of 200 ms (I5).
const EXPIRY_BUCKETS_S: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.5, 1.0, 5.0, 60.0];

/// Entries of one group commit.
const ENTRY_BUCKETS: [f64; 12] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0];

/// How often histograms are emptied into their buckets, so that they stay small between two scrapes.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Installs the recorder of the process.
///
/// # Errors
/// There is a recorder already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &LATENCY_BUCKETS_S)?
        .set_buckets_for_metric(Matcher::Full("earlybird_expiry_late_seconds".into()), &EXPIRY_BUCKETS_S)?
        .set_buckets_for_metric(Matcher::Suffix("_entries".into()), &ENTRY_BUCKETS)?
        .install_recorder()?;
    catalogue::register();
    Ok(handle)
}

/// Keeps the recorder small, for ever.
pub async fn keep_up(handle: PrometheusHandle) {
    let mut interval = tokio::time::interval(UPKEEP_EVERY);
    loop {
        interval.tick().await;
        handle.run_upkeep();
    }
}
