//! MT5's `.set` files: inputs with their values and, for the optimiser, their ranges.
//!
//! ```text
//! ; a comment
//! fast=12||5||5||50||Y      value||start||step||stop||optimise it
//! volume=0.1||0.1||0.01||1||N
//! label=any text
//! ```
//! MT4 writes `fast=12`, `fast,F=1` (optimise it), `fast,1=5` (start), `fast,2=5` (step), `fast,3=50` (stop), which is read as well.

use super::range::Given;
use super::space::{Space, set_text};
use super::text_file::{Encoding, decode, encode};
use domain::contract::{Param, ParamSpec, ParamValue};

const SEPARATOR: &str = "||";

/// A `.set` file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetFile {
    /// Its lines, in order.
    pub lines: Vec<SetLine>,
}

/// A line that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetLine {
    /// What stands after a semicolon.
    Comment(String),
    /// An input.
    Input(Input),
}

/// An input with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The parameter's name.
    pub name: String,
    /// Its value, as text.
    pub value: String,
    /// Its range, where it has one.
    pub range: Option<InputRange>,
}

/// The range of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputRange {
    /// First value.
    pub start: String,
    /// Distance between values.
    pub step: String,
    /// Last value.
    pub stop: String,
    /// Whether the optimiser varies it.
    pub optimised: bool,
}

impl SetFile {
    /// Reads a file's bytes.
    ///
    /// # Errors
    /// Names the line and what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        Self::of_lines(decode(bytes)?.lines().enumerate().map(|(at, line)| (at + 1, line)))
    }

    /// The inputs in these numbered lines.
    pub(super) fn of_lines<'a>(lines: impl Iterator<Item = (usize, &'a str)>) -> Result<Self, String> {
        let mut file = Self::default();
        for (number, line) in lines {
            let line = line.trim_matches(|c: char| c.is_ascii_whitespace());
            if line.is_empty() {
                continue;
            }
            if let Some(comment) = line.strip_prefix(';') {
                file.lines.push(SetLine::Comment(comment.trim().to_owned()));
                continue;
            }
            let wrong = |why: String| format!("line {number}: {why}");
            match mt4_part(line) {
                Some((name, part, value)) => file.take_part(name, part, value).map_err(wrong)?,
                None => file.lines.push(SetLine::Input(Input::parse(line).map_err(wrong)?)),
            }
        }
        Ok(file)
    }

    /// Takes what MT4 says of the range of an input that it has named before.
    fn take_part(&mut self, name: &str, part: Mt4Part, value: &str) -> Result<(), String> {
        let inputs = self.lines.iter_mut().filter_map(|line| if let SetLine::Input(input) = line { Some(input) } else { None });
        let input = inputs.rev().find(|input| input.name == name);
        let input = input.ok_or_else(|| format!("it is about {name:?}, and no line before it is {name}=VALUE"))?;
        let range = input.range.get_or_insert_with(|| InputRange {
            start: input.value.clone(),
            step: "0".to_owned(),
            stop: input.value.clone(),
            optimised: false,
        });
        match part {
            Mt4Part::Optimised => range.optimised = is_yes(value).ok_or_else(|| format!("{name},F={value} is neither 0 nor 1"))?,
            Mt4Part::Start => range.start = value.to_owned(),
            Mt4Part::Step => range.step = value.to_owned(),
            Mt4Part::Stop => range.stop = value.to_owned(),
        }
        Ok(())
    }

    /// Its inputs.
    pub fn inputs(&self) -> impl Iterator<Item = &Input> {
        self.lines.iter().filter_map(|line| match line {
            SetLine::Input(input) => Some(input),
            SetLine::Comment(_) => None,
        })
    }

    /// The file as text.
    pub fn text(&self) -> String {
        let line = |line: &SetLine| match line {
            SetLine::Comment(comment) => format!("; {comment}\n"),
            SetLine::Input(input) => input.line(),
        };
        self.lines.iter().map(line).collect()
    }

    /// The file as bytes.
    pub fn bytes(&self, encoding: Encoding) -> Vec<u8> {
        encode(&self.text(), encoding)
    }

    /// What it says of a strategy's parameters. Choices may be given by name or, as MT5 does, by number; flags as `true` or 1.
    ///
    /// # Errors
    /// It names a parameter that the strategy does not have.
    pub fn given(&self, specs: &[ParamSpec]) -> Result<Vec<(String, Given)>, String> {
        self.inputs().map(|input| Ok((input.name.clone(), input.given(specs)?))).collect()
    }

    /// A file with `params` as the values and the ranges of `space`.
    pub fn of_space(specs: &[ParamSpec], space: &Space, params: &[Param], comment: &str) -> Self {
        let mut lines = vec![SetLine::Comment(comment.to_owned())];
        for (spec, param) in specs.iter().zip(params) {
            let axis = space.axes().iter().find(|axis| axis.name() == spec.name);
            if let Some(axis) = axis.filter(|axis| !axis.is_even()) {
                let values: Vec<String> = (0..axis.len()).map(|at| axis.text(at)).collect();
                let why = format!("{} was {}; the range below holds more", spec.name, values.join(", "));
                lines.push(SetLine::Comment(why));
            }
            let range = axis.map(|axis| axis.range_texts()).map(|[start, step, stop]| InputRange { start, step, stop, optimised: true });
            lines.push(SetLine::Input(Input { name: spec.name.clone(), value: set_text(&param.value), range }));
        }
        Self { lines }
    }
}

