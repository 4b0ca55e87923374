//! The audit of a journal in a store.

use earlybird_engine::{Millis, State};
use earlybird_persistence::{JournalRecord, Sequence, Store, StoreError};
use indicatif::ProgressBar;
use tokio::task::{JoinError, spawn_blocking};

use super::agreement;
use super::orders_table::compare_orders;
use super::replay::Replay;
use super::report::AuditReport;
use super::rule::Rule;
use crate::catalog::PerformanceInfo;

/// Rows of a table read at a time.
pub(super) const PAGE_ROWS: usize = 10_000;

/// How an audit is made.
#[derive(Clone, Debug)]
pub struct AuditOptions {
    /// How long after its deadline a hold may expire (I5).
    pub expiry_bound: Millis,
    /// Entries between two looks at the whole state of the engine.
    pub check_every_entries: u64,
    /// Is moved on by the entries that are done.
    pub progress: ProgressBar,
}

impl Default for AuditOptions {
    fn default() -> Self {
        Self { expiry_bound: Millis(200), check_every_entries: 20_000, progress: ProgressBar::hidden() }
    }
}

/// Why there is no outcome.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The audit itself failed.
    #[error("the audit did not end: {0}")]
    Stopped(#[from] JoinError),
}

/// Audits the journal of a performance, from its first entry to its last, with all that the store derives from it.
///
/// What is wrong with the journal, also that it cannot be read any further, is in the report.
///
/// # Errors
/// The store does not answer.
pub async fn audit_journal(
    store: &dyn Store,
    info: &PerformanceInfo,
    options: &AuditOptions,
) -> Result<AuditReport, AuditError> {
    audit(store, info, options, None).await
}

/// Like [`audit_journal`]; with a live state, up to its last entry, which must be durable, and compared with it.
pub(super) async fn audit(
    store: &dyn Store,
    info: &PerformanceInfo,
    options: &AuditOptions,
    live: Option<State>,
) -> Result<AuditReport, AuditError> {
    let audited_at_ms = store.now().await?.0;
    let last = live.as_ref().map_or(u64::MAX, |live| live.sequence().0);
    let mut replay =
        Replay::new(&info.layout, &info.settings, options.expiry_bound, options.check_every_entries, last);
    match store.latest_snapshot(&info.id).await {
        // One that is newer than the live state says nothing about it.
        Ok(Some(row)) if row.sequence.0 <= last => replay.expect_snapshot(&row),
        Ok(_) => {}
        Err(StoreError::Corrupt { what }) => replay.findings.violated(Rule::Snapshot, || what),
        Err(error) => return Err(error.into()),
    }
    let replay = read_journal(store, info, options, replay).await?;
    let mut replay = spawn_blocking(move || conclude(replay, live)).await?;
    if !replay.broken {
        compare_orders(store, info, &mut replay).await?;
    }
    Ok(report(info, audited_at_ms, replay))
}

/// Reads the journal to its end, the last entry that is wanted, or where it is broken.
///
/// The work is done off the async threads, since a long journal takes seconds.
async fn read_journal(
    store: &dyn Store,
    info: &PerformanceInfo,
    options: &AuditOptions,
    mut replay: Replay,
) -> Result<Replay, AuditError> {
    loop {
        let page = match store.journal(&info.id, Sequence(replay.entries), PAGE_ROWS).await {
            Ok(page) => page,
            Err(StoreError::Corrupt { what }) => {
                replay
                    .findings
                    .violated(Rule::Journal, || format!("{what}; the rest of the journal is not read"));
                replay.broken = true;
                return Ok(replay);
            }
            Err(error) => return Err(error.into()),
        };
        let full = page.len() == PAGE_ROWS;
        options.progress.inc(page.len() as u64);
        let read = move || {
            let goes_on = page.iter().all(|record: &JournalRecord| replay.record(record).is_continue());
            (replay, goes_on)
        };
        let (read, goes_on) = spawn_blocking(read).await?;
        replay = read;
        if !full || !goes_on {
            return Ok(replay);
        }
    }
}

/// Compares what the journal has come to.
pub(super) fn conclude(mut replay: Replay, live: Option<State>) -> Replay {
    replay.close();
    if replay.broken {
        return replay;
    }
    let Replay { ledger, engine, findings, .. } = &mut replay;
    if let Some(engine) = engine {
        agreement::compare(ledger, engine, findings);
        if let Some(live) = live {
            findings.require(Rule::LiveState, live == *engine, || {
                format!(
                    "the live state after entry {} is not the one that the journal gives",
                    live.sequence()
                )
            });
        }
    }
    replay
}

fn report(info: &PerformanceInfo, audited_at_ms: u64, replay: Replay) -> AuditReport {
    let Replay { findings, ledger, events, entries, .. } = replay;
    let checks = findings.into_checks();
    AuditReport {
        performance: info.name.to_string(),
        audited_at_ms,
        entries,
        last_sequence: entries,
        clean: checks.iter().all(|check| check.violations == 0),
        checks,
        events: events.into_iter().map(|(kind, count)| (kind.to_owned(), count)).collect(),
        money: ledger.money(),
        expiries: ledger.into_lateness(),
    }
}
