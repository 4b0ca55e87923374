//! What a benchmark says: one row of the table.

use serde::Serialize;

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Things a second.
    PerSecond,
    /// Milliseconds.
    Milliseconds,
    /// Bytes.
    Bytes,
    /// Things.
    Count,
}

/// A measured number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// How many.
    pub value: f64,
    /// Of what.
    pub unit: Unit,
}

/// What a row has to reach.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// The figure is at least this.
    AtLeast(f64),
    /// The figure is at most this.
    AtMost(f64),
    /// The figure is at least so many times the peer's.
    TimesPeer(f64),
    /// The figure is at most so many times the peer's.
    AtMostTimesPeer(f64),
    /// Shown for what it tells about the others.
    None,
}

/// Whether a goal was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It was.
    Ok,
    /// It was not.
    Short,
    /// There was none.
    Shown,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// The figure.
    pub measured: Figure,
    /// Who it is compared with, and that one's figure.
    pub peer: Option<(String, Figure)>,
    /// The goal.
    pub goal: Goal,
}

impl Figure {
    /// So many a second.
    #[must_use]
    pub fn per_second(value: f64) -> Self {
        Self { value, unit: Unit::PerSecond }
    }

    /// So many milliseconds.
    #[must_use]
    pub fn milliseconds(value: f64) -> Self {
        Self { value, unit: Unit::Milliseconds }
    }

    /// So many bytes.
    #[must_use]
    pub fn bytes(value: f64) -> Self {
        Self { value, unit: Unit::Bytes }
    }

    /// So many.
    #[must_use]
    pub fn count(value: f64) -> Self {
        Self { value, unit: Unit::Count }
    }
}

impl Row {
    /// A figure without a peer.
    #[must_use]
    pub fn new(what: impl Into<String>, measured: Figure, goal: Goal) -> Self {
        Self { what: what.into(), measured, peer: None, goal }
    }

    /// With the figure of a peer.
    #[must_use]
    pub fn against(mut self, peer: impl Into<String>, figure: Figure) -> Self {
        self.peer = Some((peer.into(), figure));
        self
    }

    /// The figure in units of the peer's; none without a peer, or with one that did nothing.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        let (_, peer) = self.peer.as_ref()?;
        (peer.value > 0.0).then(|| self.measured.value / peer.value)
    }

    /// Whether the goal was reached. A goal against a peer that is missing was not.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let reached = match self.goal {
            Goal::AtLeast(least) => self.measured.value >= least,
            Goal::AtMost(most) => self.measured.value <= most,
            Goal::TimesPeer(times) => self.ratio().is_some_and(|ratio| ratio >= times),
            Goal::AtMostTimesPeer(times) => self.ratio().is_some_and(|ratio| ratio <= times),
            Goal::None => return Verdict::Shown,
        };
        if reached { Verdict::Ok } else { Verdict::Short }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: f64, peer: Option<f64>, goal: Goal, expected: Verdict) {
        let mut row = Row::new("it", Figure::per_second(value), goal);
        row.peer = peer.map(|peer| ("peer".to_owned(), Figure::per_second(peer)));
        assert_eq!(row.verdict(), expected, "{row:?}");
    }

    #[test]
    fn goals_are_compared_in_their_direction() {
        check(2.0, None, Goal::AtLeast(2.0), Verdict::Ok);
        check(1.9, None, Goal::AtLeast(2.0), Verdict::Short);
        check(2.1, None, Goal::AtMost(2.0), Verdict::Short);
        check(3.0, Some(1.0), Goal::TimesPeer(3.0), Verdict::Ok);
        check(2.9, Some(1.0), Goal::TimesPeer(3.0), Verdict::Short);
        check(2.9, Some(0.0), Goal::TimesPeer(3.0), Verdict::Short);
        check(2.9, None, Goal::TimesPeer(3.0), Verdict::Short);
        check(1.2, Some(1.0), Goal::AtMostTimesPeer(1.25), Verdict::Ok);
        check(1.3, Some(1.0), Goal::AtMostTimesPeer(1.25), Verdict::Short);
        check(0.0, None, Goal::None, Verdict::Shown);
    }
}
