//! `stockade doctor`: what this machine lacks, and the line that mends it.

use crate::cli::Global;
use crate::config::Config;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::bytes;
use serde::Serialize;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use store::{Location, Store, StoreError};

#[derive(clap::Args)]
pub struct Arguments {}

/// How a thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Standing {
    Ok,
    /// It runs, but not as well, or not for everyone.
    Warning,
    /// It won't run.
    Missing,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    standing: Standing,
    found: String,
    /// The line that mends it.
    #[serde(skip_serializing_if = "String::is_empty")]
    mend: String,
}

/// Looks at everything; exit code 7 when something is missing.
pub fn run(_: &Arguments, global: &Global) -> Outcome {
    let config = global.config()?;
    let findings = vec![
        data_folder(&config.data_dir),
        disk(&config.data_dir),
        database(&config),
        port(&config),
        memory_maps(),
        memory(),
        open_files(),
        connections(&config),
        clock(),
        tool("cargo", "builds strategies", "curl -sSf https://sh.rustup.rs | sh"),
        tool("cc", "links the tests of strategies", "apt-get install -y build-essential"),
        target(),
    ];
    global.output().show(&findings, |findings| findings.iter().map(line).collect());
    match findings.iter().filter(|finding| finding.standing == Standing::Missing).count() {
        0 => Ok(()),
        missing => Err(Failure::new(Exit::Machine, format_args!("{missing} of the above must be mended before a host can run here"))),
    }
}

fn line(finding: &Finding) -> String {
    let word = match finding.standing {
        Standing::Ok => "ok",
        Standing::Warning => "warning",
        Standing::Missing => "MISSING",
    };
    let mend = if finding.mend.is_empty() { String::new() } else { format!("\n{:9}{:18}mend it: {}", "", "", finding.mend) };
    format!("{word:<8} {:<17} {}{mend}\n", finding.what, finding.found)
}

fn ok(what: &'static str, found: impl Into<String>) -> Finding {
    Finding { what, standing: Standing::Ok, found: found.into(), mend: String::new() }
}

