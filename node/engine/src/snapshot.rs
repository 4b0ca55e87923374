//! The canonical form of a state: what two equal states have in common, whatever their slots and seeds.

pub(crate) mod v1;

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::state::buyers::BuyerSlot;
use crate::state::holds::Hold;
use crate::state::orders::{Order, Refund};
use crate::state::requests::Answered;
use crate::state::seats::Claim;
use crate::{
    BuyerId, CouponUse, HoldId, Layout, OrderId, OrderStateName, SeatIndex, Seats, Sequence, Settings,
};
use crate::{State, Timestamp, check_invariants};

/// A state without its layout and settings. A snapshot and the entries after it give the same state as all entries (I12).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    sequence: Sequence,
    holds_accepted: u64,
    /// All buyers that anything refers to, by name.
    buyers: Vec<BuyerId>,
    /// By id.
    holds: Vec<SnapshotHold>,
    /// By id, from 1.
    orders: Vec<SnapshotOrder>,
    /// By id, from 1.
    refunds: Vec<Refund>,
    /// By seat.
    blocked: Vec<SeatIndex>,
    /// By seat; the waiters of each, first first.
    waitlists: Vec<(SeatIndex, Vec<BuyerNumber>)>,
    /// Oldest first.
    requests: Vec<Answered>,
    cancelled_at: Option<Timestamp>,
}

impl Snapshot {
    /// The last entry that the snapshot knows.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }
}

/// Position in [`Snapshot::buyers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct BuyerNumber(u32);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SnapshotHold {
    id: HoldId,
    buyer: BuyerNumber,
    seats: Seats,
    deadline: Timestamp,
    created_at: Timestamp,
    extensions: u32,
    paying: Option<OrderId>,
    is_offer: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SnapshotOrder {
    buyer: BuyerNumber,
    state: OrderStateName,
    hold: HoldId,
    seats: Seats,
    seats_left: Seats,
    amount_minor: i64,
    refunded_minor: i64,
    fees_minor: i64,
    payment_key: Box<str>,
    coupon: Option<CouponUse>,
    decline_reason: Option<Box<str>>,
    deposit_deadline: Option<Timestamp>,
    captured_late: bool,
    began_at: Timestamp,
    paid_at: Option<Timestamp>,
    last_sequence: Sequence,
    changed_at: Timestamp,
}

/// A snapshot that no state can have made for this layout and these settings: what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("corrupt snapshot: {0}")]
pub struct CorruptSnapshot(pub Box<str>);

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.layout == other.layout && self.settings == other.settings && self.snapshot() == other.snapshot()
    }
}

impl Eq for State {}

