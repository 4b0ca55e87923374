//! The report as a page: for now its numbers; the charts follow.

use std::path::Path;

use anyhow::Context;

use super::Report;

/// Writes a report as a self-contained page.
///
/// # Errors
/// When the file cannot be written.
pub fn write_html(report: &Report, path: &Path) -> anyhow::Result<()> {
    let page =
        format!("<!doctype html><meta charset=utf-8><title>rush</title><p>{}", super::table::verdict(report));
    std::fs::write(path, page).with_context(|| format!("{} cannot be written", path.display()))
}
