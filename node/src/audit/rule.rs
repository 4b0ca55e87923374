//! What is checked.

/// One check of the audit. Several may belong to one invariant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    OneClaim,
    StaysSold,
    Money,
    Coupons,
    PaymentInTime,
    HoldInTime,
    ExpiryInTime,
    JoinOrder,
    NobodyPassedOver,
    OneEffect,
    Epochs,
    AllOrNothing,
    Counts,
    Journal,
    Agreement,
    Snapshot,
    OrdersTable,
    LiveState,
    Limits,
}

impl Rule {
    /// All rules, in the order in which they are reported.
    pub(super) const ALL: [Self; 19] = [
        Self::OneClaim,
        Self::StaysSold,
        Self::Money,
        Self::Coupons,
        Self::PaymentInTime,
        Self::HoldInTime,
        Self::ExpiryInTime,
        Self::JoinOrder,
        Self::NobodyPassedOver,
        Self::OneEffect,
        Self::Epochs,
        Self::AllOrNothing,
        Self::Counts,
        Self::Journal,
        Self::Agreement,
        Self::Snapshot,
        Self::OrdersTable,
        Self::LiveState,
        Self::Limits,
    ];

    /// The id of the invariant, and what is checked of it.
    pub(super) fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::OneClaim => {
                ("I1", "a seat has one claim at most: only a free seat is held, offered or blocked")
            }
            Self::StaysSold => ("I2", "a sold seat leaves its order only by a refund of that order"),
            Self::Money => (
                "I3",
                "a payment charges what its seats cost less the discount; refunds and fees add up to it",
            ),
            Self::Coupons => ("I14", "no two orders that are being paid or are paid use the same coupon"),
            Self::PaymentInTime => {
                ("I4", "a payment begins before the deadline of its hold, and is settled once")
            }
            Self::HoldInTime => ("I5", "a hold is used before its deadline only, and expires no sooner"),
            Self::ExpiryInTime => {
                ("I5", "a lapsed hold expires within the bound, unless the performance changed hands")
            }
            Self::JoinOrder => {
                ("I6", "offers of a seat follow the order in which its waiters joined: no overtaking")
            }
            Self::NobodyPassedOver => {
                ("I7", "no eligible waiter is passed over, and none waits for a free seat")
            }
            Self::OneEffect => ("I8", "a request_id has one effect for as long as it is remembered"),
            Self::Epochs => ("I9", "epochs never go down along the journal"),
            Self::AllOrNothing => ("I10", "all seats of a hold are claimed, sold and freed together"),
            Self::Counts => (
                "I11",
                "free + held + paying + sold + blocked = capacity, in ledger and engine, at every entry",
            ),
            Self::Journal => {
                ("I12", "the journal has no gap, and every entry is readable and follows from those before")
            }
            Self::Agreement => ("I12", "ledger and engine agree: every seat, hold, order, refund and waiter"),
            Self::Snapshot => {
                ("I12", "the newest snapshot and the entries after it give the state of the whole journal")
            }
            Self::OrdersTable => {
                ("I12", "the orders table has every order of the journal as the journal has it, and no other")
            }
            Self::LiveState => ("I12", "the live state is the state of the journal"),
            Self::Limits => ("I13", "no buyer, hold or waitlist exceeds the limits of the performance"),
        }
    }

    /// The rule that a violation found by the engine belongs to.
    pub(super) fn of_engine(id: &str) -> Self {
        match id {
            "I1" => Self::OneClaim,
            "I2" => Self::StaysSold,
            "I3" => Self::Money,
            "I6" => Self::JoinOrder,
            "I7" => Self::NobodyPassedOver,
            "I8" => Self::OneEffect,
            "I10" => Self::AllOrNothing,
            "I11" => Self::Counts,
            "I14" => Self::Coupons,
            _ => Self::Journal,
        }
    }
}