impl State {
    /// The canonical form: as long as the live part of the state, so not for every command.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut named: Vec<(&BuyerId, BuyerSlot)> =
            self.buyers.iter().map(|(slot, buyer)| (&buyer.name, slot)).collect();
        named.sort_unstable();
        let slots = named.iter().map(|(_, slot)| slot.0 as usize + 1).max().unwrap_or(0);
        let mut numbers = vec![BuyerNumber(0); slots];
        for (number, (_, slot)) in (0..).map(BuyerNumber).zip(&named) {
            numbers[slot.0 as usize] = number;
        }
        let number_of = |slot: BuyerSlot| numbers[slot.0 as usize];
        let mut holds: Vec<_> =
            self.holds.iter().map(|(_, hold)| snapshot_hold(hold, number_of(hold.buyer))).collect();
        holds.sort_unstable_by_key(|hold| hold.id);
        let waiters = self.waitlists.iter().map(|(seat, list)| (seat, list.iter().map(number_of).collect()));
        let blocked = self.seats.iter().filter(|(_, claim)| *claim == Claim::Blocked);
        Snapshot {
            sequence: self.sequence,
            holds_accepted: self.holds.accepted(),
            buyers: named.into_iter().map(|(name, _)| name.clone()).collect(),
            holds,
            orders: self
                .orders
                .iter()
                .map(|(_, order)| snapshot_order(order, number_of(order.buyer)))
                .collect(),
            refunds: self.orders.refunds().map(|(_, refund)| refund.clone()).collect(),
            blocked: blocked.map(|(seat, _)| seat).collect(),
            waitlists: waiters.collect(),
            requests: self.requests.iter().cloned().collect(),
            cancelled_at: self.cancelled_at,
        }
    }

    /// The state that made a snapshot.
    ///
    /// # Errors
    /// If the snapshot contradicts itself, the layout or the settings.
    ///
    /// # Panics
    /// Like [`State::new`].
    pub fn restore(
        layout: Arc<Layout>,
        settings: Arc<Settings>,
        snapshot: Snapshot,
    ) -> Result<Self, CorruptSnapshot> {
        Self::restore_with_seed(layout, settings, 0, snapshot)
    }

    /// Like [`State::restore`], with a seed as of [`State::with_seed`].
    ///
    /// # Errors
    /// Like [`State::restore`].
    ///
    /// # Panics
    /// Like [`State::new`].
    pub fn restore_with_seed(
        layout: Arc<Layout>,
        settings: Arc<Settings>,
        seed: u64,
        snapshot: Snapshot,
    ) -> Result<Self, CorruptSnapshot> {
        let state = Self::with_history(layout, settings, seed, snapshot.sequence, snapshot.holds_accepted);
        let mut restoration = Restoration { state, buyers: Vec::with_capacity(snapshot.buyers.len()) };
        restoration.state.cancelled_at = snapshot.cancelled_at;
        restoration.add_buyers(&snapshot.buyers)?;
        restoration.add_orders(snapshot.orders)?;
        restoration.add_holds(snapshot.holds)?;
        restoration.add_waitlists(&snapshot.waitlists)?;
        ensure(snapshot.blocked.is_sorted_by(|a, b| a < b), "blocked seats are not in order")?;
        for seat in snapshot.blocked {
            restoration.claim(&[seat], Claim::Blocked)?;
        }
        for refund in snapshot.refunds {
            restoration.state.orders.push_refund(refund);
        }
        for answered in snapshot.requests {
            ensure(!restoration.state.requests.contains(answered.stamp.id), "a request was answered twice")?;
            restoration.state.requests.push(answered);
        }
        match check_invariants(&restoration.state) {
            Ok(()) => Ok(restoration.state),
            Err(violations) => Err(CorruptSnapshot(format!("{violations:?}").into())),
        }
    }
}

fn ensure(holds: bool, fault: &str) -> Result<(), CorruptSnapshot> {
    if holds { Ok(()) } else { Err(CorruptSnapshot(fault.into())) }
}

/// A state that grows from the parts of a snapshot, none of which is trusted.
struct Restoration {
    state: State,
    /// By [`BuyerNumber`].
    buyers: Vec<BuyerSlot>,
}

impl Restoration {
    fn add_buyers(&mut self, names: &[BuyerId]) -> Result<(), CorruptSnapshot> {
        ensure(names.is_sorted_by(|a, b| a < b), "buyers are not in order")?;
        self.buyers = names.iter().map(|name| self.state.buyers.intern(name)).collect();
        Ok(())
    }

    fn add_orders(&mut self, orders: Vec<SnapshotOrder>) -> Result<(), CorruptSnapshot> {
        for order in orders {
            let buyer = self.buyer(order.buyer)?;
            self.state.buyers.get_mut(buyer).orders += 1;
            self.state.buyers.get_mut(buyer).claims += order.seats_left.len() as u32;
            let seats_left = order.seats_left.clone();
            let id = self.state.orders.push(Order {
                buyer,
                state: order.state,
                hold: order.hold,
                seats: order.seats,
                seats_left: order.seats_left,
                amount_minor: order.amount_minor,
                refunded_minor: order.refunded_minor,
                fees_minor: order.fees_minor,
                payment_key: order.payment_key,
                coupon: order.coupon,
                decline_reason: order.decline_reason,
                deposit_deadline: order.deposit_deadline,
                captured_late: order.captured_late,
                refunds: Vec::new(),
                began_at: order.began_at,
                paid_at: order.paid_at,
                last_sequence: order.last_sequence,
                changed_at: order.changed_at,
            });
            self.claim(&seats_left, Claim::Sold(id.into()))?;
        }
        Ok(())
    }

