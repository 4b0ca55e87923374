//! What Prometheus scrapes: the recorder, and what each metric means.

use std::time::Duration;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// From a command decided in memory to one that waits for a slow disk or provider.
const LATENCY_BUCKETS_S: [f64; 16] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

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
        .set_buckets_for_metric(Matcher::Suffix("_entries".into()), &ENTRY_BUCKETS)?
        .install_recorder()?;
    describe();
    metrics::gauge!("earlybird_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
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

fn describe() {
    describe_gauge!("earlybird_build_info", "the version that runs");
    describe_counter!(
        "earlybird_commands_total",
        Unit::Count,
        "commands by name and outcome, OK or the reason"
    );
    describe_histogram!(
        "earlybird_command_seconds",
        Unit::Seconds,
        "time from a command's arrival to its reply"
    );
    describe_gauge!("earlybird_streams", Unit::Count, "sessions and watches that are open, by method");
    describe_gauge!("earlybird_connections", Unit::Count, "gRPC connections that are open");
    describe_gauge!("earlybird_jobs_running", Unit::Count, "jobs that this node is at");
    describe_counter!("earlybird_members_imported_total", Unit::Count, "rows of members that were imported");
    describe_histogram!("earlybird_coupon_claims_entries", Unit::Count, "claims of coupons decided together");
    describe_counter!(
        "earlybird_connections_refused_total",
        Unit::Count,
        "gRPC connections beyond grpc.connections_max"
    );
    describe_gauge!("earlybird_requests_in_flight", Unit::Count, "calls that have no answer yet");
    describe_counter!(
        "earlybird_requests_refused_total",
        Unit::Count,
        "calls refused before they were read, by reason"
    );

    describe_gauge!("earlybird_performances_active", Unit::Count, "performances in memory");
    describe_gauge!("earlybird_seats", Unit::Count, "seats of the performances in memory, by state");
    describe_gauge!("earlybird_waiters", Unit::Count, "waitlist places of the performances in memory");
    describe_gauge!("earlybird_inbox_depth", Unit::Count, "commands that wait for their performance");
    describe_counter!(
        "earlybird_shard_restarts_total",
        Unit::Count,
        "performances loaded again after a failure"
    );
    describe_histogram!(
        "earlybird_activation_seconds",
        Unit::Seconds,
        "time to load a performance from the store"
    );

    describe_gauge!("earlybird_outbox_depth", Unit::Count, "journal entries that wait to be durable");
    describe_gauge!("earlybird_lanes_failing", Unit::Count, "write-behind lanes that wait for the store");
    describe_histogram!("earlybird_commit_seconds", Unit::Seconds, "time of one group commit");
    describe_histogram!("earlybird_commit_entries", Unit::Count, "journal entries of one group commit");
    describe_counter!("earlybird_commit_retries_total", Unit::Count, "group commits that were tried again");
    describe_counter!(
        "earlybird_conflicts_total",
        Unit::Count,
        "group commits that the store's journal contradicted"
    );
    describe_counter!("earlybird_fenced_total", Unit::Count, "group commits under an epoch that is over");
    describe_counter!("earlybird_snapshots_total", Unit::Count, "snapshots written");
    describe_gauge!("earlybird_buckets_owned", Unit::Count, "buckets that this node owns");
    describe_gauge!("earlybird_clock_offset_seconds", Unit::Seconds, "the store's clock less the node's");
    describe_gauge!("earlybird_store_silence_seconds", Unit::Seconds, "time since the store last answered");
    describe_counter!(
        "earlybird_payments_misconfigured_total",
        Unit::Count,
        "calls that the payment provider refused because it does not accept our key"
    );
    describe_counter!(
        "earlybird_payments_mismatched_total",
        Unit::Count,
        "answers of the payment provider about another payment, amount or currency"
    );
    describe_gauge!("earlybird_payments_outage", "1 while the payment provider gives no definite answers");
    describe_histogram!(
        "earlybird_provider_seconds",
        Unit::Seconds,
        "time of one call to the payment provider"
    );
    describe_counter!(
        "earlybird_refunds_unknown_total",
        Unit::Count,
        "refunds whose outcome had to be asked for"
    );
    describe_counter!(
        "earlybird_payments_repaired_total",
        Unit::Count,
        "orders that differed from the provider's record and were set right, by kind"
    );
    describe_counter!("earlybird_webhooks_total", Unit::Count, "webhooks by what became of them");
    describe_counter!(
        "earlybird_reconcile_differences_total",
        Unit::Count,
        "differences that comparisons with the provider's books have left, by kind"
    );
    describe_counter!(
        "earlybird_reconcile_unanswered_total",
        Unit::Count,
        "orders that could not be compared because the payment provider gave no definite answer"
    );
    describe_counter!(
        "earlybird_payments_unknown_total",
        Unit::Count,
        "payments whose outcome had to be asked for"
    );
}
