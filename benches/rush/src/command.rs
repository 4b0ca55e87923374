//! Commands as the generator keeps them (small, without strings), and how they are written for the wire.

use earlybird_proto::v1::session_request::Command as Wire;
use earlybird_proto::v1::{
    ExtendHoldRequest, HoldBestAvailableRequest, HoldSeatsRequest, JoinWaitlistRequest, LeaveWaitlistRequest,
    PayHoldRequest, RefundOrderRequest, ReleaseHoldRequest, SessionRequest,
};
use serde::Serialize;

use crate::ids::{Buyer, HoldId, OrderId, Seat, Seats, Serial};

/// What a request is, for counting and for backing off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `HoldSeats`.
    Hold,
    /// `HoldBestAvailable`.
    HoldBest,
    /// `ExtendHold`.
    Extend,
    /// `ReleaseHold`.
    Release,
    /// `JoinWaitlist`.
    Join,
    /// `LeaveWaitlist`.
    Leave,
    /// `PayHold`.
    Pay,
    /// `RefundOrder`.
    Refund,
    /// `GetSeatMap`.
    SeatMap,
    /// `ListHolds`.
    ListHolds,
}

impl Kind {
    /// All kinds, in the order of a report.
    pub const ALL: [Kind; 10] = [
        Kind::Hold,
        Kind::HoldBest,
        Kind::Extend,
        Kind::Release,
        Kind::Join,
        Kind::Leave,
        Kind::Pay,
        Kind::Refund,
        Kind::SeatMap,
        Kind::ListHolds,
    ];

    /// The name for people.
    pub fn label(self) -> &'static str {
        match self {
            Kind::Hold => "hold seats",
            Kind::HoldBest => "hold best available",
            Kind::Extend => "extend hold",
            Kind::Release => "release hold",
            Kind::Join => "join waitlist",
            Kind::Leave => "leave waitlist",
            Kind::Pay => "pay hold",
            Kind::Refund => "refund order",
            Kind::SeatMap => "get seat map",
            Kind::ListHolds => "list holds",
        }
    }

    /// Whether money moves.
    pub fn is_payment(self) -> bool {
        matches!(self, Kind::Pay | Kind::Refund)
    }
}

/// What a mutation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Action {
    /// Holds these seats.
    Hold(Seats),
    /// Holds the best so many seats.
    HoldBest(u8),
    /// Extends a hold.
    Extend(HoldId),
    /// Gives a hold back.
    Release(HoldId),
    /// Queues for a seat.
    Join(Seat),
    /// Stops queueing for it.
    Leave(Seat),
    /// Pays a hold, with a key that the provider's simulator declines or with a good one.
    Pay {
        /// The hold.
        hold: HoldId,
        /// What the buyer was shown.
        amount_minor: i64,
        /// Whether the gateway is to decline.
        decline: bool,
    },
    /// Gives a whole order back.
    Refund(OrderId),
}

/// A mutation: who, what, and the number that makes a retry harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Command {
    /// Makes the `request_id`; the same for every attempt.
    pub serial: Serial,
    /// Who.
    pub buyer: Buyer,
    /// What.
    pub action: Action,
}

impl Command {
    /// What it is.
    pub fn kind(&self) -> Kind {
        match self.action {
            Action::Hold(_) => Kind::Hold,
            Action::HoldBest(_) => Kind::HoldBest,
            Action::Extend(_) => Kind::Extend,
            Action::Release(_) => Kind::Release,
            Action::Join(_) => Kind::Join,
            Action::Leave(_) => Kind::Leave,
            Action::Pay { .. } => Kind::Pay,
            Action::Refund(_) => Kind::Refund,
        }
    }
}

/// The names on the wire of a run: the performance, its buyers, and the run's own mark, which keeps the buyers and
/// request ids of two runs apart.
#[derive(Clone, Debug)]
pub struct Names {
    performance: String,
    run: u64,
    members: u32,
    grade: String,
}

impl Names {
    /// Names for `performance` (`performances/{performance}`) and the run marked `run`; buyers below `members` carry `grade`.
    pub fn new(performance: String, run: u64, members: u32, grade: String) -> Names {
        Names { performance, run, members, grade }
    }

    /// `performances/{performance}`.
    pub fn performance(&self) -> &str {
        &self.performance
    }

    /// The name of a buyer.
    pub fn buyer(&self, buyer: Buyer) -> String {
        format!("r{:06x}-{}", self.run & 0xff_ffff, buyer.0)
    }

    /// The buyer of a name, unless it is not of this run.
    pub fn parse_buyer(&self, name: &str) -> Option<Buyer> {
        let (run, number) = name.strip_prefix('r')?.split_once('-')?;
        (u64::from_str_radix(run, 16).ok()? == self.run & 0xff_ffff).then_some(())?;
        number.parse().ok().map(Buyer)
    }

