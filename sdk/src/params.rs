//! Parameters: what the owner of an engine may set, described by and decoded into a struct of the author's.

pub use stockade_sdk_derive::{Choice, Params};

use crate::types::{Param, ParamSpec, ParamValue};

/// A set of parameters. Derive it on a struct with named fields:
///
/// ```
/// use stockade_sdk::prelude::*;
///
/// #[derive(Choice, Clone, Copy, Debug, PartialEq)]
/// enum Entry {
///     Breakout,
///     PullBack,
/// }
///
/// #[derive(Params)]
/// struct Settings {
///     /// Bars over which the range is taken.
///     #[param(default = 20, min = 5, max = 500, step = 5)]
///     bars: u32,
///     /// Risk of each trade, in percent of the equity.
///     #[param(default = 0.5, min = 0.01, max = 5.0)]
///     risk_percent: f64,
///     #[param(default = Entry::PullBack, help = "How to enter.")]
///     entry: Entry,
/// }
///
/// let settings = Settings::default();
/// assert_eq!((settings.bars, settings.entry), (20, Entry::PullBack));
/// assert_eq!(Settings::specs()[2].choices, ["breakout", "pull-back"]);
/// ```
///
/// Fields are `i64`, `i32`, `u32`, `usize`, `f64`, `bool`, `String` or an enum with `#[derive(Choice)]`. The help is
/// the field's doc comment unless given; `default` and the help are required. `Default` is implemented as well. A
/// default outside its range does not compile:
///
/// ```compile_fail
/// #[derive(stockade_sdk::Params)]
/// struct Settings {
///     /// Volume in lots.
///     #[param(default = 11.0, max = 10.0)]
///     volume: f64,
/// }
/// ```
pub trait Params: Sized {
    /// What can be set, in the order of the fields.
    fn specs() -> Vec<ParamSpec>;

    /// Decodes a list of parameters; what is not listed takes its default.
    ///
    /// # Errors
    /// Names the parameter that is unknown, given twice, of another type or out of range, and what it may be.
    fn from_list(list: &[Param]) -> Result<Self, String>;

    /// The parameters as a list, in the order of the fields.
    fn to_list(&self) -> Vec<Param>;
}

impl Params for () {
    fn specs() -> Vec<ParamSpec> {
        Vec::new()
    }

    fn from_list(list: &[Param]) -> Result<Self, String> {
        check_names(list, &[])
    }

    fn to_list(&self) -> Vec<Param> {
        Vec::new()
    }
}

/// An enum without data as a parameter; derive it. The names are those of the variants in kebab case.
pub trait Choice: Copy + Sized {
    /// The alternatives in order.
    const NAMES: &'static [&'static str];
    /// Place of this alternative in [`Choice::NAMES`].
    fn index(self) -> u32;
    /// The alternative at this place; none past the end.
    fn from_index(index: u32) -> Option<Self>;
}

/// A type that a parameter's field can have. Enums get it with `#[derive(Choice)]`.
pub trait ParamType: Sized {
    /// The names of the alternatives; empty unless it is a choice.
    const CHOICES: &'static [&'static str] = &[];
    /// As it crosses to the host.
    fn to_value(&self) -> ParamValue;
    /// From what came across.
    ///
    /// # Errors
    /// Says what the value should have been.
    fn from_value(value: &ParamValue) -> Result<Self, String>;
}

impl ParamType for f64 {
    fn to_value(&self) -> ParamValue {
        ParamValue::Number(*self)
    }

    fn from_value(value: &ParamValue) -> Result<Self, String> {
        match value {
            ParamValue::Number(number) if number.is_finite() => Ok(*number),
            ParamValue::Integer(number) => Ok(*number as f64),
            _ => Err("must be a finite number".to_owned()),
        }
    }
}

impl ParamType for bool {
    fn to_value(&self) -> ParamValue {
        ParamValue::Flag(*self)
    }

    fn from_value(value: &ParamValue) -> Result<Self, String> {
        match value {
            ParamValue::Flag(flag) => Ok(*flag),
            _ => Err("must be true or false".to_owned()),
        }
    }
}

impl ParamType for String {
    fn to_value(&self) -> ParamValue {
        ParamValue::Text(self.clone())
    }

    fn from_value(value: &ParamValue) -> Result<Self, String> {
        match value {
            ParamValue::Text(text) => Ok(text.clone()),
            _ => Err("must be text".to_owned()),
        }
    }
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl ParamType for $integer {
            fn to_value(&self) -> ParamValue {
                ParamValue::Integer(*self as i64)
            }

            fn from_value(value: &ParamValue) -> Result<Self, String> {
                let range = || format!("must be a whole number from {} to {}", <$integer>::MIN, <$integer>::MAX);
                match value {
                    ParamValue::Integer(number) => <$integer>::try_from(*number).map_err(|_| range()),
                    _ => Err(range()),
                }
            }
        }
    )*};
}
integers!(i64, i32, u32, usize);

/// Used by the derive.
#[doc(hidden)]
pub mod glue {
    use super::{Param, ParamSpec, ParamType, ParamValue};

    /// Range of a parameter, none where it has no bound.
    #[derive(Clone, Copy, Debug)]
    pub struct Range {
        pub min: Option<f64>,
        pub max: Option<f64>,
        pub step: Option<f64>,
        /// The range in words. Made at compile time: the code that writes an `f64` is a fifth of a small component.
        pub words: &'static str,
    }

