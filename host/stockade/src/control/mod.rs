//! The control socket: a way to a running host that needs no network, no token and no free connection.
//!
//! It lies in the data folder and only the folder's owner can open it. The host answers the whole API there, and keeps places for it that
//! clients of the network can't take.

mod agent;
mod socket;

pub use agent::agent;
pub use socket::ControlSocket;

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

/// Its name in the data folder.
pub const FILE: &str = "control.sock";
/// Longest path of a socket, bytes: Linux has 108, with the zero at the end.
const PATH_BYTES_MAX: usize = 107;

/// A path of a socket that the system can take. Below a deep folder that is one by way of the open folder.
#[derive(Debug)]
struct Address {
    path: PathBuf,
    _folder: Option<File>,
}

impl Address {
    fn new(data_dir: &Path, file: &str) -> io::Result<Self> {
        let path = data_dir.join(file);
        if path.as_os_str().len() <= PATH_BYTES_MAX {
            return Ok(Self { path, _folder: None });
        }
        let folder = File::open(data_dir)?;
        Ok(Self { path: format!("/proc/self/fd/{}/{file}", folder.as_raw_fd()).into(), _folder: Some(folder) })
    }
}