    fn add_holds(&mut self, holds: Vec<SnapshotHold>) -> Result<(), CorruptSnapshot> {
        ensure(holds.is_sorted_by(|a, b| a.id < b.id), "holds are not in order")?;
        let payments = self.payments_by_hold(&holds);
        for hold in holds {
            let buyer = self.buyer(hold.buyer)?;
            let seats = hold.seats.clone();
            let is_known = |&order: &OrderId| self.state.orders.find(order).is_some();
            ensure(hold.paying.as_ref().is_none_or(is_known), "I3: a hold is paid by no order")?;
            let paying = hold.paying.map(Into::into);
            let slot = self.state.holds.insert(Hold {
                id: hold.id,
                buyer,
                extensions: hold.extensions,
                seats: hold.seats,
                deadline: hold.deadline,
                created_at: hold.created_at,
                paying,
                is_offer: hold.is_offer,
                payments: payments[&hold.id],
            });
            self.state.buyers.get_mut(buyer).holds.push(slot);
            self.state.buyers.get_mut(buyer).claims += seats.len() as u32;
            self.claim(&seats, if paying.is_some() { Claim::Paying(slot) } else { Claim::Held(slot) })?;
        }
        Ok(())
    }

    /// How many orders each of these holds has.
    fn payments_by_hold(&self, holds: &[SnapshotHold]) -> HashMap<HoldId, u32, FixedState> {
        let mut payments: HashMap<_, _, _> = holds.iter().map(|hold| (hold.id, 0)).collect();
        for (_, order) in self.state.orders.iter() {
            if let Some(count) = payments.get_mut(&order.hold) {
                *count += 1;
            }
        }
        payments
    }

    fn add_waitlists(&mut self, waitlists: &[(SeatIndex, Vec<BuyerNumber>)]) -> Result<(), CorruptSnapshot> {
        ensure(waitlists.is_sorted_by(|a, b| a.0 < b.0), "waitlists are not in order")?;
        for (seat, waiters) in waitlists {
            ensure(self.state.layout.contains(*seat), "a waitlist is of a seat that does not exist")?;
            ensure(!waiters.is_empty(), "a waitlist is empty")?;
            for &number in waiters {
                let buyer = self.state.buyers.get(self.buyer(number)?);
                ensure(buyer.wait_of(*seat).is_none(), "a buyer waits twice for a seat")?;
                let name = buyer.name.clone();
                self.state.join_waitlist(*seat, &name);
            }
        }
        Ok(())
    }

    fn buyer(&self, number: BuyerNumber) -> Result<BuyerSlot, CorruptSnapshot> {
        let slot = self.buyers.get(number.0 as usize);
        slot.copied().ok_or_else(|| CorruptSnapshot("a buyer has no name".into()))
    }

    fn claim(&mut self, seats: &[SeatIndex], claim: Claim) -> Result<(), CorruptSnapshot> {
        for &seat in seats {
            ensure(
                self.state.seats.find(seat) == Some(Claim::Free),
                "I1: a seat is claimed twice or unknown",
            )?;
            self.state.seats.set(seat, claim);
        }
        Ok(())
    }
}

fn snapshot_hold(hold: &Hold, buyer: BuyerNumber) -> SnapshotHold {
    SnapshotHold {
        id: hold.id,
        buyer,
        seats: hold.seats.clone(),
        deadline: hold.deadline,
        created_at: hold.created_at,
        extensions: hold.extensions,
        paying: hold.paying.map(Into::into),
        is_offer: hold.is_offer,
    }
}

fn snapshot_order(order: &Order, buyer: BuyerNumber) -> SnapshotOrder {
    SnapshotOrder {
        buyer,
        state: order.state,
        hold: order.hold,
        seats: order.seats.clone(),
        seats_left: order.seats_left.clone(),
        amount_minor: order.amount_minor,
        refunded_minor: order.refunded_minor,
        fees_minor: order.fees_minor,
        payment_key: order.payment_key.clone(),
        coupon: order.coupon.clone(),
        decline_reason: order.decline_reason.clone(),
        deposit_deadline: order.deposit_deadline,
        captured_late: order.captured_late,
        began_at: order.began_at,
        paid_at: order.paid_at,
        last_sequence: order.last_sequence,
        changed_at: order.changed_at,
    }
}
