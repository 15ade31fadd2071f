//! Bytes for [`crate::Strategy::save`] and [`crate::Strategy::load`]: fixed-size numbers, one after the other.
//!
//! ```
//! use stockade_sdk::state::{Reader, Writer};
//!
//! let bytes = Writer::new().i64(7).f64(1.5).flag(true).f64s(&[1.0, 2.0]).finish();
//! let mut reader = Reader::new(&bytes);
//! assert_eq!((reader.i64()?, reader.f64()?, reader.flag()?), (7, 1.5, true));
//! assert_eq!(reader.f64s(10)?, [1.0, 2.0]);
//! reader.finish()?;
//! # Ok::<(), String>(())
//! ```

/// Writes state. Little endian, no names, no padding.
#[derive(Clone, Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a whole number: a count, a time in microseconds.
    #[must_use]
    pub fn i64(mut self, value: i64) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    /// Adds an id.
    #[must_use]
    pub fn u64(mut self, value: u64) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    /// Adds a number; every bit of it survives.
    #[must_use]
    pub fn f64(mut self, value: f64) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    /// Adds yes or no.
    #[must_use]
    pub fn flag(mut self, value: bool) -> Self {
        self.0.push(u8::from(value));
        self
    }

    /// Adds a list of numbers, its length first.
    #[must_use]
    pub fn f64s(self, values: &[f64]) -> Self {
        values.iter().fold(self.u64(values.len() as u64), |writer, &value| writer.f64(value))
    }

    /// The bytes.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Reads state that a [`Writer`] wrote, in the same order. Every method refuses bytes that are too short.
#[derive(Clone, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// From the first byte on.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader(bytes)
    }

    /// The next whole number.
    ///
    /// # Errors
    /// When the bytes end before it.
    pub fn i64(&mut self) -> Result<i64, String> {
        self.take().map(i64::from_le_bytes)
    }

    /// The next id.
    ///
    /// # Errors
    /// When the bytes end before it.
    pub fn u64(&mut self) -> Result<u64, String> {
        self.take().map(u64::from_le_bytes)
    }

    /// The next number.
    ///
    /// # Errors
    /// When the bytes end before it.
    pub fn f64(&mut self) -> Result<f64, String> {
        self.take().map(f64::from_le_bytes)
    }

    /// The next yes or no.
    ///
    /// # Errors
    /// When the bytes end before it, or it is neither.
    pub fn flag(&mut self) -> Result<bool, String> {
        match self.take()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(format!("saved state has {other} where yes or no was expected")),
        }
    }

    /// The next list of numbers, of at most `count_max`.
    ///
    /// # Errors
    /// When the bytes end before its end, or it is longer.
    pub fn f64s(&mut self, count_max: usize) -> Result<Vec<f64>, String> {
        let count = self.u64()?;
        if count > count_max as u64 {
            return Err(format!("saved state has a list of {count} numbers, more than {count_max}"));
        }
        (0..count).map(|_| self.f64()).collect()
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// When there is.
    pub fn finish(self) -> Result<(), String> {
        if self.0.is_empty() { Ok(()) } else { Err(format!("saved state has {} bytes too many", self.0.len())) }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (taken, rest) = self.0.split_first_chunk().ok_or("saved state ends too early")?;
        self.0 = rest;
        Ok(*taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_cut_short_are_refused_at_every_length() {
        let bytes = Writer::new().i64(-1).flag(true).f64s(&[f64::NAN]).finish();
        let read = |bytes: &[u8]| {
            let mut reader = Reader::new(bytes);
            reader.i64()?;
            reader.flag()?;
            reader.f64s(4)?;
            reader.finish()
        };
        assert_eq!(read(&bytes), Ok(()));
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "{length} bytes");
        }
        assert!(read(&[&bytes[..], &[0]].concat()).is_err());
    }

    #[test]
    fn a_length_beyond_reason_is_refused_before_it_is_allocated() {
        let bytes = Writer::new().u64(u64::MAX).finish();
        assert!(Reader::new(&bytes).f64s(10).expect_err("too long").contains("more than 10"));
    }
}
