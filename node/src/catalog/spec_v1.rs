//! Performances as version 1 kept them: before policies for refunds, virtual accounts and attempts.

use earlybird_engine::{Limits, Millis, RefundPolicy, SalePhase, Settings, Timestamp};
use serde::Deserialize;

use super::spec::PerformanceSpec;

#[derive(Deserialize)]
pub(super) struct PerformanceSpecV1 {
    display_name: Box<str>,
    start_time: Option<Timestamp>,
    categories: Vec<Box<str>>,
    settings: SettingsV1,
    hold_ack_memory: bool,
    capacity: u32,
    created_at: Timestamp,
}

#[derive(Deserialize)]
struct SettingsV1 {
    phases: Vec<SalePhase>,
    limits: LimitsV1,
    price_minor_by_category: Vec<i64>,
    currency: Box<str>,
}

#[derive(Deserialize)]
struct LimitsV1 {
    seats_per_hold_max: u32,
    seats_per_buyer_max: u32,
    waitlist_entries_per_buyer_max: u32,
    waiters_per_seat_max: u32,
    hold_extensions_max: u32,
    hold_ttl_ms: Millis,
    offer_ttl_ms: Millis,
    hold_total_ms_max: Millis,
    request_memory_ms: Millis,
    requests_remembered_max: u32,
}

impl From<PerformanceSpecV1> for PerformanceSpec {
    fn from(old: PerformanceSpecV1) -> Self {
        Self {
            display_name: old.display_name,
            start_time: old.start_time,
            categories: old.categories,
            settings: old.settings.into(),
            hold_ack_memory: old.hold_ack_memory,
            capacity: old.capacity,
            created_at: old.created_at,
        }
    }
}

impl From<SettingsV1> for Settings {
    fn from(old: SettingsV1) -> Self {
        Self {
            phases: old.phases,
            limits: old.limits.into(),
            price_minor_by_category: old.price_minor_by_category,
            currency: old.currency,
            refunds: RefundPolicy::default(),
            deposit_ttl_ms: None,
        }
    }
}

impl From<LimitsV1> for Limits {
    fn from(old: LimitsV1) -> Self {
        Self {
            seats_per_hold_max: old.seats_per_hold_max,
            seats_per_buyer_max: old.seats_per_buyer_max,
            waitlist_entries_per_buyer_max: old.waitlist_entries_per_buyer_max,
            waiters_per_seat_max: old.waiters_per_seat_max,
            hold_extensions_max: old.hold_extensions_max,
            hold_ttl_ms: old.hold_ttl_ms,
            offer_ttl_ms: old.offer_ttl_ms,
            hold_total_ms_max: old.hold_total_ms_max,
            request_memory_ms: old.request_memory_ms,
            requests_remembered_max: old.requests_remembered_max,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes as version 1 wrote them: the performance `A` of category `S` at 500, in one phase that is open for ever.
    #[test]
    fn performances_of_version_1_are_read() {
        let settings =
            [1, 1, 0, 9, 1, 8, 8, 8, 10, 1, 20, 20, 40, 60, 100, 1, 0xe8, 0x07, 3, b'K', b'R', b'W'];
        let mut bytes = vec![1, 1, b'A', 0, 1, 1, b'S'];
        bytes.extend(settings);
        bytes.extend([0, 42, 7]);
        let spec = PerformanceSpec::decode(&bytes).expect("it was written once");
        assert_eq!((spec.capacity, spec.created_at), (42, Timestamp(7)));
        assert_eq!(spec.settings.price_minor_by_category, [500]);
        assert_eq!(spec.settings.refunds, RefundPolicy::default());
        assert_eq!(spec.settings.limits.payment_attempts_max, Limits::default().payment_attempts_max);
        assert_eq!(spec.settings.limits.hold_total_ms_max, Millis(40));
    }
}