    // Calls, in both: a strategy may have hundreds of parameters, and a function of a component has a greatest size.
    #[inline(never)]
    pub fn spec<T: ParamType>(name: &str, help: &str, default: &T, range: Range) -> ParamSpec {
        ParamSpec {
            name: name.to_owned(),
            help: help.to_owned(),
            default: default.to_value(),
            min: range.min,
            max: range.max,
            step: range.step,
            choices: T::CHOICES.iter().map(|&choice| choice.to_owned()).collect(),
        }
    }

    #[inline(never)]
    pub fn set<T: ParamType>(place: &mut T, list: &[Param], name: &str, range: Range) -> Result<(), String> {
        let Some(param) = list.iter().find(|param| param.name == name) else { return Ok(()) };
        let value = T::from_value(&param.value).map_err(|what| format!("parameter `{name}` {what}"))?;
        let number = match value.to_value() {
            ParamValue::Integer(number) => Some(number as f64),
            ParamValue::Number(number) => Some(number),
            _ => None,
        };
        let below = range.min.zip(number).is_some_and(|(min, number)| number < min);
        let above = range.max.zip(number).is_some_and(|(max, number)| number > max);
        if below || above {
            return Err(format!("parameter `{name}` must be {}", range.words));
        }
        *place = value;
        Ok(())
    }

    pub fn param<T: ParamType>(name: &str, value: &T) -> Param {
        Param { name: name.to_owned(), value: value.to_value() }
    }
}

/// Refuses names that are unknown or given twice.
#[doc(hidden)]
pub fn check_names(list: &[Param], known: &[&str]) -> Result<(), String> {
    for (index, param) in list.iter().enumerate() {
        if !known.contains(&param.name.as_str()) {
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(format!("there is no parameter `{}`; known are: {known}", param.name));
        }
        if list[..index].iter().any(|earlier| earlier.name == param.name) {
            return Err(format!("parameter `{}` is given twice", param.name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Choice, Clone, Copy, Debug, PartialEq)]
    enum Entry {
        AtMarket,
        PullBack,
    }

    /// As an author would write it.
    #[derive(Params, Debug, PartialEq)]
    struct Settings {
        /// Number of bars.
        #[param(default = 20, min = 5, max = 500, step = 5)]
        bars: usize,
        #[param(default = 1, min = 0, help = "Risk in percent.")]
        risk: f64,
        /// Trade at night
        /// as well.
        #[param(default = true)]
        night: bool,
        /// Tag of orders.
        #[param(default = "x")]
        tag: String,
        /// How to enter.
        #[param(default = Entry::PullBack)]
        entry: Entry,
        /// Any whole number.
        #[param(default = -3)]
        offset: i64,
    }

    fn given(name: &str, value: ParamValue) -> Vec<Param> {
        vec![Param { name: name.to_owned(), value }]
    }

    fn refused(name: &str, value: ParamValue) -> String {
        Settings::from_list(&given(name, value)).expect_err("should be refused")
    }

    #[test]
    fn specs_tell_type_range_and_help() {
        let specs = Settings::specs();
        assert_eq!(specs[0].default, ParamValue::Integer(20));
        assert_eq!((specs[0].min, specs[0].max, specs[0].step), (Some(5.0), Some(500.0), Some(5.0)));
        assert_eq!(specs[1].help, "Risk in percent.");
        assert_eq!(specs[2].help, "Trade at night as well.");
        assert_eq!(specs[4].choices, ["at-market", "pull-back"]);
        assert_eq!(specs[5].default, ParamValue::Integer(-3));
    }

    #[test]
    fn a_list_survives_both_ways() {
        let settings = Settings { bars: 30, entry: Entry::AtMarket, ..Settings::default() };
        assert_eq!(Settings::from_list(&settings.to_list()), Ok(settings));
    }

    #[test]
    fn what_is_not_listed_takes_its_default() {
        let settings = Settings::from_list(&given("risk", ParamValue::Number(2.5))).expect("in range");
        assert_eq!((settings.risk, settings.bars, settings.tag.as_str()), (2.5, 20, "x"));
    }

    #[test]
    fn bad_values_are_refused_by_name() {
        assert_eq!(refused("bars", ParamValue::Integer(4)), "parameter `bars` must be from 5 to 500");
        assert_eq!(refused("bars", ParamValue::Integer(501)), "parameter `bars` must be from 5 to 500");
        assert_eq!(refused("risk", ParamValue::Number(-0.1)), "parameter `risk` must be at least 0");
        assert!(refused("bars", ParamValue::Integer(-1)).contains("whole number from 0"));
        assert!(refused("risk", ParamValue::Number(f64::NAN)).contains("`risk` must be a finite number"));
        assert!(refused("entry", ParamValue::Choice(2)).contains("at-market, pull-back"));
        assert!(refused("night", ParamValue::Text("no".into())).contains("true or false"));
        assert!(refused("nihgt", ParamValue::Flag(true)).contains("no parameter `nihgt`; known are: bars, risk"));
        let twice = [given("risk", ParamValue::Number(1.0)), given("risk", ParamValue::Number(1.0))].concat();
        assert!(Settings::from_list(&twice).expect_err("twice").contains("given twice"));
    }
}
