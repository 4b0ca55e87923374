//! `earlybird audit`: of a store that no node uses.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use earlybird_engine::Millis;
use earlybird_persistence::{OpenError, PerformanceId, Store, StoreOptions, open_with};
use indicatif::{ProgressBar, ProgressStyle};

use crate::audit::{AuditOptions, AuditReport, audit_journal};
use crate::catalog::Catalog;

/// Something that must always hold does not.
const EXIT_CODE_VIOLATION: u8 = 1;
/// There is no outcome.
const EXIT_CODE_ERROR: u8 = 2;

/// A shorter journal is done before a bar is looked at.
const ENTRIES_MIN_FOR_PROGRESS: u64 = 50_000;

const CANNOT_PRINT: &str = "cannot print the report";

/// Performances listed at a time.
const PAGE_ROWS: usize = 1_000;

/// Options of `earlybird audit`. It ends with exit code 0 when all holds, 1 on any violation, 2 when it cannot tell.
#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    /// Database: sqlite://FILE or postgres://…
    #[arg(long, value_name = "URL", env = "EARLYBIRD_STORE__URL", hide_env_values = true)]
    store: String,
    /// Performance to audit, such as performances/swan-lake; may be repeated [default: all]
    #[arg(long = "performance", value_name = "NAME")]
    performances: Vec<String>,
    /// How long after its deadline a hold may expire
    #[arg(long, value_name = "DURATION", default_value = "200ms", value_parser = humantime::parse_duration)]
    expiry_bound: Duration,
    /// How the reports are printed
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Table,
    /// One array of all reports
    Json,
}

pub(super) fn run(args: &AuditArgs) -> ExitCode {
    silence_engine();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let audited = |runtime: tokio::runtime::Runtime| runtime.block_on(audit(args, &mut std::io::stdout()));
    exit_code(runtime.context("cannot start").and_then(audited))
}

fn exit_code(outcome: anyhow::Result<bool>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(EXIT_CODE_VIOLATION),
        Err(error) => {
            eprintln!("earlybird: {error:#}");
            ExitCode::from(EXIT_CODE_ERROR)
        }
    }
}

/// The engine refuses a contradictory entry by a panic. The audit catches it and reports it as a finding, so that it is
/// not to be told a second time, as if the audit had failed.
fn silence_engine() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.location().is_some_and(|place| place.file().contains("engine/src")) {
            tell(panic);
        }
    }));
}

/// Audits and prints. Returns whether all is clean.
async fn audit(args: &AuditArgs, output: &mut dyn Write) -> anyhow::Result<bool> {
    let store = open(&args.store).await?;
    let outcome = audit_store(&store, args, output).await;
    store.close().await;
    outcome
}

async fn audit_store(
    store: &Arc<dyn Store>,
    args: &AuditArgs,
    output: &mut dyn Write,
) -> anyhow::Result<bool> {
    let performances = performances(&**store, &args.performances).await?;
    if performances.is_empty() {
        eprintln!("earlybird: the store has no performances");
    }
    let catalog = Catalog::new(Arc::clone(store));
    let expiry_bound = Millis(u64::try_from(args.expiry_bound.as_millis()).unwrap_or(u64::MAX));
    let mut reports = Vec::with_capacity(performances.len());
    for id in performances {
        let info = catalog.performance(&id).await?.with_context(|| format!("no performance {id}"))?;
        let progress = progress(&**store, &id).await?;
        let options = AuditOptions { expiry_bound, progress: progress.clone(), ..AuditOptions::default() };
        let report = audit_journal(&**store, &info, &options).await;
        progress.finish_and_clear();
        let report = report.with_context(|| format!("cannot audit {}", info.name))?;
        if args.output == Output::Table {
            write!(output, "{}", report.to_text()).context(CANNOT_PRINT)?;
        }
        reports.push(report);
    }
    if args.output == Output::Json {
        writeln!(output, "{}", serde_json::to_string_pretty(&reports)?).context(CANNOT_PRINT)?;
    }
    Ok(reports.iter().all(|report: &AuditReport| report.clean))
}

async fn open(url: &str) -> anyhow::Result<Arc<dyn Store>> {
    // Opening a store makes it where there is none; an audit of nothing would be clean.
    let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"));
    if let Some(path) = path.filter(|path| !path.is_empty() && !Path::new(path).exists()) {
        bail!("there is no database {path}");
    }
    match open_with(url, StoreOptions::default()).await {
        Err(error @ OpenError::InUse { .. }) => Err(error).context(
            "a store that a node uses is audited by that node: call AuditPerformance of its Admin service, or stop it",
        ),
        other => Ok(other?),
    }
}

