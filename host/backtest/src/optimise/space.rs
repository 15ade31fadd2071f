//! What passes differ in: the parameters that vary, each with its values, over the ones that stay.

use super::range::Given;
use domain::contract::{Param, ParamSpec, ParamValue};
use domain::params::resolve;
use serde::{Deserialize, Serialize};

/// Values of one parameter at most: more is a range written by mistake.
const VALUES_MAX: f64 = 1e6;

/// Which value of each axis a pass has, counted from 0, in the order of the axes.
pub type Point = Box<[u32]>;

/// Every combination of the axes' values.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    /// All parameters; those that vary are written over.
    base: Vec<Param>,
    axes: Vec<Axis>,
}

/// A parameter that varies.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    spec: ParamSpec,
    /// Its place among the strategy's parameters.
    at: usize,
    values: Values,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Values {
    Integers {
        start: i64,
        step: i64,
        count: u32,
    },
    /// Numbers with `decimals` decimals: `0.1 + 2 * 0.1` is 0.3 here, as its author wrote it.
    Numbers {
        start: f64,
        step: f64,
        decimals: usize,
        count: u32,
    },
    Listed(Vec<ParamValue>),
}

impl Space {
    /// The space of `given` over the defaults of `specs`. What is given later for a parameter goes before what was given
    /// earlier.
    ///
    /// # Errors
    /// One sentence that names the parameter, what was given and what would do.
    pub fn new(specs: &[ParamSpec], given: &[(String, Given)]) -> Result<Self, String> {
        let mut base = resolve(specs, [])?;
        let mut axes: Vec<Axis> = Vec::new();
        for (name, given) in given {
            let at = position(specs, name)?;
            axes.retain(|axis| axis.at != at);
            match given.values(&specs[at])? {
                (Values::Listed(values), _) if values.len() == 1 => base[at].value = values[0].clone(),
                (values, _) if values.len() == 1 => base[at].value = values.get(0),
                (values, start) => {
                    base[at].value = start.unwrap_or_else(|| specs[at].default.clone());
                    axes.push(Axis { spec: specs[at].clone(), at, values });
                }
            }
        }
        axes.sort_by_key(|axis| axis.at);
        Ok(Self { base, axes })
    }

    /// The parameters that vary, in the order of the strategy's description.
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// How many combinations there are; saturates.
    pub fn size(&self) -> u128 {
        self.axes.iter().fold(1, |size: u128, axis| size.saturating_mul(u128::from(axis.len())))
    }

    /// The combination with this number, counted so that the last axis moves first.
    pub fn point(&self, number: u128) -> Point {
        let mut rest = number;
        let mut point: Point = self.axes.iter().map(|_| 0).collect();
        for (at, axis) in self.axes.iter().enumerate().rev() {
            let len = u128::from(axis.len());
            point[at] = (rest % len) as u32;
            rest /= len;
        }
        point
    }

    /// Every parameter with its value at `point`.
    pub fn params(&self, point: &[u32]) -> Vec<Param> {
        let mut params = self.base.clone();
        for (axis, &at) in self.axes.iter().zip(point) {
            params[axis.at].value = axis.value(at);
        }
        params
    }

    /// The values of the axes at `point`, as text.
    pub fn texts(&self, point: &[u32]) -> Vec<String> {
        self.axes.iter().zip(point).map(|(axis, &at)| axis.text(at)).collect()
    }

    /// The point with these texts, as [`texts`](Self::texts) wrote them.
    pub fn point_of<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> Option<Point> {
        let mut texts = texts.into_iter();
        let point = self.axes.iter().map(|axis| axis.position(texts.next()?)).collect::<Option<Point>>();
        point.filter(|_| texts.next().is_none())
    }
}

fn position(specs: &[ParamSpec], name: &str) -> Result<usize, String> {
    let found = specs.iter().position(|spec| spec.name == name);
    // `resolve` has the sentence for a parameter that is not there.
    found.ok_or_else(|| resolve(specs, [(name, "")]).err().unwrap_or_default())
}

impl Axis {
    /// The parameter's name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// How many values it has; at least 2.
    pub fn len(&self) -> u32 {
        self.values.len() as u32
    }

    /// Never: an axis has values.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Its value number `at`, which must be below [`len`](Self::len).
    pub fn value(&self, at: u32) -> ParamValue {
        self.values.get(at)
    }

    /// The same as text: what a command line takes.
    pub fn text(&self, at: u32) -> String {
        text(&self.spec, &self.value(at))
    }

