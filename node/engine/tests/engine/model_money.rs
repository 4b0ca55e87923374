//! The model's rules of money.

use earlybird_engine::*;

use crate::model::{Model, Order, Refund, Seat};

impl Model {
    pub(crate) fn begin_payment(
        &mut self,
        now: Timestamp,
        buyer: &BuyerId,
        hold: HoldId,
        amount_minor: i64,
        coupon: Option<&CouponUse>,
    ) -> Result<Answer, Rejection> {
        let at = self.usable(now, buyer, hold)?;
        let seats = self.holds[at].seats.clone();
        let price_minor = self.price(&seats);
        let discount_minor = coupon.map_or(0, |coupon| coupon.discount_minor);
        if discount_minor < 0 || discount_minor > price_minor {
            return Err(Rejection::InvalidDiscount { discount_minor, price_minor });
        }
        let expected_minor = price_minor - discount_minor;
        if amount_minor != expected_minor {
            let currency = self.settings.currency.clone();
            return Err(Rejection::AmountMismatch { expected_minor, discount_minor, currency });
        }
        let max = self.settings.limits.payment_attempts_max;
        if self.orders.iter().filter(|order| order.hold == hold).count() as u32 >= max {
            return Err(Rejection::LimitReached { limit: LimitKind::PaymentAttempts, max: u64::from(max) });
        }
        let order = OrderId(self.orders.len() as u64 + 1);
        self.holds[at].order = Some(order);
        self.orders.push(Order {
            buyer: buyer.clone(),
            hold,
            seats,
            seats_left: Seats::new(),
            amount_minor: expected_minor,
            refunded_minor: 0,
            fees_minor: 0,
            coupon: coupon.cloned(),
            deposit_deadline: None,
            captured_late: false,
            state: OrderStateName::Paying,
            decline_reason: None,
            began_at: now,
            paid_at: None,
            last_sequence: self.sequence + 1,
        });
        if expected_minor == 0 {
            self.confirm(now, order)?;
        }
        Ok(Answer::PaymentBegun { order, amount_minor: expected_minor })
    }

    pub(crate) fn await_deposit(
        &mut self,
        now: Timestamp,
        id: OrderId,
        deadline: Timestamp,
    ) -> Result<Answer, Rejection> {
        let ttl = self.settings.deposit_ttl_ms;
        if self.order_of(id)?.state != OrderStateName::Paying {
            return Err(Rejection::OrderState(self.order_of(id)?.state));
        }
        let Some(ttl) = ttl else { return Err(Rejection::VirtualAccountNotAllowed) };
        if let Some(deadline) = self.order_of(id)?.deposit_deadline {
            return Err(Rejection::DepositAwaited { deadline });
        }
        let order = self.order_in(id, OrderStateName::Paying)?;
        order.deposit_deadline = Some(Timestamp(deadline.0.min(now.0 + ttl.0)));
        Ok(Answer::Done)
    }

    pub(crate) fn confirm(&mut self, now: Timestamp, id: OrderId) -> Result<Answer, Rejection> {
        let hold = self.order_in(id, OrderStateName::Paying)?.hold;
        self.holds.retain(|other| other.id != hold);
        self.sell(now, id);
        if self.cancelled_at.is_some() {
            let Order { seats, amount_minor, .. } = self.order_of(id)?.clone();
            self.refund(now, id, seats, (amount_minor, 0), RefundReason::PerformanceCancelled, "")?;
        }
        Ok(Answer::Done)
    }

    fn sell(&mut self, now: Timestamp, id: OrderId) {
        let order = &mut self.orders[id.0 as usize - 1];
        order.state = OrderStateName::Paid;
        order.paid_at = Some(now);
        order.seats_left = order.seats.clone();
        let seats = order.seats.clone();
        self.set(&seats, Seat::Order(id));
    }

    pub(crate) fn decline(&mut self, now: Timestamp, id: OrderId, reason: &str) -> Result<Answer, Rejection> {
        let order = self.order_in(id, OrderStateName::Paying)?;
        order.state = OrderStateName::Declined;
        order.decline_reason = Some(reason.into());
        let hold = order.hold;
        let at = self.holds.iter().position(|other| other.id == hold).expect("it is being paid");
        self.holds[at].order = None;
        if now >= self.holds[at].deadline || self.cancelled_at.is_some() {
            self.free_hold(now, at);
        }
        Ok(Answer::Done)
    }

