//! `side-by-side`: see the crate's description.

use std::process::ExitCode;

use clap::Parser;
use earlybird_benches::bench;
use earlybird_benches::machine::Machine;
use earlybird_benches::options::{Options, Role};
use earlybird_benches::peers::echo_server;
use earlybird_benches::table;
use earlybird_benches::world::World;
use tokio::signal::unix::{SignalKind, signal};

/// The same allocator as the server, so that the echo and the client are not slower for their own reasons.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let done = tokio::select! {
        done = run(options) => done,
        // Leaving this function ends all child processes.
        () = told_to_stop() => Err(anyhow::anyhow!("interrupted")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> anyhow::Result<()> {
    if let Some(Role::Echo { ready_file, reply }) = &options.role {
        return echo_server::serve(ready_file, reply).await;
    }
    let machine = Machine::look();
    let world = World::new(options.quick)?;
    let measured = bench::run(&world, &options.only).await?;
    println!("{machine}{}\n", if options.quick { ", quick" } else { "" });
    println!("{}", table::render(&measured.rows));
    if let Some(path) = &options.json {
        table::write_json(path, &machine, &measured.rows)?;
    }
    measured.into_result()
}

/// Waits for SIGINT or SIGTERM.
async fn told_to_stop() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signals) => drop(signals.recv().await),
            // Then only SIGINT is heard.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
