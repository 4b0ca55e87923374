//! The Toss adapter alone: what it makes of every answer that the provider may give, and of none.

use std::time::Duration;

use earlybird::payments::{
    Cancellation, Charge, Confirmation, Direction, GatewayError, PaymentGateway, PaymentName, PaymentState,
    TossGateway, TossOptions, Window,
};
use earlybird_engine::Timestamp;
use toss_sim::{Options, SECRET_KEY, Simulator};

/// Longest that the tests wait for the provider before its outcome is unknown.
const READ_TIMEOUT: Duration = Duration::from_millis(300);

struct Shop {
    simulator: Simulator,
    gateway: TossGateway,
}

impl Shop {
    async fn open() -> Self {
        Self::with_key(SECRET_KEY).await
    }

    async fn with_key(secret_key: &str) -> Self {
        let simulator = Simulator::start(Options::default()).await.expect("it starts");
        let options = TossOptions {
            base_url: simulator.url().parse().expect("a URL"),
            secret_key: secret_key.into(),
            connect_timeout: Duration::from_secs(3),
            read_timeout: READ_TIMEOUT,
            connections_idle_max: 16,
        };
        Self { simulator, gateway: TossGateway::new(&options).expect("it can be reached") }
    }

    async fn state(&self, charge: &Charge) -> Option<PaymentState> {
        let found = self.gateway.find(&charge.payment).await.expect("it answers");
        found.map(|record| record.state)
    }

    async fn captured(&self, payment_key: &str) -> Charge {
        let charge = charge(payment_key);
        assert_eq!(self.gateway.confirm(&charge).await, Ok(Confirmation::Captured));
        charge
    }
}

fn charge(payment_key: &str) -> Charge {
    Charge {
        payment: PaymentName {
            order_reference: "carmen-00-7".to_owned(),
            payment_key: payment_key.to_owned(),
        },
        amount_minor: 150_000,
        currency: "KRW".to_owned(),
        idempotency_key: format!("confirm:{payment_key}:1"),
    }
}

fn refund(charge: &Charge, amount_minor: i64, attempt: u32) -> Cancellation {
    Cancellation {
        payment: charge.payment.clone(),
        amount_minor: Some(amount_minor),
        currency: "KRW".to_owned(),
        reason: format!("refund {attempt}"),
        idempotency_key: format!("cancel:{}:{attempt}", charge.payment.payment_key),
        refund_account: None,
    }
}

#[track_caller]
fn assert_unknown<T: std::fmt::Debug>(outcome: Result<T, GatewayError>, answered: bool) {
    match outcome {
        Err(GatewayError::Unknown { is_answered, .. }) => assert_eq!(is_answered, answered),
        other => panic!("{other:?} is definite"),
    }
}

#[tokio::test]
async fn a_charge_is_captured_once_and_found() {
    let shop = Shop::open().await;
    let charge = charge("열쇠/?#..");
    assert_eq!(shop.state(&charge).await, None);
    for _ in 0..2 {
        assert_eq!(shop.gateway.confirm(&charge).await, Ok(Confirmation::Captured));
    }
    let record = shop.gateway.find(&charge.payment).await.expect("it answers").expect("it is there");
    assert_eq!(
        (record.state.clone(), record.amount_minor, record.balance_minor),
        (PaymentState::Captured, 150_000, 150_000)
    );
    assert_eq!(record.check(&charge), Ok(()));
    assert_eq!(shop.gateway.find_latest("carmen-00-7").await, Ok(Some(record)));
    assert_eq!(shop.gateway.find_latest("carmen-00-8").await, Ok(None));
    let another_key = Charge { idempotency_key: "another".to_owned(), ..charge };
    assert_unknown(shop.gateway.confirm(&another_key).await, true);
}

#[tokio::test]
async fn codes_decide_and_not_statuses() {
    let shop = Shop::open().await;
    for code in
        ["REJECT_CARD_PAYMENT", "EXCEED_MAX_AMOUNT", "INVALID_CARD_NUMBER", "NOT_FOUND_PAYMENT_SESSION"]
    {
        let declined = shop.gateway.confirm(&charge(&format!("sim.{code}.1"))).await;
        assert_eq!(declined, Err(GatewayError::Declined(code.to_owned())));
    }
    for (code, is_answered) in [
        ("PROVIDER_ERROR", true),
        ("INVALID_REQUEST", true),
        ("IDEMPOTENT_REQUEST_PROCESSING", false),
        ("FAILED_INTERNAL_SYSTEM_PROCESSING", false),
        ("UNKNOWN_PAYMENT_ERROR", false),
    ] {
        assert_unknown(shop.gateway.confirm(&charge(&format!("sim.{code}.1"))).await, is_answered);
    }
}

#[tokio::test]
async fn no_answer_is_unknown_with_and_without_effect() {
    let shop = Shop::open().await;
    for (fault, is_captured) in [
        ("silent", false),
        ("silent-done", true),
        ("reset", false),
        ("reset-done", true),
        ("done-COMMON_ERROR", true),
    ] {
        let mut charge = charge(&format!("sim.{fault}.1"));
        charge.payment.order_reference = format!("order-{fault}");
        assert_unknown(shop.gateway.confirm(&charge).await, false);
        let state = shop.state(&charge).await;
        assert_eq!(state == Some(PaymentState::Captured), is_captured, "{fault}: {state:?}");
    }
    shop.simulator.stop().await.expect("it was running");
}

