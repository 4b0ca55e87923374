//! `earlybird reconcile`: asks a running node to compare its orders with the provider's books.
//!
//! The node does it and not this process: only the node may repair an order, and a SQLite store is the node's alone.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use comfy_table::{Table, presets};
use earlybird_proto::v1::payments_client::PaymentsClient;
use earlybird_proto::v1::{
    PaymentDifference, ReconcileRequest, ReconcileSummary, payment_difference::Kind,
    reconcile_response::Event,
};
use indicatif::ProgressBar;
use serde::Serialize;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Streaming};

use crate::tls::{PemFile, PemFiles};

/// Differences are left.
const EXIT_CODE_DIFFERENCES: u8 = 1;
/// There is no outcome.
const EXIT_CODE_ERROR: u8 = 2;

/// The last minute is left out by default: what is under way differs for a moment.
const SETTLED_AFTER: Duration = Duration::from_secs(60);
/// Length of the window by default.
const WINDOW: Duration = Duration::from_secs(24 * 3_600);

/// Options of `earlybird reconcile`. It ends with exit code 0 when both sides agree, 1 when differences are left or orders
/// could not be compared, 2 when it cannot tell.
#[derive(Debug, Args)]
pub(super) struct ReconcileArgs {
    /// Node to ask
    #[arg(long, value_name = "URL", env = "EARLYBIRD_NODE", default_value = "http://127.0.0.1:50051")]
    node: String,
    /// First moment of the window, such as 2026-01-31T00:00:00Z [default: a day before its end]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_rfc3339_weak)]
    from: Option<SystemTime>,
    /// First moment after the window [default: a minute ago]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_rfc3339_weak)]
    to: Option<SystemTime>,
    /// Sets right what can be; the rest is only reported
    #[arg(long)]
    repair: bool,
    /// File with the token of an administrator, when the node asks for one
    #[arg(long, value_name = "FILE", env = "EARLYBIRD_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// Certificates that the node's must be signed by, PEM [default: those that this system trusts]
    #[arg(long, value_name = "FILE", env = "EARLYBIRD_CA_FILE")]
    ca_file: Option<PathBuf>,
    /// Certificate of this client, PEM
    #[arg(long, value_name = "FILE", env = "EARLYBIRD_CERT_FILE", requires = "key_file")]
    cert_file: Option<PathBuf>,
    /// Key of that certificate, PEM
    #[arg(long, value_name = "FILE", env = "EARLYBIRD_KEY_FILE", requires = "cert_file")]
    key_file: Option<PathBuf>,
    /// How the outcome is printed
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Table,
    /// One object
    Json,
}

/// The outcome, as it is printed.
#[derive(Debug, Default, Serialize)]
struct Report {
    from: String,
    to: String,
    orders: u64,
    payments: u64,
    asked: u64,
    repaired: u64,
    left: u64,
    unanswered: u64,
    elsewhere: u64,
    captured_minor: i64,
    cancelled_minor: i64,
    differences: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    kind: &'static str,
    order: String,
    payment_key: String,
    ours_minor: i64,
    theirs_minor: i64,
    repaired: bool,
}

pub(super) fn run(args: &ReconcileArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.context("cannot start").and_then(|runtime| {
        let report = runtime.block_on(reconcile(args))?;
        print(&report, args.output, &mut std::io::stdout()).context("cannot print the report")?;
        Ok(report)
    });
    match outcome {
        Ok(report) if report.left == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(EXIT_CODE_DIFFERENCES),
        Err(error) => {
            eprintln!("earlybird: {error:#}");
            ExitCode::from(EXIT_CODE_ERROR)
        }
    }
}

async fn reconcile(args: &ReconcileArgs) -> anyhow::Result<Report> {
    let to = args.to.unwrap_or_else(|| SystemTime::now() - SETTLED_AFTER);
    let from = args.from.unwrap_or(to - WINDOW);
    let request =
        ReconcileRequest { from_time: Some(from.into()), to_time: Some(to.into()), repair: args.repair };
    let channel = connect(args).await?;
    let request = authorised(request, args).await?;
    let refused = |status: tonic::Status| anyhow::anyhow!("{}", status.message());
    let stream = PaymentsClient::new(channel).reconcile(request).await.map_err(refused)?.into_inner();
    let time = |time| humantime::format_rfc3339_seconds(time).to_string();
    read(stream, Report { from: time(from), to: time(to), ..Report::default() }).await
}

