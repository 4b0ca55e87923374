//! The model's rules, a function for each command.

use earlybird_engine::*;

use crate::model::{Model, Seat};
use crate::model_best;

impl Model {
    pub(crate) fn act(&mut self, now: Timestamp, action: &Action) -> Result<Answer, Rejection> {
        match action {
            Action::Hold { buyer, grade, seats } => self.hold_seats(now, buyer, grade.as_ref(), seats),
            Action::HoldBestAvailable { buyer, grade, count, category, zone } => {
                self.phase(now, grade.as_ref())?;
                self.hold_best(now, buyer, *count, *category, *zone)
            }
            Action::ExtendHold { buyer, hold } => self.extend(now, buyer, *hold),
            Action::ReleaseHold { buyer, hold } => {
                let at = self.usable(now, buyer, *hold)?;
                self.free_hold(now, at);
                Ok(Answer::Released { hold: *hold })
            }
            Action::ExpireHold { hold } => self.expire(now, *hold),
            Action::BeginPayment { buyer, hold, amount_minor, coupon, .. } => {
                self.begin_payment(now, buyer, *hold, *amount_minor, coupon.as_ref())
            }
            Action::AwaitDeposit { order, deadline } => self.await_deposit(now, *order, *deadline),
            Action::CaptureLate { order, has_coupon } => self.capture_late(now, *order, *has_coupon),
            Action::RevertDeposit { order, note } => {
                let seats = self.order_in(*order, OrderStateName::Paid)?.seats_left.clone();
                self.refund(now, *order, seats, (0, 0), RefundReason::DepositReverted, note)
            }
            Action::ConfirmPayment { order } => self.confirm(now, *order),
            Action::DeclinePayment { order, reason } => self.decline(now, *order, reason),
            Action::BeginRefund { by, order, seats, note, to_account } => {
                self.begin_refund(now, by, *order, seats, (note, *to_account))
            }
            Action::CompleteRefund { refund } => self.complete_refund(now, *refund),
            Action::FailRefund { refund, reason } => self.fail_refund(now, *refund, reason),
            Action::CancelPerformance => self.cancel(now),
            Action::JoinWaitlist { buyer, grade, seat } => self.join(now, buyer, grade.as_ref(), *seat),
            Action::LeaveWaitlist { buyer, seat } => {
                let place = self.queue.iter().position(|(other, waiter)| other == seat && waiter == buyer);
                self.queue.remove(place.ok_or(Rejection::NotWaiting)?);
                Ok(Answer::WaitlistLeft { seat: *seat })
            }
            Action::Block { seats } => {
                let others = self.those(seats, |seat| seat != Seat::Free);
                if !others.is_empty() {
                    return Err(Rejection::SeatNotFree(others));
                }
                self.set(seats, Seat::Blocked);
                Ok(Answer::Blocked)
            }
            Action::Unblock { seats } => {
                let others = self.those(seats, |seat| seat != Seat::Blocked);
                if !others.is_empty() {
                    return Err(Rejection::SeatNotBlocked(others));
                }
                self.free(now, seats, None);
                Ok(Answer::Unblocked)
            }
        }
    }

    fn hold_seats(
        &mut self,
        now: Timestamp,
        buyer: &BuyerId,
        grade: Option<&Grade>,
        seats: &Seats,
    ) -> Result<Answer, Rejection> {
        self.phase(now, grade)?;
        let taken = self.those(seats, |seat| matches!(seat, Seat::Hold(_) | Seat::Order(_)));
        if !taken.is_empty() {
            return Err(Rejection::SeatTaken(taken));
        }
        let blocked = self.those(seats, |seat| seat == Seat::Blocked);
        if !blocked.is_empty() {
            return Err(Rejection::SeatBlocked(blocked));
        }
        self.room(buyer, seats.len())?;
        Ok(self.hold(now, buyer, seats, None))
    }

