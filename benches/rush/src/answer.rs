//! Answers as the generator keeps them, and the one place that says what an error means.

use std::time::Duration;

use earlybird_proto::v1::session_response::Result as Reply;
use earlybird_proto::v1::{Hold, Order, SessionError, SessionResponse, WaitlistEntry};
use serde::Serialize;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::command::trailing_number;
use crate::ids::{HoldId, OrderId, Seat, Seats};

macro_rules! reasons {
    ($($name:ident = $text:literal,)*) => {
        /// Why a command was refused: the stable reasons of the API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        #[repr(u8)]
        pub enum Reason { $(#[doc = concat!("`", $text, "`.")] $name,)* }

        impl Reason {
            /// All reasons.
            pub const ALL: &[Reason] = &[$(Reason::$name,)*];

            /// The reason of a name on the wire.
            pub fn parse(text: &str) -> Reason {
                match text { $($text => Reason::$name,)* _ => Reason::Other }
            }

            /// The name on the wire.
            pub fn name(self) -> &'static str {
                match self { $(Reason::$name => $text,)* }
            }
        }
    };
}

reasons! {
    SeatTaken = "SEAT_TAKEN",
    NotEnoughSeats = "NOT_ENOUGH_SEATS",
    SeatBlocked = "SEAT_BLOCKED",
    SeatFree = "SEAT_FREE",
    SaleNotOpen = "SALE_NOT_OPEN",
    PresaleOnly = "PRESALE_ONLY",
    LimitReached = "LIMIT_REACHED",
    AlreadyHolder = "ALREADY_HOLDER",
    AlreadyWaiting = "ALREADY_WAITING",
    WaitlistNotOpen = "WAITLIST_NOT_OPEN",
    NotWaiting = "NOT_WAITING",
    HoldExpired = "HOLD_EXPIRED",
    HoldNotFound = "HOLD_NOT_FOUND",
    NotHolder = "NOT_HOLDER",
    PaymentInProgress = "PAYMENT_IN_PROGRESS",
    PaymentDeclined = "PAYMENT_DECLINED",
    AmountMismatch = "AMOUNT_MISMATCH",
    OrderNotFound = "ORDER_NOT_FOUND",
    OrderState = "ORDER_STATE",
    Overloaded = "OVERLOADED",
    PaymentUnknown = "PAYMENT_UNKNOWN",
    StoreUnavailable = "STORE_UNAVAILABLE",
    ShardRestarted = "SHARD_RESTARTED",
    Draining = "DRAINING",
    NotOwner = "NOT_OWNER",
    OwnerLost = "OWNER_LOST",
    InvalidSeats = "INVALID_SEATS",
    RequestIdReused = "REQUEST_ID_REUSED",
    TimedOut = "TIMED_OUT",
    Disconnected = "DISCONNECTED",
    Other = "OTHER",
}

impl Reason {
    /// Whether a correct client meets it in the ordinary course of a sale. The others count as errors.
    pub fn is_ordinary(self) -> bool {
        use Reason::{
            AmountMismatch, InvalidSeats, NotHolder, OrderNotFound, OrderState, Other, RequestIdReused,
        };
        !matches!(
            self,
            AmountMismatch | InvalidSeats | NotHolder | OrderNotFound | OrderState | Other | RequestIdReused
        )
    }
}

/// An acknowledged hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct HoldAck {
    /// Its number.
    pub hold: HoldId,
    /// Its seats.
    pub seats: Seats,
    /// How many seats the server named: as many as `seats` has, unless they were too many for it.
    pub seat_count: u32,
    /// What it costs.
    pub amount_minor: i64,
    /// How long it lives, from when the server answered.
    pub remaining: Duration,
    /// When it lapses, by the server's clock, in milliseconds since 1970: for comparing two times of the server.
    pub expire_unix_ms: i64,
}

/// An acknowledged payment or refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct OrderAck {
    /// Its number.
    pub order: OrderId,
    /// What was charged.
    pub amount_minor: i64,
    /// What was given back of it.
    pub refunded_minor: i64,
    /// Its state on the wire, a value of `Order.State`.
    pub state: i32,
}

/// What came back for a command.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer {
    /// A hold, after a hold, an extension or a release.
    Hold(HoldAck),
    /// A place in a queue, 1 for the first.
    Place(u32),
    /// The place was left.
    Left,
    /// An order, after a payment or a refund.
    Order(OrderAck),
    /// Definitely refused; the seat that the reason is about, where there is one.
    Refused(Reason, Option<Seat>),
    /// Nothing was done: the queue is full. Try again after the delay.
    Busy(Duration),
    /// The outcome is unknown: send the same request again.
    Unknown(Reason),
}

impl Answer {
    /// The answer of a session.
    pub fn of_session(response: SessionResponse) -> (u64, Answer) {
        let answer = match response.result {
            Some(Reply::Hold(hold)) => Answer::of_hold(&hold),
            Some(Reply::WaitlistEntry(entry)) => Answer::of_place(&entry),
            Some(Reply::Left(_)) => Answer::Left,
            Some(Reply::Order(order)) => Answer::of_order(&order),
            Some(Reply::Error(error)) => Answer::of_error(&error),
            None => Answer::Refused(Reason::Other, None),
        };
        (response.tag, answer)
    }