    /// Which value this text is.
    fn position(&self, text: &str) -> Option<u32> {
        // Values lie in order, so their distance from the first says where to look.
        let guess = match &self.values {
            Values::Integers { start, step, .. } => (text.parse::<i64>().ok()?.checked_sub(*start)? / step) as f64,
            Values::Numbers { start, step, .. } => ((text.parse::<f64>().ok()? - start) / step).round(),
            Values::Listed(_) => return (0..self.len()).find(|&at| self.text(at) == text),
        };
        let at = (guess >= 0.0 && guess < f64::from(self.len())).then_some(guess as u32)?;
        (self.text(at) == text).then_some(at)
    }

    /// Its range in the three words of a `.set` line: start, step, stop. A list of numbers becomes the range from the least to
    /// the greatest whose step is their least distance, which is the list itself where it is even; see
    /// [`is_even`](Self::is_even).
    pub fn range_texts(&self) -> [String; 3] {
        if let Some((numbers, step)) = self.listed_numbers() {
            return [numbers[0], step, numbers[numbers.len() - 1]].map(|number| number.to_string());
        }
        let last = self.len() - 1;
        let step = match &self.values {
            Values::Integers { step, .. } => step.to_string(),
            Values::Numbers { step, .. } => step.to_string(),
            Values::Listed(_) => "1".to_owned(),
        };
        [set_text(&self.value(0)), step, set_text(&self.value(last))]
    }

    /// Whether its values are all those of its range, so that a `.set` line says what it is.
    pub fn is_even(&self) -> bool {
        self.listed_numbers().is_none_or(|(numbers, step)| numbers.windows(2).all(|pair| (pair[1] - pair[0] - step).abs() < step * 1e-6))
    }

    /// A list's numbers, ascending, and the least distance between two of them; `None` where it holds none, or is a range.
    fn listed_numbers(&self) -> Option<(Vec<f64>, f64)> {
        let Values::Listed(values) = &self.values else { return None };
        let number = |value: &ParamValue| match value {
            ParamValue::Integer(number) => Some(*number as f64),
            ParamValue::Number(number) => Some(*number),
            _ => None,
        };
        let mut numbers = values.iter().map(number).collect::<Option<Vec<f64>>>()?;
        numbers.sort_by(f64::total_cmp);
        let places = numbers.iter().map(|number| decimals(*number)).max()?;
        let least = numbers.windows(2).map(|pair| pair[1] - pair[0]).min_by(f64::total_cmp)?;
        // A number means as many decimals as it was written with.
        Some((numbers, format!("{least:.places$}").parse().unwrap_or(least)))
    }
}

/// A value as a command line takes it: a choice by its name.
pub fn text(spec: &ParamSpec, value: &ParamValue) -> String {
    match value {
        ParamValue::Choice(at) => spec.choices.get(*at as usize).cloned().unwrap_or_else(|| at.to_string()),
        other => set_text(other),
    }
}

/// A value as a `.set` file takes it: a choice by its number.
pub fn set_text(value: &ParamValue) -> String {
    match value {
        ParamValue::Integer(number) => number.to_string(),
        ParamValue::Number(number) => number.to_string(),
        ParamValue::Flag(flag) => flag.to_string(),
        ParamValue::Text(text) => text.clone(),
        ParamValue::Choice(at) => at.to_string(),
    }
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Integers { count, .. } | Self::Numbers { count, .. } => *count as usize,
            Self::Listed(values) => values.len(),
        }
    }

    fn get(&self, at: u32) -> ParamValue {
        match self {
            Self::Integers { start, step, .. } => ParamValue::Integer(start + step * i64::from(at)),
            Self::Numbers { start, step, decimals, .. } => {
                let value = start + step * f64::from(at);
                // A number means as many decimals as it was written with.
                ParamValue::Number(format!("{value:.decimals$}").parse().unwrap_or(value))
            }
            Self::Listed(values) => values[at as usize].clone(),
        }
    }
}

