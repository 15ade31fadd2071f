//! Parameters as owners give them, checked against what a strategy described.

use crate::contract::{DataNeed, Description, Param, ParamSpec, ParamValue};
use crate::likeness::nearest;
use crate::limits::*;
use crate::text::{hides, line};
use crate::tick::Timeframe;

/// Every parameter with its value, in the order described: the given ones over the defaults. Values are given as text, as
/// on a command line; a choice by its name.
///
/// # Errors
/// One sentence that names the parameter, what was given and what would do.
pub fn resolve<'a>(specs: &[ParamSpec], given: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Vec<Param>, String> {
    let mut params: Vec<Param> = specs.iter().map(|spec| Param { name: spec.name.clone(), value: spec.default.clone() }).collect();
    let mut said = vec![false; specs.len()];
    for (name, text) in given {
        let Some(at) = specs.iter().position(|spec| spec.name == name) else {
            return Err(unknown(specs, name));
        };
        if std::mem::replace(&mut said[at], true) {
            return Err(format!("parameter {name} is given twice; give it once"));
        }
        params[at].value = parse(&specs[at], text)?;
    }
    Ok(params)
}

/// What to say of a parameter that there is not.
pub fn unknown(specs: &[ParamSpec], name: &str) -> String {
    let known: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    let meant =
        nearest(name, known.iter().map(|name| (*name, ()))).map_or_else(String::new, |(near, ())| format!(" (did you mean {near:?}?)"));
    let has = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    format!("there is no parameter {}{}; this strategy has: {has}", quoted(name), meant)
}

fn parse(spec: &ParamSpec, text: &str) -> Result<ParamValue, String> {
    let wrong = |wanted: &str| format!("parameter {}: {} is not {wanted}", spec.name, quoted(text));
    let value = match &spec.default {
        ParamValue::Integer(_) => ParamValue::Integer(text.parse().map_err(|_| wrong("a whole number"))?),
        ParamValue::Number(_) => {
            ParamValue::Number(text.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(|| wrong("a number"))?)
        }
        ParamValue::Flag(_) => ParamValue::Flag(text.parse().map_err(|_| wrong("true or false"))?),
        ParamValue::Text(_) => {
            word(&format!("parameter {}", spec.name), text, TEXT_VALUE_BYTES_MAX)?;
            ParamValue::Text(text.to_owned())
        }
        ParamValue::Choice(_) => {
            let at = spec
                .choices
                .iter()
                .position(|choice| choice == text)
                .ok_or_else(|| wrong(&format!("one of: {}", spec.choices.join(", "))))?;
            ParamValue::Choice(at as u32)
        }
    };
    in_range(spec, &value)?;
    Ok(value)
}

fn in_range(spec: &ParamSpec, value: &ParamValue) -> Result<(), String> {
    let number = match value {
        ParamValue::Integer(number) => *number as f64,
        ParamValue::Number(number) => *number,
        ParamValue::Choice(at) if *at as usize >= spec.choices.len() => {
            return Err(format!("parameter {}: there is no choice {at}", spec.name));
        }
        _ => return Ok(()),
    };
    if spec.min.is_some_and(|min| number < min) || spec.max.is_some_and(|max| number > max) {
        let bound = |bound: Option<f64>| bound.map_or("any".to_owned(), |bound| bound.to_string());
        return Err(format!("parameter {}: {number} is out of range; it may be {} to {}", spec.name, bound(spec.min), bound(spec.max)));
    }
    Ok(())
}

/// Checks what a strategy says of itself before anyone relies on it: every field has a bound, every number is one.
///
/// # Errors
/// One sentence that names the field, what it has and what it may have.
pub fn check_description(description: &Description) -> Result<(), String> {
    let Description { name, version, about, params, needs, .. } = description;
    if name.is_empty() {
        return Err("the strategy has no name".into());
    }
    word("the strategy's name", name, STRATEGY_NAME_BYTES_MAX)?;
    word("the strategy's version", version, STRATEGY_VERSION_BYTES_MAX)?;
    about.lines().try_for_each(|line| word("what the strategy says about itself", line, ABOUT_BYTES_MAX))?;
    bounded("what the strategy says about itself", about.len(), "bytes", ABOUT_BYTES_MAX)?;
    bounded("the strategy", params.len(), "parameters", PARAMS_MAX)?;
    bounded("the strategy", needs.len(), "symbols", NEEDS_MAX)?;
    if needs.is_empty() {
        return Err(format!("the strategy names no symbol; it needs 1 to {NEEDS_MAX}"));
    }
    needs.iter().try_for_each(check_need)?;
    for (at, spec) in params.iter().enumerate() {
        check_spec(spec)?;
        if params[..at].iter().any(|other| other.name == spec.name) {
            return Err(format!("parameter {} stands twice", spec.name));
        }
    }
    Ok(())
}