    pub(crate) fn capture_late(
        &mut self,
        now: Timestamp,
        id: OrderId,
        has_coupon: bool,
    ) -> Result<Answer, Rejection> {
        // All payments of the model have one key.
        let paid = |hold| {
            self.orders.iter().any(|other| other.hold == hold && other.state != OrderStateName::Declined)
        };
        let is_declined = |order: &&Order| order.state == OrderStateName::Declined;
        if self
            .orders
            .get(id.0.wrapping_sub(1) as usize)
            .filter(is_declined)
            .is_some_and(|order| paid(order.hold))
        {
            return Err(Rejection::OrderState(OrderStateName::Declined));
        }
        let order = self.order_in(id, OrderStateName::Declined)?;
        order.captured_late = true;
        let Order { buyer, hold, seats, amount_minor, coupon, .. } = order.clone();
        let place = self.holds.iter().position(|other| other.id == hold);
        let has = match place.map(|at| &self.holds[at]) {
            Some(hold) => hold.order.is_none() && now < hold.deadline,
            None => seats.iter().all(|seat| self.seats[seat.as_usize()] == Seat::Free),
        };
        if !has || self.cancelled_at.is_some() || (coupon.is_some() && !has_coupon) {
            return self.refund(now, id, Seats::new(), (amount_minor, 0), RefundReason::LateCapture, "");
        }
        self.holds.retain(|other| other.id != hold);
        self.queue.retain(|(seat, waiter)| *waiter != buyer || !seats.contains(seat));
        self.sell(now, id);
        Ok(Answer::Done)
    }

    pub(crate) fn begin_refund(
        &mut self,
        now: Timestamp,
        by: &RefundBy,
        id: OrderId,
        seats: &Seats,
        (note, to_account): (&str, bool),
    ) -> Result<Answer, Rejection> {
        let order = self.order_of(id)?.clone();
        if matches!(by, RefundBy::Buyer(buyer) if *buyer != order.buyer) {
            return Err(Rejection::NotHolder);
        }
        let is_by_somebody = *by != RefundBy::Cancellation;
        if to_account
            && seats.is_empty()
            && is_by_somebody
            && let Some((refund, amount_minor)) = self.refund_without_asker(id)
        {
            self.orders[id.0 as usize - 1].last_sequence = self.sequence + 1;
            return Ok(Answer::RefundBegun { refund, order: id, amount_minor });
        }
        if order.state != OrderStateName::Paid {
            return Err(Rejection::OrderState(order.state));
        }
        let is_foreign = |seat: &SeatIndex| !order.seats_left.contains(seat);
        let foreign: SeatList = seats.iter().copied().filter(is_foreign).collect();
        if !foreign.is_empty() {
            return Err(Rejection::SeatNotInOrder(foreign));
        }
        let seats = if seats.is_empty() { order.seats_left.clone() } else { seats.clone() };
        let paid_minor = self.paid_for(&order, &seats);
        let (fee_minor, reason) = self.terms(now, by, id, seats.len(), paid_minor)?;
        let is_deposit = order.deposit_deadline.is_some();
        if is_by_somebody && is_deposit && !to_account && paid_minor > fee_minor {
            return Err(Rejection::RefundAccountRequired);
        }
        self.refund(now, id, seats, (paid_minor - fee_minor, fee_minor), reason, note)
    }

    pub(crate) fn refund_without_asker(&self, id: OrderId) -> Option<(RefundId, i64)> {
        let is_ours =
            |reason| matches!(reason, RefundReason::PerformanceCancelled | RefundReason::LateCapture);
        let mut refunds = (1..).map(RefundId).zip(&self.refunds);
        let found = refunds.find(|(_, refund)| {
            refund.order == id && refund.state == RefundState::Pending && is_ours(refund.reason)
        });
        found.map(|(number, refund)| (number, refund.amount_minor))
    }

    /// What was paid for the seats that stay is rounded down; the rest was paid for those that go.
    fn paid_for(&self, order: &Order, going: &[SeatIndex]) -> i64 {
        let staying: Vec<_> = order.seats_left.iter().copied().filter(|seat| !going.contains(seat)).collect();
        let all = self.price(&order.seats);
        let paid =
            |seats: &[SeatIndex]| if all == 0 { 0 } else { order.amount_minor * self.price(seats) / all };
        paid(&order.seats_left) - paid(&staying)
    }

