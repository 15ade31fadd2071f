//! The host's end: made at the start, removed at the stop.

use super::{Address, FILE};
use crate::exit::{Exit, Failure, Outcome};
use std::fs::{self, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// The socket's file, removed when this is dropped unless another has taken its place.
#[derive(Debug)]
pub struct ControlSocket {
    path: PathBuf,
    inode: u64,
}

impl ControlSocket {
    /// Makes it. What a host that was killed has left behind is replaced.
    ///
    /// # Errors
    /// Another host answers there, something else has that name, or the folder takes no sockets.
    pub fn bind(data_dir: &Path) -> Outcome<(Self, UnixListener)> {
        let path = data_dir.join(FILE);
        let failed = |error: io::Error| Failure::io("make the control socket", &path, &error);
        match fs::symlink_metadata(&path) {
            Ok(there) if is_socket(&there) => {
                let answers = Address::new(data_dir, FILE).and_then(|address| UnixStream::connect(address.path)).is_ok();
                if answers {
                    let folder = data_dir.display();
                    return Err(Failure::new(
                        Exit::InUse,
                        format_args!("another host works in {folder}; stop it, or name another --data-dir"),
                    ));
                }
            }
            Ok(_) => {
                return Err(Failure::new(
                    Exit::Machine,
                    format_args!("{} is no socket, and the control socket belongs there; move it away", path.display()),
                ));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        // Made beside, so that nobody meets it before only its owner can open it.
        let beside = format!("{FILE}.new");
        let whole = data_dir.join(&beside);
        match fs::remove_file(&whole) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let made = Address::new(data_dir, &beside).and_then(|address| UnixListener::bind(address.path)).and_then(|listener| {
            listener.set_nonblocking(true)?;
            fs::set_permissions(&whole, Permissions::from_mode(0o600))?;
            let inode = fs::symlink_metadata(&whole)?.ino();
            fs::rename(&whole, &path)?;
            Ok((inode, listener))
        });
        let (inode, listener) = made.map_err(failed)?;
        Ok((Self { path, inode }, listener))
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|there| there.ino() == self.inode) {
            // One that stays is replaced by the next host.
            _ = fs::remove_file(&self.path);
        }
    }
}

fn is_socket(there: &Metadata) -> bool {
    there.file_type().is_socket()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};

    fn reaches(data_dir: &Path) -> bool {
        Address::new(data_dir, FILE).and_then(|address| UnixStream::connect(address.path)).is_ok()
    }

    #[test]
    fn it_is_its_owners_only_replaces_a_dead_one_and_never_a_living_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let data_dir = folder.path();
        let (mut dead, listener) = ControlSocket::bind(data_dir).expect("it is made");
        assert_eq!(fs::metadata(data_dir.join(FILE)).expect("it is there").mode() & 0o777, 0o600);
        assert!(ControlSocket::bind(data_dir).expect_err("one answers there").message.contains("another host works in"));
        // As after a kill: nobody listens, and the file stays.
        drop(listener);
        dead.inode = 0;
        drop(dead);
        assert!(data_dir.join(FILE).exists() && !reaches(data_dir));
        let (socket, _listener) = ControlSocket::bind(data_dir).expect("it is replaced");
        assert!(reaches(data_dir));
        drop(socket);
        assert!(!data_dir.join(FILE).exists());
        fs::write(data_dir.join(FILE), "text").expect("it can be written");
        assert!(ControlSocket::bind(data_dir).expect_err("that is a text").message.contains("is no socket"));
        assert_eq!(fs::read(data_dir.join(FILE)).expect("it is there"), b"text");
    }

    #[test]
    fn a_deep_folder_has_one_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let deep = folder.path().join("d".repeat(120));
        fs::create_dir(&deep).expect("it can be made");
        let (_socket, listener) = ControlSocket::bind(&deep).expect("it is made");
        let mut client = Address::new(&deep, FILE).and_then(|address| UnixStream::connect(address.path)).expect("it answers");
        listener.set_nonblocking(false).expect("it can be set");
        listener.accept().expect("somebody comes").0.write_all(b"hello").expect("it can be written");
        let mut said = String::new();
        client.read_to_string(&mut said).expect("it can be read");
        assert_eq!(said, "hello");
    }
}
