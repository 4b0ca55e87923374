//! Asking before something is disrupted.

use std::io::{IsTerminal as _, Write as _, stderr, stdin};

use crate::cli::Manner;
use crate::failure::Failure;

/// Whether somebody could be asked, or nobody has to be. Known before anything is sent.
pub(crate) fn can_ask(manner: Manner) -> Result<(), Failure> {
    if manner.yes || stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure::usage("the standard input is no terminal, so nobody can be asked: pass --yes"))
}

/// Asks whether to do this, unless the person has said so already.
pub(crate) fn confirm(manner: Manner, what: &str) -> Result<(), Failure> {
    can_ask(manner)?;
    if manner.yes {
        return Ok(());
    }
    // On the error stream: what is printed on the other one may be a program's to read.
    let mut prompt = stderr();
    write!(prompt, "{what} [y/N] ").and_then(|()| prompt.flush()).map_err(Failure::failed)?;
    let mut answer = String::new();
    stdin().read_line(&mut answer).map_err(Failure::failed)?;
    if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(Failure::failed("nothing was done"))
}
