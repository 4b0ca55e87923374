//! The order of the seats along a row, the aisles in it, and distances.
//!
//! Lengths become whole hundredths of the plan's unit: exact, comparable, and the same on every machine.

use super::plan::Point;

/// Hundredths in one unit of the plan.
pub(super) const HUNDREDTHS: f64 = 100.0;

/// A gap between neighbours is an aisle when it is more than this many times the usual gap of the row. A seat that is
/// missing doubles the gap; seats set out by hand along a curve vary by less than a fifth.
const AISLE_GAP_RATIO: f64 = 1.5;

/// A row with fewer gaps than this has no usual gap of its own and borrows its zone's.
const OWN_GAPS_MIN: usize = 3;

/// One row, put in order.
#[derive(Debug, PartialEq)]
pub(super) struct Line {
    /// Positions in the row as given, from left to right (from top to bottom where the row is upright).
    pub(super) order: Vec<usize>,
    /// Distance of each from the first, along the row; in the order of `order`.
    pub(super) along: Vec<f64>,
}

impl Line {
    /// Puts the seats of a row in order.
    ///
    /// Two orders are tried, and the one with the shorter path from seat to seat is taken: that of the file, which is right
    /// for a row however strongly curved, and that along the row's main axis, which is right for a row written down in
    /// any order.
    pub(super) fn through(points: &[Point]) -> Self {
        let as_given: Vec<usize> = (0..points.len()).collect();
        let by_axis = order_by_main_axis(points);
        // A little in favour of the file, so that rounding does not decide.
        let shorter = path_length(points, &by_axis) < path_length(points, &as_given) * 0.999;
        let mut order = if shorter { by_axis } else { as_given };
        if starts_at_the_right(points, &order) {
            order.reverse();
        }
        let mut walked = 0.0;
        let mut along = Vec::with_capacity(order.len());
        for (place, seat) in order.iter().enumerate() {
            if place > 0 {
                walked += distance(points[order[place - 1]], points[*seat]);
            }
            along.push(walked);
        }
        Self { order, along }
    }

    /// The gaps between neighbours.
    pub(super) fn gaps(&self) -> impl Iterator<Item = f64> {
        self.along.windows(2).map(|pair| pair[1] - pair[0])
    }

    /// The usual gap of the row; `zone_gap` is the zone's, for a row too short to have its own.
    pub(super) fn usual_gap(&self, zone_gap: f64) -> f64 {
        let gaps: Vec<f64> = self.gaps().collect();
        if gaps.len() < OWN_GAPS_MIN { zone_gap } else { lower_median(gaps) }
    }

    /// Whether an aisle is between place `place` of the row and the one before.
    pub(super) fn is_aisle(&self, place: usize, usual_gap: f64) -> bool {
        let gap = self.along[place] - self.along[place - 1];
        usual_gap > 0.0 && gap > usual_gap * AISLE_GAP_RATIO
    }

    /// Distance of the seat at `place` from the middle of the row, along the row.
    pub(super) fn centre_distance(&self, place: usize) -> f64 {
        let length = self.along.last().copied().unwrap_or_default();
        (self.along[place] - length / 2.0).abs()
    }
}

/// The middle of the points.
pub(super) fn middle(points: &[Point]) -> Point {
    let count = points.len().max(1) as f64;
    let sum = points.iter().fold(Point::default(), |sum, point| sum.plus(*point));
    Point { x: sum.x / count, y: sum.y / count }
}

/// Straight distance.
pub(super) fn distance(from: Point, to: Point) -> f64 {
    (to.x - from.x).hypot(to.y - from.y)
}

/// The median; the lower one of the two in the middle, so that in a short row the aisle is not what is usual.
pub(super) fn lower_median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len().saturating_sub(1) / 2;
    values.get(middle).copied().unwrap_or_default()
}

/// Whole hundredths of a length. Coordinates are bounded on import, so it fits.
pub(super) fn hundredths(length: f64) -> u32 {
    (length * HUNDREDTHS).round().clamp(0.0, f64::from(u32::MAX)) as u32
}

