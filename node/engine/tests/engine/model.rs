//! A deliberately simple second implementation: lists, linear scans, and changes in place as the rules are read.

use std::sync::Arc;

use earlybird_engine::*;

/// How many outdated requests an entry forgets at most.
const FORGOTTEN_PER_ENTRY_MAX: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seat {
    Free,
    Hold(HoldId),
    Order(OrderId),
    Blocked,
}

#[derive(Clone, Debug)]
pub(crate) struct Hold {
    pub(crate) id: HoldId,
    pub(crate) buyer: BuyerId,
    pub(crate) seats: Seats,
    pub(crate) deadline: Timestamp,
    pub(crate) created_at: Timestamp,
    pub(crate) extensions: u32,
    pub(crate) is_offer: bool,
    pub(crate) order: Option<OrderId>,
}

#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) buyer: BuyerId,
    pub(crate) hold: HoldId,
    pub(crate) seats: Seats,
    pub(crate) seats_left: Seats,
    pub(crate) amount_minor: i64,
    pub(crate) refunded_minor: i64,
    pub(crate) fees_minor: i64,
    pub(crate) coupon: Option<CouponUse>,
    pub(crate) deposit_deadline: Option<Timestamp>,
    pub(crate) captured_late: bool,
    pub(crate) state: OrderStateName,
    pub(crate) decline_reason: Option<Box<str>>,
    pub(crate) began_at: Timestamp,
    pub(crate) paid_at: Option<Timestamp>,
    pub(crate) last_sequence: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Refund {
    pub(crate) order: OrderId,
    pub(crate) seats: Seats,
    pub(crate) amount_minor: i64,
    pub(crate) fee_minor: i64,
    pub(crate) reason: RefundReason,
    pub(crate) note: Box<str>,
    pub(crate) state: RefundState,
    pub(crate) began_at: Timestamp,
    pub(crate) settled_at: Option<Timestamp>,
}

pub(crate) struct Model {
    pub(crate) layout: Arc<Layout>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) sequence: u64,
    pub(crate) holds_accepted: u64,
    pub(crate) seats: Vec<Seat>,
    pub(crate) holds: Vec<Hold>,
    pub(crate) orders: Vec<Order>,
    pub(crate) refunds: Vec<Refund>,
    /// Everybody who waits for anything, in the order of joining.
    pub(crate) queue: Vec<(SeatIndex, BuyerId)>,
    pub(crate) answered: Vec<(RequestStamp, Timestamp, Answer)>,
    pub(crate) cancelled_at: Option<Timestamp>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    New(Answer),
    Replay(Answer),
}

impl Model {
    pub(crate) fn new(layout: Arc<Layout>, settings: Arc<Settings>) -> Self {
        let seats = vec![Seat::Free; layout.seats.len()];
        let (holds, orders, refunds, queue, answered) = Default::default();
        Self {
            layout,
            settings,
            sequence: 0,
            holds_accepted: 0,
            seats,
            holds,
            orders,
            refunds,
            queue,
            answered,
            cancelled_at: None,
        }
    }

    pub(crate) fn handle(&mut self, now: Timestamp, command: &Command) -> Result<Outcome, Rejection> {
        self.check_shape(&command.action)?;
        if let Some(stamp) = command.request
            && let Some((known, _, answer)) = self.answered.iter().find(|(known, ..)| known.id == stamp.id)
        {
            let same = known.fingerprint == stamp.fingerprint;
            return if same { Ok(Outcome::Replay(answer.clone())) } else { Err(Rejection::RequestIdReused) };
        }
        let answer = self.act(now, &command.action)?;
        self.sequence += 1;
        let limits = self.settings.limits;
        let is_old = |at: Timestamp| now.since(at) >= limits.request_memory_ms;
        let old =
            self.answered.iter().take(FORGOTTEN_PER_ENTRY_MAX).take_while(|(_, at, _)| is_old(*at)).count();
        self.answered.drain(..old);
        if let Some(stamp) = command.request {
            self.answered.push((stamp, now, answer.clone()));
            let surplus = self.answered.len().saturating_sub(limits.requests_remembered_max as usize);
            self.answered.drain(..surplus);
        }
        Ok(Outcome::New(answer))
    }

