//! `peal`: everything that Peal is, in one program.
//!
//! | command | does |
//! |---|---|
//! | `up` | both planes and ClickHouse on this machine, with one data folder |
//! | `dataplane`, `controlplane` | one plane |
//! | `dial` | calls without a control plane, to try a line |
//! | `capacity` | what a number of calls needs; whether this machine has it |
//! | `demo` | `up` against a carrier of our own, with a verdict |
//! | `campaign`, `line`, `list`, `prompt`, `script`, `calls`, `suppression`, `sql`, `status` | the API of a running control plane |
//! | `config`, `completions` | what can be configured; completions for the shell |

mod admin;
mod api_client;
mod commands;
mod config;
mod progress;
mod show;

use std::{io::IsTerminal, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use tracing_subscriber::EnvFilter;

use crate::{
    admin::Admin,
    api_client::{Api, ApiArgs},
    commands::{capacity, config as show_config, controlplane, dataplane, demo, dial, up},
    config::LogFormat,
};

/// Outbound calling at volume: campaigns, lines, calls, recordings, records.
#[derive(Parser)]
#[command(name = "peal", version, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    /// JSON instead of tables and progress bars
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run everything on this machine: control plane, data plane, ClickHouse
    Up(up::UpArgs),
    /// Run a data-plane node
    Dataplane(ConfigFile),
    /// Run a control plane
    Controlplane(ConfigFile),
    Dial(Box<dial::DialArgs>),
    Capacity(Box<capacity::CapacityArgs>),
    Demo(demo::DemoArgs),
    #[command(flatten)]
    Admin(Box<Admin>),
    /// Print the configuration with every default, and what each key does
    Config(show_config::ConfigArgs),
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// The ClickHouse engine as a process of its own, as `peal up` runs it
    #[command(hide = true)]
    EmbeddedClickhouse(embedded_clickhouse::Arguments),
}

/// Where the configuration is.
#[derive(clap::Args)]
struct ConfigFile {
    /// Configuration file (TOML); `peal config` prints one with every default
    #[arg(long, env = "PEAL_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peal: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    let json = cli.json;
    match cli.command {
        Command::Up(args) => up::run(&args),
        Command::Dataplane(file) => dataplane::run(config::load(file.config.as_deref())?),
        Command::Controlplane(file) => controlplane::run(config::load(file.config.as_deref())?),
        Command::Dial(args) => {
            init_log("warn", LogFormat::Text);
            dial::run(&args, json)
        }
        Command::Capacity(args) => {
            init_log("warn", LogFormat::Text);
            capacity::run(&args, json)
        }
        Command::Demo(args) => {
            init_log("warn", LogFormat::Text);
            demo::run(&args, json)
        }
        Command::Admin(admin) => {
            let api = Api::new(&cli.api)?;
            runtime()?.block_on(admin.run(&api, json))
        }
        Command::Config(args) => show_config::run(&args),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "peal", &mut std::io::stdout());
            Ok(())
        }
        Command::EmbeddedClickhouse(arguments) => {
            init_log("info", LogFormat::Text);
            Ok(runtime()?.block_on(embedded_clickhouse::run_child(arguments))?)
        }
    }
}

/// The runtime of everything that is not a shard.
pub fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")
}

/// Logs to standard error; `RUST_LOG` comes before `level`.
pub fn init_log(level: &str, format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let colour =
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    match format {
        LogFormat::Text => log.with_ansi(colour).init(),
        LogFormat::Json => log.json().init(),
    }
}

/// Somebody stopped reading us, as `head` does.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