fn path_length(points: &[Point], order: &[usize]) -> f64 {
    order.windows(2).map(|pair| distance(points[pair[0]], points[pair[1]])).sum()
}

/// The seats by their projection on the axis along which they spread most (the first principal component).
fn order_by_main_axis(points: &[Point]) -> Vec<usize> {
    let centre = middle(points);
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for point in points {
        let (x, y) = (point.x - centre.x, point.y - centre.y);
        xx += x * x;
        xy += x * y;
        yy += y * y;
    }
    let angle = 0.5 * (2.0 * xy).atan2(xx - yy);
    let (sine, cosine) = angle.sin_cos();
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|left, right| {
        let project = |seat: usize| points[seat].x * cosine + points[seat].y * sine;
        project(*left).total_cmp(&project(*right))
    });
    order
}

/// Whether the row runs from right to left, or upwards where it is more upright than level.
fn starts_at_the_right(points: &[Point], order: &[usize]) -> bool {
    let (Some(first), Some(last)) = (order.first(), order.last()) else { return false };
    let (x, y) = (points[*last].x - points[*first].x, points[*last].y - points[*first].y);
    if x.abs() >= y.abs() { x < 0.0 } else { y < 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f64, y: f64) -> Point {
        Point { x, y }
    }

    #[track_caller]
    fn check(points: &[Point], expected: &[usize]) {
        assert_eq!(Line::through(points).order, expected);
    }

    #[test]
    fn seats_are_ordered_from_left_to_right_whatever_the_file_says() {
        check(&[at(0.0, 0.0), at(1.0, 0.0), at(2.0, 0.0)], &[0, 1, 2]);
        check(&[at(2.0, 0.0), at(1.0, 0.0), at(0.0, 0.0)], &[2, 1, 0]);
        check(&[at(1.0, 0.1), at(3.0, 0.3), at(0.0, 0.0), at(2.0, 0.2)], &[2, 0, 3, 1]);
        check(&[at(5.0, 2.0), at(5.0, 0.0), at(5.0, 1.0)], &[1, 2, 0]);
        check(&[], &[]);
        check(&[at(7.0, 7.0)], &[0]);
    }

    #[test]
    fn a_row_curved_beyond_a_half_circle_keeps_the_order_of_the_file() {
        let arc: Vec<Point> = (0..40)
            .map(|step| f64::from(step) * 0.12 - 2.4)
            .map(|angle| at(angle.sin(), angle.cos()))
            .collect();
        check(&arc, &(0..40).collect::<Vec<_>>());
    }

    #[test]
    fn seats_in_one_spot_stay_in_the_order_of_the_file_without_an_aisle() {
        let line = Line::through(&[at(1.0, 1.0); 4]);
        assert_eq!(line.order, [0, 1, 2, 3]);
        assert!((1..4).all(|place| !line.is_aisle(place, line.usual_gap(0.0))));
    }

    #[test]
    fn an_aisle_is_a_gap_clearly_wider_than_usual() {
        let line = Line::through(&[at(0.0, 0.0), at(10.0, 0.0), at(21.0, 0.0), at(46.0, 0.0), at(56.0, 0.0)]);
        let usual = line.usual_gap(10.0);
        let aisles: Vec<usize> = (1..5).filter(|place| line.is_aisle(*place, usual)).collect();
        assert_eq!(aisles, [3]);
    }

    #[test]
    fn a_short_row_borrows_the_usual_gap_of_its_zone() {
        let pair = Line::through(&[at(0.0, 0.0), at(30.0, 0.0)]);
        assert!(pair.is_aisle(1, pair.usual_gap(10.0)));
        assert!(!pair.is_aisle(1, pair.usual_gap(30.0)));
    }

    #[test]
    fn centre_distance_is_measured_along_the_row() {
        let line = Line::through(&[at(0.0, 0.0), at(3.0, 4.0), at(6.0, 0.0)]);
        assert_eq!([0, 1, 2].map(|place| line.centre_distance(place)), [5.0, 0.0, 5.0]);
    }
}
