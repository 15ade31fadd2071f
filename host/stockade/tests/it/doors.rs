//! Who reaches a host, whatever its clients do, and who gets at its files.

use crate::host::Host;
use crate::program::{Place, ema_cross_text};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// A port on which nobody listens.
const NOWHERE: (&str, &str) = ("STOCKADE_LISTEN", "127.0.0.1:1");

/// A host after a setting of the shell, with its log in the file `log`.
fn host_after(place: &Place, setting: &str) -> Host {
    let log = File::options().create(true).append(true).open(place.path("log")).expect("a file can be made");
    Host::start_by(place.command_after(setting, &["serve", "--listen", "127.0.0.1:0"]), &[], Stdio::from(log))
}

fn log(place: &Place) -> String {
    fs::read_to_string(place.path("log")).expect("it is there")
}

/// Connections that send this and then nothing.
fn held(host: &Host, count: usize, text: &str) -> Vec<TcpStream> {
    let address = host.url.strip_prefix("http://").expect("an address");
    let one = |_| {
        let mut stream = TcpStream::connect(address).expect("the system lets it in");
        // One that was closed already takes nothing more.
        _ = stream.write_all(text.as_bytes());
        stream
    };
    (0..count).map(one).collect()
}

#[test]
fn the_kill_switch_and_health_answer_whatever_clients_hold_and_the_record_has_no_hole() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("a process may have what it is allowed");
    let place = Place::new();
    let host = host_after(&place, "ulimit -n 256");
    host.ask(&place, &["user", "add", "anna"]);
    host.ask(&place, &["strategy", "upload", ema_cross_text(), "--user", "anna", "--name", "cross"]);
    host.ask(&place, &["engine", "add", "one", "--user", "anna", "--strategy", "cross", "--symbol", "EURUSD", "--start"]);

    let token = fs::read_to_string(place.path(".stockade/operator.token")).expect("it is there");
    let head = |line: &str, kind: &str, length: usize| {
        format!(
            "{line} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n",
            token.trim()
        )
    };
    let half = held(&host, 400, "GET /api/v1/health HTTP/1.1\r\nhost: x\r\nx-a: ");
    let uploads = held(&host, 4, &(head("POST /api/v1/strategies?user=anna&name=slow", "application/wasm", 1_000_000) + "\0asm"));
    let streams = held(&host, 64, &head("GET /api/v1/stream", "text/plain", 0));
    let bodies = held(&host, 260, &(head("POST /api/v1/users", "application/json", 1_000) + "{"));
    let began = Instant::now();
    host.ask(&place, &["health"]);
    assert!(host.ask(&place, &["halt"]).contains("the host is halted"));
    assert!(place.run(&["health", "--json"]).out.contains("\"halted\""), "by the socket");
    // While bodies are waited for; a busy machine takes its time as well.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(place.ok(&["resume"]).contains("the host may open again"));
    drop((half, uploads, streams, bodies));

    // The engine went on all the while, and its record is whole.
    host.stop();
    let report: serde_json::Value = serde_json::from_str(&place.ok(&["replay", "--engine", "1", "--json"])).expect("JSON");
    let life = &report["lives"][0];
    assert!(life["difference"].is_null() && life["ended"].is_null() && life["not_replayed"].is_null(), "{report}");
    let log = log(&place);
    for bad in ["Too many open files", "hole"] {
        assert!(!log.contains(bad), "the log says {bad:?}:\n{log}");
    }
    assert!(log.contains("this process may open 256 files: it takes 48 connections at once, not 1024"), "{log}");
}

