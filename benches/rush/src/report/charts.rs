//! The charts of a report, as SVG to be put into a page.

use std::ops::Range;

use anyhow::anyhow;
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::prelude::*;

use super::table::grouped;
use super::{Point, Report};

const SIZE: (u32, u32) = (1_080, 330);
const INK: RGBColor = RGBColor(0x3c, 0x43, 0x4d);
const GRID: RGBColor = RGBColor(0xe6, 0xe9, 0xee);
const GREEN: RGBColor = RGBColor(0x1a, 0x9b, 0x6c);
const GREY: RGBColor = RGBColor(0xa9, 0xb2, 0xbf);
const RED: RGBColor = RGBColor(0xd6, 0x3b, 0x3b);
const BLUE: RGBColor = RGBColor(0x2f, 0x6f, 0xde);
const AMBER: RGBColor = RGBColor(0xf0, 0xa2, 0x30);
const PURPLE: RGBColor = RGBColor(0x8a, 0x4f, 0xd0);

/// A named colour with what it draws of a point.
type Of = (&'static str, RGBColor, fn(&Point) -> f64);

const ANSWERS: [Of; 3] = [
    ("errors", RED, |point| point.errors_per_s),
    ("ok", GREEN, |point| point.ok_per_s),
    ("rejected", GREY, |point| point.rejected_per_s),
];
const LATENCIES: [Of; 3] = [
    ("p50", BLUE, |point| point.p50_ms),
    ("p99", AMBER, |point| point.p99_ms),
    ("p99.9", RED, |point| point.p999_ms),
];
const STATES: [Of; 5] = [
    ("sold", GREEN, |point| f64::from(point.seats.sold)),
    ("paying", PURPLE, |point| f64::from(point.seats.paying)),
    ("held", AMBER, |point| f64::from(point.seats.held)),
    ("free", GREY, |point| f64::from(point.seats.free)),
    ("blocked", INK, |point| f64::from(point.seats.blocked)),
];

/// A drawing and what its colours mean.
pub(super) struct Drawing {
    /// The drawing.
    pub(super) svg: String,
    /// Colours, in CSS notation, with their names.
    pub(super) legend: Vec<(String, &'static str)>,
}

fn drawing<'a>(svg: &str, series: impl Iterator<Item = &'a Of>) -> Drawing {
    let css = |RGBColor(red, green, blue)| format!("#{red:02x}{green:02x}{blue:02x}");
    // The drawing has a fixed size; as a view box it fits any page.
    let sized = format!("<svg width=\"{}\" height=\"{}\"", SIZE.0, SIZE.1);
    Drawing {
        svg: svg.replacen(&sized, "<svg", 1),
        legend: series.map(|(name, colour, _)| (css(*colour), *name)).collect(),
    }
}

/// Answers a second over time, by outcome, stacked.
///
/// # Errors
/// When the chart cannot be drawn.
pub(super) fn throughput(report: &Report) -> anyhow::Result<Drawing> {
    stacked(report, &ANSWERS, "answers a second")
}

/// Seats over time, by state, stacked.
///
/// # Errors
/// When the chart cannot be drawn.
pub(super) fn seats(report: &Report) -> anyhow::Result<Drawing> {
    stacked(report, &STATES, "seats")
}

fn stacked(report: &Report, series: &[Of], unit: &str) -> anyhow::Result<Drawing> {
    let top =
        report.series.iter().map(|p| series.iter().map(|(_, _, of)| of(p)).sum::<f64>()).fold(1.0, f64::max);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = chart(&root).build_cartesian_2d(0.0..end(report), 0.0..top * 1.05).map_err(drawn)?;
        mesh(&mut chart, unit, &|value| thousands(*value))?;
        // From the top of the stack down, so that each area covers what is not its own.
        for (index, (_, colour, _)) in series.iter().enumerate().rev() {
            let sum = |point: &Point| series[..=index].iter().map(|(_, _, of)| of(point)).sum::<f64>();
            let area = AreaSeries::new(steps(&report.series, sum), 0.0, colour.filled());
            chart.draw_series(area).map_err(drawn)?;
        }
        root.present().map_err(drawn)?;
    }
    Ok(drawing(&svg, series.iter().rev()))
}

