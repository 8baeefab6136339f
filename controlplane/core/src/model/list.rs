//! Contact lists and what became of each contact.

use common::{ContactId, ListId, TenantId, UnixMicros};
use serde::{Deserialize, Serialize};

/// A contact list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct List {
    /// Its id.
    pub id: ListId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Unique within the tenant.
    pub name: String,
    /// Contacts in it.
    pub contacts: u64,
    /// Rows that were rejected by its imports.
    pub rejected_rows: u64,
    /// Rows that repeated a number already in the list.
    pub duplicate_rows: u64,
    /// When it was made.
    pub created_at: UnixMicros,
}

/// A contact within a campaign, as the planner and the API see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Its id.
    pub id: ContactId,
    /// Its list.
    pub list: ListId,
    /// Whom to call.
    pub number: common::E164,
    /// Other columns of the row, JSON object text; empty for none.
    pub fields: String,
}

/// Where a contact of a campaign stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ContactState {
    /// Not yet called.
    New,
    /// An attempt is under way.
    InFlight,
    /// To be called again at a known time.
    RetryDue,
    /// Answered; nothing more to do.
    Reached,
    /// Given up: attempts used, or an outcome that forbids another.
    Exhausted,
    /// Not called, because its number is suppressed.
    Suppressed,
}

/// What an import did with its rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImportReport {
    /// Data rows read (the header not counted).
    pub rows: u64,
    /// New contacts.
    pub imported: u64,
    /// Rows whose number the list already had; the first stays.
    pub duplicates: u64,
    /// Rows that could not be used.
    pub rejected: u64,
    /// The first 1,000 of the rejected and duplicate rows; all of them can be fetched from the list.
    pub problems: Vec<RejectedRow>,
}

/// A row that did not become a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RejectedRow {
    /// Line of the file, from 1, at which the row starts.
    pub line: u64,
    /// Why.
    pub reason: RowError,
}

/// Why a row did not become a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RowError {
    /// The number cannot be used.
    #[error("{problem}")]
    Number {
        /// What is wrong, without the number.
        problem: String,
    },
    /// The number is on the list already.
    #[error("the number is already on the list (first seen at line {first_line})")]
    Duplicate {
        /// Line of its first appearance in this file; 0 when it came with an earlier import.
        first_line: u64,
    },
    /// Not as many columns as the header.
    #[error("{found} columns where the header has {expected}")]
    Columns {
        /// How many the row has.
        found: u64,
        /// How many the header has.
        expected: u64,
    },
    /// The bytes are not UTF-8.
    #[error("not UTF-8 text")]
    NotUtf8,
    /// A field is longer than 4,096 bytes.
    #[error("column '{column}' is longer than 4096 bytes")]
    TooLong {
        /// Name of the column.
        column: String,
    },
    /// The columns beside the number have more than 4,096 bytes together, their names counted.
    #[error("the columns beside the number have {bytes} bytes together; at most 4096 are kept")]
    FieldsTooLong {
        /// How many they have.
        bytes: u64,
    },
}

impl RowError {
    /// Its name, as in its JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Number { .. } => "number",
            Self::Duplicate { .. } => "duplicate",
            Self::Columns { .. } => "columns",
            Self::NotUtf8 => "not_utf8",
            Self::TooLong { .. } => "too_long",
            Self::FieldsTooLong { .. } => "fields_too_long",
        }
    }
}