    fn hold_best(
        &mut self,
        now: Timestamp,
        buyer: &BuyerId,
        count: u32,
        category: Option<CategoryIndex>,
        zone: Option<ZoneIndex>,
    ) -> Result<Answer, Rejection> {
        let is_free = |seat: SeatIndex| self.seats[seat.as_usize()] == Seat::Free;
        let fits = |seat: SeatIndex| {
            let place = self.layout.seats[seat.as_usize()];
            is_free(seat)
                && category.is_none_or(|category| category == place.category)
                && zone.is_none_or(|zone| zone == self.layout.rows[place.row.0 as usize].zone)
        };
        let free = (0..self.seats.len() as u32).filter(|seat| fits(SeatIndex(*seat))).count() as u32;
        if free < count {
            return Err(Rejection::NotEnoughSeats { free });
        }
        self.room(buyer, count as usize)?;
        let (seats, together) = model_best::choose(&self.layout, count as usize, is_free, fits);
        Ok(self.hold(now, buyer, &seats, Some(together)))
    }

    fn extend(&mut self, now: Timestamp, buyer: &BuyerId, hold: HoldId) -> Result<Answer, Rejection> {
        let limits = self.settings.limits;
        let at = self.usable(now, buyer, hold)?;
        let hold = &mut self.holds[at];
        let max = u64::from(limits.hold_extensions_max);
        if u64::from(hold.extensions) >= max {
            return Err(Rejection::LimitReached { limit: LimitKind::HoldExtensions, max });
        }
        let life = if hold.is_offer { limits.offer_ttl_ms } else { limits.hold_ttl_ms };
        let latest = hold.created_at.0 + limits.hold_total_ms_max.0;
        let deadline = Timestamp((now.0 + life.0).min(latest));
        if deadline <= hold.deadline {
            let max = limits.hold_total_ms_max.0;
            return Err(Rejection::LimitReached { limit: LimitKind::HoldTotal, max });
        }
        hold.deadline = deadline;
        hold.extensions += 1;
        Ok(Answer::Extended { hold: hold.id, seats: hold.seats.clone(), deadline })
    }

    fn expire(&mut self, now: Timestamp, hold: HoldId) -> Result<Answer, Rejection> {
        let at = self.holds.iter().position(|other| other.id == hold).ok_or(Rejection::HoldNotFound)?;
        if let Some(order) = self.holds[at].order {
            return Err(Rejection::PaymentInProgress(order));
        }
        if now < self.holds[at].deadline {
            return Err(Rejection::NotDue);
        }
        self.free_hold(now, at);
        Ok(Answer::Done)
    }

    fn join(
        &mut self,
        now: Timestamp,
        buyer: &BuyerId,
        grade: Option<&Grade>,
        seat: SeatIndex,
    ) -> Result<Answer, Rejection> {
        let limits = self.settings.limits;
        if !self.phase(now, grade)?.waitlist_open {
            return Err(Rejection::WaitlistNotOpen);
        }
        let claim = self.seats[seat.as_usize()];
        if claim == Seat::Free && self.claims(buyer) < limits.seats_per_buyer_max as usize {
            return Err(Rejection::SeatFree);
        }
        if claim == Seat::Blocked {
            return Err(Rejection::SeatBlocked(SeatList::from_slice(&[seat])));
        }
        if self.owner(claim) == Some(buyer) {
            return Err(Rejection::AlreadyHolder);
        }
        if self.queue.contains(&(seat, buyer.clone())) {
            return Err(Rejection::AlreadyWaiting);
        }
        let places = self.queue.iter().filter(|(_, waiter)| waiter == buyer).count();
        if places >= limits.waitlist_entries_per_buyer_max as usize {
            let max = u64::from(limits.waitlist_entries_per_buyer_max);
            return Err(Rejection::LimitReached { limit: LimitKind::WaitlistEntriesPerBuyer, max });
        }
        let waiters = self.queue.iter().filter(|(other, _)| *other == seat).count() as u32;
        if waiters >= limits.waiters_per_seat_max {
            let max = u64::from(limits.waiters_per_seat_max);
            return Err(Rejection::LimitReached { limit: LimitKind::WaitersPerSeat, max });
        }
        self.queue.push((seat, buyer.clone()));
        Ok(Answer::WaitlistJoined { seat, position: waiters + 1 })
    }
}
