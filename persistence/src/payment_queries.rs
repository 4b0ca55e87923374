//! Statements about payments, which both databases read the same way.

use crate::error::StoreError;
use crate::ids::{OrderId, UnixMillis};
use crate::payments::{DepositAccountRow, RefundAccount, WebhookRow};
use crate::rows::unsigned;

pub(crate) type WebhookColumns = (String, String, i64, i64);
pub(crate) type AccountColumns = (String, i64, String, String, String, String, i64);

fn webhook(
    (transmission_id, performance, order, received_at): WebhookColumns,
) -> Result<WebhookRow, StoreError> {
    Ok(WebhookRow {
        order: OrderId(unsigned(order, &transmission_id)?),
        received_at: UnixMillis(unsigned(received_at, &transmission_id)?),
        performance: performance.into(),
        transmission_id: transmission_id.into(),
    })
}

fn account(columns: AccountColumns) -> Result<DepositAccountRow, StoreError> {
    let (performance, order, order_reference, bank_code, account_number, secret, deadline) = columns;
    Ok(DepositAccountRow {
        order: OrderId(unsigned(order, &order_reference)?),
        deadline: UnixMillis(unsigned(deadline, &order_reference)?),
        performance: performance.into(),
        order_reference: order_reference.into(),
        bank_code: bank_code.into(),
        account_number: account_number.into(),
        secret: secret.into(),
    })
}

fn refund_account_of((bank_code, account_number, holder_name): (String, String, String)) -> RefundAccount {
    RefundAccount {
        bank_code: bank_code.into(),
        account_number: account_number.into(),
        holder_name: holder_name.into(),
    }
}

