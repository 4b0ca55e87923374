//! The cluster: statements, for both databases.
//!
//! A change of the view and the growth of its version are one: on PostgreSQL one statement, which is put together here
//! from the change and what follows every change; on SQLite a transaction of the only connection.

use crate::ids::Bucket;

/// The numbers of distinct buckets, in order.
fn distinct(buckets: &[Bucket]) -> Vec<i32> {
    let mut numbers: Vec<i32> = buckets.iter().map(|bucket| i32::from(bucket.number())).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

macro_rules! postgres_change {
    ($($file:literal),+) => {
        concat!(
            "WITH changed AS (\n",
            include_str!(concat!("../sql/", $($file),+)),
            include_str!("../sql/postgres/grow_view.sql")
        )
    };
}

macro_rules! sqlite_change {
    ($($file:literal),+) => {
        include_str!(concat!("../sql/", $($file),+))
    };
}

macro_rules! cluster_queries {
    ($connection:ty, $dialect:literal, $change:ident) => {
        use std::time::Duration;

        use $crate::cluster::{ClusterView, NewNode, NodeState, PinOutcome, PinRow};
        use $crate::cluster_rows as rows;
        use $crate::error::StoreError;
        use $crate::ids::{Bucket, Epoch, Incarnation, NodeId, PerformanceId, ViewVersion};
        use $crate::queries::{saturating, store_error};
        use $crate::rows::{claims, unsigned};

        pub(crate) async fn join(
            connection: &mut $connection,
            node: &NewNode,
            lease: Duration,
        ) -> Result<Incarnation, StoreError> {
            rows::check_node(node)?;
            let query = sqlx::query_as($change!("shared/join_node.sql"))
                .bind(node.id.as_str())
                .bind(node.address.as_str())
                .bind(i64::from(node.weight))
                .bind(rows::lease_ms(lease)?);
            let joined: Vec<(i64,)> = changed(connection, query).await?;
            let (incarnation,) = joined.first().ok_or(sqlx::Error::RowNotFound).map_err(store_error)?;
            unsigned(*incarnation, node.id.as_str()).map(Incarnation)
        }

        pub(crate) async fn renew(
            connection: &mut $connection,
            node: &NodeId,
            incarnation: Incarnation,
            lease: Duration,
        ) -> Result<Option<ViewVersion>, StoreError> {
            let query = sqlx::query_scalar(include_str!("../sql/shared/renew_node.sql"))
                .bind(node.as_str())
                .bind(saturating(incarnation.0))
                .bind(rows::lease_ms(lease)?);
            query.fetch_optional(connection).await.map_err(store_error)?.map(rows::version).transpose()
        }

        pub(crate) async fn view(connection: &mut $connection) -> Result<ClusterView, StoreError> {
            let query = sqlx::query_as(include_str!(concat!("../sql/", $dialect, "/cluster_view.sql")));
            rows::view(query.fetch_one(connection).await.map_err(store_error)?)
        }

        pub(crate) async fn declare_dead(connection: &mut $connection) -> Result<Vec<NodeId>, StoreError> {
            let query = sqlx::query_as($change!("shared/declare_dead.sql"));
            let declared: Vec<(String,)> = changed(connection, query).await?;
            let mut nodes: Vec<NodeId> = declared.into_iter().map(|(node,)| node.into()).collect();
            nodes.sort_unstable();
            Ok(nodes)
        }

        pub(crate) async fn claim_buckets(
            connection: &mut $connection,
            node: &NodeId,
            buckets: &[Bucket],
        ) -> Result<Vec<(Bucket, Epoch)>, StoreError> {
            let query = sqlx::query_as($change!($dialect, "/claim_buckets.sql"))
                .bind(numbers(buckets))
                .bind(node.as_str());
            claims(changed(connection, query).await?)
        }

        pub(crate) async fn claim_free(
            connection: &mut $connection,
            node: &NodeId,
            incarnation: Incarnation,
            buckets: &[Bucket],
        ) -> Result<Vec<(Bucket, Epoch)>, StoreError> {
            let query = sqlx::query_as($change!($dialect, "/claim_free.sql"))
                .bind(numbers(buckets))
                .bind(node.as_str())
                .bind(saturating(incarnation.0));
            claims(changed(connection, query).await?)
        }

        pub(crate) async fn epochs(
            connection: &mut $connection,
            buckets: &[Bucket],
        ) -> Result<Vec<(Bucket, Epoch)>, StoreError> {
            let query = sqlx::query_as(include_str!(concat!("../sql/", $dialect, "/owners.sql")))
                .bind(numbers(buckets));
            claims(query.fetch_all(connection).await.map_err(store_error)?)
        }

        pub(crate) async fn transfer(
            connection: &mut $connection,
            bucket: Bucket,
            from: Epoch,
            to: &NodeId,
        ) -> Result<Option<Epoch>, StoreError> {
            let query = sqlx::query_as($change!("shared/transfer_bucket.sql"))
                .bind(i64::from(bucket.number()))
                .bind(saturating(from.0))
                .bind(to.as_str());
            let given: Vec<(i64,)> = changed(connection, query).await?;
            given.first().map(|(epoch,)| unsigned(*epoch, "bucket_owner").map(Epoch)).transpose()
        }

        pub(crate) async fn leave(
            connection: &mut $connection,
            node: &NodeId,
            incarnation: Incarnation,
        ) -> Result<(), StoreError> {
            let query = sqlx::query_as($change!("shared/leave_node.sql"))
                .bind(node.as_str())
                .bind(saturating(incarnation.0));
            changed::<(String,)>(connection, query).await.map(drop)
        }

        pub(crate) async fn set_draining(
            connection: &mut $connection,
            node: &NodeId,
            draining: bool,
        ) -> Result<bool, StoreError> {
            let state = if draining { NodeState::Draining } else { NodeState::Active };
            let query = sqlx::query_as($change!("shared/set_node_state.sql"))
                .bind(node.as_str())
                .bind(rows::state_column(state));
            Ok(!changed::<(String,)>(connection, query).await?.is_empty())
        }

        /// Judges, then writes if the view is still the one that was judged by. Ends with the call's time-out at the latest.
        pub(crate) async fn pin(
            connection: &mut $connection,
            pin: &PinRow,
        ) -> Result<PinOutcome, StoreError> {
            loop {
                let query = sqlx::query_as(include_str!("../sql/shared/judge_pin.sql"))
                    .bind(pin.performance.as_str())
                    .bind(i64::from(pin.bucket.number()))
                    .bind(pin.node.as_str());
                let columns: rows::PinColumns =
                    query.fetch_one(&mut *connection).await.map_err(store_error)?;
                let (version, has_joined, other_performance, other_node) = columns;
                if let Some((performance, node)) = other_performance.zip(other_node) {
                    let (performance, node) = (performance.into(), node.into());
                    return Ok(PinOutcome::Conflict(PinRow { performance, bucket: pin.bucket, node }));
                }
                if !has_joined {
                    return Ok(PinOutcome::NoSuchNode);
                }
                let put = sqlx::query_as(include_str!(concat!("../sql/", $dialect, "/put_pin.sql")))
                    .bind(pin.performance.as_str())
                    .bind(i64::from(pin.bucket.number()))
                    .bind(pin.node.as_str())
                    .bind(version);
                if !changed::<(String,)>(connection, put).await?.is_empty() {
                    return Ok(PinOutcome::Pinned);
                }
            }
        }

        pub(crate) async fn unpin(
            connection: &mut $connection,
            performance: &PerformanceId,
        ) -> Result<bool, StoreError> {
            let query = sqlx::query_as(include_str!(concat!("../sql/", $dialect, "/unpin.sql")))
                .bind(performance.as_str());
            Ok(!changed::<(String,)>(connection, query).await?.is_empty())
        }

        pub(crate) async fn lead(
            connection: &mut $connection,
            node: &NodeId,
            incarnation: Incarnation,
            lease: Duration,
        ) -> Result<bool, StoreError> {
            let query = sqlx::query(include_str!("../sql/shared/lead.sql"))
                .bind(node.as_str())
                .bind(saturating(incarnation.0))
                .bind(rows::lease_ms(lease)?);
            Ok(query.execute(connection).await.map_err(store_error)?.rows_affected() > 0)
        }
    };
}

/// The cluster in PostgreSQL.
pub(crate) mod postgres {
    use sqlx::FromRow;
    use sqlx::postgres::{PgArguments, PgRow, Postgres};
    use sqlx::query::QueryAs;

    use super::distinct as numbers;

    cluster_queries!(sqlx::PgConnection, "postgres", postgres_change);

    /// Runs a change, which makes the version grow itself. Returns what it changed.
    async fn changed<T: for<'r> FromRow<'r, PgRow> + Send + Unpin>(
        connection: &mut sqlx::PgConnection,
        change: QueryAs<'_, Postgres, T, PgArguments>,
    ) -> Result<Vec<T>, StoreError> {
        // All rows, not one: only the end of the answer comes after the commit.
        change.fetch_all(connection).await.map_err(store_error)
    }
}

/// The cluster in SQLite.
pub(crate) mod sqlite {
    use sqlx::query::QueryAs;
    use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteRow};
    use sqlx::{Connection, FromRow};

    cluster_queries!(sqlx::SqliteConnection, "sqlite", sqlite_change);

    fn numbers(buckets: &[Bucket]) -> String {
        serde_json::Value::from(super::distinct(buckets)).to_string()
    }

    /// Runs a change; if it changed something, the version grows. Returns what it changed.
    async fn changed<'q, T: for<'r> FromRow<'r, SqliteRow> + Send + Unpin>(
        connection: &mut sqlx::SqliteConnection,
        change: QueryAs<'q, Sqlite, T, SqliteArguments<'q>>,
    ) -> Result<Vec<T>, StoreError> {
        let mut transaction = connection.begin().await.map_err(store_error)?;
        let rows = change.fetch_all(&mut *transaction).await.map_err(store_error)?;
        if !rows.is_empty() {
            let grow = sqlx::query(include_str!("../sql/sqlite/grow_view.sql"));
            grow.execute(&mut *transaction).await.map_err(store_error)?;
        }
        transaction.commit().await.map_err(store_error)?;
        Ok(rows)
    }
}
