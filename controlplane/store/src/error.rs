//! Why the store did not do what was asked.

use common::{Epoch, TenantId};
use peal_core::model::Invalid;

/// Why the store did not do what was asked. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such row, or it belongs to another tenant.
    #[error("there is no {what} {id}")]
    NotFound {
        /// The noun, as the API writes it.
        what: &'static str,
        /// What was asked for.
        id: String,
    },
    /// The name is another's.
    #[error("there is already a {what} with the name '{name}'")]
    NameTaken {
        /// The noun.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// It cannot be deleted while something needs it.
    #[error("{what} {id} is in use by {by}")]
    InUse {
        /// The noun.
        what: &'static str,
        /// Its id.
        id: String,
        /// What needs it, by noun and id.
        by: String,
    },
    /// A field cannot be used.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A script that cannot be run: everything that is wrong with it.
    #[error("the script cannot be used: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Faulty(Vec<script::Fault>),
    /// The state of the row does not allow it; the text says which state and what would be allowed.
    #[error("{0}")]
    Conflict(String),
    /// Somebody else plans now. The holder must stop at once.
    #[error("the planner lease of epoch {held} is over; the current epoch is {current}")]
    StaleEpoch {
        /// The epoch of the caller.
        held: Epoch,
        /// The epoch of the lease.
        current: Epoch,
    },
    /// A newer version of Peal has worked on this file.
    #[error(
        "the database has schema version {found}, this program knows {known}: run the version of Peal that wrote it, or a newer one"
    )]
    NewerSchema {
        /// Version of the file.
        found: i64,
        /// Newest version that this program knows.
        known: i64,
    },
    /// The disk is full, or the file has reached its configured limit.
    #[error("the disk of the database is full")]
    Full,
    /// The disk or the file system failed.
    #[error("the database cannot be read or written: {0}")]
    Io(#[source] sqlx::Error),
    /// The file is no database of Peal, or it is damaged; the text says what was found.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// Another program holds the write lock of the file for longer than the busy time-out.
    #[error("another program is writing to the database")]
    Busy,
    /// The store was closed.
    #[error("the database is closed")]
    Closed,
    /// A fault of this crate.
    #[error("the database refused a statement: {0}")]
    Sql(#[source] sqlx::Error),
}

impl StoreError {
    pub(crate) fn not_found(what: &'static str, id: impl ToString) -> Self {
        Self::NotFound { what, id: id.to_string() }
    }

    /// Whether the same call may succeed later without anybody changing what is asked: full disk, failing disk, lock.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Full | Self::Io(_) | Self::Busy)
    }
}

/// Primary result codes of SQLite (<https://www.sqlite.org/rescode.html>), the low byte of the extended ones.
mod code {
    pub const BUSY: i32 = 5;
    pub const LOCKED: i32 = 6;
    pub const READONLY: i32 = 8;
    pub const IOERR: i32 = 10;
    pub const CORRUPT: i32 = 11;
    pub const FULL: i32 = 13;
    pub const CANTOPEN: i32 = 14;
    pub const NOTADB: i32 = 26;
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => {
                let extended = database.code().and_then(|c| c.parse::<i32>().ok()).unwrap_or(0);
                match extended & 0xff {
                    code::BUSY | code::LOCKED => Self::Busy,
                    code::FULL => Self::Full,
                    code::IOERR | code::READONLY | code::CANTOPEN => Self::Io(error),
                    code::CORRUPT | code::NOTADB => Self::Corrupt(database.message().to_owned()),
                    _ => Self::Sql(error),
                }
            }
            sqlx::Error::Io(_) => Self::Io(error),
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Self::Closed,
            sqlx::Error::PoolTimedOut => Self::Busy,
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Corrupt(error.to_string()),
            _ => Self::Sql(error),
        }
    }
}

/// For a statement whose unique key is the name.
pub(crate) fn name_taken(what: &'static str, name: &str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |error| match &error {
        sqlx::Error::Database(database) if database.is_unique_violation() => {
            StoreError::NameTaken { what, name: name.to_owned() }
        }
        _ => error.into(),
    }
}

/// For an insertion whose one foreign key is the tenant.
pub(crate) fn tenant_missing(tenant: TenantId) -> impl FnOnce(StoreError) -> StoreError {
    move |error| match &error {
        StoreError::Sql(sqlx::Error::Database(database)) if database.is_foreign_key_violation() => {
            StoreError::not_found("tenant", tenant)
        }
        _ => error,
    }
}
