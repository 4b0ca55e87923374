//! What buyers get back, and whether virtual accounts are taken.

use earlybird_engine::{Millis, RefundFee, RefundPolicy, Timestamp};
use earlybird_proto::v1::{self, refund_policy::Fee};

use super::performance::AMOUNT_MINOR_MAX;
use super::time::{span, timestamp, wire_span, wire_timestamp};
use super::violations::Violations;

const DEPOSIT_TTL_MIN: Millis = Millis(60_000);
const DEPOSIT_TTL_MAX: Millis = Millis(30 * 24 * 3_600_000);

/// Checks the policy of a performance that starts at `start_time`; without one, everything goes back at any time.
pub(super) fn refund_policy(
    wire: Option<&v1::RefundPolicy>,
    start_time: Option<Timestamp>,
    wrong: &mut Violations,
) -> RefundPolicy {
    let Some(wire) = wire else { return RefundPolicy::default() };
    let close_time = wire.close_time.as_ref();
    let closes_at = close_time
        .and_then(|close_time| wrong.take("performance.refund_policy.close_time", timestamp(close_time)));
    if closes_at.zip(start_time).is_some_and(|(closes_at, start_time)| closes_at > start_time) {
        wrong.add("performance.refund_policy.close_time", "must not be after start_time");
    }
    RefundPolicy { buyers_may_refund: !wire.buyers_forbidden, closes_at, fee: fee(wire.fee, wrong) }
}

fn fee(wire: Option<Fee>, wrong: &mut Violations) -> RefundFee {
    match wire {
        None => RefundFee::BasisPoints(0),
        Some(Fee::FeeBasisPoints(points)) => {
            if points > RefundFee::BASIS_POINTS_MAX {
                let accepted = format!("must be at most {}", RefundFee::BASIS_POINTS_MAX);
                wrong.add("performance.refund_policy.fee_basis_points", accepted);
            }
            RefundFee::BasisPoints(points)
        }
        Some(Fee::FeePerSeatMinor(fee)) => {
            if !(0..=AMOUNT_MINOR_MAX).contains(&fee) {
                let accepted = format!("must be 0 to {AMOUNT_MINOR_MAX}");
                wrong.add("performance.refund_policy.fee_per_seat_minor", accepted);
            }
            RefundFee::PerSeatMinor(fee)
        }
    }
}

/// Checks how long a deposit is waited for; none refuses virtual accounts.
pub(super) fn deposit_ttl(wire: Option<&prost_types::Duration>, wrong: &mut Violations) -> Option<Millis> {
    let ttl = span(wire?, DEPOSIT_TTL_MIN, DEPOSIT_TTL_MAX, "1 minute to 30 days");
    wrong.take("performance.deposit_ttl", ttl)
}

/// The policy on the wire.
pub(super) fn wire_refund_policy(policy: &RefundPolicy) -> v1::RefundPolicy {
    v1::RefundPolicy {
        buyers_forbidden: !policy.buyers_may_refund,
        close_time: policy.closes_at.map(wire_timestamp),
        fee: Some(match policy.fee {
            RefundFee::BasisPoints(points) => Fee::FeeBasisPoints(points),
            RefundFee::PerSeatMinor(fee) => Fee::FeePerSeatMinor(fee),
        }),
    }
}

/// The span on the wire.
pub(super) fn wire_deposit_ttl(ttl: Option<Millis>) -> Option<prost_types::Duration> {
    ttl.map(wire_span)
}
