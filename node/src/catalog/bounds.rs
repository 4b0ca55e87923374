//! What any part of a plan may not exceed.

use super::plan::Point;
use super::read::PlanError;

/// Most zones, and most categories, of a venue.
const NAMES_MAX: usize = 10_000;

/// Longest name or label, in bytes.
const LABEL_BYTES_MAX: usize = 200;

/// Farthest that a position may be from what it is relative to, in units of the plan.
const COORDINATE_MAX: f64 = 1_000_000.0;

/// At most so many of anything that has a name.
pub(super) fn check_count(path: &str, count: usize) -> Result<(), PlanError> {
    if count <= NAMES_MAX {
        return Ok(());
    }
    Err(PlanError::at(path, format!("{count} of them; at most {NAMES_MAX} are accepted")))
}

/// Notes what is wrong with a label by its path.
pub(super) fn check_label(path: impl Into<String>, label: &str, bytes_min: usize) -> Result<(), PlanError> {
    label_fault(label, bytes_min).map_err(|wrong| PlanError::at(path, wrong))
}

/// What is wrong with a label that needs at least `bytes_min` bytes.
pub(super) fn label_fault(label: &str, bytes_min: usize) -> Result<(), String> {
    if label.len() < bytes_min {
        return Err("must not be empty".into());
    }
    if label.len() > LABEL_BYTES_MAX {
        return Err(format!("has {} bytes; at most {LABEL_BYTES_MAX} are accepted", label.len()));
    }
    if label.chars().any(char::is_control) {
        return Err("must not contain control characters".into());
    }
    Ok(())
}

/// Whether a position is not too far away.
pub(super) fn is_in_range(point: Point) -> bool {
    point.x.abs() <= COORDINATE_MAX && point.y.abs() <= COORDINATE_MAX
}

/// Notes which coordinate of the position at `path` is too far away.
pub(super) fn check_point(path: &str, point: Point) -> Result<(), PlanError> {
    for (axis, value) in [("x", point.x), ("y", point.y)] {
        if value.abs() > COORDINATE_MAX {
            let message =
                format!("{value} is out of range: -{COORDINATE_MAX} to {COORDINATE_MAX} is accepted");
            return Err(PlanError::at(format!("{path}.position.{axis}"), message));
        }
    }
    Ok(())
}