    /// The name of a hold.
    pub fn hold(&self, hold: HoldId) -> String {
        format!("{}/holds/{}", self.performance, hold.0)
    }

    /// The name of an order.
    pub fn order(&self, order: OrderId) -> String {
        format!("{}/orders/{}", self.performance, order.0)
    }

    /// The `request_id` of a serial number: a UUID.
    pub fn request_id(&self, serial: Serial) -> String {
        let bytes = (u128::from(self.run) << 64 | u128::from(serial.0)).to_be_bytes();
        // The run's mark is random; only the version and variant bits that a UUID must have are overwritten.
        uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
    }

    /// The provider's key of a payment. `decline`: one that the provider's simulator declines.
    pub fn payment_key(&self, serial: Serial, decline: bool) -> String {
        let start = if decline { "sim.REJECT_CARD_PAYMENT." } else { "" };
        format!("{start}rush-{:016x}-{}", self.run, serial.0)
    }

    /// Whether a payment of this key is of this run.
    pub fn is_payment_of_run(&self, key: &str) -> bool {
        key.contains(&format!("rush-{:016x}-", self.run))
    }

    /// The request for the wire, tagged, and given `timeout_ms` at the server.
    pub fn session_request(&self, tag: u64, timeout_ms: u32, command: &Command) -> SessionRequest {
        SessionRequest { tag, timeout_ms, command: Some(self.wire(command)) }
    }

    fn wire(&self, command: &Command) -> Wire {
        let buyer_id = self.buyer(command.buyer);
        let request_id = self.request_id(command.serial);
        let performance = || self.performance.clone();
        let grade = || if command.buyer.0 < self.members { self.grade.clone() } else { String::new() };
        match command.action {
            Action::Hold(seats) => Wire::HoldSeats(HoldSeatsRequest {
                performance: performance(),
                buyer_id,
                grade: grade(),
                seats: seats.as_slice().to_vec(),
                request_id,
            }),
            Action::HoldBest(count) => Wire::HoldBestAvailable(HoldBestAvailableRequest {
                performance: performance(),
                buyer_id,
                grade: grade(),
                count: u32::from(count),
                category: String::new(),
                zone: String::new(),
                request_id,
            }),
            Action::Extend(hold) => {
                Wire::ExtendHold(ExtendHoldRequest { name: self.hold(hold), buyer_id, request_id })
            }
            Action::Release(hold) => {
                Wire::ReleaseHold(ReleaseHoldRequest { name: self.hold(hold), buyer_id, request_id })
            }
            Action::Join(seat) => Wire::JoinWaitlist(JoinWaitlistRequest {
                performance: performance(),
                seat: seat.0,
                buyer_id,
                grade: grade(),
                request_id,
            }),
            Action::Leave(seat) => Wire::LeaveWaitlist(LeaveWaitlistRequest {
                performance: performance(),
                seat: seat.0,
                buyer_id,
                request_id,
            }),
            Action::Pay { hold, amount_minor, decline } => Wire::PayHold(PayHoldRequest {
                hold: self.hold(hold),
                buyer_id,
                amount_minor,
                payment_key: self.payment_key(command.serial, decline),
                request_id,
                ..Default::default()
            }),
            Action::Refund(order) => Wire::RefundOrder(RefundOrderRequest {
                name: self.order(order),
                buyer_id,
                seats: Vec::new(),
                reason: "cannot come".to_owned(),
                request_id,
                ..Default::default()
            }),
        }
    }
}

/// The number at the end of a resource name, such as of `performances/p/holds/17`.
pub fn trailing_number(name: &str) -> Option<u64> {
    name.rsplit('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names::new("performances/gala".to_owned(), 0x0123_4567_89ab_cdef, 5, "vip".to_owned())
    }

    #[test]
    fn names_round_trip() {
        let names = names();
        assert_eq!(names.parse_buyer(&names.buyer(Buyer(77))), Some(Buyer(77)));
        assert_eq!(names.parse_buyer("r000001-77"), None);
        assert_eq!(names.parse_buyer("somebody"), None);
        assert_eq!(trailing_number(&names.hold(HoldId(9))), Some(9));
    }

    #[test]
    fn request_ids_are_uuids_and_differ() {
        let names = names();
        let ids: std::collections::HashSet<String> =
            (0..1_000).map(|n| names.request_id(Serial(n))).collect();
        assert_eq!(ids.len(), 1_000);
        assert!(ids.iter().all(|id| uuid::Uuid::parse_str(id).is_ok()));
    }

    #[test]
    fn only_members_carry_the_grade() {
        let hold = |buyer| Command { serial: Serial(1), buyer, action: Action::HoldBest(2) };
        let grade = |buyer| match names().wire(&hold(buyer)) {
            Wire::HoldBestAvailable(request) => request.grade,
            other => panic!("{other:?}"),
        };
        assert_eq!(grade(Buyer(4)), "vip");
        assert_eq!(grade(Buyer(5)), "");
    }
}
