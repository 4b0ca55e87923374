//! The report as a self-contained page: no script, nothing loaded from elsewhere.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;

use super::charts::Drawing;
use super::table::{facts, grouped, ledger_rows, milliseconds, reasons, verdict};
use super::{KindReport, Report, charts};

const STYLE: &str = include_str!("style.css");

/// Writes a report as a self-contained page with charts.
///
/// # Errors
/// When a chart cannot be drawn or the file cannot be written.
pub fn write_html(report: &Report, path: &Path) -> anyhow::Result<()> {
    std::fs::write(path, page(report)?).with_context(|| format!("{} cannot be written", path.display()))
}

fn page(report: &Report) -> anyhow::Result<String> {
    let body = [
        header(report),
        tiles(report),
        figure("Answers", "By outcome, stacked.", &charts::throughput(report)?),
        figure(
            "Latency",
            "From the intended moment of each request, all kinds; logarithmic.",
            &charts::latency(report)?,
        ),
        figure("Seats", "By state, stacked, as the watched seat map showed them.", &charts::seats(report)?),
        kinds(&report.kinds),
        ledgers(report),
        checks(report),
        details(report),
    ];
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>rush: {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{}\n</main>\n</body>\n</html>\n",
        escape(&report.performance),
        body.join("\n")
    ))
}

fn header(report: &Report) -> String {
    let well = report.violations == 0 && report.check_error.is_none() && !report.gave_up;
    format!(
        "<header><p class=\"name\">rush · {}</p><h1>{}</h1><p class=\"verdict {}\">{}</p></header>",
        escape(&report.performance),
        if report.seats.sold_out { "Sold out" } else { "On-sale" },
        if well { "good" } else { "bad" },
        escape(&verdict(report))
    )
}

fn tiles(report: &Report) -> String {
    let requests = &report.requests;
    let hold = report.kinds.iter().find(|kind| kind.kind == crate::command::Kind::Hold.label());
    let hold_p99 =
        hold.map_or_else(|| "–".to_owned(), |kind| format!("{} ms", milliseconds(kind.latency.p99_ms)));
    let seats = format!("of {} seats sold", grouped(report.seats.capacity.into()));
    let tiles = [
        ("requests", grouped(requests.answered)),
        ("a second", grouped(requests.rate_per_s as u64)),
        ("p99 of a hold", hold_p99),
        (seats.as_str(), grouped(report.seats.counts.sold.into())),
        ("errors", grouped(requests.errors)),
        (
            "violations",
            if report.checks.is_empty() { "not checked".to_owned() } else { grouped(report.violations) },
        ),
    ];
    let tile =
        |(name, value): &(&str, String)| format!("<div><b>{}</b><span>{name}</span></div>", escape(value));
    format!("<section class=\"tiles\">{}</section>", tiles.iter().map(tile).collect::<String>())
}

fn figure(title: &str, caption: &str, drawing: &Drawing) -> String {
    let chip =
        |(colour, name): &(String, &str)| format!("<span><i style=\"background:{colour}\"></i>{name}</span>");
    let legend: String = drawing.legend.iter().map(chip).collect();
    format!(
        "<section><h2>{title}</h2><p class=\"caption\">{caption}</p><p class=\"legend\">{legend}</p>\
         <figure>{}</figure></section>",
        drawing.svg
    )
}

fn kinds(kinds: &[KindReport]) -> String {
    let head =
        ["command", "count", "ok", "rejected", "errors", "retried", "p50", "p90", "p99", "p99.9", "max"];
    let mut html = table_head("Commands", "Latencies in milliseconds, from the intended moment.", &head);
    html.push_str("<th class=\"text\">reasons</th></tr></thead><tbody>");
    for kind in kinds {
        let latency = &kind.latency;
        let counts = [kind.count, kind.ok, kind.rejected, kind.errors, kind.retried].map(grouped);
        let times = [latency.p50_ms, latency.p90_ms, latency.p99_ms, latency.p999_ms, latency.max_ms]
            .map(milliseconds);
        let _ = write!(html, "<tr><td class=\"text\">{}</td>", kind.kind);
        counts.iter().chain(&times).for_each(|value| {
            let _ = write!(html, "<td>{value}</td>");
        });
        let _ = write!(html, "<td class=\"text small\">{}</td></tr>", escape(&reasons(&kind.reasons)));
    }
    html + "</tbody></table></section>"
}