    fn check_shape(&self, action: &Action) -> Result<(), Rejection> {
        let max = self.settings.limits.seats_per_hold_max;
        let too_many = Rejection::LimitReached { limit: LimitKind::SeatsPerHold, max: u64::from(max) };
        let (seats, must_have_some): (&[SeatIndex], bool) = match action {
            Action::Hold { seats, .. } if seats.len() > max as usize => return Err(too_many),
            Action::Hold { seats, .. } | Action::Block { seats } | Action::Unblock { seats } => (seats, true),
            Action::JoinWaitlist { seat, .. } | Action::LeaveWaitlist { seat, .. } => {
                (std::slice::from_ref(seat), true)
            }
            Action::HoldBestAvailable { count: 0, .. } => (&[], true),
            Action::HoldBestAvailable { count, .. } if *count > max => return Err(too_many),
            Action::HoldBestAvailable { category: Some(category), .. }
                if usize::from(category.0) >= self.layout.categories.len() =>
            {
                return Err(Rejection::UnknownFilter { what: "category" });
            }
            Action::HoldBestAvailable { zone: Some(zone), .. }
                if usize::from(zone.0) >= self.layout.zones.len() =>
            {
                return Err(Rejection::UnknownFilter { what: "zone" });
            }
            Action::BeginRefund { seats, .. } => (seats, false),
            _ => return Ok(()),
        };
        if seats.is_empty() && must_have_some {
            return Err(Rejection::NoSeats);
        }
        let mut twice: Vec<_> =
            seats.iter().filter(|seat| seats.iter().filter(|other| other == seat).count() > 1).collect();
        twice.sort();
        if let Some(&&seat) = twice.first() {
            return Err(Rejection::DuplicateSeat(seat));
        }
        let capacity = self.seats.len() as u32;
        match seats.iter().find(|seat| seat.0 >= capacity) {
            Some(&seat) if must_have_some => Err(Rejection::SeatOutOfRange { seat, capacity }),
            _ => Ok(()),
        }
    }

    pub(crate) fn phase(&self, now: Timestamp, grade: Option<&Grade>) -> Result<SalePhase, Rejection> {
        if self.cancelled_at.is_some() {
            return Err(Rejection::PerformanceCancelled);
        }
        let fits = |phase: &&SalePhase| match &phase.audience {
            Audience::General => true,
            Audience::Presale(grades) => grade.is_some_and(|grade| grades.contains(grade)),
        };
        let phases = &self.settings.phases;
        let later = phases.iter().filter(|phase| phase.opens_at > now);
        match phases.iter().find(|phase| phase.opens_at <= now && phase.closes_at > now) {
            None => Err(Rejection::SaleNotOpen { opens_at: later.map(|phase| phase.opens_at).min() }),
            Some(phase) if fits(&phase) => Ok(phase.clone()),
            Some(_) => {
                Err(Rejection::PresaleOnly { opens_at: later.filter(fits).map(|phase| phase.opens_at).min() })
            }
        }
    }

    pub(crate) fn those(&self, seats: &[SeatIndex], wanted: impl Fn(Seat) -> bool) -> SeatList {
        seats.iter().copied().filter(|seat| wanted(self.seats[seat.as_usize()])).collect()
    }

    pub(crate) fn set(&mut self, seats: &[SeatIndex], claim: Seat) {
        for seat in seats {
            self.seats[seat.as_usize()] = claim;
        }
    }

    pub(crate) fn owner(&self, seat: Seat) -> Option<&BuyerId> {
        match seat {
            Seat::Hold(id) => self.holds.iter().find(|hold| hold.id == id).map(|hold| &hold.buyer),
            Seat::Order(id) => Some(&self.orders[id.0 as usize - 1].buyer),
            Seat::Free | Seat::Blocked => None,
        }
    }

    pub(crate) fn claims(&self, buyer: &BuyerId) -> usize {
        self.seats.iter().filter(|&&seat| self.owner(seat) == Some(buyer)).count()
    }

    pub(crate) fn room(&self, buyer: &BuyerId, more: usize) -> Result<(), Rejection> {
        let max = self.settings.limits.seats_per_buyer_max;
        let limit = LimitKind::SeatsPerBuyer;
        let fits = self.claims(buyer) + more <= max as usize;
        if fits { Ok(()) } else { Err(Rejection::LimitReached { limit, max: u64::from(max) }) }
    }

