//! `earlybird demo`.

use std::process::ExitCode;

pub(super) use crate::demo::DemoArgs;

/// What a demo exits with that could not be run; one that found something wrong exits with 1.
const EXIT_CODE_NOT_RUN: u8 = 2;

pub(super) fn run(args: &DemoArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(crate::demo::run(args))) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("earlybird: {error:#}");
            ExitCode::from(EXIT_CODE_NOT_RUN)
        }
    }
}
