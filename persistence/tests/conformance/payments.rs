//! Webhooks are taken once, accounts are found, and payments lead to their orders.

use earlybird_persistence::{
    AppendBatch, DepositAccountRow, HoldId, OrderId, RefundAccount, UnixMillis, WebhookRow,
};

use crate::support::{Fixture, order};

fn webhook(transmission_id: &str, at: u64) -> WebhookRow {
    WebhookRow {
        transmission_id: transmission_id.into(),
        performance: "carmen".into(),
        order: OrderId(7),
        received_at: UnixMillis(at),
    }
}

fn account(order: u64, number: &str) -> DepositAccountRow {
    DepositAccountRow {
        performance: "carmen".into(),
        order: OrderId(order),
        order_reference: "carmen-1-3".into(),
        bank_code: "11".into(),
        account_number: number.into(),
        secret: "ps_1".into(),
        deadline: UnixMillis(1_700_000_000_000),
    }
}

pub(crate) async fn a_webhook_is_taken_once(fixture: &Fixture) {
    let store = &fixture.store;
    assert!(store.take_webhook(&webhook("t-2", 20)).await.unwrap());
    assert!(store.take_webhook(&webhook("t-1", 10)).await.unwrap());
    assert!(!store.take_webhook(&webhook("t-2", 30)).await.unwrap(), "a repeat");
    assert_eq!(store.open_webhooks(None, 10).await.unwrap(), [webhook("t-1", 10), webhook("t-2", 20)]);
    assert_eq!(store.open_webhooks(None, 1).await.unwrap(), [webhook("t-1", 10)]);
    let after = async |row: &WebhookRow| store.open_webhooks(Some(row), 10).await.unwrap();
    assert_eq!(after(&webhook("t-1", 10)).await, [webhook("t-2", 20)]);
    assert_eq!(after(&webhook("t-1", 20)).await, [webhook("t-2", 20)]);
    assert_eq!(after(&webhook("t-2", 20)).await, []);
    store.settle_webhook("t-1").await.unwrap();
    store.settle_webhook("never-came").await.unwrap();
    assert_eq!(store.open_webhooks(None, 10).await.unwrap(), [webhook("t-2", 20)]);
    assert!(!store.take_webhook(&webhook("t-1", 40)).await.unwrap(), "it was looked at");
}

/// I13.
pub(crate) async fn two_webhooks_of_an_order_wait_at_most(fixture: &Fixture) {
    let store = &fixture.store;
    for (name, is_kept) in [("t-1", true), ("t-2", true), ("t-3", false)] {
        assert_eq!(store.take_webhook(&webhook(name, 10)).await.unwrap(), is_kept, "{name}");
    }
    let other_order = WebhookRow { order: OrderId(8), ..webhook("t-4", 10) };
    assert!(store.take_webhook(&other_order).await.unwrap());
    let elsewhere = WebhookRow { performance: "aida".into(), ..webhook("t-5", 10) };
    assert!(store.take_webhook(&elsewhere).await.unwrap());
    store.settle_webhook("t-1").await.unwrap();
    assert!(store.take_webhook(&webhook("t-3", 20)).await.unwrap(), "there is room again");
}

pub(crate) async fn webhooks_that_were_looked_at_are_forgotten(fixture: &Fixture) {
    let store = &fixture.store;
    for (name, at, is_handled) in [("old", 10, true), ("new", 20, true), ("open", 10, false)] {
        store.take_webhook(&webhook(name, at)).await.unwrap();
        if is_handled {
            store.settle_webhook(name).await.unwrap();
        }
    }
    assert_eq!(store.forget_webhooks(UnixMillis(20)).await.unwrap(), 1);
    assert!(store.take_webhook(&webhook("old", 30)).await.unwrap(), "forgotten");
    assert!(!store.take_webhook(&webhook("new", 30)).await.unwrap());
    assert!(!store.take_webhook(&webhook("open", 30)).await.unwrap());
}

pub(crate) async fn an_account_is_found_by_its_order_and_its_reference(fixture: &Fixture) {
    let store = &fixture.store;
    assert_eq!(store.deposit_account(&"carmen".into(), OrderId(1)).await.unwrap(), None);
    store.put_deposit_account(&account(1, "790")).await.unwrap();
    store.put_deposit_account(&account(1, "791")).await.unwrap();
    store.put_deposit_account(&account(2, "792")).await.unwrap();
    let first = store.deposit_account(&"carmen".into(), OrderId(1)).await.unwrap();
    assert_eq!(first, Some(account(1, "791")));
    let latest = store.latest_deposit_account("carmen-1-3").await.unwrap();
    assert_eq!(latest, Some(account(2, "792")));
    assert_eq!(store.latest_deposit_account("carmen-1-4").await.unwrap(), None);
}

pub(crate) async fn a_refund_account_is_kept_until_it_is_forgotten(fixture: &Fixture) {
    let (store, carmen) = (&fixture.store, "carmen".into());
    let account = |number: &str| RefundAccount {
        bank_code: "20".into(),
        account_number: number.into(),
        holder_name: "김토스".into(),
    };
    let kept = async |order| store.refund_account(&carmen, OrderId(order)).await.unwrap();
    assert_eq!(kept(1).await, None);
    for (order, number) in [(1, "790"), (1, "791"), (2, "792")] {
        store.put_refund_account(&carmen, OrderId(order), &account(number)).await.unwrap();
    }
    assert_eq!(kept(1).await, Some(account("791")));
    assert!(!format!("{:?}", account("791")).contains("791"));
    // Another took its place meanwhile.
    store.forget_refund_account(&carmen, OrderId(1), &account("790")).await.unwrap();
    assert_eq!(kept(1).await, Some(account("791")));
    store.forget_refund_account(&carmen, OrderId(1), &account("791")).await.unwrap();
    assert_eq!((kept(1).await, kept(2).await), (None, Some(account("792"))));
}

pub(crate) async fn a_payment_leads_to_its_orders(fixture: &Fixture) {
    let writer = fixture.writer(3).await;
    let mut batch: AppendBatch = writer.batch("carmen", 1, 1);
    for (number, hold, key) in
        [(1, 7, Some("a")), (2, 7, Some("b")), (3, 7, Some("a")), (4, 7, None), (5, 8, Some("a"))]
    {
        let mut row = order("carmen", number, 1_000 + number);
        row.payment_key = key.map(Into::into);
        row.hold = HoldId(hold);
        batch.orders.push(row);
    }
    fixture.store.append(&batch).await.unwrap();
    let of = async |key: &str, hold, limit| {
        fixture.store.orders_of_payment(key, HoldId(hold), limit).await.unwrap()
    };
    assert_eq!(of("a", 7, 10).await, [("carmen".into(), OrderId(3)), ("carmen".into(), OrderId(1))]);
    assert_eq!(of("a", 7, 1).await, [("carmen".into(), OrderId(3))]);
    assert_eq!(of("a", 8, 10).await, [("carmen".into(), OrderId(5))]);
    assert_eq!(of("c", 7, 10).await, []);
}
