//! Why a command did not do what it was asked for, and the exit code that says so.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::{Display, Formatter};
use std::process::ExitCode;

use tonic::Status;
use tonic_types::StatusExt as _;

/// What `--help` says of exit codes.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed: the cluster refused, a move failed, an audit found something, or the answer was no
  2  wrong usage: nothing was sent
  3  unreachable: no node answered, or it went silent; what was sent may have been done";

/// Why a command ends early.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The cluster refused, or did not manage.
    Failed(String),
    /// The command line cannot be followed.
    Usage(String),
    /// Nobody answered.
    Unreachable(String),
}

impl Failure {
    pub(crate) fn failed(what: impl Display) -> Self {
        Self::Failed(what.to_string())
    }

    pub(crate) fn usage(what: impl Display) -> Self {
        Self::Usage(what.to_string())
    }

    /// Tells the person, and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        eprintln!("earlybirdctl: {self}");
        ExitCode::from(match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
        })
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let (Self::Failed(text) | Self::Usage(text) | Self::Unreachable(text)) = self;
        f.write_str(text)
    }
}

/// An error with the causes behind it: the first alone often says no more than "transport error".
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

impl From<Status> for Failure {
    /// What a node sent has no source; what was made on this side has.
    fn from(status: Status) -> Self {
        if let Some(source) = status.source() {
            let (message, causes) = (status.message(), with_causes(source));
            let told = if causes.contains(message) { causes } else { format!("{message}: {causes}") };
            return Self::Unreachable(told);
        }
        let Some(info) = status.get_details_error_info() else {
            return Self::Failed(format!("{} ({:?})", status.message(), status.code()));
        };
        let more: BTreeMap<String, String> = info.metadata.into_iter().collect();
        let more: String = more.iter().map(|(name, value)| format!(", {name} {value}")).collect();
        Self::Failed(format!("{} ({}{more})", status.message(), info.reason))
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;
    use tonic_types::{ErrorDetails, StatusExt};

    use super::*;

    #[test]
    fn a_refusal_is_told_with_its_reason() {
        let metadata = [("node".to_owned(), "nodes/a".to_owned()), ("age".to_owned(), "3".to_owned())];
        let details = ErrorDetails::with_error_info("PIN_CONFLICT", "earlybird", metadata);
        let status = Status::with_error_details(Code::FailedPrecondition, "pinned elsewhere", details);
        let expected = Failure::failed("pinned elsewhere (PIN_CONFLICT, age 3, node nodes/a)");
        assert_eq!(Failure::from(status), expected);
        assert_eq!(Failure::from(Status::unimplemented("")), Failure::failed(" (Unimplemented)"));
    }

    #[test]
    fn what_nobody_answered_is_told_with_its_causes() {
        let error = std::io::Error::other("connection refused");
        let failure = Failure::from(Status::from_error(Box::new(error)));
        assert_eq!(failure, Failure::Unreachable("connection refused".to_owned()));
    }
}
