//! The books on disk: one JSON object a line, only ever added to, so that a simulator that is killed finds what it had.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::idempotency::KeptAnswer;
use crate::payment::{Payment, Transaction};

/// A line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "entry")]
pub(super) enum Entry {
    /// A payment as it became, and the money that moved.
    Payment { payment: Box<Payment>, transaction: Option<Box<Transaction>> },
    /// What was answered under an idempotency key.
    Answer(KeptAnswer),
}

/// Why a ledger's file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read or written.
    #[error("cannot use the ledger's file: {0}")]
    Io(#[from] std::io::Error),
    /// It has a line that is none of a ledger's.
    #[error("line {line} of the ledger's file is none of a ledger: {cause}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        cause: serde_json::Error,
    },
}

/// An open file.
pub(super) struct LedgerFile {
    file: File,
}

impl LedgerFile {
    /// Reads what is there, and adds to it from then on. A last line without its end was being written when the simulator
    /// was killed: it was acknowledged to nobody, and is cut off.
    pub(super) fn open(path: &Path, mut each: impl FnMut(Entry)) -> Result<Self, FileError> {
        let file = File::options().create(true).read(true).append(true).open(path)?;
        let mut reader = BufReader::new(&file);
        let (mut text, mut whole_bytes) = (String::new(), 0);
        for line in 1.. {
            text.clear();
            let bytes = reader.read_line(&mut text)?;
            if bytes == 0 || !text.ends_with('\n') {
                break;
            }
            each(serde_json::from_str(&text).map_err(|cause| FileError::Line { line, cause })?);
            whole_bytes += bytes as u64;
        }
        file.set_len(whole_bytes)?;
        Ok(Self { file })
    }

    /// Adds a line. It is with the operating system when this returns: a kill of the simulator does not lose it.
    pub(super) fn append(&mut self, entry: &Entry) {
        let written = serde_json::to_vec(entry).map_err(std::io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            self.file.write_all(&line)
        });
        if let Err(error) = written {
            tracing::error!(%error, "cannot write to the ledger's file");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Ledger;
    use super::super::testing::{LIVES, cancellation, confirmation, key, moment, session};
    use super::*;

    #[test]
    fn books_are_found_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger");
        let (mut ledger, _) = Ledger::in_file(&path).expect("a new file");
        ledger.open(session("key-1", "order-1", 100), moment(0)).expect("it opens");
        ledger.confirm(&confirmation("key-1", "order-1", 100), None, moment(0), &LIVES).expect("captured");
        ledger.cancel(&key("key-1"), &cancellation(Some(30)), true, moment(1), &LIVES).expect("refunded");
        let (totals, lines) = (ledger.totals(), ledger.lines());
        drop(ledger);
        // As a kill in the middle of a line leaves it.
        File::options().append(true).open(&path).expect("the file").write_all(b"{\"entry\":").expect("room");

        let (mut ledger, _) = Ledger::in_file(&path).expect("the file");
        assert_eq!((ledger.totals(), ledger.lines()), (totals, lines));
        ledger.cancel(&key("key-1"), &cancellation(None), true, moment(2), &LIVES).expect("refunded");
        let totals = ledger.totals();
        drop(ledger);
        assert_eq!(Ledger::in_file(&path).expect("the file").0.totals(), totals);
    }

    #[test]
    fn a_file_of_something_else_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notes");
        std::fs::write(&path, "milk\n").expect("room");
        assert!(matches!(Ledger::in_file(&path), Err(FileError::Line { line: 1, .. })));
    }
}
