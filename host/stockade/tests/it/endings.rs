//! However a host ends, what it promised and what it sent is known to the next one.

use crate::program::{Guarded, Place, ema_cross_text};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use testkit::postgres;

/// What a stop may take, whatever hangs, and what a busy machine adds to it.
const STOP_MAX: Duration = Duration::from_secs(25);
/// Halts that are answered with success just before a kill.
const KILLS: u32 = 6;

struct Host {
    process: Guarded,
    url: String,
}

fn command(place: &Place, settings: &[(&str, &str)]) -> Command {
    let mut command = place.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("STOCKADE_FEED_FROM", "2024-01-08 08:00").env("STOCKADE_FEED_SPEED", "600").env("STOCKADE_FEED_SYMBOLS", "EURUSD");
    command.env_remove("DATABASE_URL").envs(settings.iter().copied()).stdout(Stdio::piped());
    command
}

impl Host {
    fn start(place: &Place, settings: &[(&str, &str)], stderr: Stdio) -> Self {
        let mut process = Guarded(command(place, settings).stderr(stderr).spawn().expect("it starts"));
        let mut line = String::new();
        BufReader::new(process.0.stdout.take().expect("asked for")).read_line(&mut line).expect("it says something");
        let url = line.split_whitespace().find_map(|word| word.strip_suffix(',').filter(|word| word.starts_with("http://")));
        Self { url: url.unwrap_or_else(|| panic!("it said {line:?}")).to_owned(), process }
    }

    fn ask(&self, place: &Place, arguments: &[&str]) -> String {
        place.ok(&[arguments, &["--url", &self.url]].concat())
    }

    /// An engine that always has a position, once it has one.
    fn with_engine(&self, place: &Place) {
        self.ask(place, &["user", "add", "anna"]);
        self.ask(place, &["strategy", "upload", ema_cross_text(), "--user", "anna", "--name", "cross"]);
        let parameters = ["--param", "fast_alpha=0.3", "--param", "slow_alpha=0.1", "--start"];
        self.ask(
            place,
            &[&["engine", "add", "one", "--user", "anna", "--strategy", "cross", "--symbol", "EURUSD"][..], &parameters].concat(),
        );
        let traded = (0..10_000).any(|_| self.json(place, &["engine", "list"])["items"][0]["positions"].as_u64() >= Some(1));
        assert!(traded, "it has no position");
    }

    fn json(&self, place: &Place, arguments: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.ask(place, &[arguments, &["--json"]].concat())).expect("JSON")
    }

    /// An answer with its head, as it comes.
    fn raw(&self, place: &Place, path: &str) -> String {
        let token = std::fs::read_to_string(place.path(".stockade/operator.token")).expect("it is there");
        let address = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).expect("it listens");
        let head = format!("GET /api/v1{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n", token.trim());
        stream.write_all(head.as_bytes()).expect("it takes requests");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }

    /// What everyone may do at the market; the host need not be well in all its parts.
    fn trading(&self, place: &Place) -> String {
        let ran = place.run(&["health", "--json", "--url", &self.url]);
        let health: serde_json::Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
        health["trading"].as_str().expect("a word").to_owned()
    }

    fn signal(&self, name: &str) {
        signal(&self.process, name);
    }

    /// Waits for its end, and gives its exit code and how long that took.
    fn ended(mut self) -> (Option<i32>, Duration) {
        let since = Instant::now();
        let status = self.process.0.wait().expect("it ends");
        (status.code(), since.elapsed())
    }
}

