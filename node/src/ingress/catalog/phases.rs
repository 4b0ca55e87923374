//! The sale phases of a performance.

use earlybird_engine::{Audience, Grade, SalePhase, Timestamp};
use earlybird_proto::v1;
use earlybird_proto::v1::sale_phase::Kind;

use super::time::{timestamp, wire_timestamp};
use super::violations::Violations;

/// Most phases.
const PHASES_MAX: usize = 16;
/// Most grades of a presale.
const GRADES_MAX: usize = 32;
/// Longest grade, in bytes.
const GRADE_BYTES_MAX: usize = 32;

/// Checks the phases. Those that are well-formed come back by opening time.
pub(super) fn phases(wire: &[v1::SalePhase], wrong: &mut Violations) -> Vec<SalePhase> {
    if wire.is_empty() || wire.len() > PHASES_MAX {
        wrong.add("performance.phases", format!("{} of them; 1 to {PHASES_MAX} are needed", wire.len()));
        return Vec::new();
    }
    let mut phases: Vec<(usize, SalePhase)> = Vec::with_capacity(wire.len());
    for (index, given) in wire.iter().enumerate() {
        let path = format!("performance.phases[{index}]");
        phases.extend(phase(&path, given, wrong).map(|phase| (index, phase)));
    }
    phases.sort_by_key(|(_, phase)| (phase.opens_at, phase.closes_at));
    for pair in phases.windows(2) {
        let ((first, earlier), (second, later)) = (&pair[0], &pair[1]);
        if later.opens_at < earlier.closes_at {
            let (field, other) = (first.max(second), first.min(second));
            wrong.add(
                format!("performance.phases[{field}]"),
                format!("overlaps phases[{other}]: a phase must close before the next opens"),
            );
        }
    }
    phases.into_iter().map(|(_, phase)| phase).collect()
}

fn phase(path: &str, wire: &v1::SalePhase, wrong: &mut Violations) -> Option<SalePhase> {
    let audience = audience(path, wire, wrong);
    let opens_at = time(&format!("{path}.open_time"), wire.open_time.as_ref(), wrong);
    let closes_at = time(&format!("{path}.close_time"), wire.close_time.as_ref(), wrong);
    let (opens_at, closes_at) = (opens_at?, closes_at?);
    if closes_at <= opens_at {
        wrong.add(format!("{path}.close_time"), "must be after open_time");
        return None;
    }
    Some(SalePhase { audience: audience?, opens_at, closes_at, waitlist_open: wire.waitlist_open })
}

fn time(field: &str, wire: Option<&prost_types::Timestamp>, wrong: &mut Violations) -> Option<Timestamp> {
    let Some(wire) = wire else {
        wrong.add(field, "must be set");
        return None;
    };
    wrong.take(field, timestamp(wire))
}

fn audience(path: &str, wire: &v1::SalePhase, wrong: &mut Violations) -> Option<Audience> {
    match Kind::try_from(wire.kind) {
        Ok(Kind::General) if wire.grades.is_empty() => Some(Audience::General),
        Ok(Kind::General) => {
            wrong.add(format!("{path}.grades"), "must be empty for GENERAL, which is open to everyone");
            None
        }
        Ok(Kind::Presale) => grades(&format!("{path}.grades"), &wire.grades, wrong).map(Audience::Presale),
        _ => {
            wrong.add(format!("{path}.kind"), "must be PRESALE or GENERAL");
            None
        }
    }
}

fn grades(path: &str, wire: &[String], wrong: &mut Violations) -> Option<Vec<Grade>> {
    if wire.is_empty() || wire.len() > GRADES_MAX {
        wrong.add(path, format!("{} of them; a PRESALE needs 1 to {GRADES_MAX}", wire.len()));
        return None;
    }
    let mut grades: Vec<Grade> = Vec::with_capacity(wire.len());
    for (index, name) in wire.iter().enumerate() {
        let field = format!("{path}[{index}]");
        if name.is_empty() || name.len() > GRADE_BYTES_MAX || name.chars().any(char::is_control) {
            wrong.add(field, format!("must have 1 to {GRADE_BYTES_MAX} bytes and no control characters"));
            return None;
        }
        // Grades are compared in lower case, as those of requests are.
        let grade = Grade(name.to_ascii_lowercase().into());
        if grades.contains(&grade) {
            wrong.add(field, format!("{name:?} is named twice"));
            return None;
        }
        grades.push(grade);
    }
    Some(grades)
}

/// A phase on the wire.
pub(super) fn wire_phase(phase: &SalePhase) -> v1::SalePhase {
    let (kind, grades) = match &phase.audience {
        Audience::General => (Kind::General, Vec::new()),
        Audience::Presale(grades) => {
            (Kind::Presale, grades.iter().map(|grade| grade.0.to_string()).collect())
        }
    };
    v1::SalePhase {
        kind: kind.into(),
        grades,
        open_time: Some(wire_timestamp(phase.opens_at)),
        close_time: Some(wire_timestamp(phase.closes_at)),
        waitlist_open: phase.waitlist_open,
    }
}