/// Latency percentiles over time, on a logarithmic axis.
///
/// # Errors
/// When the chart cannot be drawn.
pub(super) fn latency(report: &Report) -> anyhow::Result<Drawing> {
    let values = || report.series.iter().flat_map(|point| LATENCIES.iter().map(|(_, _, of)| of(point)));
    let low = values().filter(|ms| *ms > 0.0).fold(1.0, f64::min);
    let high = values().fold(10.0, f64::max);
    // Whole decades, so that the grid lines are round numbers.
    let range = 10_f64.powf(low.log10().floor())..10_f64.powf(high.log10().ceil());
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart =
            chart(&root).build_cartesian_2d(0.0..end(report), range.log_scale()).map_err(drawn)?;
        mesh(&mut chart, "milliseconds", &|ms| milliseconds(*ms))?;
        for (_, colour, of) in &LATENCIES {
            let line =
                report.series.iter().filter(|point| of(point) > 0.0).map(|point| (point.at_s, of(point)));
            chart.draw_series(LineSeries::new(line, colour.stroke_width(2))).map_err(drawn)?;
        }
        root.present().map_err(drawn)?;
    }
    Ok(drawing(&svg, LATENCIES.iter().rev()))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Chart<'a, 'b, Y> =
    ChartContext<'a, SVGBackend<'b>, Cartesian2d<plotters::coord::types::RangedCoordf64, Y>>;

fn drawn(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("a chart cannot be drawn: {error}")
}

fn chart<'a, 'b>(root: &'a Area<'b>) -> ChartBuilder<'a, 'b, SVGBackend<'b>> {
    let mut builder = ChartBuilder::on(root);
    builder.margin_top(12).margin_right(16).margin_left(6).x_label_area_size(42).y_label_area_size(74);
    builder
}

fn font(size: u32) -> TextStyle<'static> {
    TextStyle::from(("sans-serif", size).into_font()).color(&INK)
}

fn mesh<Y>(chart: &mut Chart<'_, '_, Y>, unit: &str, format: &dyn Fn(&f64) -> String) -> anyhow::Result<()>
where
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let mut mesh = chart.configure_mesh();
    mesh.x_desc("seconds after the opening").y_desc(unit).axis_desc_style(font(14)).label_style(font(13));
    mesh.disable_x_mesh().bold_line_style(GRID).light_line_style(TRANSPARENT).axis_style(GRID);
    mesh.x_labels(12).y_labels(6).x_label_formatter(&|s| format!("{s:.0}")).y_label_formatter(format);
    mesh.draw().map_err(drawn)
}

fn end(report: &Report) -> f64 {
    report.series.last().map_or(1.0, |point| point.at_s)
}

/// A point covers the time since the point before it, so it is drawn as a step.
fn steps(points: &[Point], of: impl Fn(&Point) -> f64) -> Vec<(f64, f64)> {
    let mut from_s = 0.0;
    let mut steps = Vec::with_capacity(points.len() * 2);
    for point in points {
        let Range { start, end } = from_s..point.at_s;
        steps.extend([(start, of(point)), (end, of(point))]);
        from_s = point.at_s;
    }
    steps
}

fn thousands(value: f64) -> String {
    grouped(value.max(0.0).round() as u64)
}

fn milliseconds(ms: f64) -> String {
    if ms >= 1.0 { grouped(ms.round() as u64) } else { format!("{ms}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_lasts_from_the_point_before() {
        let point = |at_s, ok_per_s| Point { at_s, ok_per_s, ..Point::default() };
        let drawn = steps(&[point(1.0, 5.0), point(2.0, 7.0)], |p| p.ok_per_s);
        assert_eq!(drawn, [(0.0, 5.0), (1.0, 5.0), (1.0, 7.0), (2.0, 7.0)]);
    }
}