fn signal(process: &Guarded, name: &str) {
    let sent = Command::new("kill").args([name, &process.0.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
}

#[test]
fn a_halt_that_was_answered_is_not_forgotten_by_a_kill_and_a_lift_is_not_either() {
    let place = Place::new();
    let mut host = Host::start(&place, &[], Stdio::null());
    host.with_engine(&place);
    let scopes: [&[&str]; 3] = [&[], &["--account", "1"], &["--engine", "1"]];
    let trading = |host: &Host, place: &Place| {
        let of_engine = host.json(place, &["engine", "show", "one"])["trading"].as_str().expect("a word").to_owned();
        [host.trading(place), of_engine]
    };
    for kill in 0..KILLS {
        let scope = scopes[kill as usize % 3];
        host.ask(&place, &[&["halt"], scope].concat());
        host.signal("-KILL");
        host.ended();
        host = Host::start(&place, &[], Stdio::null());
        let [of_host, of_engine] = trading(&host, &place);
        match kill % 3 {
            0 => assert_eq!(of_host, "halted", "kill {kill}"),
            2 => assert_eq!(of_engine, "halted", "kill {kill}"),
            _ => assert!(host.ask(&place, &["resume", "--account", "1"]).contains("may open again\n"), "kill {kill}"),
        }
        host.ask(&place, &[&["resume"], scope].concat());
        host.signal("-KILL");
        host.ended();
        host = Host::start(&place, &[], Stdio::null());
        assert_eq!(trading(&host, &place), ["active", "active"], "kill {kill}");
    }
}

#[test]
fn a_log_that_can_not_be_written_harms_nobody() {
    let full = || Stdio::from(std::fs::OpenOptions::new().write(true).open("/dev/full").expect("it is there"));
    let without_reader = || {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        Stdio::from(writer)
    };
    // A pipe whose reader is there and does not read.
    let (reader, unread) = std::io::pipe().expect("a pipe");
    let stderrs: [Stdio; 3] = [full(), without_reader(), Stdio::from(unread)];
    for (which, stderr) in stderrs.into_iter().enumerate() {
        let place = Place::new();
        let host = Host::start(&place, &[("STOCKADE_LOG", "trace")], stderr);
        assert!(host.ask(&place, &["halt"]).contains("the host is halted"), "{which}");
        host.trading(&place);
        host.signal("-TERM");
        let (code, took) = host.ended();
        assert_eq!(code, Some(0), "{which}");
        assert!(took < STOP_MAX, "{which} took {took:?}");
    }
    drop(reader);
}

#[test]
fn a_command_whose_reader_has_gone_ends_quietly() {
    let place = Place::new();
    for arguments in [&["--help"][..], &["config", "example"], &["config", "show"], &["nothing"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let also = writer.try_clone().expect("a pipe");
        let status = place.command(arguments).stdout(writer).stderr(also).status().expect("it ends");
        assert!(matches!(status.code(), Some(0 | 2)), "{arguments:?}: {status}");
    }
}

#[test]
fn a_host_that_is_told_to_stop_while_it_starts_says_so_and_leaves_nothing_half_done() {
    let place = Place::new();
    // From its first lines, which catch the signal, to after it listens.
    for (name, wait_ms) in [("-TERM", 0), ("-INT", 0), ("-TERM", 60), ("-TERM", 120), ("-INT", 250), ("-TERM", 500), ("-TERM", 1_000)] {
        let process = Guarded(command(&place, &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts"));
        let until = Instant::now() + Duration::from_secs(60);
        while !catches_signals(&process) {
            assert!(Instant::now() < until, "it catches no signals");
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_millis(wait_ms));
        signal(&process, name);
        let (code, took) = Host { process, url: String::new() }.ended();
        assert!(matches!(code, Some(0 | 130)), "{name} after {wait_ms} ms: {code:?}");
        assert!(took < STOP_MAX, "{name} after {wait_ms} ms: it took {took:?}");
    }
    let host = Host::start(&place, &[], Stdio::null());
    host.signal("-TERM");
    assert_eq!(host.ended().0, Some(0));
}

/// Whether the process has taken hold of SIGINT and SIGTERM.
fn catches_signals(process: &Guarded) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.0.id())).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).map(str::trim);
    let caught = caught.and_then(|caught| u64::from_str_radix(caught, 16).ok()).unwrap_or_default();
    let both = 1 << (2 - 1) | 1 << (15 - 1);
    caught & both == both
}

#[test]
fn a_word_of_a_command_that_is_no_host_catches_no_signal() {
    let place = Place::new();
    // It waits for a host that takes its connection and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", silent.local_addr().expect("it has one"));
    let mut command = place.command(&["user", "add", "serve", "--url", &url, "--token", "x"]);
    let mut process = Guarded(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts"));
    let _connected = silent.accept().expect("it connects");
    signal(&process, "-TERM");
    let status = process.0.wait().expect("it ends");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(15), "{status}");
}

/// Stands between a host and its database, and can be cut.
struct Cable {
    port: u16,
    cut: Arc<AtomicBool>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
}

impl Cable {
    fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("it has one").port();
        let (cut, streams) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (is_cut, open) = (Arc::clone(&cut), Arc::clone(&streams));
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if is_cut.load(Ordering::SeqCst) {
                    continue;
                }
                let far = TcpStream::connect(("127.0.0.1", server)).expect("the server is there");
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (mut from, mut to) = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
                    std::thread::spawn(move || {
                        _ = std::io::copy(&mut from, &mut to);
                        _ = to.shutdown(Shutdown::Both);
                    });
                }
                open.lock().expect("nobody panics with it").extend([near, far]);
            }
        });
        Self { port, cut, streams }
    }

    fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        self.streams.lock().expect("nobody panics with it").drain(..).for_each(|stream| _ = stream.shutdown(Shutdown::Both));
    }

    fn mend(&self) {
        self.cut.store(false, Ordering::SeqCst);
    }
}

