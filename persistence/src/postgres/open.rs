//! Reads the address and brings the schema up to date.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection};

use crate::error::{Cause, OpenError};
use crate::options::StoreOptions;
use crate::wait::answer_within;

/// Numbered from 1, applied in order, never edited after they land.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/postgres/0001_initial.sql"),
    include_str!("../../migrations/postgres/0002_order_details.sql"),
    include_str!("../../migrations/postgres/0004_people.sql"),
    include_str!("../../migrations/postgres/0005_payments.sql"),
    include_str!("../../migrations/postgres/0006_order_money.sql"),
    include_str!("../../migrations/postgres/0008_cluster.sql"),
    include_str!("../../migrations/postgres/0009_cancellation.sql"),
    include_str!("../../migrations/postgres/0010_refund_accounts.sql"),
    include_str!("../../migrations/postgres/0011_webhooks_by_order.sql"),
];

/// One node at a time migrates a database; the number is this project's choice ("earlybrd" in ASCII).
const MIGRATION_LOCK: i64 = 0x6561_726c_7962_7264;

/// How long a node waits for another one's migration, and its own may take.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(120);

/// The oldest server that has what the statements use (`pg_terminate_backend` with a time-out).
const SERVER_VERSION_MIN: i64 = 140_000;

/// The address of a server. An error never repeats it, since it may hold a password.
pub(super) fn address(url: &str) -> Result<PgConnectOptions, OpenError> {
    let refuse = |_| OpenError::Address { what: "the PostgreSQL address cannot be read".to_owned() };
    let options = PgConnectOptions::from_str(url).map_err(refuse)?;
    // Statements have time-outs of their own, and their text is no news.
    Ok(options.application_name("earlybird").disable_statement_logging().statement_cache_capacity(64))
}

pub(super) async fn migrate(address: &PgConnectOptions, options: &StoreOptions) -> Result<(), OpenError> {
    let unavailable = |source| OpenError::Unavailable { source };
    let connected = answer_within(options.connect_timeout, address.connect()).await.map_err(unavailable)?;
    let mut connection = connected.map_err(Cause::Database).map_err(unavailable)?;
    let migrated =
        answer_within(MIGRATION_TIMEOUT, migrate_locked(&mut connection)).await.map_err(unavailable)?;
    let (server, found) = migrated.map_err(Cause::Database).map_err(unavailable)?;
    let known = MIGRATIONS.len() as i64;
    if server < SERVER_VERSION_MIN {
        return Err(OpenError::ServerTooOld { found: server / 10_000, oldest: SERVER_VERSION_MIN / 10_000 });
    }
    if found > known {
        return Err(OpenError::TooNew { found, known });
    }
    // Best effort: the server notices a closed socket as well.
    let _ = answer_within(options.connect_timeout, connection.close()).await;
    Ok(())
}

/// Returns the server's version and the schema that it had. An old server is left as it is.
async fn migrate_locked(connection: &mut PgConnection) -> Result<(i64, i64), sqlx::Error> {
    let sql = "SELECT current_setting('server_version_num')::bigint";
    let server: i64 = sqlx::query_scalar(sql).fetch_one(&mut *connection).await?;
    if server < SERVER_VERSION_MIN {
        return Ok((server, 0));
    }
    let mut transaction = connection.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(MIGRATION_LOCK).execute(&mut *transaction).await?;
    let create = "CREATE TABLE IF NOT EXISTS earlybird_schema (
        version bigint NOT NULL PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())";
    transaction.execute(create).await?;
    let sql = "SELECT coalesce(max(version), 0) FROM earlybird_schema";
    let found: i64 = sqlx::query_scalar(sql).fetch_one(&mut *transaction).await?;
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute(*migration).await?;
        let sql = "INSERT INTO earlybird_schema (version) VALUES ($1)";
        sqlx::query(sql).bind(index as i64 + 1).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok((server, found))
}
