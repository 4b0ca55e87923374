//! A virtual account waits for its deposit: the payment goes on, with a deadline of its own.

use smallvec::smallvec;

use super::Events;
use super::confirm_payment::paying_order;
use crate::{Event, OrderId, Rejection, State, Timestamp};

/// The deadline is the provider's, or the performance's if that is sooner.
pub(super) fn decide(
    state: &State,
    now: Timestamp,
    id: OrderId,
    deadline: Timestamp,
) -> Result<Events, Rejection> {
    let order = paying_order(state, id)?;
    let ttl = state.settings.deposit_ttl_ms.ok_or(Rejection::VirtualAccountNotAllowed)?;
    if let Some(deadline) = order.deposit_deadline {
        return Err(Rejection::DepositAwaited { deadline });
    }
    Ok(smallvec![Event::DepositAwaited { order: id, deadline: deadline.min(now.plus(ttl)) }])
}

#[cfg(test)]
mod tests {
    use crate::testing::{OPENS, Stage, layout, settings};
    use crate::{Action, Limits, Millis, OrderId, OrderStateName, Rejection, Timestamp};

    fn stage() -> Stage {
        let mut settings = settings(Limits::default());
        settings.deposit_ttl_ms = Some(Millis(1_000_000));
        let mut stage = Stage::with(layout(&[&[10]]), settings);
        stage.begin_payment("ann", &[1]);
        stage
    }

    fn wait_until(deadline: Timestamp) -> Action {
        Action::AwaitDeposit { order: OrderId(1), deadline }
    }

    #[test]
    fn waits_until_the_provider_or_the_performance_says_stop() {
        for (given, expected) in [(900_000, 900_000), (2_000_000, 1_000_000)] {
            let mut stage = stage();
            stage.must(wait_until(OPENS.plus(Millis(given))));
            let order = stage.state.order(OrderId(1)).expect("it goes on");
            let deadline = OPENS.plus(Millis(expected));
            assert_eq!((order.state, order.deposit_deadline), (OrderStateName::Paying, Some(deadline)));
            assert_eq!(stage.act(wait_until(OPENS)), Err(Rejection::DepositAwaited { deadline }));
            stage.pass(Millis(5_000_000));
            stage.must(Action::ConfirmPayment { order: OrderId(1) });
        }
    }

    #[test]
    fn is_for_performances_that_take_virtual_accounts() {
        let mut stage = Stage::new(Limits::default());
        assert_eq!(stage.act(wait_until(OPENS)), Err(Rejection::OrderNotFound));
        stage.begin_payment("ann", &[1]);
        assert_eq!(stage.act(wait_until(OPENS)), Err(Rejection::VirtualAccountNotAllowed));
        stage.must(Action::ConfirmPayment { order: OrderId(1) });
        assert_eq!(stage.act(wait_until(OPENS)), Err(Rejection::OrderState(OrderStateName::Paid)));
    }
}
