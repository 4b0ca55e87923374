//! Every rejection has its reason, and a session says the same as a unary call.

use earlybird_engine::{LimitKind, OrderId, OrderStateName, Rejection, SeatIndex, SeatList, Timestamp};
use earlybird_proto::v1::SessionError;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{Problem, Reason};

fn seats() -> SeatList {
    [3, 11].into_iter().map(SeatIndex).collect()
}

/// Metadata that is promised, by name.
type Metadata = &'static [(&'static str, &'static str)];

/// Every rejection with what the API promises for it: reason, code, and metadata by name.
fn table() -> Vec<(Rejection, &'static str, Code, Metadata)> {
    use Code::{Aborted, AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied};
    use Code::{Internal, ResourceExhausted};
    let opens_at = Some(Timestamp(1_700_000_000_123));
    let limit = |limit| Rejection::LimitReached { limit, max: 8 };
    vec![
        (Rejection::NoSeats, "INVALID_SEATS", InvalidArgument, &[]),
        (Rejection::DuplicateSeat(SeatIndex(7)), "INVALID_SEATS", InvalidArgument, &[("seats", "7")]),
        (
            Rejection::SeatOutOfRange { seat: SeatIndex(9), capacity: 9 },
            "INVALID_SEATS",
            InvalidArgument,
            &[("seats", "9"), ("capacity", "9")],
        ),
        (Rejection::SeatTaken(seats()), "SEAT_TAKEN", Aborted, &[("seats", "3,11")]),
        (Rejection::SeatBlocked(seats()), "SEAT_BLOCKED", FailedPrecondition, &[("seats", "3,11")]),
        (Rejection::NotEnoughSeats { free: 2 }, "NOT_ENOUGH_SEATS", Aborted, &[("free", "2")]),
        (Rejection::UnknownFilter { what: "zone" }, "INVALID_FIELD", InvalidArgument, &[]),
        (
            Rejection::SaleNotOpen { opens_at },
            "SALE_NOT_OPEN",
            FailedPrecondition,
            &[("open_time", "2023-11-14T22:13:20.123Z")],
        ),
        (Rejection::SaleNotOpen { opens_at: None }, "SALE_NOT_OPEN", FailedPrecondition, &[]),
        (
            Rejection::PresaleOnly { opens_at },
            "PRESALE_ONLY",
            FailedPrecondition,
            &[("open_time", "2023-11-14T22:13:20.123Z")],
        ),
        (
            Rejection::PresaleOnly { opens_at: Some(Timestamp(u64::MAX)) },
            "PRESALE_ONLY",
            FailedPrecondition,
            &[("open_time", "9999-12-31T23:59:59.000Z")],
        ),
        (Rejection::WaitlistNotOpen, "WAITLIST_NOT_OPEN", FailedPrecondition, &[]),
        (
            limit(LimitKind::SeatsPerHold),
            "LIMIT_REACHED",
            ResourceExhausted,
            &[("limit", "seats_per_hold_max")],
        ),
        (limit(LimitKind::SeatsPerBuyer), "LIMIT_REACHED", ResourceExhausted, &[("max", "8")]),
        (
            limit(LimitKind::WaitlistEntriesPerBuyer),
            "LIMIT_REACHED",
            ResourceExhausted,
            &[("limit", "waitlist_entries_per_buyer_max")],
        ),
        (
            limit(LimitKind::WaitersPerSeat),
            "LIMIT_REACHED",
            ResourceExhausted,
            &[("limit", "waiters_per_seat_max")],
        ),
        (
            limit(LimitKind::HoldExtensions),
            "LIMIT_REACHED",
            ResourceExhausted,
            &[("limit", "hold_extensions_max")],
        ),
        (limit(LimitKind::HoldTotal), "LIMIT_REACHED", ResourceExhausted, &[("limit", "hold_total_max")]),
        (Rejection::HoldNotFound, "HOLD_NOT_FOUND", NotFound, &[]),
        (Rejection::HoldExpired, "HOLD_EXPIRED", FailedPrecondition, &[]),
        (Rejection::NotHolder, "NOT_HOLDER", PermissionDenied, &[]),
        (
            Rejection::PaymentInProgress(OrderId(5)),
            "PAYMENT_IN_PROGRESS",
            FailedPrecondition,
            &[("order", "performances/p/orders/5")],
        ),
        (
            Rejection::AmountMismatch { expected_minor: 120, discount_minor: 30, currency: "KRW".into() },
            "AMOUNT_MISMATCH",
            FailedPrecondition,
            &[("expected_minor", "120"), ("discount_minor", "30"), ("currency_code", "KRW")],
        ),
        (
            Rejection::InvalidDiscount { discount_minor: -1, price_minor: 120 },
            "INVALID_DISCOUNT",
            FailedPrecondition,
            &[("discount_minor", "-1"), ("price_minor", "120")],
        ),
        (
            Rejection::RefundDeadlinePassed { closed_at: Timestamp(1_700_000_000_123) },
            "REFUND_DEADLINE_PASSED",
            FailedPrecondition,
            &[("close_time", "2023-11-14T22:13:20.123Z")],
        ),
        (
            Rejection::InvalidFee { fee_minor: 500, paid_minor: 120 },
            "INVALID_FEE",
            FailedPrecondition,
            &[("fee_minor", "500"), ("paid_minor", "120")],
        ),
        (Rejection::RefundNotAllowed, "REFUND_NOT_ALLOWED", FailedPrecondition, &[]),
        (Rejection::RefundAccountRequired, "REFUND_ACCOUNT_REQUIRED", FailedPrecondition, &[]),
        (Rejection::PerformanceCancelled, "PERFORMANCE_CANCELLED", FailedPrecondition, &[]),
        (Rejection::VirtualAccountNotAllowed, "INTERNAL", Internal, &[]),
        (Rejection::DepositAwaited { deadline: Timestamp(1) }, "INTERNAL", Internal, &[]),
        (
            limit(LimitKind::PaymentAttempts),
            "LIMIT_REACHED",
            ResourceExhausted,
            &[("limit", "payment_attempts_max")],
        ),
        (
            limit(LimitKind::RefundAttempts),
            "LIMIT_REACHED",
            ResourceExhausted,
            &[("limit", "payment_attempts_max")],
        ),
        (Rejection::AmountOverflow, "AMOUNT_OVERFLOW", FailedPrecondition, &[]),
        (Rejection::OrderNotFound, "ORDER_NOT_FOUND", NotFound, &[]),
        (
            Rejection::OrderState(OrderStateName::Refunding),
            "ORDER_STATE",
            FailedPrecondition,
            &[("state", "REFUNDING")],
        ),
        (Rejection::SeatNotInOrder(seats()), "INVALID_SEATS", InvalidArgument, &[("seats", "3,11")]),
        (Rejection::AlreadyWaiting, "ALREADY_WAITING", AlreadyExists, &[]),
        (Rejection::NotWaiting, "NOT_WAITING", NotFound, &[]),
        (Rejection::SeatFree, "SEAT_FREE", FailedPrecondition, &[]),
        (Rejection::AlreadyHolder, "ALREADY_HOLDER", FailedPrecondition, &[]),
        (Rejection::SeatNotFree(seats()), "SEAT_NOT_FREE", FailedPrecondition, &[("seats", "3,11")]),
        (Rejection::SeatNotBlocked(seats()), "SEAT_NOT_BLOCKED", FailedPrecondition, &[("seats", "3,11")]),
        (Rejection::RequestIdReused, "REQUEST_ID_REUSED", InvalidArgument, &[]),
        (Rejection::NotDue, "INTERNAL", Internal, &[]),
        (Rejection::RefundNotFound, "INTERNAL", Internal, &[]),
    ]
}

