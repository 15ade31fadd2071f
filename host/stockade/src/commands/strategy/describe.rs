//! `stockade strategy describe`.

use crate::cli::Global;
use crate::exit::Outcome;
use crate::output::{Align, table};
use crate::workshop::Workshop;
use domain::contract::{DataNeed, Description, ParamSpec, ParamValue};
use sandbox::Addresses;
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Arguments {
    /// The component, or the name of one built here.
    file: PathBuf,
}

/// Asks the component.
pub fn run(arguments: &Arguments, global: &Global) -> Outcome {
    let workshop = Workshop::open(&arguments.file, Addresses::Dense)?;
    global.output().show(&workshop.description, text);
    Ok(())
}

fn text(description: &Description) -> String {
    let about = if description.about.is_empty() { String::new() } else { format!("{}\n", description.about) };
    let head = format!("{} {}\n{about}", description.name, description.version);
    let symbols: String = description.needs.iter().map(|need| format!("symbol  {}\n", need_text(need))).collect();
    let columns = [
        ("parameter", Align::Left),
        ("default", Align::Right),
        ("min", Align::Right),
        ("max", Align::Right),
        ("step", Align::Right),
        ("", Align::Left),
    ];
    let params = table(&columns, &description.params.iter().map(row).collect::<Vec<_>>());
    format!("{head}\n{symbols}\n{params}")
}

fn need_text(need: &DataNeed) -> String {
    let name = if need.symbol.is_empty() { "(the owner's choice)" } else { &need.symbol };
    let frames: Vec<String> = need.timeframes.iter().map(|frame| format!("{frame:?}").to_uppercase()).collect();
    let bars = if frames.is_empty() {
        String::new()
    } else {
        format!(", {} bars of {} before it starts", need.bars_before_start, frames.join(" "))
    };
    let ticks = if need.ticks_before_start == 0 { String::new() } else { format!(", {} ticks before it starts", need.ticks_before_start) };
    format!("{name}{bars}{ticks}")
}

fn row(spec: &ParamSpec) -> Vec<String> {
    let bound = |bound: Option<f64>| bound.map_or_else(String::new, |bound| bound.to_string());
    let choices = if spec.choices.is_empty() { String::new() } else { format!(" ({})", spec.choices.join(", ")) };
    vec![spec.name.clone(), value(spec), bound(spec.min), bound(spec.max), bound(spec.step), format!("{}{choices}", spec.help)]
}

fn value(spec: &ParamSpec) -> String {
    match &spec.default {
        ParamValue::Integer(number) => number.to_string(),
        ParamValue::Number(number) => number.to_string(),
        ParamValue::Flag(flag) => flag.to_string(),
        ParamValue::Text(text) => text.clone(),
        ParamValue::Choice(at) => spec.choices.get(*at as usize).cloned().unwrap_or_default(),
    }
}
