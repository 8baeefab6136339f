//! The ClickHouse engine as a library (`libchdb.so`), behind ClickHouse's own HTTP interface on loopback.
//!
//! Owns the engine, its data folder and a listening socket. Knows nothing of Peal: whatever speaks to a ClickHouse
//! server speaks to this, and outgrowing it is a URL. [`serve`] runs in a process of its own (the binary
//! `peal-embedded-clickhouse`, or a hidden subcommand of `peal`) that [`Child`] starts and keeps alive, so that a crash
//! of the engine is never a crash of the control plane.
//!
//! What a request may do: GET and POST on `/` with `query`, `database`, `default_format`, settings and `param_…` in the
//! URL or as a multipart form; bodies plain, in ClickHouse's LZ4 frames (`decompress=1`) or as an LZ4 frame
//! (`Content-Encoding: lz4`); `/ping`. Sessions are not kept: `session_id` is accepted, and each request stands alone.
//!
//! Two traps of the library shape the code. Data inlined in a query are cut at the first empty line, so every INSERT
//! goes through the streaming calls (see `work`). And each piece of a streamed result is a document of its own, so
//! only formats whose pieces can be joined are streamed (see `pieces`).

mod body;
mod child;
mod engine;
mod exception;
mod framing;
mod http;
mod library;
mod pieces;
mod request;
mod statement;
mod work;

use std::{net::SocketAddr, path::PathBuf};

use tokio::net::TcpListener;

pub use crate::{
    child::{Arguments, Child, ChildError, Launch, run_child},
    library::{LIBRARY_VARIABLE, find as find_library},
};
use crate::{engine::Engine, http::Server, library::Library};

/// What the server needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder of the data; made if missing. One process at a time.
    pub path: PathBuf,
    /// Where to listen; port 0 takes any free one. Meant for loopback: there is no TLS.
    pub listen: SocketAddr,
    /// `libchdb.so`; looked for if not given (see [`find_library`]).
    pub library: Option<PathBuf>,
    /// Who may enter; anybody if not given.
    pub access: Option<Access>,
    /// Queries that run at once. Default 8: each is parallel in itself.
    pub running_max: usize,
    /// Queries that wait for one of those places; more are refused with 503. Default 128.
    pub waiting_max: usize,
    /// Longest body of a request as it comes over the wire, bytes. Default 4 GiB.
    pub body_bytes_max: u64,
    /// Memory that the engine may take, bytes; a query that needs more fails. Default: 90 % of the machine's.
    pub memory_bytes_max: Option<u64>,
    /// How much lower than normal the engine's threads stand with the scheduler, 0 to 19. Default 5: on a machine
    /// that also carries calls, calls come first.
    pub nice: u8,
}

/// The one user.
#[derive(Clone)]
pub struct Access {
    /// Name.
    pub user: String,
    /// Password; compared in constant time.
    pub password: String,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Config {
    /// Data in `path`, any free port of 127.0.0.1, no password, and the defaults.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            library: None,
            access: None,
            running_max: 8,
            waiting_max: 128,
            body_bytes_max: 4 << 30,
            memory_bytes_max: None,
            nice: 5,
        }
    }
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The library is in none of the places.
    #[error(
        "libchdb.so, the embedded ClickHouse engine, was not found (looked at {}). \
         Install it with `make setup` or `setup/chdb.sh`, or name it with {LIBRARY_VARIABLE}, \
         or use a ClickHouse server instead (CLICKHOUSE_URL)",
        looked.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    NoLibrary {
        /// The places.
        looked: Vec<PathBuf>,
    },
    /// The library is there and does not load.
    #[error("{} does not load as the ClickHouse engine; `setup/chdb.sh` installs one that does", path.display())]
    Library {
        /// The file.
        path: PathBuf,
        /// What the loader said.
        source: libloading::Error,
    },
    /// The data folder cannot be used.
    #[error("the folder {} cannot be used for ClickHouse data", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process has the data folder open.
    #[error("the folder {} is in use by another embedded ClickHouse", path.display())]
    FolderInUse {
        /// The folder.
        path: PathBuf,
    },
    /// The engine did not start.
    #[error("the ClickHouse engine did not start: {0}")]
    Start(String),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// What is told when the server is ready.
#[derive(Clone, Debug)]
pub struct Ready {
    /// Where it listens.
    pub address: SocketAddr,
    /// ClickHouse's version.
    pub version: String,
    /// Version of the library.
    pub library: String,
}

/// Opens the engine and serves until `stop` is done; requests that run then have 10 s to finish. Calls `ready` once,
/// when connections are taken.
pub async fn serve(
    config: Config,
    ready: impl FnOnce(Ready),
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let address = config.listen;
    let listener = TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })?;
    let address = listener.local_addr().map_err(|source| Error::Listen { address, source })?;
    let (opened, config) = tokio::task::spawn_blocking(move || {
        stand_back(config.nice);
        let opened = Library::open(config.library.as_deref()).and_then(|library| {
            let engine = Engine::open(library, &config.path, &engine_options(&config))?;
            Ok((engine, library.version.clone()))
        });
        (opened, config)
    })
    .await
    .map_err(|panic| Error::Start(panic.to_string()))?;
    let (engine, library) = opened?;
    ready(Ready { address, version: engine.version.clone(), library });
    Server::new(engine, config).serve(listener, stop).await;
    Ok(())
}

/// Options that make the library behave as a server does, not as `clickhouse-local`.
fn engine_options(config: &Config) -> Vec<String> {
    let mut options = vec!["--implicit_select=0".to_owned(), "--allow_introspection_functions=0".to_owned()];
    if let Some(bytes) = config.memory_bytes_max {
        options.push(format!("--max_server_memory_usage={bytes}"));
    }
    options
}

/// Lowers the priority of the calling thread, and so of every thread that the engine starts from it.
pub(crate) fn stand_back(nice: u8) {
    // SAFETY: changes the calling thread's priority and touches no memory. Lowering never fails for want of rights.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, i32::from(nice)) };
}