    fn terms(
        &self,
        now: Timestamp,
        by: &RefundBy,
        id: OrderId,
        seats: usize,
        paid_minor: i64,
    ) -> Result<(i64, RefundReason), Rejection> {
        let policy = self.settings.refunds;
        match by {
            RefundBy::Cancellation if self.cancelled_at.is_some() => {
                return Ok((0, RefundReason::PerformanceCancelled));
            }
            RefundBy::Cancellation => return Err(Rejection::RefundNotAllowed),
            RefundBy::Admin { fee_minor } if *fee_minor < 0 || *fee_minor > paid_minor => {
                return Err(Rejection::InvalidFee { fee_minor: *fee_minor, paid_minor });
            }
            RefundBy::Admin { fee_minor } => return Ok((*fee_minor, RefundReason::Admin)),
            RefundBy::Buyer(_) => {}
        }
        let max = self.settings.limits.payment_attempts_max;
        let is_refused =
            |refund: &&Refund| matches!(refund.state, RefundState::Failed(_)) && refund.order == id;
        if self.refunds.iter().filter(is_refused).count() >= max as usize {
            return Err(Rejection::LimitReached { limit: LimitKind::RefundAttempts, max: u64::from(max) });
        }
        if self.cancelled_at.is_some() {
            return Ok((0, RefundReason::PerformanceCancelled));
        }
        if !policy.buyers_may_refund {
            return Err(Rejection::RefundNotAllowed);
        }
        match policy.closes_at {
            Some(closed_at) if now >= closed_at => return Err(Rejection::RefundDeadlinePassed { closed_at }),
            _ => {}
        }
        let fee_minor = match policy.fee {
            RefundFee::BasisPoints(points) => paid_minor * i64::from(points) / 10_000,
            RefundFee::PerSeatMinor(fee) => (fee * seats as i64).min(paid_minor),
        };
        Ok((fee_minor, RefundReason::Buyer))
    }

    pub(crate) fn refund(
        &mut self,
        now: Timestamp,
        id: OrderId,
        seats: Seats,
        (amount_minor, fee_minor): (i64, i64),
        reason: RefundReason,
        note: &str,
    ) -> Result<Answer, Rejection> {
        self.orders[id.0 as usize - 1].state = OrderStateName::Refunding;
        self.orders[id.0 as usize - 1].last_sequence = self.sequence + 1;
        self.refunds.push(Refund {
            order: id,
            seats,
            amount_minor,
            fee_minor,
            reason,
            note: note.into(),
            state: RefundState::Pending,
            began_at: now,
            settled_at: None,
        });
        let refund = RefundId(self.refunds.len() as u64);
        if amount_minor == 0 {
            self.complete_refund(now, refund)?;
        }
        Ok(Answer::RefundBegun { refund, order: id, amount_minor })
    }

    pub(crate) fn complete_refund(&mut self, now: Timestamp, refund: RefundId) -> Result<Answer, Rejection> {
        let refund = self.pending_refund(refund)?;
        refund.state = RefundState::Completed;
        refund.settled_at = Some(now);
        let Refund { order, seats, amount_minor, fee_minor, .. } = refund.clone();
        let order = self.order_in(order, OrderStateName::Refunding)?;
        order.refunded_minor += amount_minor;
        order.fees_minor += fee_minor;
        order.seats_left.retain(|seat| !seats.contains(seat));
        let is_empty = order.seats_left.is_empty();
        order.state = if is_empty { OrderStateName::Refunded } else { OrderStateName::Paid };
        let buyer = order.buyer.clone();
        if !seats.is_empty() {
            self.free(now, &seats, Some(&buyer));
        }
        Ok(Answer::Done)
    }

    pub(crate) fn fail_refund(
        &mut self,
        now: Timestamp,
        refund: RefundId,
        reason: &str,
    ) -> Result<Answer, Rejection> {
        let refund = self.pending_refund(refund)?;
        refund.state = RefundState::Failed(reason.into());
        refund.settled_at = Some(now);
        let (order, late) = (refund.order, refund.reason == RefundReason::LateCapture);
        let order = self.order_in(order, OrderStateName::Refunding)?;
        order.state = if late { OrderStateName::Declined } else { OrderStateName::Paid };
        Ok(Answer::Done)
    }

    pub(crate) fn cancel(&mut self, now: Timestamp) -> Result<Answer, Rejection> {
        if self.cancelled_at.is_some() {
            return Err(Rejection::PerformanceCancelled);
        }
        self.cancelled_at = Some(now);
        self.queue.clear();
        while let Some(at) = self.holds.iter().position(|hold| hold.order.is_none()) {
            self.free_hold(now, at);
        }
        Ok(Answer::Done)
    }
}
