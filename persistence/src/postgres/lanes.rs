//! A fixed number of connections, each used by one call at a time.
//!
//! ```text
//! acquire ─► idle, or a new one ─► Lane ─┬─ settled: idle again
//!                                        └─ failed, out of time, dropped: closed, its backend remembered as lost
//! ```
//!
//! Not sqlx's pool: that takes a connection back in the middle of a statement and waits for its answer, which a frozen
//! server never gives, and it does not tell which server process an abandoned statement runs in.

use std::mem;
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::error::Cause;
use crate::options::StoreOptions;
use crate::wait::{answer_within, free_within};

use super::errors::KeepsConnection;
use super::session::{Backend, Role, prepare};

/// A connection that was idle for longer is asked for a sign of life before a write is trusted to it: a write lost on a
/// dead connection has an unknown outcome, a ping has none.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Session {
    connection: PgConnection,
    backend: Backend,
    idle_since: Instant,
}

/// Connections of one role.
#[derive(Debug)]
pub(super) struct Lanes {
    address: PgConnectOptions,
    role: Role,
    options: StoreOptions,
    permits: Semaphore,
    idle: Mutex<Vec<Session>>,
    /// Server processes that may still be at a statement whose answer nobody waits for.
    lost: Mutex<Vec<Backend>>,
}

/// A connection in use. Dropped without [`Lane::settle`], it is closed.
pub(super) struct Lane<'a> {
    lanes: &'a Lanes,
    session: Option<Session>,
    _permit: SemaphorePermit<'a>,
}

impl Lanes {
    pub(super) fn new(address: PgConnectOptions, role: Role, count: usize, options: StoreOptions) -> Self {
        let (idle, lost) = (Mutex::default(), Mutex::default());
        Self { address, role, options, permits: Semaphore::new(count), idle, lost }
    }

    pub(super) async fn acquire(&self) -> Result<Lane<'_>, Cause> {
        let permit = free_within(self.options.acquire_timeout, self.permits.acquire()).await?;
        let permit = permit.map_err(|_| Cause::Closed)?;
        let session = match self.idle_session().await {
            Some(session) => session,
            None => self.connect().await?,
        };
        Ok(Lane { lanes: self, session: Some(session), _permit: permit })
    }

    /// The backends that are still to be ended.
    pub(super) fn lost(&self) -> Vec<Backend> {
        self.lost.lock().clone()
    }

    /// Forgets backends that are gone.
    pub(super) fn forget_lost(&self, gone: &[Backend]) {
        self.lost.lock().retain(|backend| !gone.contains(backend));
    }

    /// Refuses further calls, waits for those under way and says goodbye to the server.
    pub(super) async fn close(&self, count: usize) {
        let everything = self.permits.acquire_many(u32::try_from(count).unwrap_or(u32::MAX));
        let all = free_within(self.options.call_timeout, everything).await;
        self.permits.close();
        drop(all);
        let idle = mem::take(&mut *self.idle.lock());
        for session in idle {
            // Best effort: the server notices a closed socket as well.
            let goodbye = session.connection.close();
            let _ = answer_within(self.options.connect_timeout, goodbye).await;
        }
    }

    async fn idle_session(&self) -> Option<Session> {
        let mut session = self.idle.lock().pop()?;
        if session.idle_since.elapsed() < TRUSTED_IDLE {
            return Some(session);
        }
        let pinged = answer_within(self.options.connect_timeout, session.connection.ping()).await;
        if matches!(pinged, Ok(Ok(()))) {
            return Some(session);
        }
        // What cut this one has cut the others: a new connection tells whether the server is back.
        self.idle.lock().clear();
        None
    }

    async fn connect(&self) -> Result<Session, Cause> {
        let connect = async {
            let mut connection = self.address.connect().await?;
            let backend = prepare(&mut connection, self.role, &self.options).await?;
            Ok::<_, sqlx::Error>(Session { connection, backend, idle_since: Instant::now() })
        };
        Ok(answer_within(self.options.connect_timeout, connect).await??)
    }
}

impl Lane<'_> {
    /// The connection. A session is there until the lane is settled or dropped.
    pub(super) fn connection(&mut self) -> Result<&mut PgConnection, Cause> {
        self.session.as_mut().map(|session| &mut session.connection).ok_or(Cause::Closed)
    }

    /// Gives the connection back, unless the answer says that it is of no more use.
    pub(super) fn settle<T, E: KeepsConnection>(mut self, answer: Result<T, E>) -> Result<T, E> {
        if answer.as_ref().err().is_none_or(KeepsConnection::keeps_connection)
            && let Some(session) = self.session.take()
        {
            self.lanes.idle.lock().push(Session { idle_since: Instant::now(), ..session });
        }
        answer
    }
}

impl Drop for Lane<'_> {
    fn drop(&mut self) {
        // Closing the socket does not stop the server's work on a statement it has received.
        if let Some(session) = self.session.take()
            && self.lanes.role == Role::Writer
        {
            self.lanes.lost.lock().push(session.backend);
        }
    }
}
