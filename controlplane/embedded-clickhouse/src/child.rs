//! The server as a child process: how it is started, told its password, kept alive and ended.
//!
//! The parent holds the child's standard input: its first line is the password, and its end is the end of the child,
//! also when the parent was killed. The child answers with one line on standard output when it is ready. It has a
//! process group of its own, so that Ctrl-C on the terminal reaches the parent alone, which ends the child last.

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, process::Stdio, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child as Process, ChildStdin, Command},
    sync::{oneshot, watch},
    task::JoinHandle,
};

use crate::{Access, Config, Error, serve};

/// The user that a child knows.
const USER: &str = "peal";
/// How long the engine may take to open its data. Parts are loaded in the background; 0.2 s is usual.
const START_TIME_MAX: Duration = Duration::from_secs(60);
/// How long a child may take to end before it is killed. MergeTree survives that; it only takes longer to open.
const STOP_TIME_MAX: Duration = Duration::from_secs(20);
const RESTART_PAUSE_MIN: Duration = Duration::from_millis(200);
const RESTART_PAUSE_MAX: Duration = Duration::from_secs(10);

/// How to start a child.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The program: `peal` itself or `peal-embedded-clickhouse`.
    pub program: PathBuf,
    /// What comes before our own arguments: the name of the hidden subcommand.
    pub arguments: Vec<OsString>,
    /// Folder of the data.
    pub path: PathBuf,
    /// Where to listen; with port 0 the first start takes a free port and every later one the same.
    pub listen: SocketAddr,
    /// `libchdb.so`, if it is not to be looked for.
    pub library: Option<PathBuf>,
    /// Memory that the engine may take, bytes.
    pub memory_bytes_max: Option<u64>,
}

/// A child that does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChildError {
    /// The program does not start.
    #[error("{} does not start", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It ended, or said nothing for a minute, before it was ready. Its own words are on standard error.
    #[error("the embedded ClickHouse did not become ready: {0}")]
    NotReady(String),
}

/// A running child, started again whenever it dies.
pub struct Child {
    address: SocketAddr,
    access: Access,
    stop: oneshot::Sender<()>,
    keeper: JoinHandle<()>,
    starts: watch::Receiver<Start>,
}

/// One start of the child's process.
#[derive(Clone, Copy, Debug)]
struct Start {
    count: u64,
    process_id: Option<u32>,
}

impl Child {
    /// Starts the child with a random password and waits until it is ready.
    pub async fn start(mut launch: Launch) -> Result<Self, ChildError> {
        let access = Access { user: USER.to_owned(), password: uuid::Uuid::new_v4().simple().to_string() };
        let first = Running::start(&launch, &access).await?;
        let address = first.address;
        launch.listen = address;
        let (stop, stopped) = oneshot::channel();
        let (started, starts) = watch::channel(Start { count: 1, process_id: first.process.id() });
        let keeper = tokio::spawn(keep(launch, access.clone(), first, stopped, started));
        Ok(Self { address, access, stop, keeper, starts })
    }

    /// Where it listens. Stays the same over restarts.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Base URL of the address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// User and password.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// How often it was started.
    pub fn starts(&self) -> u64 {
        self.starts.borrow().count
    }

    /// Process id of the running one; `None` between two.
    pub fn process_id(&self) -> Option<u32> {
        self.starts.borrow().process_id
    }

    /// Waits until it was started `count` times.
    pub async fn started(&mut self, count: u64) {
        // An error means that it was ended, and then there is nothing to wait for.
        let _ = self.starts.wait_for(|start| start.count >= count).await;
    }

    /// Lets running requests finish and ends the child.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.keeper.await;
    }
}

async fn keep(
    launch: Launch,
    access: Access,
    mut running: Running,
    mut stop: oneshot::Receiver<()>,
    starts: watch::Sender<Start>,
) {
    let mut pause = RESTART_PAUSE_MIN;
    loop {
        tokio::select! {
            // Also when the `Child` was dropped.
            _ = &mut stop => return running.end().await,
            status = running.process.wait() => {
                let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                tracing::error!(%status, "the embedded ClickHouse died and is started again");
            }
        }
        starts.send_modify(|start| start.process_id = None);
        running = loop {
            let again = async {
                tokio::time::sleep(pause).await;
                Running::start(&launch, &access).await
            };
            let started = tokio::select! {
                _ = &mut stop => return,
                started = again => started,
            };
            match started {
                Ok(running) => break running,
                Err(error) => {
                    pause = (pause * 2).min(RESTART_PAUSE_MAX);
                    tracing::error!(%error, next_try_in = ?pause, "the embedded ClickHouse does not start");
                }
            }
        };
        pause = RESTART_PAUSE_MIN;
        starts
            .send_modify(|start| *start = Start { count: start.count + 1, process_id: running.process.id() });
    }
}

