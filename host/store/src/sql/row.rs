//! Reading columns as the domain's types. What the host never writes is an error that names the column.

use super::DbRow;
use crate::Listed;
use domain::ids::{Digest, OrderId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Number, Value};
use sqlx::{Error, FromRow, Result, Row};
use std::borrow::{Borrow as _, Cow};
use std::collections::BTreeMap;

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
    from_json(row.try_get(column)?).map_err(|error| wrong(column, error))
}

fn from_json<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    serde_json::from_value(exact(serde_json::from_str(text)?)?)
}

/// JSON with every number as it was written. By itself serde_json takes some that need all 17 digits for their neighbour, and an engine
/// would go on after a restart with another parameter than before.
fn exact(raw: &RawValue) -> serde_json::Result<Value> {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'{') => {
            let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
            fields.into_iter().map(|(name, value)| Ok((name, exact(value)?))).collect::<serde_json::Result<_>>().map(Value::Object)
        }
        Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(text)?.into_iter().map(exact).collect(),
        Some(b'-' | b'0'..=b'9') if text.contains(['.', 'e', 'E']) => {
            let number = text.parse().ok().and_then(Number::from_f64);
            number.map_or_else(|| serde_json::from_str(text), |number| Ok(Value::Number(number)))
        }
        _ => serde_json::from_str(text),
    }
}

/// A digest.
pub fn digest(row: &DbRow, column: &str) -> Result<Digest> {
    row.try_get::<&str, _>(column)?.parse().map_err(|error: String| wrong(column, error))
}

/// The rows of a list, of which `key` gives the place of each and `name` what it is called, as far as that can be read.
pub fn listed<T: for<'r> FromRow<'r, DbRow>>(rows: &[DbRow], key: &str, what: &str, name: fn(&DbRow) -> Option<String>) -> Listed<T> {
    let mut last = 0;
    Listed::of(rows.iter().map(|row| {
        // The place of one whose key is damaged is beyond the one before it.
        last = row.try_get(key).unwrap_or(last + 1);
        let name = name(row).unwrap_or_else(|| "?".into());
        (last, format!("{what} {name}"), T::from_row(row).map_err(|error| error.to_string()))
    }))
}

/// The name of a row that has a number.
pub fn numbered(row: &DbRow) -> Option<String> {
    row.try_get::<i64, _>("id").or_else(|_| row.try_get("number")).or_else(|_| row.try_get("seq")).ok().map(|id| id.to_string())
}

/// The name of an order, or of what an order opened.
pub fn named(row: &DbRow) -> Option<String> {
    bits(row, "id").ok().map(|id| OrderId(id).to_string())
}

/// Text of a strategy for a column: PostgreSQL's can't hold a NUL, which becomes the picture of one in both.
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{2400}").into() } else { text.into() }
}

/// Text for a JSON column. It is read again before it is written: what a row does not give back as it was is refused, instead of
/// being found when a host starts.
pub fn to_json<T>(what: &str, value: &T) -> crate::Result<String>
where
    T: Serialize + PartialEq + ToOwned + ?Sized,
    T::Owned: DeserializeOwned,
{
    let (text, again) = to_json_in_part(what, value)?;
    if again.borrow() == value {
        return Ok(text);
    }
    Err(crate::StoreError::Invalid(format!("the {what} can't be stored: it would read differently; numbers must be finite")))
}

/// The same for what holds more than is to be kept, with what will be read of it.
pub fn to_json_in_part<T>(what: &str, value: &T) -> crate::Result<(String, T::Owned)>
where
    T: Serialize + ToOwned + ?Sized,
    T::Owned: DeserializeOwned,
{
    let refused = |why: String| crate::StoreError::Invalid(format!("the {what} can't be stored: {why}"));
    let text = serde_json::to_string(value).map_err(|error| refused(error.to_string()))?;
    let again = from_json(&text).map_err(|error| refused(format!("it could not be read again ({error})")))?;
    Ok((text, again))
}
