//! The on-sale: ten times more buyers than seats, in the same second.
//!
//! ```text
//! prepare ──► connect ──► curve ──► settle ──► check ──► report
//! ```

mod desk;
mod director;
pub mod house;
mod lane;
pub mod options;
mod series;
mod settle;
pub(crate) mod shared;
pub mod view;

pub use house::Facts;
pub use options::{House, Options};

use crate::check::Violation;
use crate::progress::Progress;
use crate::report::Report;

/// What came of an on-sale.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// All that was found out.
    pub report: Report,
    /// What must hold and did not.
    pub violations: Vec<Violation>,
    /// Whether every seat that can be sold is sold.
    pub sold_out: bool,
}

/// Runs an on-sale to its end.
///
/// Must be called within a tokio runtime, best one with several threads. The server may go away and come back on its
/// address meanwhile: what was in flight is sent again with the same `request_id`.
///
/// # Errors
/// When the options are wrong, or the server cannot be reached in the beginning. What happens later is in the report.
pub async fn run(options: Options, progress: &dyn Progress) -> anyhow::Result<Outcome> {
    run_until(options, progress, std::future::pending()).await
}

/// As [`run`], but tries no more once `stop` resolves: what is in flight is answered, then the check and the report follow.
///
/// # Errors
/// As [`run`].
pub async fn run_until(
    options: Options,
    progress: &dyn Progress,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<Outcome> {
    options.validate()?;
    director::Director::prepare(options, progress).await?.run(stop).await
}