fn check_need(need: &DataNeed) -> Result<(), String> {
    word("a symbol's name", &need.symbol, SYMBOL_BYTES_MAX)?;
    let of = if need.symbol.is_empty() { "the symbol that the owner chooses".to_owned() } else { format!("the symbol {}", need.symbol) };
    bounded(&of, need.timeframes.len(), "timeframes", Timeframe::ALL.len())?;
    let history = |rows: u32, what| bounded(&of, rows as usize, what, HISTORY_BEFORE_START_MAX as usize);
    history(need.bars_before_start, "bars before the start")?;
    history(need.ticks_before_start, "ticks before the start")
}

fn check_spec(spec: &ParamSpec) -> Result<(), String> {
    let ParamSpec { name, help, default, min, max, step, choices } = spec;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || name.len() > STRATEGY_NAME_BYTES_MAX || !name.chars().all(plain) {
        let name = quoted(name);
        return Err(format!("parameter {name}: a name has 1 to {STRATEGY_NAME_BYTES_MAX} lower-case letters, digits and underscores"));
    }
    let of = format!("parameter {name}");
    word(&format!("the help of {of}"), help, HELP_BYTES_MAX)?;
    bounded(&of, choices.len(), "choices", CHOICES_MAX)?;
    choices.iter().try_for_each(|choice| word(&format!("a choice of {of}"), choice, CHOICE_BYTES_MAX))?;
    if let Some(twice) = choices.iter().enumerate().find(|(at, choice)| choices[..*at].contains(choice)) {
        return Err(format!("{of}: the choice {} stands twice", quoted(twice.1)));
    }
    for (what, number) in [("min", min), ("max", max), ("step", step)] {
        finite(&of, what, *number)?;
    }
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        return Err(format!("{of}: its min of {min} is above its max of {max}"));
    }
    if let Some(step) = step.filter(|step| *step <= 0.0) {
        return Err(format!("{of}: its step of {step} must be above 0"));
    }
    match default {
        ParamValue::Number(number) => finite(&of, "default", Some(*number))?,
        ParamValue::Text(text) => word(&format!("the default of {of}"), text, TEXT_VALUE_BYTES_MAX)?,
        ParamValue::Integer(_) | ParamValue::Flag(_) | ParamValue::Choice(_) => {}
    }
    in_range(spec, default).map_err(|wrong| format!("the default of {wrong}"))
}

/// Infinity and what is no number can be compared with nothing, and no database or document keeps them.
fn finite(of: &str, what: &str, number: Option<f64>) -> Result<(), String> {
    match number {
        Some(number) if !number.is_finite() => Err(format!("{of}: its {what} is {number}; it must be a finite number")),
        _ => Ok(()),
    }
}

fn bounded(of: &str, is: usize, what: &str, max: usize) -> Result<(), String> {
    if is > max { Err(format!("{of} has {is} {what}; at most {max}")) } else { Ok(()) }
}

/// A text on one line that shows as what it is.
fn word(of: &str, text: &str, max: usize) -> Result<(), String> {
    bounded(of, text.len(), "bytes", max)?;
    match hides(text) {
        true => Err(format!("{of} has control characters or marks that can't be seen: {}", quoted(text))),
        false => Ok(()),
    }
}

