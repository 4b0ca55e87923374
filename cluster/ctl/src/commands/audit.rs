//! `audit`.

use earlybird_proto::v1::AuditPerformanceRequest;

use super::look::placements;
use crate::connect::Node;
use crate::failure::Failure;
use crate::names::short;
use crate::output::{Output, progress};
use crate::rows::Audit;

/// Audits these performances, or else all, one after the other: a node audits one at a time.
pub(crate) async fn audit(on: &Node, output: Output, named: Vec<String>) -> Result<(), Failure> {
    let names = if named.is_empty() {
        placements(on, String::new()).await?.into_iter().map(|at| at.performance).collect()
    } else {
        named
    };
    let bar = progress(names.len() as u64, "auditing {wide_bar} {pos}/{len}  {msg}");
    let mut audit = Audit::default();
    for name in names {
        bar.set_message(short(&name));
        let report = on.admin().audit_performance(on.patient(AuditPerformanceRequest { name })).await;
        audit.push(report.inspect_err(|_| bar.finish_and_clear())?.into_inner());
        bar.inc(1);
    }
    bar.finish_and_clear();
    output.print(&audit)?;
    match audit.violated() {
        0 => Ok(()),
        count => Err(Failure::failed(format!("{count} performances have violations"))),
    }
}
