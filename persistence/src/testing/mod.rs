//! A private PostgreSQL server for tests, of this crate and of others.
//!
//! It is real: durable writes, real connections, and faults that a test can order. It uses what is installed and never
//! fetches anything.

mod install;
mod process;
mod server;

use std::env;

pub use install::Installation;
pub use server::TempPostgres;

/// Why a test server cannot be had.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct HarnessError(String);

impl HarnessError {
    fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// For `map_err`: what was tried, and what it said.
    fn of<E: std::fmt::Display>(tried: &str) -> impl FnOnce(E) -> Self {
        let tried = tried.to_owned();
        move |error| Self(format!("{tried}: {error}"))
    }
}

/// Whether tests that need PostgreSQL are to be left out: `EARLYBIRD_SKIP_POSTGRES=1`. Says so loudly.
///
/// # Errors
/// In continuous integration (`CI=true`), where leaving tests out is not accepted.
pub fn skips_postgres() -> Result<bool, HarnessError> {
    if env::var("EARLYBIRD_SKIP_POSTGRES").as_deref() != Ok("1") {
        return Ok(false);
    }
    if env::var("CI").as_deref() == Ok("true") {
        return Err(HarnessError::new("EARLYBIRD_SKIP_POSTGRES=1 is not accepted when CI=true"));
    }
    eprintln!("SKIPPED: a test that needs PostgreSQL, since EARLYBIRD_SKIP_POSTGRES=1");
    Ok(true)
}
