//! The embedded ClickHouse as a program of its own. `peal` carries the same as a hidden subcommand.

use std::process::ExitCode;

use clap::Parser;
use peal_embedded_clickhouse::{Arguments, run_child};

/// ClickHouse's HTTP interface over the embedded engine, on loopback.
#[derive(Parser)]
#[command(version)]
struct Options {
    #[command(flatten)]
    arguments: Arguments,
}

fn main() -> ExitCode {
    let options = Options::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime starts");
    let served = runtime.block_on(run_child(options.arguments));
    // The thread that reads standard input cannot be interrupted and is not worth waiting for.
    runtime.shutdown_background();
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = error.to_string();
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                text += &format!(": {cause}");
                source = cause.source();
            }
            eprintln!("peal-embedded-clickhouse: {text}");
            ExitCode::FAILURE
        }
    }
}