impl Given {
    /// The values meant, and what the parameter is where it does not vary.
    fn values(&self, spec: &ParamSpec) -> Result<(Values, Option<ParamValue>), String> {
        let one = |text: &str| -> Result<ParamValue, String> {
            let params = resolve(std::slice::from_ref(spec), [(spec.name.as_str(), text)])?;
            Ok(params.into_iter().next().expect("one spec gives one parameter").value)
        };
        match self {
            Self::One(text) => Ok((Values::Listed(vec![one(text)?]), None)),
            Self::Listed(texts) => {
                let mut values = Vec::new();
                for text in texts {
                    let value = one(text)?;
                    if values.contains(&value) {
                        return Err(format!("parameter {}: {text} is listed twice", spec.name));
                    }
                    values.push(value);
                }
                Ok((Values::Listed(values), None))
            }
            Self::Range { start, stop, step } => Ok((range(spec, &one(start)?, &one(stop)?, step.as_deref())?, None)),
            Self::Whole => Ok((whole(spec)?, None)),
            Self::Set { value, range } => {
                let value = value.as_deref().map(&one).transpose()?;
                Ok((range.values(spec)?.0, value))
            }
        }
    }
}

/// The range that the strategy itself describes.
fn whole(spec: &ParamSpec) -> Result<Values, String> {
    let name = &spec.name;
    match &spec.default {
        ParamValue::Flag(_) => Ok(Values::Listed(vec![ParamValue::Flag(false), ParamValue::Flag(true)])),
        ParamValue::Choice(_) => Ok(Values::Listed((0..spec.choices.len() as u32).map(ParamValue::Choice).collect())),
        ParamValue::Text(_) => Err(format!("parameter {name} is a text and has no range; list its values: {name}=a,b")),
        ParamValue::Integer(_) | ParamValue::Number(_) => {
            let (Some(min), Some(max)) = (spec.min, spec.max) else {
                return Err(format!("the strategy gives parameter {name} no range; give one: {name}=FROM..TO:STEP"));
            };
            let bound = |bound: f64| match &spec.default {
                ParamValue::Integer(_) => ParamValue::Integer(bound as i64),
                _ => ParamValue::Number(bound),
            };
            range(spec, &bound(min), &bound(max), None)
        }
    }
}

fn range(spec: &ParamSpec, start: &ParamValue, stop: &ParamValue, step: Option<&str>) -> Result<Values, String> {
    let name = &spec.name;
    let empty = |start: &dyn std::fmt::Display, stop: &dyn std::fmt::Display| {
        Err(format!("parameter {name}: {start}..{stop} is empty; the smaller value comes first"))
    };
    match (start, stop) {
        (ParamValue::Integer(start), ParamValue::Integer(stop)) => {
            let step = match step {
                Some(step) => step.parse::<i64>().map_err(|_| format!("parameter {name}: the step {step:?} is not a whole number"))?,
                None => spec.step.map_or(1, |step| step as i64),
            };
            if start > stop {
                return empty(start, stop);
            }
            let steps = count(spec, step as f64, (*stop as f64 - *start as f64) / step as f64)?;
            Ok(Values::Integers { start: *start, step, count: steps })
        }
        (ParamValue::Number(start), ParamValue::Number(stop)) => {
            let step = match step {
                Some(step) => step.parse::<f64>().map_err(|_| format!("parameter {name}: the step {step:?} is not a number"))?,
                None => spec
                    .step
                    .ok_or_else(|| format!("the strategy gives parameter {name} no step; give one: {name}={start}..{stop}:STEP"))?,
            };
            if start > stop {
                return empty(start, stop);
            }
            // A step that fits but for the last bit of a division fits.
            let steps = count(spec, step, (stop - start) / step + 1e-9)?;
            Ok(Values::Numbers { start: *start, step, decimals: decimals(*start).max(decimals(step)), count: steps })
        }
        (ParamValue::Choice(start), ParamValue::Choice(stop)) if start <= stop => {
            Ok(Values::Listed((*start..=*stop).map(ParamValue::Choice).collect()))
        }
        (ParamValue::Choice(start), ParamValue::Choice(stop)) => empty(start, stop),
        (ParamValue::Flag(_), _) => whole(spec),
        _ => Err(format!("parameter {name} is a text and has no range; list its values: {name}=a,b")),
    }
}

/// Values in a range of `steps` steps.
fn count(spec: &ParamSpec, step: f64, steps: f64) -> Result<u32, String> {
    let name = &spec.name;
    if !(step > 0.0 && step.is_finite()) {
        return Err(format!("parameter {name}: with a step of {step} the range has no end; give a step above 0"));
    }
    if steps >= VALUES_MAX {
        return Err(format!("parameter {name}: {:.0} values are more than {VALUES_MAX}; give a larger step", steps.floor() + 1.0));
    }
    Ok(steps.floor() as u32 + 1)
}

/// Decimals that the shortest text of a number has.
fn decimals(number: f64) -> usize {
    number.to_string().split_once('.').map_or(0, |(_, fraction)| fraction.len())
}
