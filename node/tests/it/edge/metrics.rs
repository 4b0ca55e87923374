//! The metrics of a node that has just started, beside those that its alerts, its dashboard and its sources name.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::Server;

/// Labels that whoever scrapes adds.
const LABELS_OF_SCRAPING: [&str; 3] = ["namespace", "pod", "job"];

/// A metric as a query names it, with the values that it wants of labels.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Selector {
    name: String,
    wanted: Vec<(String, String)>,
}

/// All metrics of ours that a text names.
fn selectors(text: &str) -> BTreeSet<Selector> {
    let is_of_name = |character: char| character.is_ascii_alphanumeric() || "_:".contains(character);
    let mut found = BTreeSet::new();
    for (at, start) in text.match_indices("earlybird_") {
        if text[..at].ends_with(is_of_name) {
            continue;
        }
        let length = text[at..].find(|character| !is_of_name(character)).unwrap_or(text.len() - at);
        let (name, rest) = text[at..].split_at(length.max(start.len()));
        let matchers =
            rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(inner, _)| inner);
        found.insert(Selector {
            name: name.to_owned(),
            wanted: matchers.split(',').flat_map(wanted).collect(),
        });
    }
    found
}

/// What a matcher such as `outcome="OK"` or `state=~"held|sold"` wants. Variables of the dashboard may be anything.
fn wanted(matcher: &str) -> Vec<(String, String)> {
    let Some((label, value)) = matcher.split_once('=') else { return Vec::new() };
    let values = value.trim_start_matches('~').trim_matches('"');
    if label.ends_with('!') || values.contains('$') || LABELS_OF_SCRAPING.contains(&label.trim()) {
        return Vec::new();
    }
    values.split('|').map(|value| (label.trim().to_owned(), value.to_owned())).collect()
}

/// Whether a scrape has all series that a selector wants.
fn is_exported(metrics: &str, selector: &Selector) -> bool {
    let series: Vec<&str> = metrics
        .lines()
        .filter(|line| {
            line.strip_prefix(&selector.name)
                .is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' '))
        })
        .collect();
    let has = |(label, value): &(String, String)| {
        let label = format!("{label}=\"{value}\"");
        series.iter().any(|line| line.contains(&format!("{{{label}")) || line.contains(&format!(",{label}")))
    };
    !series.is_empty() && selector.wanted.iter().all(has)
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let is_source = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    files.into_iter().filter(is_source).chain(folders.iter().flat_map(|folder| sources(folder))).collect()
}

#[tokio::test]
async fn what_alerts_and_dashboard_name_is_there_from_the_start() {
    let (_, metrics) = Server::start().await.get("/metrics").await;
    let monitoring = Path::new(env!("CARGO_MANIFEST_DIR")).join("../k8s/base/monitoring");
    for (file, least) in [("alerts.yaml", 20), ("dashboard.json", 20)] {
        let found = selectors(&read(monitoring.join(file)).replace("\\\"", "\""));
        assert!(found.len() >= least, "{file} names {} metrics only", found.len());
        for selector in &found {
            assert!(is_exported(&metrics, selector), "{file}: no such series: {selector:?}");
        }
    }
}

#[tokio::test]
async fn every_metric_is_there_and_described_from_the_start() {
    let (_, metrics) = Server::start().await.get("/metrics").await;
    let mut named = BTreeSet::new();
    for source in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = read(&source);
        let literals = text.match_indices("\"earlybird_").map(|(at, _)| &text[at + 1..]);
        named.extend(literals.filter_map(|rest| rest.split_once('"')).map(|(name, _)| name.to_owned()));
    }
    assert!(named.len() > 40, "{named:?}");
    for name in &named {
        assert!(metrics.contains(&format!("# HELP {name} ")), "{name} is not described, or not there");
        assert!(metrics.contains(&format!("# TYPE {name} ")), "{name} is not there");
    }
}

#[test]
fn selectors_are_found_in_queries() {
    let text = r#"sum(rate(earlybird_a_total{job="x", outcome=~"OK|NO",le!="1"}[5m])) / earlybird_b + x_earlybird_c"#;
    let outcomes = ["OK", "NO"].map(|value| ("outcome".to_owned(), value.to_owned()));
    let expected = [
        Selector { name: "earlybird_a_total".into(), wanted: outcomes.into() },
        Selector { name: "earlybird_b".into(), wanted: Vec::new() },
    ];
    assert_eq!(selectors(text), expected.into());
    let metrics =
        "earlybird_a_total{outcome=\"OK\"} 0\nearlybird_a_total{outcome=\"NO\"} 0\nearlybird_bc 1\n";
    assert!(is_exported(metrics, &Selector { name: "earlybird_a_total".into(), wanted: Vec::new() }));
    assert!(selectors(text).iter().map(|selector| is_exported(metrics, selector)).eq([true, false]));
}