/// A text as it was given, what can't be seen written out; as much of it as fits into a message.
fn quoted(text: &str) -> String {
    const SHOWN_BYTES_MAX: usize = 80;
    line(format_args!("{text:?}"), SHOWN_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, default: ParamValue, min: f64, max: f64) -> ParamSpec {
        let choices = vec!["fast".to_owned(), "slow".to_owned()];
        ParamSpec { name: name.into(), help: String::new(), default, min: Some(min), max: Some(max), step: None, choices }
    }

    fn check(given: (&str, &str), expected: Result<ParamValue, &str>) {
        let specs = [
            spec("period", ParamValue::Integer(14), 1.0, 200.0),
            spec("alpha", ParamValue::Number(0.1), 0.0, 1.0),
            spec("mode", ParamValue::Choice(0), 0.0, 1.0),
        ];
        let got = resolve(&specs, [given]).map(|params| params.into_iter().find(|param| param.name == given.0).unwrap().value);
        assert_eq!(got, expected.map_err(str::to_owned));
    }

    #[test]
    fn values_are_checked_and_errors_name_the_way_out() {
        check(("period", "20"), Ok(ParamValue::Integer(20)));
        check(("mode", "slow"), Ok(ParamValue::Choice(1)));
        check(("period", "0"), Err("parameter period: 0 is out of range; it may be 1 to 200"));
        check(("period", "2.5"), Err("parameter period: \"2.5\" is not a whole number"));
        check(("alpha", "NaN"), Err("parameter alpha: \"NaN\" is not a number"));
        check(("mode", "wild"), Err("parameter mode: \"wild\" is not one of: fast, slow"));
        check(("speed", "1"), Err("there is no parameter \"speed\"; this strategy has: period, alpha, mode"));
        check(("perod", "1"), Err("there is no parameter \"perod\" (did you mean \"period\"?); this strategy has: period, alpha, mode"));
    }

    fn description(change: impl FnOnce(&mut Description)) -> Description {
        let callbacks = crate::contract::Callbacks { tick: true, bar: false, timer: false, order: false, position: false };
        let need = DataNeed { symbol: String::new(), timeframes: vec![Timeframe::M1], bars_before_start: 100, ticks_before_start: 0 };
        let mut description = Description {
            name: "breakout".into(),
            version: "0.1.0".into(),
            about: "Buys the highest close.\nSells it again.".into(),
            params: vec![spec("period", ParamValue::Number(14.0), 1.0, 200.0), spec("mode", ParamValue::Choice(1), 0.0, 1.0)],
            needs: vec![need],
            latest_tick_only: false,
            callbacks,
            state_schema: 1,
            memory_bytes: 0,
        };
        change(&mut description);
        description
    }

    #[track_caller]
    fn refused(change: impl FnOnce(&mut Description), parts: &[&str]) {
        let why = check_description(&description(change)).expect_err("this is no description");
        assert!(why.len() < 400 && !hides(&why), "{why:?}");
        for part in parts {
            assert!(why.contains(part), "{part:?} is missing in: {why}");
        }
    }

    #[test]
    fn every_field_of_a_description_has_a_bound_and_the_message_names_it() {
        assert_eq!(check_description(&description(|_| ())), Ok(()));
        let long = || "a".repeat(300_000);
        refused(|it| it.name = String::new(), &["no name"]);
        refused(|it| it.name = long(), &["the strategy's name has 300000 bytes; at most 64"]);
        refused(|it| it.version = long(), &["the strategy's version has 300000 bytes; at most 32"]);
        refused(|it| it.about = "a\n".repeat(3_000), &["about itself has 6000 bytes; at most 4096"]);
        refused(|it| it.params = vec![it.params[0].clone(); 513], &["the strategy has 513 parameters; at most 512"]);
        refused(|it| it.params[1].name = "period".into(), &["parameter period stands twice"]);
        refused(|it| it.params[0].name = long(), &["a name has 1 to 64 lower-case letters"]);
        refused(|it| it.params[0].help = long(), &["the help of parameter period has 300000 bytes; at most 256"]);
        refused(|it| it.params[0].choices = vec![String::new(); 65], &["parameter period has 65 choices; at most 64"]);
        refused(|it| it.params[0].choices[1] = long(), &["a choice of parameter period has 300000 bytes; at most 64"]);
        refused(|it| it.params[1].choices[1] = "fast".into(), &["parameter mode: the choice \"fast\" stands twice"]);
        refused(|it| it.params[1].default = ParamValue::Choice(2), &["the default of parameter mode: there is no choice 2"]);
        refused(|it| it.params[0].default = ParamValue::Text(long()), &["the default of parameter period has 300000 bytes; at most 1024"]);
        refused(|it| it.needs.clear(), &["names no symbol"]);
        refused(|it| it.needs = vec![it.needs[0].clone(); 33], &["the strategy has 33 symbols; at most 32"]);
        refused(|it| it.needs[0].symbol = long(), &["a symbol's name has 300000 bytes; at most 32"]);
        refused(|it| it.needs[0].timeframes = vec![Timeframe::M1; 50_000], &["the owner chooses has 50000 timeframes; at most 9"]);
        refused(|it| it.needs[0].bars_before_start = u32::MAX, &["has 4294967295 bars before the start; at most 1024"]);
        refused(|it| it.needs[0].ticks_before_start = 1_025, &["has 1025 ticks before the start; at most 1024"]);
    }

    #[test]
    fn every_number_of_a_description_is_one() {
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            refused(|it| it.params[0].default = ParamValue::Number(number), &["parameter period: its default is", "finite number"]);
            refused(|it| it.params[0].min = Some(number), &["parameter period: its min is"]);
            refused(|it| it.params[1].max = Some(number), &["parameter mode: its max is"]);
            refused(|it| it.params[0].step = Some(number), &["parameter period: its step is"]);
        }
        refused(|it| it.params[0].min = Some(201.0), &["its min of 201 is above its max of 200"]);
        refused(|it| it.params[0].default = ParamValue::Number(0.5), &["the default of parameter period: 0.5 is out of range"]);
        refused(|it| it.params[0].step = Some(0.0), &["its step of 0 must be above 0"]);
        refused(|it| it.params[0].step = Some(-1.0), &["its step of -1 must be above 0"]);
    }

    #[test]
    fn what_can_not_be_seen_is_refused_and_written_out() {
        refused(|it| it.name = "bre\u{202e}tuoka".into(), &["the strategy's name", "marks that can't be seen", "\\u{202e}"]);
        refused(|it| it.about = "one\n\u{1b}[2J".into(), &["about itself", "\\u{1b}"]);
        refused(|it| it.params[1].choices[0] = "fa\u{200b}st".into(), &["a choice of parameter mode", "\\u{200b}"]);
        refused(|it| it.params[0].default = ParamValue::Text("\u{7}".into()), &["the default of parameter period"]);
        let text = spec("note", ParamValue::Text(String::new()), 0.0, 0.0);
        assert!(resolve(&[text], [("note", "\u{1b}]0;owned\u{7}")]).is_err_and(|why| !hides(&why)));
    }
}