async fn connect(args: &ReconcileArgs) -> anyhow::Result<Channel> {
    let mut endpoint = Endpoint::from_shared(args.node.clone()).context("--node")?;
    if args.node.starts_with("https://") {
        let files = PemFiles {
            cert: PemFile::read("--cert-file", args.cert_file.as_deref()).await?,
            key: PemFile::read("--key-file", args.key_file.as_deref()).await?,
            ca: PemFile::read("--ca-file", args.ca_file.as_deref()).await?,
        };
        endpoint = endpoint.tls_config(files.client())?;
    }
    endpoint.connect().await.with_context(|| format!("cannot reach {}", args.node))
}

async fn authorised<T>(message: T, args: &ReconcileArgs) -> anyhow::Result<Request<T>> {
    let mut request = Request::new(message);
    if let Some(path) = &args.token_file {
        let token = tokio::fs::read_to_string(path).await.with_context(|| path.display().to_string())?;
        let mut bearer: MetadataValue<_> =
            format!("Bearer {}", token.trim()).parse().context("--token-file: not a token")?;
        bearer.set_sensitive(true);
        request.metadata_mut().insert("authorization", bearer);
    }
    Ok(request)
}

async fn read(
    mut stream: Streaming<earlybird_proto::v1::ReconcileResponse>,
    mut report: Report,
) -> anyhow::Result<Report> {
    let progress = ProgressBar::new_spinner();
    loop {
        let message = stream.message().await.map_err(|status| anyhow::anyhow!("{}", status.message()))?;
        match message.and_then(|message| message.event) {
            Some(Event::Progress(at)) => progress.set_message(format!("{} orders compared", at.orders)),
            Some(Event::Difference(difference)) => report.differences.push(row(difference)),
            Some(Event::Summary(summary)) => {
                progress.finish_and_clear();
                return Ok(summed(report, &summary));
            }
            None => anyhow::bail!("the node ended before it was done"),
        }
    }
}

fn row(difference: PaymentDifference) -> Row {
    Row {
        kind: Kind::try_from(difference.kind).unwrap_or_default().as_str_name(),
        order: difference.order,
        payment_key: difference.payment_key,
        ours_minor: difference.ours_minor,
        theirs_minor: difference.theirs_minor,
        repaired: difference.repaired,
    }
}

fn summed(report: Report, summary: &ReconcileSummary) -> Report {
    Report {
        orders: summary.orders,
        payments: summary.payments,
        asked: summary.asked,
        repaired: summary.repaired,
        left: summary.left,
        unanswered: summary.unanswered,
        elsewhere: summary.elsewhere,
        captured_minor: summary.captured_minor,
        cancelled_minor: summary.cancelled_minor,
        ..report
    }
}

fn print(report: &Report, output: Output, to: &mut dyn Write) -> anyhow::Result<()> {
    if output == Output::Json {
        writeln!(to, "{}", serde_json::to_string_pretty(report)?)?;
        return Ok(());
    }
    writeln!(to, "{} to {}", report.from, report.to)?;
    writeln!(
        to,
        "{} orders, {} payments at the provider: captured {}, given back {}",
        report.orders, report.payments, report.captured_minor, report.cancelled_minor
    )?;
    if !report.differences.is_empty() {
        let mut table = Table::new();
        table.load_preset(presets::UTF8_FULL_CONDENSED);
        table.set_header(["difference", "order", "payment", "ours", "theirs", ""]);
        for row in &report.differences {
            let state = if row.repaired { "repaired" } else { "left" };
            let (ours, theirs) = (row.ours_minor.to_string(), row.theirs_minor.to_string());
            table.add_row([row.kind, &row.order, &row.payment_key, &ours, &theirs, state]);
        }
        writeln!(to, "{table}")?;
    }
    writeln!(to, "{} repaired, {} left", report.repaired, report.left)?;
    if report.unanswered + report.elsewhere > 0 {
        writeln!(
            to,
            "not compared: {} without an answer from the provider, {} of performances that other nodes own",
            report.unanswered, report.elsewhere
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_names_what_differs() {
        let difference = PaymentDifference {
            kind: Kind::CapturedLate.into(),
            order: "performances/carmen/orders/7".into(),
            payment_key: "key".into(),
            ours_minor: 0,
            theirs_minor: 1_000,
            repaired: true,
        };
        let differences = vec![row(difference)];
        let report = Report { repaired: 1, left: 2, unanswered: 2, differences, ..Report::default() };
        let mut text = Vec::new();
        print(&report, Output::Table, &mut text).expect("it prints");
        let text = String::from_utf8(text).expect("text");
        for part in [
            "CAPTURED_LATE",
            "performances/carmen/orders/7",
            "1000",
            "1 repaired, 2 left",
            "2 without an answer",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