#[test]
fn what_was_closed_and_halted_without_a_database_is_there_after_a_stop_and_after_a_kill() {
    let server = postgres::server();
    for signal in ["-TERM", "-KILL"] {
        let place = Place::new();
        let cable = Cable::to(server.port);
        let database = server.fresh_database();
        let url = format!("postgres://{}:{}@127.0.0.1:{}/{database}?sslmode=disable", postgres::USER, postgres::PASSWORD, cable.port);
        let settings = [("STOCKADE_DATABASE", url.as_str())];
        let mut host = Host::start(&place, &settings, Stdio::piped());
        let mut stderr = host.process.0.stderr.take().expect("asked for");
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).map(|_| text)
        });
        host.with_engine(&place);
        let orders = || server.sql(&database, "SELECT COUNT(*) FROM orders").parse::<u64>().expect("a number");
        cable.cut();
        // What the engine has not closed by itself meanwhile.
        host.ask(&place, &["halt", "--flatten"]);
        let before = orders();
        host.signal(signal);
        let (code, took) = host.ended();
        let log = log.join().expect("no panic").expect("text");
        if signal == "-TERM" {
            assert_eq!(code, Some(7), "{log}");
            assert!(took < STOP_MAX, "{took:?}: {log}");
            let says = log.lines().last().unwrap_or_default();
            assert!(says.contains("not in the database yet: they are safe in") && says.contains(".state"), "{says}");
        }
        assert_eq!(orders(), before, "nothing reached the database");

        cable.mend();
        let host = Host::start(&place, &settings, Stdio::null());
        assert_eq!(host.trading(&place), "halted", "after {signal}");
        assert!(orders() > before, "the journal has the close");
        assert_eq!(server.sql(&database, "SELECT COUNT(*) FROM positions WHERE closed_at IS NULL"), "0", "after {signal}");
        let compared = host.ask(&place, &["reconcile"]);
        assert!(compared.contains("same"), "{compared}");
        host.signal("-TERM");
        assert_eq!(host.ended().0, Some(0), "it owes nothing any more");
    }
}

