//! How a parameter's values are given: on a command line, or in a line of a `.set` file.

use std::str::FromStr;

/// Values of one parameter as they were given; the strategy's description says what they mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// It stays at this value.
    One(String),
    /// These values.
    Listed(Vec<String>),
    /// From one value to another, both included; the step is the strategy's own unless given.
    Range {
        /// The first.
        start: String,
        /// The last, where the step meets it.
        stop: String,
        /// The distance between them.
        step: Option<String>,
    },
    /// The range that the strategy itself describes.
    Whole,
    /// A `.set` line that is marked for optimisation: its range, and the value it has otherwise.
    Set {
        /// What stands before the range.
        value: Option<String>,
        /// The range.
        range: Box<Given>,
    },
}

impl FromStr for Given {
    type Err = String;

    /// `5`, `5,10,20`, `5..50`, `5..50:5` or `*`.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == "*" {
            return Ok(Self::Whole);
        }
        if let Some((start, rest)) = text.split_once("..") {
            let (stop, step) = rest.split_once(':').map_or((rest, None), |(stop, step)| (stop, Some(step)));
            let word = |text: &str| text.trim().to_owned();
            if start.trim().is_empty() || stop.trim().is_empty() || step.is_some_and(|step| step.trim().is_empty()) {
                return Err(format!("{text:?} is no range; give FROM..TO:STEP, such as 5..50:5"));
            }
            return Ok(Self::Range { start: word(start), stop: word(stop), step: step.map(word) });
        }
        if text.contains(',') {
            return Ok(Self::Listed(text.split(',').map(|value| value.trim().to_owned()).collect()));
        }
        Ok(Self::One(text.to_owned()))
    }
}

/// `fast=5..50:5`, as `--set` takes it.
///
/// # Errors
/// It is not of that shape.
pub fn assignment(text: &str) -> Result<(String, Given), String> {
    let (name, given) = text.split_once('=').ok_or("values are given as NAME=FROM..TO:STEP, NAME=A,B,C, NAME=VALUE or NAME=*")?;
    Ok((name.trim().to_owned(), given.parse()?))
}
