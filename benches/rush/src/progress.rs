//! How a run tells how far it is.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;

use crate::onsale::view::Counts;

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Making the performance, connecting, waiting for the opening.
    Preparing,
    /// Following the curve.
    Selling,
    /// Selling what lapsed and was given back.
    Settling,
    /// Comparing with the final state.
    Checking,
}

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub struct Update {
    /// What it is doing.
    pub stage: Stage,
    /// Since the curve began.
    pub elapsed: Duration,
    /// Tries that the curve has in all.
    pub planned: u64,
    /// Requests sent, of all kinds, without attempts sent again.
    pub sent: u64,
    /// Requests that were definitely answered.
    pub answers: u64,
    /// Of them, those that ended well.
    pub ok: u64,
    /// Answers a second, over the last tick.
    pub rate: f64,
    /// Latency that 99% of the answers of the last tick did not exceed, in milliseconds.
    pub p99_ms: f64,
    /// The house.
    pub seats: Counts,
}

/// Is told about ten times a second how far a run is.
pub trait Progress: Send + Sync {
    /// Called from the task that runs the whole; it must not block.
    fn on_progress(&self, update: &Update);
}

/// Tells nobody.
#[derive(Clone, Copy, Debug)]
pub struct Quiet;

impl Progress for Quiet {
    fn on_progress(&self, _: &Update) {}
}

impl<F: Fn(&Update) + Send + Sync> Progress for F {
    fn on_progress(&self, update: &Update) {
        self(update);
    }
}

/// A bar on the terminal.
#[derive(Debug)]
pub struct Bar {
    bar: ProgressBar,
    stage: Mutex<Option<Stage>>,
}

impl Bar {
    /// A bar that is not yet begun.
    pub fn new() -> Bar {
        let bar = ProgressBar::new(0);
        let template = "{prefix:<9} {wide_bar} {human_pos}/{human_len}  {msg}";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
        Bar { bar, stage: Mutex::new(None) }
    }

    /// Takes the bar off the terminal.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Default for Bar {
    fn default() -> Self {
        Bar::new()
    }
}

impl Progress for Bar {
    fn on_progress(&self, update: &Update) {
        if self.stage.lock().replace(update.stage) != Some(update.stage) {
            self.bar.set_prefix(match update.stage {
                Stage::Preparing => "preparing",
                Stage::Selling => "selling",
                Stage::Settling => "settling",
                Stage::Checking => "checking",
            });
        }
        self.bar.set_length(update.planned.max(update.answers));
        self.bar.set_position(update.answers);
        self.bar.set_message(format!(
            "{:.1} k/s  p99 {:.1} ms  sold {} held {} free {}",
            update.rate / 1_000.0,
            update.p99_ms,
            update.seats.sold,
            update.seats.held + update.seats.paying,
            update.seats.free,
        ));
    }
}