/// What a line of MT4's says of an input's range.
#[derive(Clone, Copy)]
enum Mt4Part {
    Optimised,
    Start,
    Step,
    Stop,
}

/// `fast,F=1` and its like: the input, which part of its range, and the value.
fn mt4_part(line: &str) -> Option<(&str, Mt4Part, &str)> {
    let (left, value) = line.split_once('=')?;
    let (name, part) = left.trim().rsplit_once(',')?;
    let part = match part.trim() {
        "F" | "f" => Mt4Part::Optimised,
        "1" => Mt4Part::Start,
        "2" => Mt4Part::Step,
        "3" => Mt4Part::Stop,
        _ => return None,
    };
    Some((name.trim(), part, value.trim()))
}

fn is_yes(word: &str) -> Option<bool> {
    match word {
        "Y" | "y" | "true" | "1" => Some(true),
        "N" | "n" | "false" | "0" => Some(false),
        _ => None,
    }
}

impl Input {
    fn parse(line: &str) -> Result<Self, String> {
        let shown: String = line.chars().take(60).collect();
        let (name, rest) =
            line.split_once('=').ok_or_else(|| format!("{shown:?} has no `=`; a line is NAME=VALUE||START||STEP||STOP||Y"))?;
        let mut parts = rest.split(SEPARATOR).map(|part| part.trim().to_owned());
        let value = parts.next().unwrap_or_default();
        let rest: Vec<String> = parts.collect();
        let range = match <[String; 4]>::try_from(rest) {
            Ok([start, step, stop, flag]) => {
                let optimised = is_yes(&flag).ok_or_else(|| format!("{shown:?} ends in {flag:?}; the last word is Y or N"))?;
                Some(InputRange { start, step, stop, optimised })
            }
            Err(rest) if rest.is_empty() => None,
            Err(rest) => {
                return Err(format!("{shown:?} has {} parts; a line is NAME=VALUE or NAME=VALUE||START||STEP||STOP||Y", rest.len() + 1));
            }
        };
        Ok(Self { name: name.trim().to_owned(), value, range })
    }

    fn line(&self) -> String {
        let range = self.range.as_ref().map(|InputRange { start, step, stop, optimised }| {
            let flag = if *optimised { "Y" } else { "N" };
            format!("{SEPARATOR}{start}{SEPARATOR}{step}{SEPARATOR}{stop}{SEPARATOR}{flag}")
        });
        format!("{}={}{}\n", self.name, self.value, range.unwrap_or_default())
    }

    fn given(&self, specs: &[ParamSpec]) -> Result<Given, String> {
        let Some(spec) = specs.iter().find(|spec| spec.name == self.name) else {
            return Err(domain::params::unknown(specs, &self.name));
        };
        let word = |text: &str| in_our_words(spec, text);
        Ok(match &self.range {
            Some(range) if range.optimised => Given::Set {
                value: Some(word(&self.value)),
                range: Box::new(match &spec.default {
                    ParamValue::Flag(_) => Given::Whole,
                    _ => Given::Range { start: word(&range.start), stop: word(&range.stop), step: Some(word_of_step(spec, &range.step)) },
                }),
            },
            _ => Given::One(word(&self.value)),
        })
    }
}

/// MT5 writes enumerations as numbers, flags sometimes as 0 and 1, and whole numbers of some inputs with decimals.
fn in_our_words(spec: &ParamSpec, text: &str) -> String {
    match &spec.default {
        ParamValue::Choice(_) if !spec.choices.iter().any(|choice| choice == text) => {
            text.parse().ok().and_then(|at: usize| spec.choices.get(at)).cloned().unwrap_or_else(|| text.to_owned())
        }
        ParamValue::Flag(_) if text == "1" => "true".to_owned(),
        ParamValue::Flag(_) if text == "0" => "false".to_owned(),
        ParamValue::Integer(_) => whole(text).to_owned(),
        _ => text.to_owned(),
    }
}

fn word_of_step(spec: &ParamSpec, text: &str) -> String {
    if matches!(spec.default, ParamValue::Integer(_)) { whole(text).to_owned() } else { text.to_owned() }
}

/// `5` of `5.000000`.
fn whole(text: &str) -> &str {
    match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|digit| digit == b'0') => whole,
        _ => text,
    }
}