/// Checks one row on both paths.
fn check(rejection: Rejection, reason: &str, code: Code, metadata: &[(&str, &str)]) {
    let problem = Problem::rejected(rejection, "performances/p");
    let status = Status::from(problem.clone());
    let session = SessionError::from(problem);
    let details = status.get_error_details();
    let info = details.error_info().expect("every error has one");

    assert_eq!((info.reason.as_str(), info.domain.as_str()), (reason, "earlybird"));
    assert_eq!(status.code(), code, "{reason}");
    assert!(!status.message().is_empty());
    for &(name, value) in metadata {
        assert_eq!(info.metadata.get(name).map(String::as_str), Some(value), "{reason}: {name}");
    }
    assert_eq!(details.quota_failure().is_some(), code == Code::ResourceExhausted, "{reason}");
    assert_eq!(details.bad_request().is_some(), code == Code::InvalidArgument, "{reason}");

    assert_eq!((session.code, session.reason.as_str()), (code as i32, reason));
    assert_eq!(session.message, status.message());
    let mut told = session.metadata;
    if !session.seats.is_empty() {
        let seats: Vec<_> = session.seats.iter().map(u32::to_string).collect();
        told.insert("seats".to_owned(), seats.join(","));
    }
    assert_eq!(told, info.metadata, "{reason}: a session tells the same facts");
}

#[test]
fn every_rejection_has_its_reason_on_both_paths() {
    for (rejection, reason, code, metadata) in table() {
        check(rejection, reason, code, metadata);
    }
}

#[test]
fn a_lost_seat_allocates_nothing_before_it_is_rendered() {
    let problem = Problem::rejected(Rejection::SeatTaken(seats()), "performances/p");
    assert_eq!(problem.reason, Reason::SeatTaken);
    assert!(!problem.seats.spilled());
    assert_eq!(problem.metadata.capacity(), 0);
    assert!(matches!(problem.message, std::borrow::Cow::Borrowed(_)));
}