/// The performances that are named, or else all.
async fn performances(store: &dyn Store, named: &[String]) -> anyhow::Result<Vec<PerformanceId>> {
    if !named.is_empty() {
        let id = |name: &String| PerformanceId::from(name.strip_prefix("performances/").unwrap_or(name));
        return Ok(named.iter().map(id).collect());
    }
    let mut ids = Vec::new();
    loop {
        let page = store.list_performances(ids.last(), PAGE_ROWS).await?;
        let is_last = page.len() < PAGE_ROWS;
        ids.extend(page.into_iter().map(|row| row.id));
        if is_last {
            return Ok(ids);
        }
    }
}

/// A bar on the standard error stream, if that is a terminal and the journal is long.
async fn progress(store: &dyn Store, id: &PerformanceId) -> anyhow::Result<ProgressBar> {
    let heads = store.heads(std::slice::from_ref(id)).await?;
    let entries = heads.first().map_or(0, |(_, head)| head.0);
    if entries < ENTRIES_MIN_FOR_PROGRESS {
        return Ok(ProgressBar::hidden());
    }
    let style = ProgressStyle::with_template("{msg} {bar:30} {human_pos}/{human_len} entries, {eta} left")?;
    Ok(ProgressBar::new(entries).with_style(style).with_message(id.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::tests::fixture::{Fixture, write};
    use crate::audit::tests::script::Script;

    fn args(store: String, performances: &[&str]) -> AuditArgs {
        let performances = performances.iter().map(|&name| name.to_owned()).collect();
        AuditArgs { store, performances, expiry_bound: Duration::from_millis(200), output: Output::Json }
    }

    /// The outcome, and the reports as they were printed.
    async fn audited(args: &AuditArgs) -> anyhow::Result<(bool, Vec<AuditReport>)> {
        let mut output = Vec::new();
        let clean = audit(args, &mut output).await?;
        Ok((clean, serde_json::from_slice(&output)?))
    }

    #[track_caller]
    fn assert_refused(outcome: anyhow::Result<(bool, Vec<AuditReport>)>, text: &str) {
        let error = format!("{:#}", outcome.expect_err("there is nothing to audit"));
        assert!(error.contains(text), "{error}");
    }

    #[tokio::test]
    async fn every_performance_is_audited_or_those_that_are_named() {
        let fixture = Fixture::new().await;
        for named in [&[][..], &["performances/carmen"], &["carmen"]] {
            let (clean, reports) = audited(&args(fixture.url(), named)).await.unwrap();
            assert!(clean && reports.len() == 1 && reports[0].performance == "performances/carmen");
        }
        assert_refused(audited(&args(fixture.url(), &["carmen", "tosca"])).await, "no performance tosca");
    }

    #[tokio::test]
    async fn a_violation_is_not_clean() {
        let fixture = Fixture::new().await;
        let store = fixture.open().await;
        let mut script = Script::new();
        script.hold("ann", &[1]).hold("ben", &[1]);
        write(&*store, &*fixture.info(&store).await, &script.records).await;
        store.close().await;
        let (clean, reports) = audited(&args(fixture.url(), &[])).await.unwrap();
        assert!(!clean && !reports[0].clean);
        let mut text = Vec::new();
        let table = AuditArgs { output: Output::Table, ..args(fixture.url(), &[]) };
        assert!(!audit(&table, &mut text).await.unwrap());
        assert!(String::from_utf8(text).unwrap().contains("entry 2: seat 1 is held by hold 1"));
    }

    #[test]
    fn the_exit_code_tells_the_outcome() {
        let codes = [Ok(true), Ok(false), Err(anyhow::anyhow!("no answer"))].map(exit_code);
        assert_eq!(codes, [0, 1, 2].map(ExitCode::from));
    }

    #[tokio::test]
    async fn a_store_in_use_is_left_to_its_node() {
        let fixture = Fixture::new().await;
        let _node = fixture.open().await;
        assert_refused(
            audited(&args(fixture.url(), &[])).await,
            "call AuditPerformance of its Admin service",
        );
    }

    #[tokio::test]
    async fn a_store_that_does_not_exist_is_not_made() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("store.db");
        let url = format!("sqlite://{}", file.display());
        assert_refused(audited(&args(url, &[])).await, "there is no database");
        assert!(!file.exists());
    }
}
