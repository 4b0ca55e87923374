//! Reading a state. Everything here is cheap, borrows, and changes nothing.

use serde::{Deserialize, Serialize};

use crate::state::holds::{Hold, HoldSlot};
use crate::state::orders::{Order, Refund};
use crate::state::seats::Claim;
use crate::{
    BuyerId, CouponUse, HoldId, Layout, OrderId, OrderStateName, RefundId, RefundReason, RefundState,
};
use crate::{Rejection, RequestId, SeatIndex, Sequence, Settings, State, Timestamp};

/// What everybody may know of a seat. The numbers are part of the wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum SeatStatus {
    /// Nobody has it.
    Free = 0,
    /// A hold or an offer has it until a deadline.
    Held = 1,
    /// It is being paid.
    Paying = 2,
    /// An order has it.
    Sold = 3,
    /// An administrator took it out of the sale.
    Blocked = 4,
}

impl SeatStatus {
    /// Number of kinds.
    pub const KINDS: usize = 5;
}

/// How many seats are in each status, and how many places in waitlists are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Free seats.
    pub free: u32,
    /// Held seats.
    pub held: u32,
    /// Seats being paid.
    pub paying: u32,
    /// Sold seats.
    pub sold: u32,
    /// Blocked seats.
    pub blocked: u32,
    /// Places in the waitlists of all seats; a buyer counts once for each.
    pub waiters: u32,
}

/// A hold or an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldView<'s> {
    /// Its id.
    pub hold: HoldId,
    /// Its owner.
    pub buyer: &'s BuyerId,
    /// Its seats.
    pub seats: &'s [SeatIndex],
    /// When it lapses, unless it is being paid.
    pub deadline: Timestamp,
    /// When it began.
    pub created_at: Timestamp,
    /// How often it was extended.
    pub extensions: u32,
    /// Whether it was an offer to a waiter.
    pub is_offer: bool,
    /// The order that is paying it: while there is one it cannot lapse.
    pub order: Option<OrderId>,
}

/// An order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderView<'s> {
    /// Its id.
    pub order: OrderId,
    /// Who pays.
    pub buyer: &'s BuyerId,
    /// All seats that it was made for.
    pub seats: &'s [SeatIndex],
    /// The seats that are sold to it now: none until it is paid, and none that were refunded.
    pub seats_left: &'s [SeatIndex],
    /// What was charged, in minor units: the price of the seats less the discount.
    pub amount_minor: i64,
    /// What was paid back, in minor units.
    pub refunded_minor: i64,
    /// What was kept of refunded seats, in minor units.
    pub fees_minor: i64,
    /// Where it stands.
    pub state: OrderStateName,
    /// The provider's key for the payment.
    pub payment_key: &'s str,
    /// The coupon that was used for it, if one was.
    pub coupon: Option<&'s CouponUse>,
    /// Why the provider declined, if it did.
    pub decline_reason: Option<&'s str>,
    /// By when a virtual account must be, or had to be, paid; none for other ways of paying.
    pub deposit_deadline: Option<Timestamp>,
    /// Whether the money was captured after the provider had declined.
    pub captured_late: bool,
    /// The hold that it pays or paid.
    pub hold: HoldId,
    /// When the payment began.
    pub began_at: Timestamp,
    /// When the payment was confirmed.
    pub paid_at: Option<Timestamp>,
    /// The last entry that changed it.
    pub last_sequence: Sequence,
    /// When that was.
    pub changed_at: Timestamp,
}

/// A refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefundView<'s> {
    /// Its id.
    pub refund: RefundId,
    /// Its order.
    pub order: OrderId,
    /// The seats that it gives back.
    pub seats: &'s [SeatIndex],
    /// What goes back, in minor units.
    pub amount_minor: i64,
    /// What is kept of what was paid for the seats, in minor units.
    pub fee_minor: i64,
    /// Why.
    pub reason: RefundReason,
    /// Why, in the words of whoever asked; may be empty.
    pub note: &'s str,
    /// Where it stands.
    pub state: &'s RefundState,
    /// When it began.
    pub began_at: Timestamp,
    /// When the provider's answer was noted.
    pub settled_at: Option<Timestamp>,
}

