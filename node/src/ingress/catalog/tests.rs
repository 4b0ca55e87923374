//! Performances in, specifications or violations out.

use earlybird_engine::{
    Audience, CategoryIndex, Layout, Limits, Millis, RefundFee, RefundPolicy, Row, RowIndex, SeatIndex,
    SeatPlace, Timestamp, ZoneIndex,
};
use earlybird_proto::v1::refund_policy::Fee;
use earlybird_proto::v1::sale_phase::Kind;
use prost_types::{Duration, Timestamp as Time};
use tonic_types::StatusExt;

use super::performance::spec;
use super::*;
use crate::catalog::PerformanceSpec;

fn layout() -> Layout {
    Layout {
        categories: vec!["A".into(), "B".into()],
        zones: vec!["Z".into()],
        rows: vec![Row { zone: ZoneIndex(0), front_distance: 0, blocks: vec![vec![SeatIndex(0)]] }],
        seats: vec![SeatPlace { category: CategoryIndex(0), row: RowIndex(0), centre_distance: 0 }],
    }
}

fn at(seconds: i64) -> Option<Time> {
    Some(Time { seconds, nanos: 0 })
}

fn phase(kind: Kind, grades: &[&str], open: i64, close: i64) -> v1::SalePhase {
    v1::SalePhase {
        kind: kind.into(),
        grades: grades.iter().map(|grade| (*grade).into()).collect(),
        open_time: at(open),
        close_time: at(close),
        waitlist_open: true,
    }
}

fn performance() -> v1::Performance {
    let price = |category: &str, amount_minor| v1::Price { category: category.into(), amount_minor };
    v1::Performance {
        display_name: "Opening night".into(),
        venue: "venues/hall".into(),
        start_time: at(9000),
        currency_code: "KRW".into(),
        prices: vec![price("B", 200), price("A", 100)],
        phases: vec![
            phase(Kind::General, &[], 2000, 3000),
            phase(Kind::Presale, &["VIP", "gold"], 1000, 2000),
        ],
        ..Default::default()
    }
}

fn read(performance: &v1::Performance) -> Result<PerformanceSpec, Status> {
    let mut wrong = Violations::default();
    let spec = spec(performance, &layout(), Timestamp(5), &mut wrong);
    wrong.check("INVALID_PERFORMANCE").map(|()| spec)
}

/// Changes a good performance and expects these violations.
#[track_caller]
fn check(change: impl FnOnce(&mut v1::Performance), expected: &[&str]) {
    let mut performance = performance();
    change(&mut performance);
    let status = read(&performance).unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(status.get_details_error_info().unwrap().reason, "INVALID_PERFORMANCE");
    let told = status.get_details_bad_request().unwrap().field_violations;
    let told: Vec<String> =
        told.into_iter().map(|wrong| format!("{}: {}", wrong.field, wrong.description)).collect();
    assert_eq!(told, expected);
    assert!(status.message().starts_with(expected[0]), "{}", status.message());
}

#[test]
fn a_good_performance_is_taken_and_shown_as_it_was_given() {
    let given = performance();
    let spec = read(&given).unwrap();
    assert_eq!(spec.settings.price_minor_by_category, [100, 200]);
    assert_eq!(
        spec.settings.phases.iter().map(|phase| phase.opens_at.0).collect::<Vec<_>>(),
        [1_000_000, 2_000_000]
    );
    assert!(matches!(&spec.settings.phases[0].audience, Audience::Presale(grades) if &*grades[0].0 == "vip"));
    assert_eq!(spec.settings.limits, Limits::default());
    assert!(!spec.hold_ack_memory);
    assert_eq!(PerformanceSpec::decode(&spec.encode().unwrap()).unwrap(), spec);

    let shown = wire_performance("night", "hall", &spec);
    assert_eq!((shown.name.as_str(), shown.capacity), ("performances/night", 1));
    assert_eq!(shown.hold_ack(), v1::HoldAck::Durable);
    assert_eq!(
        read(&v1::Performance { phases: shown.phases.clone(), limits: shown.limits, ..given }).unwrap(),
        spec
    );
}

#[test]
fn names_money_and_prices_are_checked() {
    check(
        |p| p.display_name = " ".into(),
        &["performance.display_name: must have 1 to 200 characters and no control characters"],
    );
    check(
        |p| p.display_name = "x".repeat(201),
        &["performance.display_name: must have 1 to 200 characters and no control characters"],
    );
    for code in ["", "krw", "XXQ", "KR", "₩"] {
        check(
            |p| p.currency_code = code.into(),
            &["performance.currency_code: must be an ISO 4217 code such as KRW"],
        );
    }
    check(|p| p.prices[1].amount_minor = -1, &["performance.prices[1].amount_minor: must be 0 or more"]);
    check(
        |p| p.prices[0].amount_minor = i64::MAX,
        &["performance.prices[0].amount_minor: must be at most 1000000000000"],
    );
    check(
        |p| p.prices[0].category = "C".into(),
        &[
            "performance.prices[0].category: unknown category \"C\"; the venue has \"A\", \"B\"",
            "performance.prices: no price for category \"B\"",
        ],
    );
    check(
        |p| p.prices[0].category = "A".into(),
        &[
            "performance.prices[1].category: \"A\" has a price already",
            "performance.prices: no price for category \"B\"",
        ],
    );
    check(|p| p.start_time = at(-5), &["performance.start_time: must be a time from 1970 to 9999"]);
    check(|p| p.hold_ack = 9, &["performance.hold_ack: must be DURABLE or MEMORY"]);
}

