//! Parameters as owners give them, checked against what a strategy described.

use crate::contract::{Description, Param, ParamSpec, ParamValue};
use crate::limits::{NEEDS_MAX, PARAMS_MAX};

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
            let known: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
            return Err(format!("there is no parameter {name:?}; this strategy has: {}", known.join(", ")));
        };
        if std::mem::replace(&mut said[at], true) {
            return Err(format!("parameter {name} is given twice; give it once"));
        }
        params[at].value = parse(&specs[at], text)?;
    }
    Ok(params)
}

fn parse(spec: &ParamSpec, text: &str) -> Result<ParamValue, String> {
    let wrong = |wanted: &str| format!("parameter {}: {text:?} is not {wanted}", spec.name);
    let value = match &spec.default {
        ParamValue::Integer(_) => ParamValue::Integer(text.parse().map_err(|_| wrong("a whole number"))?),
        ParamValue::Number(_) => {
            ParamValue::Number(text.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(|| wrong("a number"))?)
        }
        ParamValue::Flag(_) => ParamValue::Flag(text.parse().map_err(|_| wrong("true or false"))?),
        ParamValue::Text(_) => ParamValue::Text(text.to_owned()),
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

/// Checks what a strategy says of itself before anyone relies on it.
///
/// # Errors
/// One sentence that names what is wrong.
pub fn check_description(description: &Description) -> Result<(), String> {
    let bounded = |what: &str, text: &str, max: usize| {
        if text.len() > max || text.chars().any(char::is_control) {
            Err(format!("{what} must have at most {max} bytes and no control characters"))
        } else {
            Ok(())
        }
    };
    if description.name.is_empty() {
        return Err("the strategy has no name".into());
    }
    bounded("the strategy's name", &description.name, 64)?;
    bounded("the strategy's version", &description.version, 32)?;
    if description.about.len() > 4_096 {
        return Err("the strategy's description of itself must have at most 4096 bytes".into());
    }
    if description.params.len() > PARAMS_MAX {
        return Err(format!("{} parameters are too many; at most {PARAMS_MAX}", description.params.len()));
    }
    if description.needs.is_empty() || description.needs.len() > NEEDS_MAX {
        return Err(format!("a strategy needs 1 to {NEEDS_MAX} symbols; this one names {}", description.needs.len()));
    }
    for need in &description.needs {
        bounded("a symbol's name", &need.symbol, 32)?;
    }
    for (at, spec) in description.params.iter().enumerate() {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if spec.name.is_empty() || spec.name.len() > 64 || !spec.name.chars().all(plain) {
            return Err(format!("parameter {:?}: a name has 1 to 64 lower-case letters, digits and underscores", spec.name));
        }
        if description.params[..at].iter().any(|other| other.name == spec.name) {
            return Err(format!("parameter {} stands twice", spec.name));
        }
        bounded(&format!("the help of parameter {}", spec.name), &spec.help, 256)?;
        if spec.choices.len() > 64 || spec.choices.iter().any(|choice| choice.len() > 64) {
            return Err(format!("parameter {}: at most 64 choices of 64 bytes", spec.name));
        }
        in_range(spec, &spec.default).map_err(|wrong| format!("the default of {wrong}"))?;
    }
    Ok(())
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
    }
}
