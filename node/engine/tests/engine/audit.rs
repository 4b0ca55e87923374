//! The invariants, judged from the journal alone: neither the engine's state nor the model is asked.

use std::collections::{BTreeMap, BTreeSet};

use earlybird_engine::*;

struct Hold {
    buyer: BuyerId,
    seats: Seats,
    deadline: Timestamp,
}

struct Order {
    hold: HoldId,
    buyer: BuyerId,
    seats: Seats,
    /// What was charged, and what of it is back, kept or lost.
    charged_minor: i64,
    settled_minor: i64,
    is_reverted: bool,
}

struct Refund {
    seats: Seats,
    settles_minor: i64,
    reason: RefundReason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    Hold(HoldId),
    Order(OrderId),
    Blocked,
}

/// What the entries so far add up to.
#[derive(Default)]
pub(crate) struct Audit {
    sequence: u64,
    claims: BTreeMap<SeatIndex, Claim>,
    holds: BTreeMap<HoldId, Hold>,
    orders: BTreeMap<OrderId, Order>,
    refunds: BTreeMap<RefundId, Refund>,
    cancelled: bool,
    /// Holds whose payment is awaited.
    paying: BTreeSet<HoldId>,
    /// Acknowledged joins, in order.
    queue: Vec<(SeatIndex, BuyerId)>,
    answered: BTreeMap<RequestId, u64>,
    passed_over: u64,
}

impl Audit {
    pub(crate) fn note(&mut self, entry: &Entry, settings: &Settings) {
        self.sequence += 1;
        assert_eq!(entry.sequence.0, self.sequence, "I12: no gaps");
        if let Some(stamp) = entry.request {
            self.answered.insert(stamp.id, self.sequence);
        }
        for event in &entry.events {
            self.event(entry.at, event, settings);
        }
        for (seat, buyer) in &self.queue {
            let eligible = !self.claims.contains_key(seat) && self.is_eligible(buyer, settings);
            assert!(
                !eligible,
                "I7: seat {seat} is left free although {buyer:?} waits for it and may have it"
            );
        }
    }

    /// How many waiters saw an offer go to somebody behind them.
    pub(crate) fn passed_over(&self) -> u64 {
        self.passed_over
    }

    /// The entry that answered a request, if any did.
    pub(crate) fn answered_by(&self, request: RequestId) -> Option<u64> {
        self.answered.get(&request).copied()
    }

    fn event(&mut self, at: Timestamp, event: &Event, settings: &Settings) {
        match event {
            Event::Held { hold, buyer, seats, deadline, .. } => {
                assert!(!self.cancelled, "nothing is held of a cancelled performance");
                self.hold(*hold, buyer, seats, *deadline, at);
            }
            Event::Offered { hold, buyer, seat, deadline } => {
                let place = self.queue.iter().position(|(other, waiter)| other == seat && waiter == buyer);
                let place = place.expect("I6: an offer goes to a waiter");
                for (_, overtaken) in self.queue[..place].iter().filter(|(other, _)| other == seat) {
                    assert!(!self.is_eligible(overtaken, settings), "I6, I7: {overtaken:?} is overtaken");
                    self.passed_over += 1;
                }
                assert!(self.is_eligible(buyer, settings), "I7: {buyer:?} has all seats that they may have");
                self.queue.remove(place);
                self.hold(*hold, buyer, &Seats::from_slice(&[*seat]), *deadline, at);
            }
            Event::Extended { hold, deadline } => {
                let hold = self.holds.get_mut(hold).expect("it lives");
                assert!(at < hold.deadline && hold.deadline < *deadline, "I5: a lapsed hold is unusable");
                hold.deadline = *deadline;
            }
            Event::Released { hold } => {
                assert!(at < self.holds[hold].deadline, "I5: a lapsed hold is unusable");
                self.free_hold(*hold);
            }
            Event::Expired { hold } => {
                assert!(at >= self.holds[hold].deadline, "a hold expires when its deadline has come");
                self.free_hold(*hold);
            }
            Event::WaitlistJoined { seat, buyer } => self.queue.push((*seat, buyer.clone())),
            Event::WaitlistLeft { seat, buyer } => {
                self.queue.retain(|(other, waiter)| other != seat || waiter != buyer);
            }
            Event::Blocked { seats } => {
                for seat in seats {
                    assert_eq!(self.claims.insert(*seat, Claim::Blocked), None, "I1");
                }
            }
            Event::Unblocked { seats } => {
                for seat in seats {
                    assert_eq!(self.claims.remove(seat), Some(Claim::Blocked), "I1");
                }
            }
            money => self.money_event(at, money, settings),
        }
    }