#[test]
fn phases_are_checked() {
    check(|p| p.phases.clear(), &["performance.phases: 0 of them; 1 to 16 are needed"]);
    check(
        |p| p.phases = vec![p.phases[0].clone(); 17],
        &["performance.phases: 17 of them; 1 to 16 are needed"],
    );
    check(
        |p| p.phases[0].close_time = at(2000),
        &["performance.phases[0].close_time: must be after open_time"],
    );
    check(|p| p.phases[0].close_time = None, &["performance.phases[0].close_time: must be set"]);
    check(
        |p| p.phases[1].close_time = at(2001),
        &["performance.phases[1]: overlaps phases[0]: a phase must close before the next opens"],
    );
    check(
        |p| p.phases[1].grades.clear(),
        &["performance.phases[1].grades: 0 of them; a PRESALE needs 1 to 32"],
    );
    check(
        |p| p.phases[1].grades[1] = "vip".into(),
        &["performance.phases[1].grades[1]: \"vip\" is named twice"],
    );
    check(
        |p| p.phases[1].grades[0] = "x".repeat(33),
        &["performance.phases[1].grades[0]: must have 1 to 32 bytes and no control characters"],
    );
    check(
        |p| p.phases[0].grades.push("vip".into()),
        &["performance.phases[0].grades: must be empty for GENERAL, which is open to everyone"],
    );
    check(|p| p.phases[0].kind = 0, &["performance.phases[0].kind: must be PRESALE or GENERAL"]);
}

#[test]
fn limits_are_checked_and_have_defaults() {
    let with = |limits: v1::Limits| move |p: &mut v1::Performance| p.limits = Some(limits);
    let span = |seconds| Some(Duration { seconds, nanos: 0 });
    check(
        with(v1::Limits { seats_per_hold_max: Some(0), seats_per_buyer_max: Some(0), ..Default::default() }),
        &[
            "performance.limits.seats_per_hold_max: must be 1 to 100",
            "performance.limits.seats_per_buyer_max: must be 1 to 10000",
        ],
    );
    check(
        with(v1::Limits { hold_ttl: span(-1), ..Default::default() }),
        &["performance.limits.hold_ttl: must be 1 second to 24 hours"],
    );
    check(
        with(v1::Limits { offer_ttl: span(86_401), ..Default::default() }),
        &["performance.limits.offer_ttl: must be 1 second to 24 hours"],
    );
    check(
        with(v1::Limits { hold_ttl: span(60), hold_total_max: span(59), ..Default::default() }),
        &["performance.limits.hold_total_max: must not be less than hold_ttl"],
    );
    let limits = v1::Limits {
        waitlist_entries_per_buyer_max: Some(0),
        hold_extensions_max: Some(0),
        hold_ttl: span(5),
        ..Default::default()
    };
    let spec = read(&v1::Performance { limits: Some(limits), ..performance() }).unwrap();
    assert_eq!(
        spec.settings.limits,
        Limits {
            waitlist_entries_per_buyer_max: 0,
            hold_extensions_max: 0,
            hold_ttl_ms: Millis(5000),
            offer_ttl_ms: Millis(5000),
            hold_total_ms_max: Millis(10_000),
            ..Limits::default()
        }
    );
}

#[test]
fn refund_policies_are_checked_and_come_back() {
    let with = |policy: v1::RefundPolicy| move |p: &mut v1::Performance| p.refund_policy = Some(policy);
    let fee = |fee| v1::RefundPolicy { fee: Some(fee), ..Default::default() };
    check(
        with(fee(Fee::FeeBasisPoints(10_001))),
        &["performance.refund_policy.fee_basis_points: must be at most 10000"],
    );
    for wrong in [-1, i64::MIN, i64::MAX] {
        check(
            with(fee(Fee::FeePerSeatMinor(wrong))),
            &["performance.refund_policy.fee_per_seat_minor: must be 0 to 1000000000000"],
        );
    }
    check(
        with(v1::RefundPolicy { close_time: at(9001), ..Default::default() }),
        &["performance.refund_policy.close_time: must not be after start_time"],
    );
    check(
        |p| p.deposit_ttl = Some(Duration { seconds: 59, nanos: 0 }),
        &["performance.deposit_ttl: must be 1 minute to 30 days"],
    );
    let policy =
        v1::RefundPolicy { buyers_forbidden: false, close_time: at(8000), ..fee(Fee::FeeBasisPoints(1_500)) };
    let deposit_ttl = Some(Duration { seconds: 3600, nanos: 0 });
    let given = v1::Performance { refund_policy: Some(policy), deposit_ttl, ..performance() };
    let spec = read(&given).unwrap();
    assert_eq!(spec.settings.refunds.closes_at, Some(Timestamp(8_000_000)));
    assert_eq!(spec.settings.refunds.fee, RefundFee::BasisPoints(1_500));
    let shown = wire_performance("p", "hall", &spec);
    assert_eq!((shown.refund_policy, shown.deposit_ttl), (Some(policy), deposit_ttl));
    let default = read(&performance()).unwrap().settings;
    assert_eq!((default.refunds, default.deposit_ttl_ms), (RefundPolicy::default(), None));
}

#[test]
fn all_that_is_wrong_is_told_at_once_within_reason() {
    check(
        |p| (p.display_name, p.currency_code) = (String::new(), String::new()),
        &[
            "performance.display_name: must have 1 to 200 characters and no control characters",
            "performance.currency_code: must be an ISO 4217 code such as KRW",
        ],
    );
    let many = v1::Performance { prices: vec![v1::Price::default(); 1000], ..performance() };
    let status = read(&many).unwrap_err();
    assert_eq!(status.get_details_bad_request().unwrap().field_violations.len(), 50);
    assert!(status.message().ends_with("(and 1001 more)"), "{}", status.message());
}
