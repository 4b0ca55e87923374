//! From the provider's JSON to a record; what cannot be understood is said, and never guessed.

use super::amount::to_minor;
use super::wire::{Movement, Payment, timestamp};
use crate::payments::gateway::{
    CancelRecord, CancelState, Deposit, Direction, PaymentName, PaymentRecord, PaymentState, Transaction,
};

/// A payment.
pub(super) fn of_payment(payment: Payment) -> Result<PaymentRecord, String> {
    let minor = |amount, what| {
        let minor = to_minor(amount, &payment.currency).filter(|minor| *minor >= 0);
        minor.ok_or_else(|| format!("{what} {amount} {} is no amount", payment.currency))
    };
    let amount_minor = minor(&payment.total_amount, "totalAmount")?;
    let balance_minor = minor(&payment.balance_amount, "balanceAmount")?;
    let state = state_of(&payment)?;
    let mut cancels = Vec::new();
    for cancel in payment.cancels.iter().flatten() {
        cancels.push(CancelRecord {
            transaction_key: cancel.transaction_key.clone(),
            amount_minor: minor(&cancel.cancel_amount, "cancelAmount")?,
            reason: cancel.cancel_reason.clone().unwrap_or_default(),
            state: cancel_state(cancel.cancel_status.as_deref()),
        });
    }
    Ok(PaymentRecord {
        payment: PaymentName { order_reference: payment.order_id, payment_key: payment.payment_key },
        state,
        amount_minor,
        balance_minor,
        currency: payment.currency,
        cancels,
    })
}

fn state_of(payment: &Payment) -> Result<PaymentState, String> {
    Ok(match payment.status.as_str() {
        "READY" | "IN_PROGRESS" => PaymentState::Open,
        "WAITING_FOR_DEPOSIT" => PaymentState::AwaitingDeposit(deposit_of(payment)),
        "DONE" | "PARTIAL_CANCELED" => PaymentState::Captured,
        "CANCELED" => PaymentState::Cancelled,
        "ABORTED" | "EXPIRED" => {
            let failure = payment.failure.as_ref().map(|failure| &failure.code);
            PaymentState::Dead(failure.unwrap_or(&payment.status).clone())
        }
        other => return Err(format!("status {other} is not known")),
    })
}

/// Where no status is told, there is none but done.
fn cancel_state(status: Option<&str>) -> CancelState {
    match status {
        None | Some("DONE") => CancelState::Done,
        Some("ABORTED") => CancelState::Failed,
        Some(_) => CancelState::UnderWay,
    }
}

fn deposit_of(payment: &Payment) -> Deposit {
    let account = payment.virtual_account.as_ref();
    let text = |text: Option<&String>| text.cloned().unwrap_or_default();
    Deposit {
        deadline: account.and_then(|account| timestamp(account.due_date.as_deref()?)),
        bank_code: text(account.map(|account| &account.bank_code)),
        account_number: text(account.map(|account| &account.account_number)),
        secret: text(payment.secret.as_ref()),
    }
}

/// A movement of money.
pub(super) fn of_movement(movement: Movement) -> Result<Transaction, String> {
    let amount = to_minor(&movement.amount, &movement.currency);
    let amount =
        amount.ok_or_else(|| format!("amount {} {} is no amount", movement.amount, movement.currency))?;
    // Money that went back is told by its sign, its status, or both.
    let is_capture = movement.status == "DONE" && amount >= 0;
    Ok(Transaction {
        at: timestamp(&movement.transaction_at)
            .ok_or_else(|| format!("transactionAt {} is no time", movement.transaction_at))?,
        transaction_key: movement.transaction_key,
        payment: PaymentName { order_reference: movement.order_id, payment_key: movement.payment_key },
        direction: if is_capture { Direction::Captured } else { Direction::Cancelled },
        amount_minor: amount.checked_abs().ok_or("an amount beyond all bounds")?,
        currency: movement.currency,
    })
}

#[cfg(test)]
mod tests {
    use earlybird_engine::Timestamp;

    use super::*;

