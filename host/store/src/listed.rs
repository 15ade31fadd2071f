//! Rows of a list, in which one that can't be read is one that can't be read.

use std::ops::Deref;

/// A page of a list. Looks like its readable rows; the others stand beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    rows: Vec<T>,
    damaged: Vec<Damaged>,
    /// The numbers of the first and the last row, readable or not.
    ends: Option<(i64, i64)>,
}

/// A row that can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// Its place in the list, as a page is continued by.
    pub number: i64,
    /// What it is and its name, as far as that can be read: "engine 3".
    pub what: String,
    /// Which column holds what the host never writes.
    pub why: String,
}

impl<T> Listed<T> {
    /// Takes rows in, each with its number, what it is, and itself or why it can't be read.
    pub(crate) fn of(rows: impl IntoIterator<Item = (i64, String, Result<T, String>)>) -> Self {
        let mut listed = Self { rows: Vec::new(), damaged: Vec::new(), ends: None };
        for (number, what, row) in rows {
            listed.ends = Some((listed.ends.map_or(number, |(first, _)| first), number));
            match row {
                Ok(row) => listed.rows.push(row),
                Err(why) => listed.damaged.push(Damaged { number, what, why }),
            }
        }
        listed
    }

    /// The rows that can't be read.
    pub fn damaged(&self) -> &[Damaged] {
        &self.damaged
    }

    /// The number of the last row, readable or not: the next page begins beyond it.
    pub fn last_number(&self) -> Option<i64> {
        self.ends.map(|(_, last)| last)
    }

    /// How many rows there are, readable or not.
    pub fn count(&self) -> usize {
        self.rows.len() + self.damaged.len()
    }

    /// The readable rows.
    pub fn into_rows(self) -> Vec<T> {
        self.rows
    }

    /// Backwards.
    pub fn reverse(&mut self) {
        self.rows.reverse();
        self.damaged.reverse();
        self.ends = self.ends.map(|(first, last)| (last, first));
    }
}

impl<T> Deref for Listed<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.rows
    }
}

impl<T> IntoIterator for Listed<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;
    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a Listed<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.rows.iter()
    }
}

impl<T: PartialEq> PartialEq<[T]> for Listed<T> {
    fn eq(&self, other: &[T]) -> bool {
        self.damaged.is_empty() && self.rows == *other
    }
}

impl<T: PartialEq> PartialEq<Vec<T>> for Listed<T> {
    fn eq(&self, other: &Vec<T>) -> bool {
        *self == other[..]
    }
}

impl<T: PartialEq, const N: usize> PartialEq<[T; N]> for Listed<T> {
    fn eq(&self, other: &[T; N]) -> bool {
        *self == other[..]
    }
}