#[test]
fn the_control_socket_is_used_first_and_needs_no_token() {
    let place = Place::new();
    let socket = place.path(".stockade/control.sock");
    let run = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        command.env(NOWHERE.0, NOWHERE.1);
        crate::program::Ran::of(&mut command)
    };
    let host = host_after(&place, "true");
    let there = fs::symlink_metadata(&socket).expect("it is there");
    assert!(there.file_type().is_socket() && there.mode() & 0o777 == 0o600, "{there:?}");
    fs::rename(place.path(".stockade/operator.token"), place.path("token")).expect("it can be moved");
    let health = run(&["health", "--verbose"]);
    assert!(health.code == 0 && health.err.contains("by the socket .stockade/control.sock"), "{health:?}");
    assert!(run(&["halt"]).out.contains("the host is halted"));
    assert!(run(&["user", "add", "anna"]).out.contains("user anna has id 1"), "all commands go that way");
    let wrong = run(&["health", "--token", "0123456789abcdef0123456789abcdef"]);
    assert_eq!(wrong.code, 4, "{wrong:?}");
    fs::rename(place.path("token"), place.path(".stockade/operator.token")).expect("it can be moved back");
    // A folder has one host, whatever its database is.
    let mut second = place.command(&["serve", "--listen", "127.0.0.1:0"]);
    second.env("STOCKADE_DATABASE", place.path("other.db"));
    crate::program::Ran::of(&mut second).failed(5, &["another host works in .stockade"]);
    host.stop();
    assert!(!socket.exists(), "it goes with the host");
    let gone = run(&["health", "--verbose"]);
    assert_eq!(gone.code, 6, "{gone:?}");
    for part in [".stockade/control.sock does not answer", "by http://127.0.0.1:1", "no host answers at http://127.0.0.1:1"] {
        assert!(gone.err.contains(part), "{gone:?}");
    }

    // What a killed host left behind is replaced.
    drop(host_after(&place, "true"));
    assert!(socket.exists() && run(&["health"]).code == 6);
    let host = host_after(&place, "true");
    assert_eq!(run(&["health"]).code, 0);
    host.stop();
}

/// Everything in a folder, itself included, that others may get at.
fn open_to_others(path: &Path) -> Vec<String> {
    let there = fs::symlink_metadata(path).expect("it is there");
    let own = (there.mode() & 0o077 != 0).then(|| format!("{} {:o}", path.display(), there.mode()));
    let below = if there.is_dir() { Some(fs::read_dir(path).expect("it can be read")) } else { None };
    let below = below.into_iter().flatten().flat_map(|entry| open_to_others(&entry.expect("an entry").path()));
    own.into_iter().chain(below).collect()
}

#[test]
fn nobody_else_gets_at_the_data_folder_whatever_the_umask_is_and_was() {
    let place = Place::with_ticks();
    let data_dir = place.path(".stockade");
    let ticks = data_dir.join("ticks");
    assert_eq!(open_to_others(&ticks), [] as [&str; 0], "import makes nothing that others may read");
    // As a version from before left them.
    let records = data_dir.join("records");
    fs::create_dir(&records).expect("it can be made");
    for (path, mode) in [(&data_dir, 0o755), (&ticks, 0o777), (&records, 0o755)] {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
    }
    let host = host_after(&place, "umask 000");
    host.ask(&place, &["user", "add", "anna"]);
    host.ask(&place, &["strategy", "upload", ema_cross_text(), "--user", "anna", "--name", "cross"]);
    host.ask(&place, &["engine", "add", "one", "--user", "anna", "--strategy", "cross", "--symbol", "EURUSD", "--start"]);
    host.stop();
    assert_eq!(open_to_others(&data_dir), [] as [&str; 0]);
    let told: Vec<String> = log(&place).lines().filter(|line| line.contains("could get at")).map(str::to_owned).collect();
    assert!(told.len() == 1 && told[0].contains(".stockade and 2 more: closed to them now"), "{told:?}");
}

#[test]
fn a_name_that_could_be_another_s_is_refused_with_the_character() {
    let place = Place::new();
    let host = host_after(&place, "true");
    host.ask(&place, &["user", "add", "anna"]);
    for (name, says) in
        [("An na/..", "a space is not allowed"), ("ANNA", "is taken"), ("аnna", "another alphabet"), ("\u{202e}admin", "U+202E")]
    {
        place.fails(&["user", "add", name, "--url", &host.url], 4, &[says]);
    }
    place.fails(&["strategy", "upload", ema_cross_text(), "--user", "anna", "--name", "../../x", "--url", &host.url], 4, &["U+002F"]);
}

#[test]
fn doctor_says_how_many_clients_there_is_room_for() {
    let place = Place::new();
    let few = crate::program::Ran::of(&mut place.command_after("ulimit -n 256", &["doctor"]));
    assert!(few.out.contains("48 at once, with 256 requests and 24 live streams"), "{few:?}");
    assert!(few.out.contains("api.connections_max is 1024") && few.out.contains("LimitNOFILE"), "{few:?}");
}