    fn payment(status: &str, more: &str) -> Result<PaymentRecord, String> {
        let json = format!(
            r#"{{"paymentKey":"key","orderId":"order-1","status":"{status}","currency":"KRW","totalAmount":1000,
            "balanceAmount":400,"secret":"ps_1","unknownField":[1]{more}}}"#
        );
        of_payment(serde_json::from_str(&json).expect("a Payment object"))
    }

    #[track_caller]
    fn check(status: &str, more: &str, expected: &PaymentState) {
        assert_eq!(&payment(status, more).expect("a record").state, expected, "{status}");
    }

    #[test]
    fn every_status_has_its_state() {
        check("READY", "", &PaymentState::Open);
        check("IN_PROGRESS", r#","cancels":null"#, &PaymentState::Open);
        check("DONE", "", &PaymentState::Captured);
        check("PARTIAL_CANCELED", "", &PaymentState::Captured);
        check("CANCELED", "", &PaymentState::Cancelled);
        check("EXPIRED", r#","failure":null"#, &PaymentState::Dead("EXPIRED".into()));
        let failure = r#","failure":{"code":"REJECT_CARD_COMPANY","message":"no"}"#;
        check("ABORTED", failure, &PaymentState::Dead("REJECT_CARD_COMPANY".into()));
        assert!(payment("MISSING", "").is_err());
    }

    #[test]
    fn an_account_has_its_deadline_and_secret() {
        let account = r#","virtualAccount":{"bankCode":"11","accountNumber":"790","dueDate":"2022-01-03T12:00:00+09:00"}"#;
        let deposit = Deposit {
            deadline: Some(Timestamp(1_641_178_800_000)),
            bank_code: "11".into(),
            account_number: "790".into(),
            secret: "ps_1".into(),
        };
        assert!(!format!("{deposit:?}").contains("ps_1"));
        check("WAITING_FOR_DEPOSIT", account, &PaymentState::AwaitingDeposit(deposit));
    }

    #[test]
    fn refunds_come_with_their_reason() {
        let cancels = r#","cancels":[{"transactionKey":"t","cancelAmount":600,"cancelReason":"refund 1","canceledAt":"x"}]"#;
        let record = payment("PARTIAL_CANCELED", cancels).expect("a record");
        assert_eq!((record.amount_minor, record.balance_minor), (1_000, 400));
        assert_eq!(record.cancels[0].amount_minor, 600);
        assert_eq!(record.cancels[0].reason, "refund 1");
    }

    #[test]
    fn a_refund_is_done_when_the_provider_says_so() {
        for (status, expected) in [
            ("", CancelState::Done),
            (r#","cancelStatus":"DONE""#, CancelState::Done),
            (r#","cancelStatus":"IN_PROGRESS""#, CancelState::UnderWay),
            (r#","cancelStatus":"SOMETHING_NEW""#, CancelState::UnderWay),
            (r#","cancelStatus":"ABORTED""#, CancelState::Failed),
        ] {
            let cancels = format!(r#","cancels":[{{"transactionKey":"t","cancelAmount":600{status}}}]"#);
            let record = payment("PARTIAL_CANCELED", &cancels).expect("a record");
            assert_eq!(record.cancels[0].state, expected, "{status}");
        }
    }

    #[test]
    fn movements_have_a_direction_and_no_sign() {
        for (status, amount, direction) in [
            ("DONE", "1000", Direction::Captured),
            ("CANCELED", "-1000", Direction::Cancelled),
            ("PARTIAL_CANCELED", "1000", Direction::Cancelled),
            ("WAITING_FOR_DEPOSIT", "-1000", Direction::Cancelled),
        ] {
            let json = format!(
                r#"{{"transactionKey":"t","paymentKey":"key","orderId":"order-1","status":"{status}","currency":"KRW",
                "amount":{amount},"transactionAt":"2022-01-03T12:00:00+09:00"}}"#
            );
            let transaction = of_movement(serde_json::from_str(&json).expect("JSON")).expect("a movement");
            assert_eq!((transaction.direction, transaction.amount_minor), (direction, 1_000), "{status}");
        }
    }
}