impl State {
    /// The last entry that was evolved; 0 before the first.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// Number of seats.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.seats.capacity()
    }

    /// The rules of the performance.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The seats of the performance.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How many seats are in each status.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.seats.counts(self.waitlists.waiters())
    }

    /// The status of a seat, or none if there is no such seat.
    #[must_use]
    pub fn seat_status(&self, seat: SeatIndex) -> Option<SeatStatus> {
        self.seats.find(seat).map(Claim::status)
    }

    /// The hold or the sale that a seat is claimed by.
    #[must_use]
    pub fn seat_claim(&self, seat: SeatIndex) -> Option<SeatClaim> {
        match self.seats.find(seat)? {
            Claim::Free | Claim::Blocked => None,
            Claim::Held(slot) | Claim::Paying(slot) => Some(SeatClaim::Hold(self.holds.get(slot).id)),
            Claim::Sold(order) => Some(SeatClaim::Order(order.into())),
        }
    }

    /// Whether a request was answered that is still remembered: it is then answered so again (I8).
    #[must_use]
    pub fn has_answered(&self, request: RequestId) -> bool {
        self.requests.contains(request)
    }

    /// A hold that lives, also one that has lapsed and waits for its timer.
    #[must_use]
    pub fn hold(&self, hold: HoldId) -> Option<HoldView<'_>> {
        self.holds.find(hold).map(|hold| self.hold_view(hold))
    }

    /// All holds, in no meaningful order: to arm timers at recovery.
    pub fn holds(&self) -> impl Iterator<Item = HoldView<'_>> {
        self.holds.iter().map(|(_, hold)| self.hold_view(hold))
    }

    /// The holds of a buyer, in no meaningful order.
    pub fn holds_of(&self, buyer: &BuyerId) -> impl Iterator<Item = HoldView<'_>> {
        let slots: &[HoldSlot] = self.buyers.find(buyer).map_or(&[], |buyer| &buyer.holds);
        slots.iter().map(|&slot| self.hold_view(self.holds.get(slot)))
    }

    /// Seats that the buyer has held, being paid or bought.
    #[must_use]
    pub fn claims_of(&self, buyer: &BuyerId) -> u32 {
        self.buyers.claims_of(buyer)
    }

    /// An order.
    #[must_use]
    pub fn order(&self, order: OrderId) -> Option<OrderView<'_>> {
        self.orders.find(order).map(|record| self.order_view(order, record))
    }

    /// All orders, by number.
    pub fn orders(&self) -> impl Iterator<Item = OrderView<'_>> {
        self.orders.iter().map(|(id, order)| self.order_view(id, order))
    }

    /// The orders from this number on, by number.
    pub fn orders_from(&self, first: OrderId) -> impl Iterator<Item = OrderView<'_>> {
        (first.0.max(1)..).map_while(|number| self.order(OrderId(number)))
    }

    /// The orders that are one payment at the provider, by number: those of the order's hold that were sent with its key, and
    /// itself. Looks at every order.
    pub fn orders_of_payment(&self, order: OrderId) -> impl Iterator<Item = OrderView<'_>> {
        let payment = self.orders.find(order).map(|order| (order.hold, &order.payment_key));
        let twins =
            self.orders.iter().filter(move |(_, twin)| payment == Some((twin.hold, &twin.payment_key)));
        twins.map(|(id, twin)| self.order_view(id, twin))
    }

    /// Whether the money of an order that is being paid goes back, or went back, by an earlier order: its hold was paid with
    /// the same key before, and what was captured then came too late.
    #[must_use]
    pub fn is_payment_returned(&self, order: OrderId) -> bool {
        let hold = self.orders.find(order).and_then(|order| self.holds.find(order.hold));
        // Nearly every hold is paid once: then there is no other order to look for.
        hold.is_some_and(|hold| hold.payments > 1)
            && self
                .orders_of_payment(order)
                .any(|twin| matches!(twin.state, OrderStateName::Refunding | OrderStateName::Refunded))
    }

    /// The orders whose payment the provider has not answered yet, by number.
    pub fn paying_orders(&self) -> impl Iterator<Item = OrderView<'_>> {
        self.orders.paying().iter().filter_map(|&id| self.order(id))
    }

    /// A refund.
    #[must_use]
    pub fn refund(&self, refund: RefundId) -> Option<RefundView<'_>> {
        self.orders.find_refund(refund).map(|record| refund_view(refund, record))
    }

    /// The refunds of an order, in the order in which they began.
    pub fn refunds_of(&self, order: OrderId) -> impl Iterator<Item = RefundView<'_>> {
        let refunds = self.orders.find(order).map_or(&[][..], |order| &order.refunds);
        refunds.iter().filter_map(|&id| self.refund(id))
    }

    /// When the performance was cancelled; none while it is to take place.
    #[must_use]
    pub fn cancelled_at(&self) -> Option<Timestamp> {
        self.cancelled_at
    }

    /// The refunds that the provider has not answered yet, by number.
    pub fn pending_refunds(&self) -> impl Iterator<Item = RefundView<'_>> {
        self.orders.pending_refunds().iter().filter_map(|&id| self.refund(id))
    }

    /// Records in the state, which is how large its snapshot is: requests that are remembered, holds, orders and waiters.
    #[must_use]
    pub fn records(&self) -> usize {
        let (requests, _) = self.requests.lengths();
        let (holds, _) = self.holds.lengths();
        requests + holds + self.orders.iter().count() + self.waitlists.waiters() as usize
    }

    /// The buyer's place in the waitlist of a seat, counted from 1. One machine word is read for every 64 waiters.
    #[must_use]
    pub fn waitlist_position(&self, buyer: &BuyerId, seat: SeatIndex) -> Option<u32> {
        let wait = self.buyers.find(buyer)?.wait_of(seat)?;
        Some(self.waitlists.find(seat)?.position(wait.ticket))
    }

    /// The seats that the buyer waits for, in no meaningful order.
    pub fn waits_of(&self, buyer: &BuyerId) -> impl Iterator<Item = SeatIndex> {
        self.buyers.find(buyer).into_iter().flat_map(|buyer| buyer.waits.iter().map(|wait| wait.seat))
    }

    /// How many wait for a seat.
    #[must_use]
    pub fn waiter_count(&self, seat: SeatIndex) -> u32 {
        self.waitlists.find(seat).map_or(0, |waitlist| waitlist.len())
    }

    /// What seats cost together, in minor units of the performance's currency.
    ///
    /// # Errors
    /// [`Rejection::SeatOutOfRange`] or [`Rejection::AmountOverflow`].
    pub fn price_of(&self, seats: &[SeatIndex]) -> Result<i64, Rejection> {
        seats.iter().try_fold(0_i64, |sum, &seat| {
            let place = self.layout.seats.get(seat.as_usize());
            let place = place.ok_or(Rejection::SeatOutOfRange { seat, capacity: self.capacity() })?;
            let price = self.settings.price_minor_by_category[usize::from(place.category.0)];
            sum.checked_add(price).ok_or(Rejection::AmountOverflow)
        })
    }

    fn hold_view<'s>(&'s self, hold: &'s Hold) -> HoldView<'s> {
        HoldView {
            hold: hold.id,
            buyer: &self.buyers.get(hold.buyer).name,
            seats: &hold.seats,
            deadline: hold.deadline,
            created_at: hold.created_at,
            extensions: hold.extensions,
            is_offer: hold.is_offer,
            order: hold.paying.map(Into::into),
        }
    }

    fn order_view<'s>(&'s self, id: OrderId, order: &'s Order) -> OrderView<'s> {
        OrderView {
            order: id,
            buyer: &self.buyers.get(order.buyer).name,
            seats: &order.seats,
            seats_left: &order.seats_left,
            amount_minor: order.amount_minor,
            refunded_minor: order.refunded_minor,
            fees_minor: order.fees_minor,
            state: order.state,
            payment_key: &order.payment_key,
            coupon: order.coupon.as_ref(),
            decline_reason: order.decline_reason.as_deref(),
            deposit_deadline: order.deposit_deadline,
            captured_late: order.captured_late,
            hold: order.hold,
            began_at: order.began_at,
            paid_at: order.paid_at,
            last_sequence: order.last_sequence,
            changed_at: order.changed_at,
        }
    }
}

/// What a seat is claimed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeatClaim {
    /// A hold, which may be being paid.
    Hold(HoldId),
    /// A paid order.
    Order(OrderId),
}

fn refund_view(id: RefundId, refund: &Refund) -> RefundView<'_> {
    RefundView {
        refund: id,
        order: refund.order,
        seats: &refund.seats,
        amount_minor: refund.amount_minor,
        fee_minor: refund.fee_minor,
        reason: refund.reason,
        note: &refund.note,
        state: &refund.state,
        began_at: refund.began_at,
        settled_at: refund.settled_at,
    }
}
