//! How an outcome is printed.

use std::io::Write as _;

use clap::ValueEnum;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, Table};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::failure::Failure;

/// The form of what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Table,
    /// One value, for programs
    Json,
}

/// An outcome: JSON as it is, and a text for people.
pub(crate) trait Shown: Serialize {
    fn text(&self) -> String;
}

impl Output {
    /// Prints an outcome on the standard output.
    pub(crate) fn print(self, outcome: &impl Shown) -> Result<(), Failure> {
        let text = match self {
            Self::Table => outcome.text(),
            Self::Json => serde_json::to_string_pretty(outcome).map_err(Failure::failed)?,
        };
        // Not println!, which panics when a pipe is closed.
        writeln!(std::io::stdout(), "{}", text.trim_end()).map_err(Failure::failed)
    }
}

/// A bar on the error stream, which fills up to this length.
pub(crate) fn progress(length: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style)
}

/// A line of a table.
pub(crate) trait Row {
    /// The columns' names. Those that begin with a space are of numbers, and stand at the right.
    const HEADER: &'static [&'static str];

    /// A text for each column.
    fn cells(&self) -> Vec<String>;
}

/// A table of rows; a line that says that there are none.
pub(crate) fn table<R: Row>(rows: &[R], none: &str) -> String {
    if rows.is_empty() {
        return none.to_owned();
    }
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header(R::HEADER.iter().map(|name| name.trim_start()));
    for row in rows {
        table.add_row(R::HEADER.iter().zip(row.cells()).map(|(name, text)| {
            let alignment = if name.starts_with(' ') { CellAlignment::Right } else { CellAlignment::Left };
            Cell::new(text).set_alignment(alignment)
        }));
    }
    table.to_string()
}
