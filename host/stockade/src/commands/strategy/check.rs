//! `stockade strategy check`: what a host would say at upload, and what the strategy costs.

use crate::cli::Global;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{bytes, grouped};
use crate::probe;
use crate::workshop::{self, Workshop};
use api::{Probe, UploadReport};
use domain::params::resolve;
use sandbox::Addresses;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(clap::Args)]
pub struct Arguments {
    /// The component, or the name of one built here.
    file: PathBuf,
    /// A parameter that is not left at its default.
    #[arg(long, value_name = "NAME=VALUE", value_parser = crate::commands::engine::parameter)]
    param: Vec<(String, String)>,
}

/// What was found.
#[derive(Serialize)]
struct Report {
    name: String,
    version: String,
    digest: String,
    #[serde(flatten)]
    found: UploadReport,
    warnings: Vec<String>,
}

/// Checks, probes and reports.
pub fn run(arguments: &Arguments, global: &Global) -> Outcome {
    let (_, component) = workshop::read(&arguments.file)?;
    let workshop = Workshop::open(&arguments.file, Addresses::Dense)?;
    let failed =
        |what: &str, why: &dyn std::fmt::Display| Failure::new(Exit::Refused, format_args!("{}: {what}: {why}", arguments.file.display()));
    let given = arguments.param.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let params = resolve(&workshop.description.params, given).map_err(|why| failed("its parameters", &why))?;
    let probe = probe::run(&workshop.sandbox, &workshop.loaded, &workshop.description, &params, &Arc::default());
    let probe = probe.map_err(|why| Failure::new(Exit::Refused, format_args!("{}: {why}", arguments.file.display())))?;
    let report = Report {
        name: workshop.description.name.clone(),
        version: workshop.description.version.clone(),
        digest: workshop.loaded.digest.to_string(),
        found: probe::report(&workshop.loaded, Ok(probe)),
        warnings: stockade_build::warnings(&component),
    };
    global.output().show(&report, text);
    Ok(())
}

fn text(report: &Report) -> String {
    let Report { name, version, digest, found, warnings } = report;
    let mut lines = vec![
        ("strategy", format!("{name} {version}")),
        ("digest", digest.clone()),
        (
            "component",
            format!(
                "{}, {} functions in {}, {}, {}; profile {}",
                bytes(found.component_bytes),
                grouped(u64::from(found.functions)),
                counted(found.core_modules, "core module", "core modules"),
                counted(found.memories, "memory", "memories"),
                counted(found.tables, "table", "tables"),
                found.profile
            ),
        ),
        ("imports", imports(found)),
        (
            "compiled",
            format!(
                "{} in {:.0} ms with {}, in a process of its own",
                bytes(found.compiled_bytes),
                found.compile_ms,
                bytes(found.compile_memory_bytes)
            ),
        ),
    ];
    lines.extend(found.probe.iter().flat_map(probed));
    lines.extend(warnings.iter().map(|warning| ("beware", warning.clone())));
    lines.iter().map(|(name, value)| format!("{name:<10} {value}\n")).collect()
}

fn counted(count: u32, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

fn imports(found: &UploadReport) -> String {
    if found.imports.is_empty() {
        return "nothing".to_owned();
    }
    let of_wasi = found.imports.len() as u32 - found.imports_of_contract;
    let system = if of_wasi == 0 { String::new() } else { format!(", {of_wasi} of WASI with the host's answers") };
    format!("{} of the contract{system}, all allowed: {}", found.imports_of_contract, found.imports.join(", "))
}

fn probed(probe: &Probe) -> [(&'static str, String); 5] {
    [
        ("start", format!("{:.0} us: instance, init, on-start", probe.start_us)),
        ("tick", ticked(probe)),
        ("fuel", format!("{}{} allowed in a call", burnt(probe), grouped(probe.fuel_per_call_max))),
        ("memory", bytes(probe.memory_bytes)),
        ("orders", format!("{} asked for; in this probe none is carried out", probe.orders)),
    ]
}

/// What a tick took of those that it was handed.
fn ticked(probe: &Probe) -> String {
    let (handed, ticks) = (grouped(probe.ticks_handed), grouped(probe.ticks));
    match probe.ticks_handed {
        _ if probe::is_cut_short(probe) => format!(
            "{} ns, 99 of 100 below {} ns, over {handed} made-up ticks; then its time or fuel for a first run was used up",
            probe.nanoseconds_p50, probe.nanoseconds_p99
        ),
        0 => format!("it waited for none of {ticks} made-up ones"),
        all if all == probe.ticks => {
            format!("{} ns, 99 of 100 below {} ns, over {ticks} made-up ticks", probe.nanoseconds_p50, probe.nanoseconds_p99)
        }
        _ => format!(
            "{} ns, 99 of 100 below {} ns, over {handed} of {ticks} made-up ticks; it waited for no others",
            probe.nanoseconds_p50, probe.nanoseconds_p99
        ),
    }
}

/// The fuel of such a tick; empty without one.
fn burnt(probe: &Probe) -> String {
    if probe.ticks_handed == 0 {
        return String::new();
    }
    format!("{} a tick, 99 of 100 below {}, of ", grouped(probe.fuel_p50), grouped(probe.fuel_p99))
}