    /// What happens between the engine and the payment provider.
    fn money_event(&mut self, at: Timestamp, event: &Event, settings: &Settings) {
        match event {
            Event::PaymentBegun { order, hold, amount_minor, .. } => {
                let Hold { buyer, seats, deadline } = &self.holds[hold];
                assert!(at < *deadline, "I4: payment begins before the deadline");
                assert!(*amount_minor >= 0, "I3: nobody is paid for buying");
                let record = Order {
                    hold: *hold,
                    buyer: buyer.clone(),
                    seats: seats.clone(),
                    charged_minor: *amount_minor,
                    settled_minor: 0,
                    is_reverted: false,
                };
                assert!(self.orders.insert(*order, record).is_none());
                assert!(self.paying.insert(*hold), "I3: one payment of a hold at a time");
            }
            Event::PaymentConfirmed { order } => {
                assert!(
                    self.holds.contains_key(&self.orders[order].hold),
                    "I3: what is paid was held until now"
                );
                self.paying.remove(&self.orders[order].hold);
                self.sell(*order);
            }
            Event::LateSold { order } => {
                assert!(!self.cancelled, "nothing is sold of a cancelled performance");
                self.sell(*order);
            }
            Event::DepositAwaited { deadline, .. } => {
                let ttl = settings.deposit_ttl_ms.expect("it takes virtual accounts");
                assert!(*deadline <= at.plus(ttl), "a deposit is awaited for so long and no longer");
            }
            Event::PaymentDeclined { order, freed, .. } => {
                let hold = self.orders[order].hold;
                self.paying.remove(&hold);
                let is_over = at >= self.holds[&hold].deadline || self.cancelled;
                assert_eq!(*freed, is_over, "I5: the time that is left stays");
                if *freed {
                    self.free_hold(hold);
                }
            }
            Event::RefundBegun { refund, seats, amount_minor, fee_minor, reason, .. } => {
                assert!(*amount_minor >= 0 && *fee_minor >= 0, "I3: a refund takes nothing");
                let (seats, settles_minor, reason) = (seats.clone(), amount_minor + fee_minor, *reason);
                self.refunds.insert(*refund, Refund { seats, settles_minor, reason });
            }
            Event::Refunded { refund, order } => self.refunded(*refund, *order),
            Event::RefundFailed { refund, .. } => {
                assert!(self.refunds.remove(refund).is_some(), "I3: one outcome");
            }
            Event::RefundAccountGiven { refund, .. } => {
                assert!(self.refunds.contains_key(refund), "it is under way");
            }
            Event::PerformanceCancelled => {
                self.cancelled = true;
                self.queue.clear();
                let ended: Vec<_> =
                    self.holds.keys().copied().filter(|id| !self.paying.contains(id)).collect();
                ended.into_iter().for_each(|id| self.free_hold(id));
            }
            other => unreachable!("{other:?} is not about money"),
        }
    }

    /// The seats are the order's, from its hold or, once that is gone, from nobody.
    fn sell(&mut self, id: OrderId) {
        let Order { hold, seats, .. } = &self.orders[&id];
        let from = self.holds.remove(hold).map(|_| Claim::Hold(*hold));
        for seat in seats {
            assert_eq!(self.claims.insert(*seat, Claim::Order(id)), from, "I1");
        }
    }

    fn refunded(&mut self, refund: RefundId, id: OrderId) {
        let Refund { seats, settles_minor, reason } =
            self.refunds.remove(&refund).expect("I3: one refund, once");
        for seat in seats {
            assert_eq!(self.claims.remove(&seat), Some(Claim::Order(id)), "I2: sold until now");
        }
        let is_left = self.claims.values().any(|claim| *claim == Claim::Order(id));
        let order = self.orders.get_mut(&id).expect("a refund is of an order");
        order.settled_minor += settles_minor;
        order.is_reverted |= reason == RefundReason::DepositReverted;
        let (settled, charged) = (order.settled_minor, order.charged_minor);
        assert!(settled <= charged, "I3: order {id} settles {settled} of {charged}");
        if !is_left && !order.is_reverted {
            assert_eq!(settled, charged, "I3: all seats are back, and so is what was paid for them");
        }
    }

    fn hold(&mut self, id: HoldId, buyer: &BuyerId, seats: &Seats, deadline: Timestamp, at: Timestamp) {
        assert!(at < deadline, "a hold has some time");
        assert!(!seats.is_empty(), "I10: a hold has seats");
        for seat in seats {
            assert_eq!(self.claims.insert(*seat, Claim::Hold(id)), None, "I1, I2: only free seats are held");
        }
        let hold = Hold { buyer: buyer.clone(), seats: seats.clone(), deadline };
        assert!(self.holds.insert(id, hold).is_none(), "holds are numbered once");
    }

    fn free_hold(&mut self, id: HoldId) {
        for seat in self.holds.remove(&id).expect("it lives").seats {
            assert_eq!(self.claims.remove(&seat), Some(Claim::Hold(id)), "I10: a hold has all of its seats");
        }
    }

    fn is_eligible(&self, buyer: &BuyerId, settings: &Settings) -> bool {
        let owner = |claim: &&Claim| match claim {
            Claim::Hold(hold) => self.holds[hold].buyer == *buyer,
            Claim::Order(order) => self.orders[order].buyer == *buyer,
            Claim::Blocked => false,
        };
        self.claims.values().filter(owner).count() < settings.limits.seats_per_buyer_max as usize
    }
}
