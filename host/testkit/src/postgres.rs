//! A real PostgreSQL server for tests, and a fresh database on it for each of them.
//!
//! `cargo xtask test` starts one for all test programs and names it in `TEST_POSTGRES`; without that, a test program starts
//! its own. Either way it is `servers/postgres.sh` that does it, which installs what is missing and says so, and which stops
//! the server when the one who started it is gone, however that went.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Names a server that runs already: what [`Server::to_variable`] gave.
pub const VARIABLE: &str = "TEST_POSTGRES";
/// The server's role that owns every test's database.
pub const USER: &str = "tester";
/// Its password over TCP.
pub const PASSWORD: &str = "not-a-secret";

/// A running server.
#[derive(Debug)]
pub struct Server {
    /// The folder of its Unix socket, where no password is asked.
    pub socket: PathBuf,
    /// Its port, on 127.0.0.1 and as part of the socket's name.
    pub port: u16,
    /// The certificate of the authority that signed its own, which is for `localhost`.
    pub ca: PathBuf,
    /// Where `psql`, `pg_dump` and the like are.
    pub bin: PathBuf,
    /// The script that stops it when this is closed. `None` when somebody else started it.
    script: Option<Script>,
}

/// A script that runs until its standard input is closed.
#[derive(Debug)]
struct Script {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Script {
    /// The next line it says; `None` when it has ended.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("the script writes text");
        line.ends_with('\n').then(|| line.trim_end().to_owned())
    }

    /// Has it do something, and waits until that is done.
    fn tell(&mut self, what: &str) {
        let stdin = self.stdin.as_mut().expect("it is open until this is dropped");
        writeln!(stdin, "{what}").expect("the script reads until its input ends");
        assert_eq!(self.line().as_deref(), Some("done"), "the server's script could not {what}; what it said is above");
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // It ends by itself now, with nothing to say that matters.
        let _ = self.child.wait();
    }
}

/// The server of this test program.
///
/// # Panics
/// It can't be started; the script has said why.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| match std::env::var(VARIABLE) {
        Ok(text) => Server::from_variable(&text).unwrap_or_else(|| panic!("{VARIABLE} names no server: {text:?}")),
        Err(_) => Server::start(&[]),
    })
}

impl Server {
    /// Starts a server with settings like `fsync = on`; it stops when this is dropped, or when this process ends.
    ///
    /// # Panics
    /// It can't be started; the script has said why.
    pub fn start(settings: &[&str]) -> Self {
        let (facts, script) = start("postgres.sh", settings);
        let fact =
            |name: &str| facts.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("postgres.sh says no {name}")).1.clone();
        Self {
            socket: fact("socket").into(),
            port: fact("port").parse().expect("a port is a number"),
            ca: fact("ca").into(),
            bin: fact("bin").into(),
            script: Some(script),
        }
    }

    /// Stops it: connections are cut, and nobody answers until [`start_again`](Self::start_again).
    ///
    /// # Panics
    /// Somebody else started it.
    pub fn stop(&mut self) {
        self.script().tell("stop");
    }

    /// Ends it at once, as a power cut would; it recovers when it is started again.
    ///
    /// # Panics
    /// Somebody else started it.
    pub fn crash(&mut self) {
        self.script().tell("crash");
    }

    /// Starts it again, with its data and on its port.
    ///
    /// # Panics
    /// It does not start, or somebody else started it.
    pub fn start_again(&mut self) {
        self.script().tell("start");
    }

    fn script(&mut self) -> &mut Script {
        self.script.as_mut().expect("only a server of one's own may be stopped: others use this one")
    }

    /// What to put into [`VARIABLE`] for test programs.
    pub fn to_variable(&self) -> String {
        format!("{} {} {} {}", self.socket.display(), self.port, self.ca.display(), self.bin.display())
    }

    fn from_variable(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let (socket, port, ca, bin) = (parts.next()?.into(), parts.next()?.parse().ok()?, parts.next()?.into(), parts.next()?.into());
        Some(Self { socket, port, ca, bin, script: None })
    }

    /// Makes an empty database and gives its name.
    ///
    /// # Panics
    /// The server refuses.
    pub fn fresh_database(&self) -> String {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}_{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        name
    }

    /// Runs statements behind everybody's back and gives what they print, unaligned.
    ///
    /// # Panics
    /// The server refuses.
    pub fn sql(&self, database: &str, statements: &str) -> String {
        let output = Command::new(self.bin.join("psql"))
            .args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set", "ON_ERROR_STOP=1", "--username", USER])
            .args(["--host", &self.socket.display().to_string(), "--port", &self.port.to_string()])
            .args(["--dbname", database, "--command", statements])
            .output()
            .expect("psql comes with the server");
        assert!(output.status.success(), "{statements}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The URL of a database, over the socket.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@localhost:{}/{database}?host={}", self.port, self.socket.display())
    }

    /// The URL of a database over TCP, with the password in it.
    pub fn tcp_url(&self, database: &str, parameters: &str) -> String {
        format!("postgres://{USER}:{PASSWORD}@localhost:{}/{database}?{parameters}", self.port)
    }
}

/// A PgBouncer before a server, in a pool mode; it stops when this is dropped, or when this process ends.
#[derive(Debug)]
pub struct PgBouncer {
    /// Its port on 127.0.0.1.
    pub port: u16,
    _script: Script,
}

impl PgBouncer {
    /// Starts one before `server` with `pool_mode`: session, transaction or statement.
    ///
    /// # Panics
    /// It can't be started; the script has said why.
    pub fn start(server: &Server, pool_mode: &str) -> Self {
        let (socket, port) = (server.socket.display().to_string(), server.port.to_string());
        let (facts, script) = start("pgbouncer.sh", &[pool_mode, &socket, &port]);
        let port = facts.iter().find(|(name, _)| name == "port").expect("pgbouncer.sh says its port").1.parse();
        Self { port: port.expect("a port is a number"), _script: script }
    }

    /// The URL of a database through it.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }
}

/// Runs a script of `servers/` until it says `ready`; gives what it said before.
fn start(script: &str, arguments: &[&str]) -> (Vec<(String, String)>, Script) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("servers").join(script);
    let mut child = Command::new("sh")
        .arg(&path)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let stdin = child.stdin.take();
    let stdout = BufReader::new(child.stdout.take().expect("it was asked for above"));
    let mut script = Script { child, stdin, stdout };
    let mut facts = Vec::new();
    while let Some(line) = script.line() {
        match line.split_once(' ') {
            Some((name, value)) => facts.push((name.to_owned(), value.to_owned())),
            None if line == "ready" => return (facts, script),
            None => {}
        }
    }
    panic!("{} ended before its server was ready; what it said is above", path.display());
}
