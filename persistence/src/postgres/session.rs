//! What every connection is told first.

use std::time::Duration;

use sqlx::PgConnection;

use crate::options::{StoreOptions, whole_ms};

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// Appends, claims, joins and creations.
    Writer,
    /// Other reads.
    Reader,
    /// Members, coupons, jobs, pins and leases.
    Worker,
}

/// A server process, named so that it is never mistaken for a later one of the same number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Backend {
    pub(super) pid: i32,
    /// When it started, in microseconds since 1970.
    pub(super) started_us: i64,
}

/// Sets time-outs and the planner's choices; returns the connection's backend.
pub(super) async fn prepare(
    connection: &mut PgConnection,
    role: Role,
    options: &StoreOptions,
) -> Result<Backend, sqlx::Error> {
    let ms = |duration: Duration| whole_ms(duration).to_string();
    let mut settings = vec![
        ("statement_timeout", ms(options.statement_timeout)),
        ("lock_timeout", ms(options.lock_timeout)),
        ("idle_in_transaction_session_timeout", ms(options.idle_in_transaction_timeout)),
        // Compiling a statement takes longer than any of these runs.
        ("jit", "off".to_owned()),
    ];
    if role != Role::Reader {
        // The plan does not depend on the arrays, so it is made once per connection, not once per batch. It is made
        // when the tables may still be empty, and must not be one that reads them from end to end later on.
        settings.push(("plan_cache_mode", "force_generic_plan".to_owned()));
        settings.push(("enable_seqscan", "off".to_owned()));
    }
    let (names, values): (Vec<&str>, Vec<String>) = settings.into_iter().unzip();
    let (pid, started_us, ..): (i32, i64, i64, Option<String>) =
        sqlx::query_as(include_str!("../../sql/postgres/session.sql"))
            .bind(names)
            .bind(values)
            .persistent(false)
            .fetch_one(connection)
            .await?;
    Ok(Backend { pid, started_us })
}
