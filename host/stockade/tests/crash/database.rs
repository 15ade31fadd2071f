//! The host's database, read, copied and put back behind the host's back while it is at rest.

use crate::facts::{Facts, STATEMENT};
use sqlx::{ConnectOptions as _, Connection as _};
use std::path::{Path, PathBuf};
use testkit::postgres::Server;

/// Where a host keeps its rows.
pub enum Database {
    /// A file in the data folder, beside its log of writes.
    Sqlite { file: PathBuf },
    /// A database on a server that only this test uses.
    Postgres { server: Server, name: String, is_up: bool },
}

/// Files that belong to a SQLite database, by what follows its name.
const PARTS: [&str; 3] = ["", "-wal", "-shm"];

impl Database {
    pub fn postgres() -> Self {
        let server = Server::start(&[]);
        let name = server.fresh_database();
        Self::Postgres { server, name, is_up: true }
    }

    /// What the host's setting `database` says.
    pub fn setting(&self) -> String {
        match self {
            Self::Sqlite { .. } => String::new(),
            Self::Postgres { server, name, .. } => server.url(name),
        }
    }

    /// Everything an audit looks at. Of a SQLite database a copy is read: the host is to find it as its end left it.
    pub fn facts(&self) -> Facts {
        match self {
            Self::Sqlite { file } => {
                let folder = tempfile::tempdir().expect("a folder");
                let copy = folder.path().join("copy.db");
                copy_parts(file, &copy);
                Facts::of(&sqlite_rows(&copy))
            }
            Self::Postgres { server, name, .. } => {
                let rows: Vec<String> = server.sql(name, STATEMENT).lines().map(ToOwned::to_owned).collect();
                Facts::of(&rows)
            }
        }
    }

    /// Keeps a copy, to be put back later.
    pub fn back_up(&self, folder: &Path) {
        match self {
            Self::Sqlite { file } => copy_parts(file, &folder.join("older.db")),
            Self::Postgres { server, name, .. } => replace(server, &format!("{name}_older"), name),
        }
    }

    /// Puts the copy in the place of the database.
    pub fn restore(&self, folder: &Path) {
        match self {
            Self::Sqlite { file } => copy_parts(&folder.join("older.db"), file),
            Self::Postgres { server, name, .. } => replace(server, name, &format!("{name}_older")),
        }
    }

    /// Cuts every connection to the server; only the one that holds the host's lock where `lock_only`.
    pub fn cut(&self, lock_only: bool) {
        let Self::Postgres { server, name, .. } = self else { return };
        let of_lock = if lock_only { "AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)" } else { "" };
        let who = format!("FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid() {of_lock}");
        server.sql("postgres", &format!("SELECT COUNT(pg_terminate_backend(pid)) {who}"));
    }

    pub fn stop(&mut self) {
        self.server(|server, is_up| {
            server.stop();
            *is_up = false;
        });
    }

    pub fn crash(&mut self) {
        self.server(|server, is_up| {
            server.crash();
            *is_up = false;
        });
    }

    /// Starts the server again where it is down.
    pub fn start_again(&mut self) {
        self.server(|server, is_up| {
            if !std::mem::replace(is_up, true) {
                server.start_again();
            }
        });
    }

    fn server(&mut self, act: impl FnOnce(&mut Server, &mut bool)) {
        if let Self::Postgres { server, is_up, .. } = self {
            act(server, is_up);
        }
    }
}

/// Makes a database anew as a copy of another.
fn replace(server: &Server, name: &str, from: &str) {
    server.sql("postgres", &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
    server.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE {from}"));
}

fn copy_parts(from: &Path, to: &Path) {
    for part in PARTS {
        let with = |path: &Path| PathBuf::from(format!("{}{part}", path.display()));
        match std::fs::copy(with(from), with(to)) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => _ = std::fs::remove_file(with(to)),
            Err(error) => panic!("{}: {error}", with(from).display()),
        }
    }
}

fn sqlite_rows(file: &Path) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).disable_statement_logging();
        let mut connection = options.connect().await.expect("the database opens");
        let rows = sqlx::query_scalar(STATEMENT).fetch_all(&mut connection).await.expect("the statement is one");
        connection.close().await.expect("it closes");
        rows
    })
}