macro_rules! payment_queries {
    ($connection:ty) => {
        pub(crate) async fn take_webhook(
            connection: &mut $connection,
            row: &WebhookRow,
        ) -> Result<bool, StoreError> {
            let query = sqlx::query(include_str!("../sql/shared/take_webhook.sql"))
                .bind(&*row.transmission_id)
                .bind(row.performance.as_str())
                .bind(saturating(row.order.0))
                .bind(saturating(row.received_at.0));
            Ok(query.execute(connection).await.map_err(store_error)?.rows_affected() == 1)
        }

        pub(crate) async fn settle_webhook(
            connection: &mut $connection,
            transmission_id: &str,
        ) -> Result<(), StoreError> {
            let query = sqlx::query(include_str!("../sql/shared/settle_webhook.sql")).bind(transmission_id);
            query.execute(connection).await.map_err(store_error).map(drop)
        }

        pub(crate) async fn open_webhooks(
            connection: &mut $connection,
            after: Option<&WebhookRow>,
            limit: usize,
        ) -> Result<Vec<WebhookRow>, StoreError> {
            let query = sqlx::query_as(include_str!("../sql/shared/open_webhooks.sql"))
                .bind(after.map_or(-1, |row| saturating(row.received_at.0)))
                .bind(after.map_or("", |row| &*row.transmission_id))
                .bind(page_limit(limit));
            query.fetch_all(connection).await.map_err(store_error)?.into_iter().map(webhook).collect()
        }

        pub(crate) async fn forget_webhooks(
            connection: &mut $connection,
            before: UnixMillis,
        ) -> Result<u64, StoreError> {
            let query =
                sqlx::query(include_str!("../sql/shared/forget_webhooks.sql")).bind(saturating(before.0));
            Ok(query.execute(connection).await.map_err(store_error)?.rows_affected())
        }

        pub(crate) async fn put_deposit_account(
            connection: &mut $connection,
            row: &DepositAccountRow,
        ) -> Result<(), StoreError> {
            let query = sqlx::query(include_str!("../sql/shared/put_deposit_account.sql"))
                .bind(row.performance.as_str())
                .bind(saturating(row.order.0))
                .bind(&*row.order_reference)
                .bind(&*row.bank_code)
                .bind(&*row.account_number)
                .bind(&*row.secret)
                .bind(saturating(row.deadline.0));
            query.execute(connection).await.map_err(store_error).map(drop)
        }

        pub(crate) async fn deposit_account(
            connection: &mut $connection,
            performance: &PerformanceId,
            order: OrderId,
        ) -> Result<Option<DepositAccountRow>, StoreError> {
            let query = sqlx::query_as(include_str!("../sql/shared/deposit_account.sql"))
                .bind(performance.as_str())
                .bind(saturating(order.0));
            query.fetch_optional(connection).await.map_err(store_error)?.map(account).transpose()
        }

        pub(crate) async fn latest_deposit_account(
            connection: &mut $connection,
            order_reference: &str,
        ) -> Result<Option<DepositAccountRow>, StoreError> {
            let query = sqlx::query_as(include_str!("../sql/shared/latest_deposit_account.sql"))
                .bind(order_reference);
            query.fetch_optional(connection).await.map_err(store_error)?.map(account).transpose()
        }

        async fn change_refund_account(
            connection: &mut $connection,
            sql: &'static str,
            performance: &PerformanceId,
            order: OrderId,
            account: &RefundAccount,
        ) -> Result<(), StoreError> {
            let query = sqlx::query(sql)
                .bind(performance.as_str())
                .bind(saturating(order.0))
                .bind(&*account.bank_code)
                .bind(&*account.account_number)
                .bind(&*account.holder_name);
            query.execute(connection).await.map_err(store_error).map(drop)
        }

        pub(crate) async fn put_refund_account(
            connection: &mut $connection,
            performance: &PerformanceId,
            order: OrderId,
            account: &RefundAccount,
        ) -> Result<(), StoreError> {
            let sql = include_str!("../sql/shared/put_refund_account.sql");
            change_refund_account(connection, sql, performance, order, account).await
        }

        pub(crate) async fn refund_account(
            connection: &mut $connection,
            performance: &PerformanceId,
            order: OrderId,
        ) -> Result<Option<RefundAccount>, StoreError> {
            let query = sqlx::query_as(include_str!("../sql/shared/refund_account.sql"))
                .bind(performance.as_str())
                .bind(saturating(order.0));
            Ok(query.fetch_optional(connection).await.map_err(store_error)?.map(refund_account_of))
        }

        pub(crate) async fn forget_refund_account(
            connection: &mut $connection,
            performance: &PerformanceId,
            order: OrderId,
            account: &RefundAccount,
        ) -> Result<(), StoreError> {
            let sql = include_str!("../sql/shared/forget_refund_account.sql");
            change_refund_account(connection, sql, performance, order, account).await
        }

        pub(crate) async fn orders_of_payment(
            connection: &mut $connection,
            payment_key: &str,
            hold: HoldId,
            limit: usize,
        ) -> Result<Vec<(PerformanceId, OrderId)>, StoreError> {
            let query = sqlx::query_as(include_str!("../sql/shared/orders_of_payment.sql"))
                .bind(payment_key)
                .bind(saturating(hold.0))
                .bind(page_limit(limit));
            let found: Vec<(String, i64)> = query.fetch_all(connection).await.map_err(store_error)?;
            let row = |(performance, order): (String, i64)| {
                let order = OrderId(unsigned(order, &performance)?);
                Ok((performance.into(), order))
            };
            found.into_iter().map(row).collect()
        }
    };
}

/// Over a connection of PostgreSQL.
pub(crate) mod postgres {
    use super::{account, refund_account_of, webhook};
    use crate::error::StoreError;
    use crate::ids::{HoldId, OrderId, PerformanceId, UnixMillis};
    use crate::payments::{DepositAccountRow, RefundAccount, WebhookRow};
    use crate::queries::{page_limit, saturating, store_error};
    use crate::rows::unsigned;

    payment_queries!(sqlx::PgConnection);
}

/// Over a connection of SQLite.
pub(crate) mod sqlite {
    use super::{account, refund_account_of, webhook};
    use crate::error::StoreError;
    use crate::ids::{HoldId, OrderId, PerformanceId, UnixMillis};
    use crate::payments::{DepositAccountRow, RefundAccount, WebhookRow};
    use crate::queries::{page_limit, saturating, store_error};
    use crate::rows::unsigned;

    payment_queries!(sqlx::SqliteConnection);
}
