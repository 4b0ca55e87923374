//! Every metric: what it means, and the series that are there before anything happens.
//!
//! A counter that appears with its first event has no rise to alert on, and a series that is missing is not zero. So each is
//! registered at the start, with every value of its label that is known; only the rarer outcomes of commands come later.

use earlybird_persistence::JobEnd;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

use crate::audit;
use crate::ingress::status::Reason;
use crate::jobs;
use crate::node::SEAT_STATES;
use crate::payments::DifferenceKind;
use crate::payments::webhooks::Received;

/// What only grows.
const COUNTERS: [(&str, &str); 18] = [
    ("earlybird_members_imported_total", "rows of members that were imported"),
    ("earlybird_connections_refused_total", "gRPC connections beyond grpc.connections_max"),
    ("earlybird_tls_handshakes_failed_total", "connections whose client could not agree on encryption"),
    ("earlybird_shard_restarts_total", "performances loaded again after a failure"),
    ("earlybird_commit_retries_total", "group commits that were tried again"),
    ("earlybird_conflicts_total", "group commits that the store's journal contradicted"),
    ("earlybird_fenced_total", "group commits under an epoch that is over"),
    (
        "earlybird_cluster_lease_failures_total",
        "renewals of the lease and readings of the view that the store did not answer",
    ),
    ("earlybird_cluster_nodes_lost_total", "nodes that this one found dead and whose buckets are taken over"),
    ("earlybird_calls_forwarded_total", "calls that another node answered, as the owner"),
    ("earlybird_snapshots_total", "snapshots written"),
    ("earlybird_snapshots_failed_total", "snapshots that could not be made"),
    ("earlybird_audits_total", "audits of performances on sale"),
    (
        "earlybird_payments_misconfigured_total",
        "calls that the payment provider refused because it does not accept our key",
    ),
    (
        "earlybird_payments_mismatched_total",
        "answers of the payment provider about another payment, amount or currency",
    ),
    ("earlybird_payments_unknown_total", "payments whose outcome had to be asked for"),
    ("earlybird_refunds_unknown_total", "refunds whose outcome had to be asked for"),
    (
        "earlybird_reconcile_unanswered_total",
        "orders that could not be compared because the payment provider gave no definite answer",
    ),
];

/// What goes up and down.
const GAUGES: [(&str, &str); 19] = [
    ("earlybird_ready", "1 while calls may be sent to the node"),
    ("earlybird_connections", "gRPC connections that are open"),
    (
        "earlybird_tls_certificate_not_after_seconds",
        "when the certificate of the gRPC port ends, since 1970; 0 without one",
    ),
    ("earlybird_requests_in_flight", "calls that have no answer yet"),
    ("earlybird_jobs_running", "jobs that this node is at"),
    ("earlybird_performances_active", "performances in memory"),
    ("earlybird_waiters", "waitlist places of the performances in memory"),
    ("earlybird_inbox_depth", "commands that wait for their performance"),
    (
        "earlybird_inbox_fullness_ratio",
        "of the performance with the fullest inbox, how full it is, from 0 to 1",
    ),
    ("earlybird_outbox_depth", "journal entries that wait to be durable"),
    ("earlybird_outbox_fullness_ratio", "of the fullest write-behind lane, how full it is, from 0 to 1"),
    ("earlybird_lanes_failing", "write-behind lanes that wait for the store"),
    ("earlybird_buckets_owned", "buckets that this node owns"),
    ("earlybird_clock_offset_seconds", "the store's clock less the node's"),
    ("earlybird_store_silence_seconds", "time since the store last answered"),
    ("earlybird_payments_under_way", "payments and refunds that the node is settling"),
    ("earlybird_payments_oldest_seconds", "how long the oldest of them has been under way"),
    ("earlybird_payments_outage", "1 while the payment provider gives no definite answers"),
    ("earlybird_webhooks_oldest_seconds", "how long the oldest webhook has waited to be looked at"),
];

/// What is counted in buckets.
const HISTOGRAMS: [(&str, &str); 7] = [
    ("earlybird_coupon_claims_entries", "claims of coupons decided together"),
    ("earlybird_activation_seconds", "time to load a performance from the store"),
    ("earlybird_expiry_late_seconds", "time from a hold's deadline to its expiry"),
    ("earlybird_commit_seconds", "time of one group commit"),
    ("earlybird_commit_entries", "journal entries of one group commit"),
    ("earlybird_cluster_handoff_seconds", "pause of a performance while it changes its owner"),
    ("earlybird_provider_seconds", "time of one call to the payment provider"),
];

/// Describes all metrics, and registers the series that are known.
pub(super) fn register() {
    for (name, help) in COUNTERS {
        describe_counter!(name, Unit::Count, help);
        metrics::counter!(name).increment(0);
    }
    for (name, help) in GAUGES {
        describe_gauge!(name, unit(name), help);
        metrics::gauge!(name).set(0.0);
    }
    for (name, help) in HISTOGRAMS {
        describe_histogram!(name, unit(name), help);
        drop(metrics::histogram!(name));
    }
    describe_gauge!("earlybird_build_info", "the version that runs");
    metrics::gauge!("earlybird_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    labelled();
    describe_edge();
}

/// Metrics with a label whose values are all known.
fn labelled() {
    let refusals = [Reason::Draining, Reason::Overloaded].map(Reason::as_str);
    counters(
        "earlybird_requests_refused_total",
        "calls refused before they were read, by reason",
        "reason",
        refusals,
    );
    let ends = [JobEnd::Succeeded, JobEnd::Failed("".into()), JobEnd::Cancelled];
    counters(
        "earlybird_jobs_ended_total",
        "jobs that this node has ended, by outcome",
        "outcome",
        ends.iter().map(jobs::end_name),
    );
    counters("earlybird_webhooks_total", "webhooks by what became of them", "outcome", Received::names());
    let kinds = DifferenceKind::ALL.map(DifferenceKind::as_str);
    counters(
        "earlybird_payments_repaired_total",
        "orders that differed from the provider's record and were set right, by kind",
        "kind",
        kinds,
    );
    counters(
        "earlybird_reconcile_differences_total",
        "differences that comparisons with the provider's books have left, by kind",
        "kind",
        kinds,
    );
    counters(
        "earlybird_audit_violations_total",
        "violations that audits of performances on sale found, by invariant",
        "invariant",
        audit::invariants(),
    );
    describe_gauge!("earlybird_seats", Unit::Count, "seats of the performances in memory, by state");
    for state in SEAT_STATES {
        metrics::gauge!("earlybird_seats", "state" => state).set(0.0);
    }
}

/// What the ingress registers itself, since it keeps the handles.
fn describe_edge() {
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
}

fn counters(
    name: &'static str,
    help: &'static str,
    label: &'static str,
    values: impl IntoIterator<Item = &'static str>,
) {
    describe_counter!(name, Unit::Count, help);
    for value in values {
        metrics::counter!(name, label => value).increment(0);
    }
}

fn unit(name: &str) -> Unit {
    if name.ends_with("_seconds") { Unit::Seconds } else { Unit::Count }
}
