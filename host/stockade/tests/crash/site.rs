//! The place of one host over many lives: its data on a small disk of its own, its database, the broker's count.

use crate::database::Database;
use crate::program::Place;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where databases are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// A folder, gone at the end with everything in it.
pub struct Site {
    // Before the folder: what is mounted in it goes first.
    disk: Option<Disk>,
    pub database: Database,
    pub place: Place,
    pub kind: Kind,
}

/// Room on the small disk: a host's cache, records and database for some ten minutes.
const DISK_MIB: u64 = 192;
/// What is left of it when it is full, KiB.
const LEFT_KIB: u64 = 64;
/// So often it is tried to fill it while the host writes.
const FILLS_MAX: usize = 50;
const FAKETIME: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
];

impl Site {
    pub fn new(kind: Kind) -> Self {
        let place = Place::new();
        let data = place.path("data");
        std::fs::create_dir(&data).expect("a folder");
        let database = match kind {
            Kind::Sqlite => Database::Sqlite { file: data.join("stockade.db") },
            Kind::Postgres => Database::postgres(),
        };
        Self { disk: Disk::mount(&data), database, place, kind }
    }

    pub fn data(&self) -> PathBuf {
        self.place.path("data")
    }

    /// Where the broker counts what it is sent; not on the small disk, which may be full.
    pub fn counts(&self) -> PathBuf {
        self.place.path("broker.count")
    }

    /// What the hosts of this place logged last.
    pub fn log(&self) -> PathBuf {
        self.place.path("host.log")
    }

    /// The program with this place's settings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command(arguments);
        command.envs([
            ("STOCKADE_FEED_FROM", "2024-01-08 08:00"),
            ("STOCKADE_FEED_SPEED", "60"),
            ("STOCKADE_FEED_SYMBOLS", "EURUSD,GBPUSD,XAUUSD"),
            ("STOCKADE_HOST_SAVE_EVERY_S", "120"),
            ("STOCKADE_RECORD_ENGINE_MIB", "2"),
            ("STOCKADE_RECORD_TICKS_MIB", "32"),
            ("STOCKADE_LOG", "info"),
        ]);
        command.env("STOCKADE_DATA_DIR", self.data()).env("STOCKADE_DATABASE", self.database.setting());
        command.env("TEST_BROKER_COUNTS_IN", self.counts());
        command
    }

    /// The small disk; none where this user may not mount one.
    pub fn disk(&self) -> Option<&Disk> {
        self.disk.as_ref()
    }

    /// The library that lets a process see another time, and the file that says which; none where it is not installed.
    pub fn faketime(&self) -> Option<(&'static str, PathBuf)> {
        let library = FAKETIME.into_iter().find(|path| Path::new(path).exists())?;
        Some((library, self.place.path("faketime")))
    }
}

/// A file system in memory, of a size that can be changed.
pub struct Disk(PathBuf);

impl Disk {
    fn mount(folder: &Path) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let size = format!("size={DISK_MIB}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "stockade-crash"]).arg(folder).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(folder.to_path_buf()))
    }

    /// Takes all room that is not used.
    pub fn fill(&self) {
        // The host goes on writing between the look and the change: it may need more by then, which is refused.
        let filled = (0..FILLS_MAX).any(|_| {
            let stat = rustix::fs::statvfs(&self.0).expect("it is mounted");
            let used = (stat.f_blocks - stat.f_bfree) * stat.f_frsize / 1024;
            self.resize(used + LEFT_KIB)
        });
        assert!(filled, "the small disk can be filled");
    }

    /// Gives it back.
    pub fn free(&self) {
        assert!(self.resize(DISK_MIB * 1024), "the small disk takes its size again");
    }

    fn resize(&self, kib: u64) -> bool {
        let size = format!("remount,size={kib}k");
        let done = Command::new("mount").args(["-o", &size]).arg(&self.0).output();
        done.is_ok_and(|output| output.status.success())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a host that is still ending has files open there.
        _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
