//! A performance between the wire and the catalog.

use std::collections::HashMap;

use earlybird_engine::{Layout, Settings, Timestamp};
use earlybird_persistence::CancellationRow;
use earlybird_proto::v1;

use super::limits::{limits, wire_limits};
use super::phases::{phases, wire_phase};
use super::refunds::{deposit_ttl, refund_policy, wire_deposit_ttl, wire_refund_policy};
use super::time::{timestamp, wire_timestamp};
use super::violations::Violations;
use crate::cancellation;
use crate::catalog::PerformanceSpec;
use crate::ingress::names::of_job;
use crate::payments::order_reference_prefix;

/// Longest `display_name`, in characters.
const DISPLAY_NAME_CHARS_MAX: usize = 200;
/// Highest price: an order of many seats still has an exact amount, also where numbers are floating-point.
pub(super) const AMOUNT_MINOR_MAX: i64 = 1_000_000_000_000;

/// Checks every field of a performance at a venue with this layout. Nothing of what comes back may be used when something
/// is wrong.
pub(super) fn spec(
    wire: &v1::Performance,
    layout: &Layout,
    now: Timestamp,
    wrong: &mut Violations,
) -> PerformanceSpec {
    display_name(&wire.display_name, wrong);
    let start_time = wire.start_time.as_ref();
    let start_time = start_time.and_then(|time| wrong.take("performance.start_time", timestamp(time)));
    currency(&wire.currency_code, wrong);
    let price_minor_by_category = prices(&wire.prices, &layout.categories, wrong);
    let phases = phases(&wire.phases, wrong);
    let limits = limits(wire.limits.as_ref(), wrong);
    let refunds = refund_policy(wire.refund_policy.as_ref(), start_time, wrong);
    let deposit_ttl_ms = deposit_ttl(wire.deposit_ttl.as_ref(), wrong);
    let hold_ack = v1::HoldAck::try_from(wire.hold_ack);
    if hold_ack.is_err() {
        wrong.add("performance.hold_ack", "must be DURABLE or MEMORY");
    }
    PerformanceSpec {
        display_name: wire.display_name.as_str().into(),
        start_time,
        categories: layout.categories.clone(),
        settings: Settings {
            phases,
            limits,
            price_minor_by_category,
            currency: wire.currency_code.as_str().into(),
            refunds,
            deposit_ttl_ms,
        },
        hold_ack_memory: hold_ack == Ok(v1::HoldAck::Memory),
        capacity: layout.capacity() as u32,
        created_at: now,
    }
}

fn display_name(name: &str, wrong: &mut Violations) {
    let fits = !name.trim().is_empty()
        && name.len() <= DISPLAY_NAME_CHARS_MAX * 4
        && name.chars().count() <= DISPLAY_NAME_CHARS_MAX
        && !name.chars().any(char::is_control);
    if !fits {
        let accepted =
            format!("must have 1 to {DISPLAY_NAME_CHARS_MAX} characters and no control characters");
        wrong.add("performance.display_name", accepted);
    }
}

fn currency(code: &str, wrong: &mut Violations) {
    let is_known = code.len() == 3 && iso_currency::Currency::from_code(code).is_some();
    if !is_known {
        wrong.add("performance.currency_code", "must be an ISO 4217 code such as KRW");
    }
}

/// The price of each category, in the order of the venue.
fn prices(wire: &[v1::Price], categories: &[Box<str>], wrong: &mut Violations) -> Vec<i64> {
    let index_of: HashMap<&str, usize> =
        categories.iter().enumerate().map(|(index, name)| (&**name, index)).collect();
    let mut found: Vec<Option<i64>> = vec![None; categories.len()];
    for (index, price) in wire.iter().enumerate() {
        let path = format!("performance.prices[{index}]");
        if !(0..=AMOUNT_MINOR_MAX).contains(&price.amount_minor) {
            let accepted = if price.amount_minor < 0 {
                "0 or more".into()
            } else {
                format!("at most {AMOUNT_MINOR_MAX}")
            };
            wrong.add(format!("{path}.amount_minor"), format!("must be {accepted}"));
        }
        match index_of.get(price.category.as_str()).copied() {
            None => {
                let known: Vec<String> = categories.iter().take(20).map(|name| format!("{name:?}")).collect();
                let known = known.join(", ");
                let message = format!("unknown category {:?}; the venue has {known}", price.category);
                wrong.add(format!("{path}.category"), message);
            }
            Some(category) if found[category].is_some() => {
                wrong.add(format!("{path}.category"), format!("{:?} has a price already", price.category));
            }
            Some(category) => found[category] = Some(price.amount_minor),
        }
    }
    for (name, _) in categories.iter().zip(&found).filter(|(_, price)| price.is_none()) {
        wrong.add("performance.prices", format!("no price for category {name:?}"));
    }
    found.into_iter().map(Option::unwrap_or_default).collect()
}

/// A performance on the wire.
pub(super) fn wire_performance(id: &str, venue: &str, spec: &PerformanceSpec) -> v1::Performance {
    let settings = &spec.settings;
    let amounts = spec.categories.iter().zip(&settings.price_minor_by_category);
    let prices =
        amounts.map(|(category, amount)| v1::Price { category: category.to_string(), amount_minor: *amount });
    v1::Performance {
        name: format!("performances/{id}"),
        display_name: spec.display_name.to_string(),
        venue: format!("venues/{venue}"),
        start_time: spec.start_time.map(wire_timestamp),
        currency_code: settings.currency.to_string(),
        prices: prices.collect(),
        phases: settings.phases.iter().map(wire_phase).collect(),
        limits: Some(wire_limits(&settings.limits)),
        hold_ack: if spec.hold_ack_memory { v1::HoldAck::Memory } else { v1::HoldAck::Durable }.into(),
        capacity: spec.capacity,
        create_time: Some(wire_timestamp(spec.created_at)),
        refund_policy: Some(wire_refund_policy(&settings.refunds)),
        deposit_ttl: wire_deposit_ttl(settings.deposit_ttl_ms),
        payment_order_id_prefix: order_reference_prefix(&id.into()),
        cancellation: None,
    }
}

/// How a performance was cancelled, on the wire.
pub(super) fn wire_cancellation(row: CancellationRow) -> v1::PerformanceCancellation {
    v1::PerformanceCancellation {
        cancel_time: Some(wire_timestamp(Timestamp(row.cancelled_at.0))),
        job: of_job(cancellation::job_id(&row.performance).as_str()),
        cancelled_by: row.cancelled_by.into(),
        reason: row.reason.into(),
    }
}
