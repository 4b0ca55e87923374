//! What can go wrong. A caller branches on the variants; the sources are for logs.

use std::fmt;

use crate::ids::Bucket;

/// Why the database could not answer. Never carries a password: it holds what the driver says of a
/// connection or a statement, not the address that it was opened with.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The driver or the database said so.
    #[error("{0}")]
    Database(#[from] sqlx::Error),
    /// No answer within the client-side time-out.
    #[error("no answer within {waited_ms} ms")]
    TimedOut {
        /// How long it waited, in milliseconds.
        waited_ms: u64,
    },
    /// Every connection stayed busy for the whole acquire time-out.
    #[error("no free connection within {waited_ms} ms")]
    Busy {
        /// How long it waited, in milliseconds.
        waited_ms: u64,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

/// What becomes of an append, or another fenced write, that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Nothing was written: the writer no longer owns these buckets under the epoch it named. Drop the actors of
    /// those buckets and never retry under another epoch (I9).
    #[error("fenced: buckets {} have another epoch", Listed(.buckets))]
    Fenced {
        /// The buckets that were lost, in order.
        buckets: Vec<Bucket>,
    },
    /// Nothing was written: an entry does not follow its journal's head, or a seat belongs to another order.
    #[error("conflict: {what}")]
    Conflict {
        /// What conflicts with what.
        what: String,
    },
    /// Nothing was written, and trying again may succeed.
    #[error("store unavailable, nothing was written: {source}")]
    Unavailable {
        /// Why.
        source: Cause,
    },
    /// It may or may not have been written: read the heads back before anything else.
    #[error("outcome unknown, read back first: {source}")]
    Unknown {
        /// Why.
        source: Cause,
    },
    /// Nothing was written: the batch breaks the store's rules.
    #[error("invalid batch: {what}")]
    Invalid {
        /// Which rule, and where.
        what: String,
    },
}

/// What becomes of any other call that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No answer. A read may be repeated; so may a write, since each carries its own protection against a second effect.
    #[error("store unavailable: {source}")]
    Unavailable {
        /// Why.
        source: Cause,
    },
    /// A stored row cannot be what this program wrote.
    #[error("corrupt row: {what}")]
    Corrupt {
        /// Which row, and how.
        what: String,
    },
    /// The arguments break the store's rules.
    #[error("invalid request: {what}")]
    Invalid {
        /// Which rule, and where.
        what: String,
    },
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is not one that a store has. The address itself is left out: it may hold a password.
    #[error("{what}; accepted are postgres://user@host:port/database and sqlite://path/to/file")]
    Address {
        /// What is wrong with it.
        what: String,
    },
    /// An option has a value that is not accepted.
    #[error("store option {option}: {what}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// What is accepted.
        what: &'static str,
    },
    /// Another process has the SQLite file.
    #[error("the database {file} is in use by another earlybird; stop it or use another file")]
    InUse {
        /// The file.
        file: String,
    },
    /// The database was prepared by a newer program.
    #[error("the database has schema {found}, this program knows up to {known}; use a newer earlybird")]
    TooNew {
        /// The schema that the database has.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
    },
    /// The server lacks what the statements use.
    #[error("the server is PostgreSQL {found}, the oldest that works is {oldest}")]
    ServerTooOld {
        /// The server's major version.
        found: i64,
        /// The oldest major version that works.
        oldest: i64,
    },
    /// The database cannot be reached, or does not accept the preparation.
    #[error("cannot open the database: {source}")]
    Unavailable {
        /// Why.
        source: Cause,
    },
}

/// Numbers after one another, as an error shows them.
struct Listed<'a>(&'a [Bucket]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, bucket) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{bucket}")?;
        }
        Ok(())
    }
}
