//! The database file: opening, connections, schema.

use std::{
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    ConnectOptions, Connection, Sqlite, SqliteConnection, SqlitePool, Transaction,
    migrate::{MigrateError, Migrator},
    pool::PoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use crate::{Result, StoreError};

/// How the file is opened.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The file; made when it is not there, readable by its owner alone. The folder must exist.
    pub path: PathBuf,
    /// Connections that read: 4 by default. One more writes.
    pub readers: u32,
    /// The most bytes the file may grow to; what the disk has, when absent. Beyond it writes fail with
    /// [`StoreError::Full`].
    pub max_bytes: Option<u64>,
}

impl StoreOptions {
    /// The defaults for a file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), readers: 4, max_bytes: None }
    }
}

/// The store. Cheap to clone; all clones share the connections.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) writer: SqlitePool,
    pub(crate) readers: SqlitePool,
}

static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// SQLite's own default, named because the limit of the file is counted in pages.
const PAGE: u32 = 4_096;

/// The unique index over the numbers of a list takes new keys in no order: 64 MiB keep it in memory up to some millions
/// of contacts.
const WRITER_CACHE_KIB: i64 = 64 * 1_024;

/// Readers look at little at a time.
const READER_CACHE_KIB: i64 = 8 * 1_024;

/// The WAL is cut back to this when a burst is over.
const WAL_KEPT_BYTES: i64 = 64 * 1_024 * 1_024;

/// How long to wait for a foreign program that holds the write lock (a back-up, `sqlite3`).
const BUSY: Duration = Duration::from_secs(5);

impl Store {
    /// Opens the file, brings its schema up to date and finishes what a crash left half deleted.
    pub async fn open(options: &StoreOptions) -> Result<Self> {
        create_private(&options.path)?;
        let base = SqliteConnectOptions::new()
            .filename(&options.path)
            .create_if_missing(false)
            .foreign_keys(true)
            .busy_timeout(BUSY)
            .disable_statement_logging();
        let mut writing = base
            .clone()
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .page_size(PAGE)
            .pragma("cache_size", (-WRITER_CACHE_KIB).to_string())
            .pragma("journal_size_limit", WAL_KEPT_BYTES.to_string());
        if let Some(bytes) = options.max_bytes {
            writing = writing.pragma("max_page_count", (bytes / u64::from(PAGE)).max(1).to_string());
        }
        let reading = base.read_only(true).pragma("cache_size", (-READER_CACHE_KIB).to_string());

        let writer = pool(1).connect_with(writing).await?;
        migrate(&writer).await?;
        let store = Self { writer, readers: pool(options.readers.max(1)).connect_with(reading).await? };
        store.sweep().await?;
        Ok(store)
    }

    /// Waits for what is under way and closes all connections. Clones are closed too.
    pub async fn close(self) {
        self.readers.close().await;
        // Last, because the last connection to close folds the WAL into the file.
        self.writer.close().await;
    }

    /// A transaction that has the write lock from its beginning. Dropped without a commit it has done nothing.
    ///
    /// Whatever reads rows of a statement that writes (`RETURNING`) needs one: outside of it the statement would be committed when
    /// its last row is dropped, and the failure of that commit told to nobody.
    pub(crate) async fn write(&self) -> Result<Transaction<'static, Sqlite>> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }
}

fn create_private(path: &Path) -> Result<()> {
    std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(|error| StoreError::Io(sqlx::Error::Io(error)))
}

fn pool(connections: u32) -> PoolOptions<Sqlite> {
    PoolOptions::new()
        .min_connections(1)
        .max_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
        // SQLite rolls back by itself when the disk is full. sqlx does not know and believes the transaction open for ever,
        // so such a connection is replaced.
        .before_acquire(|connection: &mut SqliteConnection, _| {
            let usable = !connection.is_in_transaction();
            Box::pin(async move { Ok(usable) })
        })
}

async fn migrate(writer: &SqlitePool) -> Result<()> {
    let known = MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or(0);
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'table'").fetch_all(writer).await?;
    if tables.iter().any(|table| table == "_sqlx_migrations") {
        let found: i64 = sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations")
            .fetch_one(writer)
            .await?;
        if found > known {
            return Err(StoreError::NewerSchema { found, known });
        }
    } else if !tables.is_empty() {
        return Err(StoreError::Corrupt("it is a database of another program".to_owned()));
    }
    MIGRATOR.run(writer).await.map_err(|error| match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
        other => StoreError::Corrupt(other.to_string()),
    })
}