/// Closes that a host was killed with are owed when its database does not answer at the next start.
#[test]
fn a_start_waits_for_a_journal_that_does_not_answer_yet() {
    let server = postgres::server();
    let place = Place::new();
    let cable = Cable::to(server.port);
    let database = server.fresh_database();
    let url = format!("postgres://{}:{}@127.0.0.1:{}/{database}?sslmode=disable", postgres::USER, postgres::PASSWORD, cable.port);
    let settings = [("STOCKADE_DATABASE", url.as_str())];
    let host = Host::start(&place, &settings, Stdio::null());
    host.with_engine(&place);
    cable.cut();
    host.ask(&place, &["halt", "--flatten"]);
    host.signal("-KILL");
    host.ended();
    cable.mend();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let held = "application_name = 'holds the table'";
    std::thread::scope(|scope| {
        // Everybody may read orders, and nobody writes them.
        let hold = "SET application_name = 'holds the table'; BEGIN; LOCK TABLE orders IN SHARE MODE; SELECT pg_sleep(600)";
        scope.spawn(|| std::panic::catch_unwind(|| server.sql(&database, hold)));
        let is_held =
            format!("SELECT COUNT(*) FROM pg_stat_activity JOIN pg_locks USING (pid) WHERE {held} AND mode = 'ShareLock' AND granted");
        while server.sql(&database, &is_held) == "0" {}
        let let_go = scope.spawn(|| {
            let waits =
                BufReader::new(reader).lines().map_while(Result::ok).any(|line| line.contains("the start waits for it, 60 s at most"));
            server.sql(&database, &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {held}"));
            waits
        });
        let host = Host::start(&place, &settings, Stdio::from(writer));
        assert!(let_go.join().expect("no panic"), "it did not say that it waits");
        assert_eq!(host.trading(&place), "halted");
        assert_eq!(server.sql(&database, "SELECT COUNT(*) FROM positions WHERE closed_at IS NULL"), "0", "the close is written");
    });
}

#[test]
fn health_says_that_the_servers_lock_is_lost_until_it_is_held_again() {
    let server = postgres::server();
    let place = Place::new();
    let database = server.fresh_database();
    let host = Host::start(&place, &[("STOCKADE_DATABASE", &server.url(&database))], Stdio::null());
    let is_lost = || place.run(&["health", "--url", &host.url]).out.contains("the lock that keeps other hosts away is not held (");
    let comes_to = |lost: bool| {
        let until = Instant::now() + Duration::from_secs(60);
        while is_lost() != lost {
            assert!(Instant::now() < until, "the lock is still {}", if lost { "held" } else { "lost" });
        }
    };
    assert!(!is_lost());
    // Whoever is connected stays; the host can't connect anew.
    server.sql("postgres", &format!("ALTER DATABASE {database} ALLOW_CONNECTIONS false"));
    let end = format!(
        "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
         WHERE l.locktype = 'advisory' AND d.datname = '{database}'"
    );
    server.sql("postgres", &end);
    comes_to(true);
    server.sql("postgres", &format!("ALTER DATABASE {database} ALLOW_CONNECTIONS true"));
    comes_to(false);
    host.signal("-TERM");
    assert_eq!(host.ended().0, Some(0));
}

/// A database that was restored from a copy, beside what the host that is lost in it has left.
#[test]
fn a_database_restored_from_a_copy_gives_no_order_number_again() {
    let place = Place::new();
    let stop = |host: Host| {
        host.signal("-TERM");
        assert_eq!(host.ended().0, Some(0));
    };
    let host = Host::start(&place, &[], Stdio::null());
    host.with_engine(&place);
    stop(host);
    let (database, copy) = (place.path(".stockade/stockade.db"), place.path("copy.db"));
    std::fs::copy(&database, &copy).expect("a copy");
    let last = |host: &Host| -> u64 {
        let orders = host.json(&place, &["engine", "list"]);
        orders["items"][0]["orders"].as_u64().expect("a number")
    };
    let numbers = |file: &std::path::Path| -> Vec<u64> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let store = store::Store::open(file).await.expect("it opens");
            let owner = store.find_user("anna").await.expect("it answers").expect("she is there").id;
            let orders = store.orders(owner, None, store::Page::first(1_000)).await.expect("it answers");
            orders.iter().map(|order| order.id.0).collect()
        })
    };
    let known = numbers(&copy);
    // Counts go on over restarts.
    let has_ordered = |host: &Host, more: usize| (0..10_000).any(|_| last(host) > (known.len() + more) as u64);
    let host = Host::start(&place, &[], Stdio::null());
    assert!(has_ordered(&host, 20), "it trades");
    stop(host);
    let lost = numbers(&database);
    assert!(lost.len() > known.len() + 10, "{} and {}", lost.len(), known.len());
    for file in ["stockade.db", "stockade.db-wal", "stockade.db-shm"] {
        _ = std::fs::remove_file(place.path(&format!(".stockade/{file}")));
    }
    // The market goes on as in the copy's time.
    std::fs::copy(&copy, &database).expect("a copy");
    let host = Host::start(&place, &[], Stdio::piped());
    let traded = has_ordered(&host, 5);
    stop(host);
    let again: Vec<u64> = numbers(&database).into_iter().filter(|number| !known.contains(number) && lost.contains(number)).collect();
    assert!(again.is_empty(), "given a second time: {again:?}");
    assert!(!traded || numbers(&database).len() > known.len());
}

