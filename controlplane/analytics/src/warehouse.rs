//! The ClickHouse at the other end: schema, inserts, queries. Every request has a time limit.

use std::time::Duration;

use bytes::Bytes;
use clickhouse::{Client, Compression, query::BytesCursor};

use crate::{ClickHouse, schema};

/// Longest time for one piece of an insert to leave.
const SEND_TIME_MAX: Duration = Duration::from_secs(20);
/// Longest time from the last piece of an insert to the answer, fsync and views included.
const COMMIT_TIME_MAX: Duration = Duration::from_secs(120);
/// Longest time for a statement of ours that should take milliseconds.
const STATEMENT_TIME_MAX: Duration = Duration::from_secs(30);
/// Longest time for the first piece of a person's query; later pieces too.
const QUERY_TIME_MAX: Duration = Duration::from_secs(600);
/// Pieces of an insert.
const PIECE_BYTES: usize = 1 << 20;

/// Why ClickHouse did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnalyticsError {
    /// ClickHouse refused, in its own words; or it could not be reached.
    #[error("{0}")]
    ClickHouse(#[from] clickhouse::error::Error),
    /// No answer in time.
    #[error("ClickHouse did not answer within {} s", .0.as_secs())]
    TimedOut(Duration),
}

/// A ClickHouse with our tables. Cheap to clone; connections are shared.
#[derive(Clone)]
pub struct Analytics {
    /// For statements on our database.
    client: Client,
    /// For the one that makes it.
    without_database: Client,
    database: String,
}

impl Analytics {
    /// The ClickHouse of `config`. Nothing is sent yet.
    pub fn new(config: &ClickHouse) -> Self {
        // Between two processes of one machine, compressing costs more than it saves.
        let compression = match config {
            ClickHouse::Url { .. } => Compression::Lz4,
            ClickHouse::Embedded { .. } => Compression::None,
        };
        let without_database = Client::default()
            .with_compression(compression)
            .with_url(config.url())
            .with_user(config.user())
            .with_password(config.password())
            .with_product_info("peal", env!("CARGO_PKG_VERSION"));
        let database = config.database().to_owned();
        let client = without_database.clone().with_database(&database);
        Self { client, without_database, database }
    }

    /// The client, for questions that this crate does not ask.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Whether ClickHouse answers.
    pub async fn ping(&self) -> Result<(), AnalyticsError> {
        in_time(STATEMENT_TIME_MAX, self.without_database.query("SELECT 1 FORMAT Null").execute()).await
    }

    /// Makes the database and brings tables and views up to date. Can be run any time, by several at once.
    pub async fn migrate(&self) -> Result<(), AnalyticsError> {
        // The name is checked where it enters: letters, digits, _.
        let database = format!("CREATE DATABASE IF NOT EXISTS `{}`", self.database);
        in_time(STATEMENT_TIME_MAX, self.without_database.query_raw(&database).execute()).await?;
        in_time(STATEMENT_TIME_MAX, self.client.query_raw(schema::HISTORY).execute()).await?;
        let latest = self.client.query("SELECT max(version) FROM schema_history").fetch_one::<u32>();
        let latest = in_time(STATEMENT_TIME_MAX, latest).await?;
        for migration in schema::MIGRATIONS.iter().filter(|migration| migration.version > latest) {
            for statement in migration.statements {
                in_time(STATEMENT_TIME_MAX, self.client.query_raw(statement).execute()).await?;
            }
            let record =
                self.client.query("INSERT INTO schema_history (version) VALUES (?)").bind(migration.version);
            in_time(STATEMENT_TIME_MAX, record.execute()).await?;
        }
        Ok(())
    }

    /// Runs a query of a person's and streams what it returns in `format` (`PrettyCompact`, `JSON`, `CSV`, …), or in the
    /// format that the query names. It may only read our tables: `readonly = 1` refuses everything that writes, and
    /// the table functions that reach files and other hosts.
    pub async fn query(&self, sql: &str, format: &str) -> Result<QueryStream, AnalyticsError> {
        let reading = self.client.clone().with_setting("readonly", "1");
        let mut cursor = reading.query_raw(sql).fetch_bytes(format)?;
        let first = in_time(QUERY_TIME_MAX, cursor.next()).await?;
        Ok(QueryStream { cursor, first })
    }

    /// Inserts rows in RowBinary into `attempt`. The same `token` twice inserts once.
    pub(crate) async fn insert(
        &self,
        columns: &str,
        mut data: Bytes,
        token: &str,
    ) -> Result<(), AnalyticsError> {
        let client = self
            .client
            .clone()
            .with_setting("insert_deduplication_token", token)
            .with_setting("async_insert", "0")
            // The whole batch is one block, or the token would stand for its first part only.
            .with_setting("max_insert_block_size", "10000000");
        let mut insert = client
            .insert_formatted_with(format!("INSERT INTO attempt ({columns}) FORMAT RowBinary"))
            .with_timeouts(Some(SEND_TIME_MAX), Some(COMMIT_TIME_MAX));
        let whole = async {
            while !data.is_empty() {
                insert.send(data.split_to(data.len().min(PIECE_BYTES))).await?;
            }
            insert.end().await
        };
        in_time(COMMIT_TIME_MAX * 2, whole).await
    }
}

pub(crate) async fn in_time<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, clickhouse::error::Error>>,
) -> Result<T, AnalyticsError> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(AnalyticsError::TimedOut(limit)),
    }
}

/// The result of a query in pieces.
pub struct QueryStream {
    cursor: BytesCursor,
    first: Option<Bytes>,
}

impl QueryStream {
    /// The next piece; `None` at the end. A query that fails half-way ends in an error.
    pub async fn next(&mut self) -> Result<Option<Bytes>, AnalyticsError> {
        match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => in_time(QUERY_TIME_MAX, self.cursor.next()).await,
        }
    }
}
