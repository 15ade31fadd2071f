//! Runs the program in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;
use tempfile::TempDir;

/// Longer than any command of these tests takes, the build of a strategy on a busy machine included.
const ENDS_WITHIN: Duration = Duration::from_secs(600);

/// A folder with a data folder in it, gone at the end of the test.
pub struct Place {
    pub folder: TempDir,
}

/// What a command left behind.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file and gives its path.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("a file can be written");
        path
    }

    /// The program, with nothing of the environment that could change what it does.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.clean(Command::new(env!("CARGO_BIN_EXE_stockade")), arguments)
    }

    /// The same, begun by a shell that sets limits first.
    pub fn command_after(&self, setting: &str, arguments: &[&str]) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{setting} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_stockade")]);
        self.clean(shell, arguments)
    }

    fn clean(&self, mut command: Command, arguments: &[&str]) -> Command {
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("STOCKADE_")) {
            command.env_remove(name);
        }
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end, which must come by itself.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(arguments))
    }

    /// Runs what must succeed.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
        ran.out
    }

    /// Runs what must fail with this code and one line that says all of this.
    pub fn fails(&self, arguments: &[&str], code: i32, says: &[&str]) {
        self.run(arguments).failed(code, says);
    }

    /// A day of EURUSD in the tick store: a tick a second, the price going up and down.
    pub fn with_ticks() -> Self {
        let place = Self::new();
        let rows = (0..20_000).map(|second: u32| {
            let price = 110_000 + i64::from(second % 4_000) - 2 * i64::from((second % 4_000).saturating_sub(2_000));
            let (hours, minutes, seconds) = (second / 3_600, second / 60 % 60, second % 60);
            format!("2024-01-09 {hours:02}:{minutes:02}:{seconds:02},1.{:05},1.{:05}\n", price - 100_000, price - 99_990)
        });
        let csv = place.file("EURUSD.csv", "time,bid,ask\n".to_owned() + &rows.collect::<String>());
        place.ok(&["import", csv.to_str().expect("a plain path")]);
        place
    }
}

impl Ran {
    /// What comes of a command. One that does not end is killed, and fails with -1.
    pub fn of(command: &mut Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let pid = child.id();
        let (done, ended) = channel();
        let watch = std::thread::spawn(move || {
            if ended.recv_timeout(ENDS_WITHIN) == Err(RecvTimeoutError::Timeout) {
                _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
            }
        });
        let output: Output = child.wait_with_output().expect("it can be waited for");
        _ = done.send(());
        watch.join().expect("the watch does not panic");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
    }

    pub fn failed(&self, code: i32, says: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.err.trim_end().lines().count(), 1, "not one line: {}", self.err);
        // Scripts, who asked for it by --json, get a document.
        assert!(["stockade: ", "{\"error\":"].iter().any(|start| self.err.starts_with(start)), "{}", self.err);
        for what in says {
            assert!(self.err.contains(what), "{:?} does not say {what:?}", self.err);
        }
    }
}

/// A sample strategy's component, built once.
pub fn ema_cross() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| built("ema-cross"))
}

/// One that misbehaves as its parameters say.
pub fn misbehaving_text() -> &'static str {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| built("hostile/misbehaving")).to_str().expect("a plain path")
}

/// One that trades on prices to come.
pub fn reads_ahead_text() -> &'static str {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| built("hostile/reads-ahead")).to_str().expect("a plain path")
}

/// One that watches two symbols.
pub fn two_markets_text() -> &'static str {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| built("hostile/two-markets")).to_str().expect("a plain path")
}

/// A strategy's component, built where that is due, by its folder below `strategies`.
pub fn built(folder: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../strategies").join(folder);
    stockade_build::build(&folder, &stockade_build::Options::default()).expect("samples build").path
}

/// The same as text.
pub fn ema_cross_text() -> &'static str {
    ema_cross().to_str().expect("a plain path")
}

/// A process that is killed when the test is done with it.
pub struct Guarded(pub Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        // It has ended already in the usual case.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}
