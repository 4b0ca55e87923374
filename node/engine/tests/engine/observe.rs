//! Whether the engine and the model show the same to whoever looks.

use earlybird_engine::*;

use crate::model::{Model, Seat};

/// Compares everything that changes with nearly every command.
pub(crate) fn assert_same(state: &State, model: &Model, buyers: &[BuyerId]) {
    assert_eq!(state.sequence().0, model.sequence);
    assert_eq!(state.cancelled_at(), model.cancelled_at);
    let mut counts = Counts { waiters: model.queue.len() as u32, ..Counts::default() };
    for (index, &seat) in model.seats.iter().enumerate() {
        let index = SeatIndex(index as u32);
        let paying = |id: HoldId| model.holds.iter().any(|hold| hold.id == id && hold.order.is_some());
        let (status, claim, count) = match seat {
            Seat::Free => (SeatStatus::Free, None, &mut counts.free),
            Seat::Hold(id) if paying(id) => {
                (SeatStatus::Paying, Some(SeatClaim::Hold(id)), &mut counts.paying)
            }
            Seat::Hold(id) => (SeatStatus::Held, Some(SeatClaim::Hold(id)), &mut counts.held),
            Seat::Order(id) => (SeatStatus::Sold, Some(SeatClaim::Order(id)), &mut counts.sold),
            Seat::Blocked => (SeatStatus::Blocked, None, &mut counts.blocked),
        };
        *count += 1;
        assert_eq!(
            (state.seat_status(index), state.seat_claim(index)),
            (Some(status), claim),
            "seat {index}"
        );
        let waiters = model.queue.iter().filter(|(other, _)| *other == index).enumerate();
        let mut waiter_count = 0;
        for (place, (_, buyer)) in waiters {
            assert_eq!(state.waitlist_position(buyer, index), Some(place as u32 + 1), "{buyer:?} at {index}");
            waiter_count += 1;
        }
        assert_eq!(state.waiter_count(index), waiter_count, "waiters of seat {index}");
    }
    assert_eq!(state.counts(), counts, "I11");
    assert_eq!(state.holds().count(), model.holds.len());
    for hold in &model.holds {
        let view = HoldView {
            hold: hold.id,
            buyer: &hold.buyer,
            seats: &hold.seats,
            deadline: hold.deadline,
            created_at: hold.created_at,
            extensions: hold.extensions,
            is_offer: hold.is_offer,
            order: hold.order,
        };
        assert_eq!(state.hold(hold.id), Some(view));
    }
    for buyer in buyers {
        assert_eq!(state.claims_of(buyer) as usize, model.claims(buyer), "{buyer:?}");
        let mut holds: Vec<_> = state.holds_of(buyer).map(|hold| hold.hold).collect();
        holds.sort();
        assert!(
            holds.into_iter().eq(model.holds.iter().filter(|hold| hold.buyer == *buyer).map(|hold| hold.id))
        );
        let mut waits: Vec<_> = state.waits_of(buyer).collect();
        let queued = model.queue.iter().filter(|(_, waiter)| waiter == buyer);
        let mut expected: Vec<_> = queued.map(|(seat, _)| *seat).collect();
        waits.sort();
        expected.sort();
        assert_eq!(waits, expected, "{buyer:?}");
    }
}

/// Compares the orders and refunds, of which there are more and more.
pub(crate) fn assert_same_orders(state: &State, model: &Model) {
    assert_eq!(state.orders().count(), model.orders.len());
    for (view, order) in state.orders().zip(&model.orders) {
        assert_eq!((view.buyer, view.hold, view.state), (&order.buyer, order.hold, order.state));
        assert_eq!(
            (view.seats, view.seats_left),
            (&*order.seats, &*order.seats_left),
            "order {}",
            view.order
        );
        assert_eq!((view.amount_minor, view.refunded_minor), (order.amount_minor, order.refunded_minor));
        assert_eq!((view.fees_minor, view.coupon), (order.fees_minor, order.coupon.as_ref()));
        let late = (view.captured_late, view.deposit_deadline);
        assert_eq!(late, (order.captured_late, order.deposit_deadline), "order {}", view.order);
        assert_eq!((view.began_at, view.paid_at), (order.began_at, order.paid_at), "order {}", view.order);
        assert_eq!((view.decline_reason, view.payment_key), (order.decline_reason.as_deref(), "key"));
        assert_eq!(view.last_sequence.0, order.last_sequence, "order {}", view.order);
    }
    let paying = model.orders.iter().filter(|order| order.state == OrderStateName::Paying);
    assert!(state.paying_orders().map(|order| order.hold).eq(paying.map(|order| order.hold)));
    for (id, refund) in (1..).map(RefundId).zip(&model.refunds) {
        let view = state.refund(id).expect("the model has it");
        assert_eq!(
            (view.order, view.seats, view.amount_minor),
            (refund.order, &*refund.seats, refund.amount_minor)
        );
        assert_eq!(*view.state, refund.state, "refund {id}");
        let why = (view.fee_minor, view.reason, view.note);
        assert_eq!(why, (refund.fee_minor, refund.reason, &*refund.note), "refund {id}");
        assert_eq!((view.began_at, view.settled_at), (refund.began_at, refund.settled_at), "refund {id}");
        assert!(state.refunds_of(refund.order).any(|other| other == view), "refund {id} is its order's");
    }
    assert_eq!(state.refund(RefundId(model.refunds.len() as u64 + 1)), None);
    let pending = model.refunds.iter().filter(|refund| refund.state == RefundState::Pending).count();
    assert_eq!(state.pending_refunds().count(), pending);
}