    pub(crate) fn price(&self, seats: &[SeatIndex]) -> i64 {
        let category = |seat: &SeatIndex| self.layout.seats[seat.as_usize()].category;
        seats.iter().map(|seat| self.settings.price_minor_by_category[usize::from(category(seat).0)]).sum()
    }

    pub(crate) fn hold(
        &mut self,
        now: Timestamp,
        buyer: &BuyerId,
        seats: &Seats,
        together: Option<bool>,
    ) -> Answer {
        let life = self.settings.limits.hold_ttl_ms;
        let (id, deadline) = self.add_hold(now, buyer, seats, life, false);
        Answer::Held { hold: id, seats: seats.clone(), deadline, together }
    }

    fn add_hold(
        &mut self,
        now: Timestamp,
        buyer: &BuyerId,
        seats: &Seats,
        life: Millis,
        is_offer: bool,
    ) -> (HoldId, Timestamp) {
        self.holds_accepted += 1;
        let id = HoldId(self.holds_accepted);
        let deadline = Timestamp(now.0 + life.0.min(self.settings.limits.hold_total_ms_max.0));
        let (buyer, seats, created_at) = (buyer.clone(), seats.clone(), now);
        self.set(&seats, Seat::Hold(id));
        self.holds.push(Hold {
            id,
            buyer,
            seats,
            deadline,
            created_at,
            extensions: 0,
            is_offer,
            order: None,
        });
        (id, deadline)
    }

    pub(crate) fn usable(&self, now: Timestamp, buyer: &BuyerId, id: HoldId) -> Result<usize, Rejection> {
        let at = self.holds.iter().position(|hold| hold.id == id).ok_or(Rejection::HoldNotFound)?;
        match &self.holds[at] {
            hold if hold.buyer != *buyer => Err(Rejection::NotHolder),
            Hold { order: Some(order), .. } => Err(Rejection::PaymentInProgress(*order)),
            hold if now >= hold.deadline => Err(Rejection::HoldExpired),
            _ => Ok(at),
        }
    }

    pub(crate) fn order_of(&self, id: OrderId) -> Result<&Order, Rejection> {
        self.orders.get((id.0 as usize).wrapping_sub(1)).ok_or(Rejection::OrderNotFound)
    }

    /// The order, as changed by this entry, if it is in the wanted state.
    pub(crate) fn order_in(&mut self, id: OrderId, wanted: OrderStateName) -> Result<&mut Order, Rejection> {
        let state = self.order_of(id)?.state;
        if state != wanted {
            return Err(Rejection::OrderState(state));
        }
        let order = &mut self.orders[id.0 as usize - 1];
        order.last_sequence = self.sequence + 1;
        Ok(order)
    }

    pub(crate) fn pending_refund(&mut self, id: RefundId) -> Result<&mut Refund, Rejection> {
        let refund =
            self.refunds.get_mut((id.0 as usize).wrapping_sub(1)).ok_or(Rejection::RefundNotFound)?;
        if refund.state != RefundState::Pending {
            return Err(Rejection::OrderState(self.orders[refund.order.0 as usize - 1].state));
        }
        Ok(refund)
    }

    pub(crate) fn free_hold(&mut self, now: Timestamp, at: usize) {
        let hold = self.holds.remove(at);
        self.free(now, &hold.seats, Some(&hold.buyer));
    }

    /// Frees seats and offers them, and then what the former owner waits for.
    pub(crate) fn free(&mut self, now: Timestamp, seats: &[SeatIndex], former: Option<&BuyerId>) {
        let waited_for = self.queue.iter().filter(|(_, buyer)| Some(buyer) == former).map(|(seat, _)| *seat);
        let mut again: Vec<_> = waited_for.filter(|seat| self.seats[seat.as_usize()] == Seat::Free).collect();
        self.set(seats, Seat::Free);
        let mut candidates = seats.to_vec();
        candidates.sort();
        again.sort();
        candidates.extend(again);
        let max = self.settings.limits.seats_per_buyer_max as usize;
        for seat in candidates {
            let first =
                self.queue.iter().position(|(other, buyer)| *other == seat && self.claims(buyer) < max);
            if let Some(place) = first {
                let (seat, buyer) = self.queue.remove(place);
                self.add_hold(
                    now,
                    &buyer,
                    &Seats::from_slice(&[seat]),
                    self.settings.limits.offer_ttl_ms,
                    true,
                );
            }
        }
    }
}
