//! Reading columns as the domain's types. What the host never writes is an error that names the column.

use super::DbRow;
use domain::ids::Digest;
use serde::de::DeserializeOwned;
use sqlx::{Error, Result, Row};
use std::borrow::Cow;

fn wrong(column: &str, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::ColumnDecode { index: column.into(), source: why.into() }
}

/// A whole number in the range of its type.
pub fn number<T: TryFrom<i64>>(row: &DbRow, column: &str) -> Result<T> {
    let value: i64 = row.try_get(column)?;
    T::try_from(value).map_err(|_| wrong(column, format!("{value} is out of range")))
}

/// 64 bits without sign, kept in the same bits with one.
pub fn bits(row: &DbRow, column: &str) -> Result<u64> {
    Ok(row.try_get::<i64, _>(column)? as u64)
}

/// The same, or nothing.
pub fn optional_bits(row: &DbRow, column: &str) -> Result<Option<u64>> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(|value| value as u64))
}

/// A whole number in a type of its own, or nothing.
pub fn optional<T>(row: &DbRow, column: &str, make: fn(i64) -> T) -> Result<Option<T>> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(make))
}

/// A word of the contract.
pub fn word<T>(row: &DbRow, column: &str, from_word: fn(&str) -> Option<T>) -> Result<T> {
    let text: &str = row.try_get(column)?;
    from_word(text).ok_or_else(|| wrong(column, format!("{text:?} is no word for it")))
}

/// A word of the contract, or nothing.
pub fn optional_word<T>(row: &DbRow, column: &str, from_word: fn(&str) -> Option<T>) -> Result<Option<T>> {
    let Some(text) = row.try_get::<Option<&str>, _>(column)? else {
        return Ok(None);
    };
    from_word(text).map(Some).ok_or_else(|| wrong(column, format!("{text:?} is no word for it")))
}

/// JSON.
pub fn json<T: DeserializeOwned>(row: &DbRow, column: &str) -> Result<T> {
    serde_json::from_str(row.try_get(column)?).map_err(|error| wrong(column, error))
}

/// A digest.
pub fn digest(row: &DbRow, column: &str) -> Result<Digest> {
    row.try_get::<&str, _>(column)?.parse().map_err(|error: String| wrong(column, error))
}

/// Text of a strategy for a column: PostgreSQL's can't hold a NUL, which becomes the picture of one in both.
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{2400}").into() } else { text.into() }
}

/// Text for a JSON column.
pub fn to_json<T: serde::Serialize + ?Sized>(value: &T) -> crate::Result<String> {
    serde_json::to_string(value).map_err(|error| crate::StoreError::Internal(error.into()))
}