/// Every list shows a row that can't be read as such, and all others as usual; health names what could not go on.
#[test]
fn a_damaged_row_is_one_bad_row_in_every_answer() {
    let place = Place::new();
    let host = Host::start(&place, &[], Stdio::null());
    host.with_engine(&place);
    let engine = ["engine", "add", "two", "--user", "anna", "--strategy", "cross", "--symbol", "EURUSD", "--start"];
    host.ask(&place, &engine);
    host.ask(&place, &["account", "add", "other", "--user", "anna"]);
    host.signal("-TERM");
    assert_eq!(host.ended().0, Some(0));
    damage(&place, &["UPDATE engines SET params = '{' WHERE id = 2", "UPDATE accounts SET limits = '{' WHERE id = 2"]);

    let host = Host::start(&place, &[], Stdio::null());
    for (list, others) in [(&["engine", "list"][..], "one"), (&["account", "list", "--user", "anna"], "paper")] {
        let page = host.json(&place, list);
        let names: Vec<_> = page["items"].as_array().expect("a list").iter().map(|row| row["name"].as_str().expect("a name")).collect();
        let damaged = page["damaged"].as_array().expect("a list");
        assert_eq!((names, damaged.len()), (vec![others], 1), "{page}");
        assert!(damaged[0].to_string().contains(&format!("{} 2", list[0])), "{page}");
    }
    for (path, status) in [("/engines/2", "500"), ("/engines/1", "200"), ("/accounts/2", "500"), ("/accounts/1", "200")] {
        let answer = host.raw(&place, path);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
        assert_eq!(answer.contains("ROW_DAMAGED"), status == "500", "{path}: {answer}");
    }
    let health = host.raw(&place, "/health");
    for part in ["\"status\":\"degraded\"", "account 2 is not open", "engine 2 could not go on"] {
        assert!(health.contains(part), "no {part} in {health}");
    }
    host.signal("-TERM");
    assert_eq!(host.ended().0, Some(0), "damage does not hold up a stop");
}

fn damage(place: &Place, statements: &[&'static str]) {
    use sqlx::Connection as _;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(place.path(".stockade/stockade.db"));
        let mut conn = sqlx::SqliteConnection::connect_with(&options).await.expect("nobody else has it");
        for statement in statements {
            assert_eq!(sqlx::query(*statement).execute(&mut conn).await.expect("it is SQL").rows_affected(), 1, "{statement}");
        }
        conn.close().await.expect("it closes");
    });
}