#[tokio::test]
async fn nobody_there_is_unknown_as_well() {
    let Shop { simulator, gateway } = Shop::open().await;
    simulator.stop().await.expect("it was running");
    assert_unknown(gateway.confirm(&charge("key")).await, false);
    assert_unknown(gateway.find(&charge("key").payment).await, false);
}

#[tokio::test]
async fn a_wrong_key_settles_nothing() {
    let shop = Shop::with_key("test_sk_another").await;
    let misconfigured = |error| matches!(error, GatewayError::Misconfigured(_));
    assert!(shop.gateway.confirm(&charge("key")).await.is_err_and(misconfigured));
    assert!(shop.gateway.find(&charge("key").payment).await.is_err_and(misconfigured));
    assert!(shop.gateway.cancel(&refund(&charge("key"), 1, 1)).await.is_err_and(misconfigured));
}

#[tokio::test]
async fn refunds_go_back_once_each_and_say_why_not() {
    let shop = Shop::open().await;
    let charge = shop.captured("key").await;
    for _ in 0..2 {
        assert_eq!(shop.gateway.cancel(&refund(&charge, 50_000, 1)).await, Ok(()));
    }
    let record = shop.gateway.find(&charge.payment).await.expect("it answers").expect("it is there");
    assert_eq!((record.balance_minor, record.cancels.len()), (100_000, 1));
    assert_eq!((record.cancels[0].amount_minor, record.cancels[0].reason.as_str()), (50_000, "refund 1"));
    let too_much = shop.gateway.cancel(&refund(&charge, 100_001, 2)).await;
    assert_eq!(too_much, Err(GatewayError::Declined("NOT_CANCELABLE_AMOUNT".to_owned())));
    let rest = Cancellation { amount_minor: None, ..refund(&charge, 0, 3) };
    assert_eq!(shop.gateway.cancel(&rest).await, Ok(()));
    assert_eq!(shop.state(&charge).await, Some(PaymentState::Cancelled));
    assert_unknown(shop.gateway.cancel(&refund(&charge, 1, 4)).await, true);
    assert_eq!(shop.simulator.provider().read(|ledger| ledger.totals().refunded_amount), 150_000);
}

#[tokio::test]
async fn a_refund_without_an_answer_is_found_by_its_reason() {
    let shop = Shop::open().await;
    for fault in ["cancel-silent-done", "cancel-reset-done", "cancel-done-FAILED_REFUND_PROCESS"] {
        let mut charge = charge(&format!("sim.{fault}.1"));
        charge.payment.order_reference = format!("order-{}", fault.len());
        assert_eq!(shop.gateway.confirm(&charge).await, Ok(Confirmation::Captured));
        assert_unknown(shop.gateway.cancel(&refund(&charge, 40_000, 1)).await, false);
        let record = shop.gateway.find(&charge.payment).await.expect("it answers").expect("it is there");
        assert_eq!(record.cancels[0].reason, "refund 1", "{fault}");
    }
}

#[tokio::test]
async fn a_virtual_account_comes_with_a_deadline_and_a_secret() {
    let shop = Shop::open().await;
    let charge = charge("sim.virtual-account.1");
    let Ok(Confirmation::AwaitingDeposit(deposit)) = shop.gateway.confirm(&charge).await else {
        panic!("an account")
    };
    assert!(deposit.deadline > Some(Timestamp(1_700_000_000_000)) && !deposit.secret.is_empty());
    assert_eq!(shop.state(&charge).await, Some(PaymentState::AwaitingDeposit(deposit)));
    shop.simulator.provider().deposit(&"sim.virtual-account.1".into()).expect("it waits");
    assert_eq!(shop.state(&charge).await, Some(PaymentState::Captured));
}

#[tokio::test]
async fn movements_of_money_come_in_pages() {
    let shop = Shop::open().await;
    let mut keys = Vec::new();
    for number in 0..5 {
        let mut charge = charge(&format!("key-{number}"));
        charge.payment.order_reference = format!("order-{number}");
        assert_eq!(shop.gateway.confirm(&charge).await, Ok(Confirmation::Captured));
        keys.push((charge.payment.payment_key.clone(), Direction::Captured, 150_000));
        if number == 4 {
            assert_eq!(shop.gateway.cancel(&refund(&charge, 1_000, 1)).await, Ok(()));
            keys.push((charge.payment.payment_key, Direction::Cancelled, 1_000));
        }
    }
    let window = Window { from: Timestamp(1_600_000_000_000), to: Timestamp(4_000_000_000_000) };
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = shop.gateway.transactions(window, after.as_deref(), 2).await.expect("it answers");
        let Some(last) = page.last() else { break };
        after = Some(last.transaction_key.clone());
        found.extend(page.into_iter().map(|it| (it.payment.payment_key, it.direction, it.amount_minor)));
    }
    assert_eq!(found, keys);
    let past = Window { from: Timestamp(1_600_000_000_000), to: Timestamp(1_600_000_100_000) };
    assert_eq!(shop.gateway.transactions(past, None, 2).await, Ok(Vec::new()));
}
