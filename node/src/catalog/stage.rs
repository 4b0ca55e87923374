//! Where the front is: the stage, or the top of the plan when it draws none.

use super::geometry::middle;
use super::plan::{Area, Plan, Point, Zone};

/// Words by which an area is known as the stage, in the languages that seating plans were seen in; lower case.
const STAGE_WORDS: [&str; 10] =
    ["stage", "무대", "bühne", "buehne", "scène", "escenario", "palco", "舞台", "ステージ", "screen"];

/// Where the front is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Front {
    /// A stage, by the corners of the box around it: rows are the better the nearer to it.
    Stage { left: f64, top: f64, right: f64, bottom: f64 },
    /// No stage is drawn: rows are the better the nearer to the top of the plan.
    Top { y: f64 },
}

impl Front {
    /// The front of `plan`: the first area whose shape or text says stage, else the top of the seats.
    pub(super) fn of(plan: &Plan, top_y: f64) -> Self {
        let areas = plan.zones.iter().flat_map(|zone| zone.areas.iter().map(move |area| (zone, area)));
        let stage =
            areas.filter(|(_, area)| says_stage(area)).map(|(zone, area)| stage_box(zone, area)).next();
        stage.unwrap_or(Self::Top { y: top_y })
    }

    /// Distance of a row from the front, measured from the middle of its seats.
    pub(super) fn distance(self, seats: &[Point]) -> f64 {
        let row = middle(seats);
        match self {
            Self::Top { y } => (row.y - y).max(0.0),
            Self::Stage { left, top, right, bottom } => {
                let x = (left - row.x).max(row.x - right).max(0.0);
                let y = (top - row.y).max(row.y - bottom).max(0.0);
                x.hypot(y)
            }
        }
    }
}

fn says_stage(area: &Area) -> bool {
    let written = area.text.as_ref().and_then(|text| text.text.as_deref());
    [area.shape.as_deref(), written].into_iter().flatten().any(|word| {
        let word = word.to_lowercase();
        STAGE_WORDS.iter().any(|stage| word.contains(stage))
    })
}

/// The box around an area; its rotation is not considered, as it only ranks rows.
fn stage_box(zone: &Zone, area: &Area) -> Front {
    let origin = zone.position.plus(area.position.unwrap_or_default());
    let (mut low, mut high) = (origin, origin);
    for corner in corners(area) {
        let point = origin.plus(corner);
        low = Point { x: low.x.min(point.x), y: low.y.min(point.y) };
        high = Point { x: high.x.max(point.x), y: high.y.max(point.y) };
    }
    Front::Stage { left: low.x, top: low.y, right: high.x, bottom: high.y }
}

fn corners(area: &Area) -> Vec<Point> {
    let around = |x: f64, y: f64| vec![Point { x: -x, y: -y }, Point { x, y }];
    if let Some(polygon) = &area.polygon {
        polygon.points.clone()
    } else if let Some(size) = area.rectangle {
        vec![Point { x: size.width, y: size.height }]
    } else if let Some(circle) = area.circle {
        around(circle.radius, circle.radius)
    } else if let Some(ellipse) = area.ellipse {
        around(ellipse.radius.x, ellipse.radius.y)
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn front(areas: &str) -> Front {
        let json = format!(
            r#"{{"name":"x","categories":[],"zones":[{{"name":"z","position":{{"x":100,"y":50}},"rows":[],"areas":{areas}}}]}}"#
        );
        Front::of(&serde_json::from_str(&json).unwrap(), 7.0)
    }

    #[test]
    fn the_front_is_the_area_that_says_stage() {
        let stage = r##"[{"shape":"circle","circle":{"radius":3},"text":{"text":"BAR"}},
            {"shape":"rectangle","position":{"x":10,"y":0},"rectangle":{"width":20,"height":5},"text":{"text":"Main Stage"}}]"##;
        assert_eq!(front(stage), Front::Stage { left: 110.0, top: 50.0, right: 130.0, bottom: 55.0 });
    }

    #[test]
    fn without_a_stage_the_front_is_the_top() {
        assert_eq!(front("[]"), Front::Top { y: 7.0 });
    }

    #[test]
    fn a_row_below_the_stage_is_as_far_as_the_gap_between_them() {
        let stage = front(r#"[{"shape":"stage","rectangle":{"width":20,"height":5}}]"#);
        assert_eq!(stage.distance(&[Point { x: 105.0, y: 65.0 }, Point { x: 115.0, y: 65.0 }]), 10.0);
        assert_eq!(stage.distance(&[Point { x: 123.0, y: 59.0 }]), 5.0);
        assert_eq!(stage.distance(&[Point { x: 110.0, y: 52.0 }]), 0.0);
    }
}