fn warning(what: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Finding {
    Finding { what, standing: Standing::Warning, found: found.into(), mend: mend.into() }
}

fn missing(what: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Finding {
    Finding { what, standing: Standing::Missing, found: found.into(), mend: mend.into() }
}

/// The folder itself, or the nearest that exists above it.
fn existing(folder: &Path) -> &Path {
    let above = folder.ancestors().find(|above| above.as_os_str().is_empty() || above.is_dir());
    above.filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn data_folder(folder: &Path) -> Finding {
    let place = existing(folder);
    let probe = place.join(format!(".stockade-doctor-{}", std::process::id()));
    let written = std::fs::write(&probe, b"x");
    // What could not be written need not be removed, and a leftover does no harm.
    _ = std::fs::remove_file(&probe);
    match written {
        Ok(()) if folder.is_dir() => owned(folder),
        Ok(()) => ok("data folder", format!("{} is not there yet and can be made", folder.display())),
        Err(error) => missing(
            "data folder",
            format!("{} can't be written: {}", place.display(), error.kind()),
            format!("chown \"$(id -u)\" {}, or name another with --data-dir", place.display()),
        ),
    }
}

/// A folder that is there, and whether it is nobody else's.
fn owned(folder: &Path) -> Finding {
    use std::os::unix::fs::MetadataExt as _;
    let (shown, own) = (folder.display(), rustix::process::geteuid().as_raw());
    match folder.metadata() {
        Ok(there) if there.uid() != own => warning(
            "data folder",
            format!("{shown} belongs to user {} and you are user {own}", there.uid()),
            format!("run the host as that user, or chown -R {own} {shown}"),
        ),
        Ok(there) if there.mode() & 0o077 != 0 => {
            warning("data folder", format!("{shown} is open to others; the host closes it when it starts"), format!("chmod go= {shown}"))
        }
        _ => ok("data folder", format!("{shown} is there and writable")),
    }
}

/// How long the database is looked at.
const EXAMINE_MAX: Duration = Duration::from_secs(30);
/// Damaged rows that are named in one line.
const ROWS_NAMED: usize = 10;

fn database(config: &Config) -> Finding {
    let place = match config.database() {
        Ok(place) => place,
        Err(failure) => return missing("database", failure.to_string(), "set database, or leave it empty"),
    };
    if let Location::Sqlite(file) = &place
        && !file.exists()
    {
        return ok("database", format!("{} is not there yet and will be made", file.display()));
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return warning("database", format!("can't be looked at: {error}"), ""),
    };
    let restore = "stop the host and restore the last backup";
    let found = match runtime.block_on(Store::examine(&place, EXAMINE_MAX)) {
        Ok(found) => found,
        Err(error @ StoreError::Damaged(_)) => return missing("database", error.to_string(), restore),
        Err(error) => return warning("database", format!("{place} can't be looked at: {}", error.in_full()), ""),
    };
    let cut = if found.is_cut_short { format!(", as far as {} s go", EXAMINE_MAX.as_secs()) } else { String::new() };
    if let Some(damage) = found.damage {
        return missing("database", damage, restore);
    }
    if found.damaged.is_empty() {
        return ok("database", format!("{place} is whole and every row can be read{cut}"));
    }
    let rows = found.damaged.iter().take(ROWS_NAMED).map(|row| format!("{} ({})", row.what, row.why));
    let rows = rows.collect::<Vec<_>>().join(", ");
    let more = found.damaged.len().saturating_sub(ROWS_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    warning(
        "database",
        format!("these rows can't be read{cut}: {rows}{more}"),
        "mend the columns, or restore these rows from a backup; all others are used as usual",
    )
}

/// Below this no host should start, and below that nobody should sleep well.
const DISK_BYTES_MIN: u64 = 256 << 20;
const DISK_BYTES_WISE: u64 = 5 << 30;

fn disk(folder: &Path) -> Finding {
    let place = existing(folder);
    let free = match rustix::fs::statvfs(place) {
        Ok(disk) => disk.f_bavail * disk.f_frsize,
        Err(error) => return warning("disk", format!("can't tell what is free at {}: {error}", place.display()), ""),
    };
    let found = format!("{} free at {}", bytes(free), place.display());
    let mend = "free some space, or name a folder on another disk with --data-dir";
    match free {
        ..DISK_BYTES_MIN => missing("disk", found, mend),
        DISK_BYTES_MIN..DISK_BYTES_WISE => warning("disk", found, mend),
        DISK_BYTES_WISE.. => ok("disk", found),
    }
}

fn port(config: &Config) -> Finding {
    match TcpListener::bind(config.listen) {
        Ok(_) => ok("port", format!("{} is free", config.listen)),
        Err(error) if error.kind() == ErrorKind::AddrInUse => warning(
            "port",
            format!("{} is in use; fine if that is your host", config.listen),
            format!("stop what listens there (ss -ltnp 'sport = :{}'), or set listen", config.listen.port()),
        ),
        Err(error) => {
            missing("port", format!("{} can't be listened on: {}", config.listen, error.kind()), "set listen to an address of this machine")
        }
    }
}

/// Engines that most hosts should have room for.
const ENGINES_WISE: usize = 10_000;

fn memory_maps() -> Finding {
    let room = sandbox::Room::of_this_machine();
    let mend = room.mend(ENGINES_WISE);
    match room.guests {
        0 => missing(room.bound_by, room.to_string(), mend),
        1..ENGINES_WISE => warning(room.bound_by, room.to_string(), mend),
        _ => ok(room.bound_by, room.to_string()),
    }
}

fn memory() -> Finding {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let available = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).map(|kib| kib << 10);
    match available {
        None => warning("memory", "can't be read; this is made for Linux", ""),
        Some(free) if free < 256 << 20 => missing("memory", format!("{} available", bytes(free)), "stop something else, or add memory"),
        Some(free) if free < 1 << 30 => warning(
            "memory",
            format!("{} available; compiling a strategy takes up to 1 GiB", bytes(free)),
            "stop something else, or add memory",
        ),
        Some(free) => ok("memory", format!("{} available", bytes(free))),
    }
}

fn open_files() -> Finding {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    match limit {
        Some(limit) if limit < 256 => missing("open files", format!("at most {limit}"), "ulimit -n 65536"),
        Some(limit) if limit < 4_096 => {
            warning("open files", format!("at most {limit}: enough for a few hundred clients"), "ulimit -n 65536")
        }
        Some(limit) => ok("open files", format!("at most {limit}")),
        None => ok("open files", "no limit"),
    }
}

/// What clients may take of the files; the rest of the limits is as the configuration has it.
fn connections(config: &Config) -> Finding {
    let (wanted, files) = (config.api, crate::open_files::max());
    let room = wanted.with_files(files);
    let (connections, requests, streams) = (room.connections_max, room.requests_max, room.streams_max);
    let found = format!("{connections} at once, with {requests} requests and {streams} live streams");
    if connections < wanted.connections_max {
        let few = format!("{found}; api.connections_max is {}, and a host keeps half of {files} open files", wanted.connections_max);
        warning("connections", few, "raise the hard limit: ulimit -Hn 65536, or LimitNOFILE=65536 in the unit")
    } else {
        ok("connections", found)
    }
}

/// When this was written: no clock is right that is earlier.
const NOT_BEFORE: Duration = Duration::from_secs(1_767_225_600);

fn clock() -> Finding {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let synchronised = Path::new("/run/systemd/timesync/synchronized").exists() || Path::new("/run/chrony").exists();
    if since < NOT_BEFORE {
        missing("clock", "is years behind", "timedatectl set-ntp true")
    } else if synchronised {
        ok("clock", "is kept right by the network")
    } else {
        warning(
            "clock",
            "nobody on this machine seems to keep it right",
            "apt-get install -y systemd-timesyncd && timedatectl set-ntp true",
        )
    }
}

/// For authors: a host runs without.
fn tool(name: &'static str, what: &str, mend: &str) -> Finding {
    match Command::new(name).arg("--version").output() {
        Ok(output) if output.status.success() => {
            ok(name, String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
        }
        _ => warning(name, format!("is not there; it {what}, a host runs without"), mend),
    }
}

fn target() -> Finding {
    let target = stockade_build::TARGET;
    let output = Command::new("rustc").args(["--print", "target-libdir", "--target", target]).output();
    let there = output.is_ok_and(|output| output.status.success() && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir());
    if there {
        ok("rust target", format!("{target} is installed"))
    } else {
        warning(
            "rust target",
            format!("{target} is not there; strategies are built for it, a host runs without"),
            format!("rustup target add {target}"),
        )
    }
}
