//! How a store connects and how long it waits.

use std::time::Duration;

use crate::error::OpenError;

/// Connections and time-outs. The defaults suit one node beside a database in the same zone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreOptions {
    /// Connections for writes (PostgreSQL). Their own, so that reads cannot starve an append.
    pub lanes: usize,
    /// Connections for reads (PostgreSQL).
    pub readers: usize,
    /// Connections for writes of members, coupons and jobs (PostgreSQL). Their own, so that none of it delays an append.
    pub workers: usize,
    /// How long opening a connection may take.
    pub connect_timeout: Duration,
    /// How long a call waits for a free connection.
    pub acquire_timeout: Duration,
    /// How long a call waits for the database's answer. Bounds every call, also when the database is frozen.
    pub call_timeout: Duration,
    /// How long the database works on a statement. Below `call_timeout`, so that its answer, which is definite,
    /// mostly comes before the client gives up, which is not.
    pub statement_timeout: Duration,
    /// How long a statement waits for a row lock, such as a claim for an append under way.
    pub lock_timeout: Duration,
    /// When the database ends a transaction that its client has forgotten.
    pub idle_in_transaction_timeout: Duration,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            lanes: 2,
            readers: 6,
            workers: 4,
            connect_timeout: Duration::from_secs(3),
            acquire_timeout: Duration::from_secs(3),
            call_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(4),
            lock_timeout: Duration::from_secs(2),
            idle_in_transaction_timeout: Duration::from_secs(2),
        }
    }
}

impl StoreOptions {
    /// The most connections of one kind.
    pub const CONNECTIONS_MAX: usize = 64;

    pub(crate) fn validate(&self) -> Result<(), OpenError> {
        for (option, count) in [("lanes", self.lanes), ("readers", self.readers), ("workers", self.workers)] {
            if count == 0 || count > Self::CONNECTIONS_MAX {
                return Err(OpenError::Option { option, what: "accepted are 1 to 64" });
            }
        }
        let durations = [
            ("connect_timeout", self.connect_timeout),
            ("acquire_timeout", self.acquire_timeout),
            ("call_timeout", self.call_timeout),
            ("statement_timeout", self.statement_timeout),
            ("lock_timeout", self.lock_timeout),
            ("idle_in_transaction_timeout", self.idle_in_transaction_timeout),
        ];
        for (option, duration) in durations {
            // PostgreSQL reads 0 ms as "no time-out", and nothing here may wait for ever (I13).
            if duration < Duration::from_millis(1) || duration > Duration::from_secs(600) {
                return Err(OpenError::Option { option, what: "accepted are 1 ms to 600 s" });
            }
        }
        if self.statement_timeout >= self.call_timeout || self.lock_timeout >= self.call_timeout {
            let what = "statement_timeout and lock_timeout must be below it";
            return Err(OpenError::Option { option: "call_timeout", what });
        }
        Ok(())
    }
}

/// Milliseconds of a time-out, for errors and settings.
pub(crate) fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
