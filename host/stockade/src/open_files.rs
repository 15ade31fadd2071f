//! How many files this process may have open: connections are files too.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More than any host needs; a system without a limit need not be asked for more.
const FILES_WISE: u64 = 65_536;

/// How many files a host may open here, once it has asked for what the system lets it have.
pub fn max() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let hard = limit.maximum.unwrap_or(u64::MAX);
    hard.min(FILES_WISE).max(limit.current.unwrap_or(u64::MAX))
}

/// Asks for [`max`], since shells give a thousand for the sake of programs that can't count further.
pub fn raise() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= max()) {
        return max();
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(max()), maximum: limit.maximum }) {
        Ok(()) => max(),
        Err(_) => limit.current.unwrap_or(0),
    }
}