    /// The answer of a hold, an extension or a release.
    pub fn of_hold(hold: &Hold) -> Answer {
        match hold_ack(hold) {
            Some(ack) => Answer::Hold(ack),
            None => Answer::Refused(Reason::Other, None),
        }
    }

    /// The answer of joining a waitlist.
    pub fn of_place(entry: &WaitlistEntry) -> Answer {
        Answer::Place(entry.position)
    }

    /// The answer of a payment or a refund.
    pub fn of_order(order: &Order) -> Answer {
        match trailing_number(&order.name) {
            Some(number) => Answer::Order(OrderAck {
                order: OrderId(number),
                amount_minor: order.amount_minor,
                refunded_minor: order.refunded_minor,
                state: order.state,
            }),
            None => Answer::Refused(Reason::Other, None),
        }
    }

    fn of_error(error: &SessionError) -> Answer {
        let seat = error.seats.first().map(|&seat| Seat(seat));
        let delay = Duration::from_millis(u64::from(error.retry_delay_ms));
        classify(Code::from_i32(error.code), &error.reason, seat, delay)
    }

    /// The answer of a unary call that failed.
    pub fn of_status(status: &Status) -> Answer {
        let info = status.get_details_error_info();
        let seat =
            info.as_ref().and_then(|info| info.metadata.get("seats")).and_then(|seats| first_seat(seats));
        let delay = status.get_details_retry_info().and_then(|retry| retry.retry_delay).unwrap_or_default();
        classify(status.code(), info.as_ref().map_or("", |info| &info.reason), seat, delay)
    }
}

/// The hold of a message; nothing when its name is not one.
pub fn hold_ack(hold: &Hold) -> Option<HoldAck> {
    let remaining = hold.remaining.unwrap_or_default();
    let expire = hold.expire_time.unwrap_or_default();
    Some(HoldAck {
        hold: HoldId(trailing_number(&hold.name)?),
        seats: Seats::of(&hold.seats),
        seat_count: u32::try_from(hold.seats.len()).unwrap_or(u32::MAX),
        amount_minor: hold.amount_minor,
        remaining: Duration::try_from(remaining).unwrap_or_default(),
        expire_unix_ms: expire.seconds * 1_000 + i64::from(expire.nanos) / 1_000_000,
    })
}

fn first_seat(seats: &str) -> Option<Seat> {
    seats.split(|c: char| !c.is_ascii_digit()).find(|part| !part.is_empty())?.parse().ok().map(Seat)
}

fn classify(code: Code, reason: &str, seat: Option<Seat>, delay: Duration) -> Answer {
    let parsed = Reason::parse(reason);
    match code {
        // Nobody knows whether these were done; the request id makes it safe to ask again.
        Code::Unavailable | Code::Cancelled | Code::Unknown | Code::Internal | Code::DataLoss => {
            Answer::Unknown(if reason.is_empty() { Reason::Disconnected } else { parsed })
        }
        Code::DeadlineExceeded => Answer::Unknown(Reason::TimedOut),
        Code::ResourceExhausted if parsed != Reason::LimitReached => Answer::Busy(delay),
        _ => Answer::Refused(parsed, seat),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: Code, reason: &str) -> Answer {
        Answer::of_error(&SessionError {
            code: code as i32,
            reason: reason.to_owned(),
            seats: vec![7],
            retry_delay_ms: 20,
            ..SessionError::default()
        })
    }

    #[test]
    fn errors_mean_what_the_api_says() {
        assert_eq!(error(Code::Aborted, "SEAT_TAKEN"), Answer::Refused(Reason::SeatTaken, Some(Seat(7))));
        assert_eq!(error(Code::ResourceExhausted, "OVERLOADED"), Answer::Busy(Duration::from_millis(20)));
        assert_eq!(
            error(Code::ResourceExhausted, "LIMIT_REACHED"),
            Answer::Refused(Reason::LimitReached, Some(Seat(7)))
        );
        assert_eq!(error(Code::Unavailable, "PAYMENT_UNKNOWN"), Answer::Unknown(Reason::PaymentUnknown));
        for reason in [Reason::NotOwner, Reason::OwnerLost] {
            assert_eq!(error(Code::Unavailable, reason.name()), Answer::Unknown(reason));
        }
        assert_eq!(error(Code::DeadlineExceeded, ""), Answer::Unknown(Reason::TimedOut));
        assert_eq!(error(Code::InvalidArgument, "NEW_ONE"), Answer::Refused(Reason::Other, Some(Seat(7))));
    }

    #[test]
    fn reasons_round_trip() {
        assert!(Reason::ALL.iter().all(|&reason| Reason::parse(reason.name()) == reason));
    }

    #[test]
    fn seats_of_metadata_are_read_in_any_separation() {
        assert_eq!(first_seat("12,13"), Some(Seat(12)));
        assert_eq!(first_seat("[12]"), Some(Seat(12)));
        assert_eq!(first_seat(""), None);
    }
}
