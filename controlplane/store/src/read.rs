//! From columns to the types of the model. What cannot be read was not written by this program.

use common::{E164, Outcome, UnixMicros};
use serde::de::DeserializeOwned;
use sqlx::{ColumnIndex, Decode, Row, Sqlite, Type, sqlite::SqliteRow};

use crate::{Result, StoreError};

/// A column as SQLite has it.
pub(crate) fn column<'r, T, I>(row: &'r SqliteRow, index: I) -> Result<T>
where
    T: Decode<'r, Sqlite> + Type<Sqlite>,
    I: ColumnIndex<SqliteRow>,
{
    Ok(row.try_get(index)?)
}

/// A column of JSON text.
pub(crate) fn json<T: DeserializeOwned>(row: &SqliteRow, index: &str) -> Result<T> {
    from_json(column(row, index)?)
}

/// JSON text.
pub(crate) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// Text of a value of ours.
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("the model has no maps with keys that are not text")
}

/// A column that counts something.
pub(crate) fn count(row: &SqliteRow, index: &str) -> Result<u64> {
    let value: i64 = column(row, index)?;
    u64::try_from(value).map_err(|_| StoreError::Corrupt(format!("{index} is {value}")))
}

/// A column with a telephone number.
pub(crate) fn number(row: &SqliteRow, index: &str) -> Result<E164> {
    let value: i64 = column(row, index)?;
    u64::try_from(value)
        .ok()
        .and_then(E164::from_u64)
        .ok_or_else(|| StoreError::Corrupt(format!("{index} is not a telephone number")))
}

/// A telephone number as SQLite has it.
pub(crate) fn number_value(number: E164) -> i64 {
    i64::try_from(number.to_u64()).expect("at most 15 digits")
}

/// A count as SQLite has it.
pub(crate) fn count_value(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A column with an outcome, or nothing.
pub(crate) fn outcome(row: &SqliteRow, index: &str) -> Result<Option<Outcome>> {
    column::<Option<&str>, _>(row, index)?
        .map(|text| text.parse().map_err(|_| StoreError::Corrupt(format!("outcome '{text}'"))))
        .transpose()
}

/// A column with an instant.
pub(crate) fn at(row: &SqliteRow, index: &str) -> Result<UnixMicros> {
    Ok(UnixMicros(column(row, index)?))
}

/// A column with an instant, or nothing.
pub(crate) fn maybe_at(row: &SqliteRow, index: &str) -> Result<Option<UnixMicros>> {
    Ok(column::<Option<i64>, _>(row, index)?.map(UnixMicros))
}