/// One process.
struct Running {
    process: Process,
    /// Its end is the child's.
    input: ChildStdin,
    address: SocketAddr,
}

impl Running {
    async fn start(launch: &Launch, access: &Access) -> Result<Self, ChildError> {
        let mut command = Command::new(&launch.program);
        command.args(&launch.arguments).arg("--path").arg(&launch.path);
        command.arg("--listen").arg(launch.listen.to_string()).arg("--supervised");
        if let Some(library) = &launch.library {
            command.arg("--library").arg(library);
        }
        if let Some(bytes) = launch.memory_bytes_max {
            command.arg("--memory-bytes-max").arg(bytes.to_string());
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0).kill_on_drop(true);
        let spawn = |source| ChildError::Spawn { program: launch.program.clone(), source };
        let mut process = command.spawn().map_err(spawn)?;
        let mut input = process.stdin.take().expect("piped");
        let output = process.stdout.take().expect("piped");
        input.write_all(format!("{}\n", access.password).as_bytes()).await.map_err(spawn)?;
        let mut line = String::new();
        let mut output = BufReader::new(output);
        match tokio::time::timeout(START_TIME_MAX, output.read_line(&mut line)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(ChildError::NotReady(error.to_string())),
            Err(_) => return Err(ChildError::NotReady("it says nothing".into())),
        }
        let address = serde_json::from_str::<Value>(&line)
            .ok()
            .and_then(|ready| ready["listening"].as_str()?.parse().ok())
            .ok_or_else(|| ChildError::NotReady("it ended; see its message above".into()))?;
        Ok(Self { process, input, address })
    }

    async fn end(mut self) {
        drop(self.input);
        if tokio::time::timeout(STOP_TIME_MAX, self.process.wait()).await.is_err() {
            tracing::warn!("the embedded ClickHouse does not end and is killed");
            let _ = self.process.kill().await;
        }
    }
}

/// Arguments of the child's program.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Folder of the data; made if missing.
    #[arg(long)]
    path: PathBuf,
    /// Where to listen; port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The engine, libchdb.so; looked for if not given.
    #[arg(long)]
    library: Option<PathBuf>,
    /// Queries that run at once.
    #[arg(long, default_value_t = 8)]
    running_max: usize,
    /// Memory that the engine may take, bytes.
    #[arg(long)]
    memory_bytes_max: Option<u64>,
    /// How much lower than normal the engine's threads stand with the scheduler, 0 to 19.
    #[arg(long, default_value_t = 5)]
    nice: u8,
    /// Take the password from the first line of standard input, and end when standard input ends.
    #[arg(long)]
    supervised: bool,
}

/// The child's program: serves until SIGTERM, Ctrl-C, or the end of standard input if supervised. Prints one line of
/// JSON when it is ready: `{"listening":"127.0.0.1:8123","version":"26.7.2.1","library":"26.7.3"}`.
pub async fn run_child(arguments: Arguments) -> Result<(), Error> {
    let mut input = BufReader::new(tokio::io::stdin());
    let mut config = Config {
        listen: arguments.listen,
        library: arguments.library,
        running_max: arguments.running_max,
        memory_bytes_max: arguments.memory_bytes_max,
        nice: arguments.nice,
        ..Config::new(arguments.path)
    };
    if arguments.supervised {
        let mut password = String::new();
        input.read_line(&mut password).await.map_err(|error| Error::Start(error.to_string()))?;
        config.access = Some(Access { user: USER.to_owned(), password: password.trim_end().to_owned() });
    }
    let ready = |ready: crate::Ready| {
        let line = json!({
            "listening": ready.address.to_string(),
            "version": ready.version,
            "library": ready.library,
        });
        println!("{line}");
    };
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(|error| Error::Start(error.to_string()))?;
    let stop = async move {
        let input_ended = async {
            if !arguments.supervised {
                return std::future::pending().await;
            }
            let mut rest = [0; 64];
            while input.read(&mut rest).await.is_ok_and(|length| length > 0) {}
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
            () = input_ended => {}
        }
    };
    serve(config, ready, stop).await
}
