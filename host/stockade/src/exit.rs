//! How the program ends: one table of exit codes, and the one-line error behind each.

use std::fmt;

/// Exit codes. Scripts rely on them: none is ever renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It failed, and none of the others says why.
    Failed = 1,
    /// The command line, the configuration file or a `STOCKADE_` variable is wrong.
    Usage = 2,
    /// What was named does not exist: a file, symbol, user, strategy, engine.
    NotFound = 3,
    /// What was given was refused: a component, a parameter, a row of a file, a request.
    Refused = 4,
    /// Somebody else has it: the port, the database, the data folder.
    InUse = 5,
    /// No host answers.
    Unreachable = 6,
    /// The machine can't: full disk, no permission, a tool that is not installed, a database of a newer version; or a host that
    /// stopped could not write all to its database.
    Machine = 7,
    /// What was compared differs.
    Differs = 8,
    /// Ctrl-C, or a request to end; what was done is kept.
    Interrupted = 130,
}

impl Exit {
    /// The stable word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::NotFound => "not-found",
            Self::Refused => "refused",
            Self::InUse => "in-use",
            Self::Unreachable => "unreachable",
            Self::Machine => "machine",
            Self::Differs => "differs",
            Self::Interrupted => "interrupted",
        }
    }
}

/// The table for `--help`.
pub const TABLE: &str = "\
Exit codes:
  0    done
  1    failed, and none of the others says why
  2    the command line, the configuration file or a STOCKADE_ variable is wrong
  3    what was named does not exist: a file, symbol, user, strategy, engine
  4    what was given was refused: a component, a parameter, a row of a file, a request
  5    in use: the port, the database or the data belongs to another process
  6    no host answers
  7    the machine can't: full disk, no permission, a missing tool, a database of a newer version;
       or a host has stopped, and orders that were sent are not in its database yet
  8    what was compared differs
  130  interrupted";

/// Why a command did not do what it was asked for: one line that names the thing and the way out.
#[derive(Debug)]
pub struct Failure {
    /// What scripts see.
    pub exit: Exit,
    /// What people read.
    pub message: String,
    /// What scripts get beside it, by name.
    pub details: serde_json::Map<String, serde_json::Value>,
}

/// What a command gives.
pub type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// A failure with its exit code.
    pub fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, message: message.to_string(), details: serde_json::Map::new() }
    }

    /// A function that makes an error this kind of failure.
    pub fn of<E: fmt::Display>(exit: Exit) -> impl FnOnce(E) -> Self {
        move |error| Self::new(exit, format_args!("{error:#}"))
    }

    /// With one more value for scripts.
    pub fn with(mut self, name: &str, value: serde_json::Value) -> Self {
        self.details.insert(name.into(), value);
        self
    }

    /// The document for scripts: `{"error": {"message": ..., "exit": 3, "kind": "not-found"}}`.
    pub fn document(&self) -> serde_json::Value {
        let mut error = self.details.clone();
        error.extend([
            ("message".to_owned(), self.to_string().into()),
            ("exit".to_owned(), (self.exit as u8).into()),
            ("kind".to_owned(), self.exit.word().into()),
        ]);
        serde_json::json!({ "error": error })
    }

    /// What the system said about a file or folder.
    pub fn io(what: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind as K;
        let (exit, way_out) = match error.kind() {
            K::NotFound => (Exit::NotFound, "; is the path right?"),
            K::PermissionDenied => (Exit::Machine, "; give this user the right to it, or use another folder"),
            K::StorageFull | K::QuotaExceeded => (Exit::Machine, "; free some space on that disk"),
            K::ReadOnlyFilesystem => (Exit::Machine, "; remount it writable, or use another folder"),
            _ => (Exit::Failed, ""),
        };
        // Without the "(os error 2)" that says nothing to people.
        let mut why = error.to_string();
        why.truncate(why.find(" (os error").unwrap_or(why.len()));
        Self::new(exit, format_args!("cannot {what} {}: {why}{way_out}", path.display()))
    }
}

impl fmt::Display for Failure {
    /// In one line, whatever the message's makers did.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.message.lines().map(str::trim).filter(|line| !line.is_empty());
        write!(f, "{}", lines.next().unwrap_or("failed"))?;
        lines.try_for_each(|line| write!(f, " | {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line_and_the_table_lists_every_code() {
        assert_eq!(Failure::new(Exit::Failed, "one\n\n  two\n").to_string(), "one | two");
        for exit in [Exit::Failed, Exit::Usage, Exit::NotFound, Exit::Refused, Exit::InUse, Exit::Unreachable, Exit::Machine, Exit::Differs]
        {
            assert!(TABLE.contains(&format!("\n  {}    ", exit as u8)), "{exit:?}");
        }
    }
}
