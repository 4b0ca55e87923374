//! `earlybird serve`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::config::{Config, Sources, load};
use crate::{logs, serve};

/// What a wrong configuration exits with.
const EXIT_CODE_CONFIG: u8 = 2;

/// Options of `earlybird serve`. Each wins over the variable EARLYBIRD_SECTION__KEY, and that over the file.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Configuration file (TOML); node/earlybird.example.toml names every key
    #[arg(long, value_name = "FILE", env = "EARLYBIRD_CONFIG")]
    config: Option<PathBuf>,
    /// Prints the configuration that results, or all that is wrong with it (exit code 2), and ends
    #[arg(long)]
    check_config: bool,
    /// Where frontends connect [grpc.listen]
    #[arg(long, value_name = "ADDRESS:PORT")]
    grpc_listen: Option<String>,
    /// Where metrics and probes are served [http.listen]
    #[arg(long, value_name = "ADDRESS:PORT")]
    http_listen: Option<String>,
    /// Database: sqlite://FILE or postgres://… [store.url]
    #[arg(long, value_name = "URL", hide_env_values = true)]
    store: Option<String>,
    /// Serves other machines without checking who calls [auth.allow_insecure]
    #[arg(long)]
    insecure: bool,
    /// Writes the bound addresses and the process id there, as JSON, once the node is ready
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

impl ServeArgs {
    fn sources(&self) -> Sources {
        let mut overrides = Vec::new();
        let texts = [
            ("grpc.listen", &self.grpc_listen),
            ("http.listen", &self.http_listen),
            ("store.url", &self.store),
        ];
        for (key, text) in texts {
            overrides.extend(text.clone().map(|text| (key, text)));
        }
        if self.insecure {
            overrides.push(("auth.allow_insecure", "true".into()));
        }
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Sources { file: self.config.clone(), environment, overrides }
    }
}

pub(super) fn run(args: ServeArgs) -> ExitCode {
    let config = match load(&args.sources()) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(EXIT_CODE_CONFIG);
        }
    };
    let result = if args.check_config { show(&config) } else { start(config, args.ready_file) };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("earlybird: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn show(config: &Config) -> anyhow::Result<()> {
    print!("{}", config.to_toml()?);
    Ok(())
}

fn start(config: Config, ready_file: Option<PathBuf>) -> anyhow::Result<()> {
    logs::install(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(serve::serve(config, ready_file));
    // What still runs has nothing left to say: a blocking read of the store must not keep the process.
    runtime.shutdown_background();
    result
}