fn table_head(title: &str, caption: &str, names: &[&str]) -> String {
    let mut html = format!("<section><h2>{title}</h2><p class=\"caption\">{caption}</p><table><thead><tr>");
    for (index, name) in names.iter().enumerate() {
        let class = if index == 0 { " class=\"text\"" } else { "" };
        let _ = write!(html, "<th{class}>{name}</th>");
    }
    html
}

fn ledgers(report: &Report) -> String {
    let Some(ledgers) = &report.ledgers else { return String::new() };
    let caption = "Kept apart from each other, in minor units; they must agree to the last one.";
    let head = ["", "payments", "captured", "given back", "kept"];
    let mut html = table_head("Three ledgers", caption, &head);
    html.push_str("</tr></thead><tbody>");
    let class = if ledgers.agree() { "good" } else { "bad" };
    for [name, payments, captured, refunded, kept] in ledger_rows(&report.money.currency_code, ledgers) {
        let _ = write!(
            html,
            "<tr><td class=\"text\">{name}</td><td>{payments}</td><td>{captured}</td><td>{refunded}</td>\
             <td class=\"{class}\">{kept}</td></tr>"
        );
    }
    html + "</tbody></table></section>"
}

fn checks(report: &Report) -> String {
    if let Some(error) = &report.check_error {
        return format!(
            "<section><h2>Check</h2><p class=\"bad\">It could not be made: {}</p></section>",
            escape(error)
        );
    }
    if report.checks.is_empty() {
        return "<section><h2>Check</h2><p class=\"caption\">Not made.</p></section>".to_owned();
    }
    let caption = "What the server acknowledged, against what it shows in the end.";
    let mut html = table_head("Check from outside", caption, &["", "looked at", "violations"]);
    html.push_str("<th class=\"text\">what must hold</th></tr></thead><tbody>");
    for line in &report.checks {
        let class = if line.violations == 0 { "good" } else { "bad" };
        let _ = write!(
            html,
            "<tr><td class=\"text\">{}</td><td>{}</td><td class=\"{class}\">{}</td><td class=\"text\">{}</td></tr>",
            line.id,
            grouped(line.checked),
            grouped(line.violations),
            escape(line.description)
        );
    }
    html.push_str("</tbody></table>");
    for violation in &report.violations_listed {
        let _ = write!(html, "<p class=\"bad small\">{}: {}</p>", violation.id, escape(&violation.detail));
    }
    html + "</section>"
}

fn details(report: &Report) -> String {
    let mut html = "<section><h2>Details</h2><table class=\"facts\"><tbody>".to_owned();
    for (name, value) in facts(report) {
        let _ =
            write!(html, "<tr><th class=\"text\">{name}</th><td class=\"text\">{}</td></tr>", escape(&value));
    }
    html + "</tbody></table></section>"
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn the_page_stands_alone_and_shows_what_was_found() {
        let mut report = samples::report();
        let clean = page(&report).expect("drawn");
        assert_eq!(clean.matches("<svg").count(), 3);
        assert!(!clean.contains("<script") && !clean.contains("src=") && !clean.contains("@import"));
        assert!(clean.contains("no violations"));
        report.violations = 1;
        report.violations_listed =
            vec![crate::check::Violation { id: "I1", detail: "seat <5> is in two orders".to_owned() }];
        let bad = page(&report).expect("drawn");
        assert!(bad.contains("seat &lt;5&gt; is in two orders") && bad.contains("1 VIOLATION"));
    }

    #[test]
    fn an_empty_run_has_a_page() {
        let mut report = samples::report();
        report.series.clear();
        report.kinds.clear();
        report.checks.clear();
        assert!(page(&report).expect("drawn").contains("not checked"));
    }
}
