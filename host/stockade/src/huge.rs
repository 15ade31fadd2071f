//! Large pages for the heap. What ten thousand engines need at a tick lies on forty thousand pages of 4 KiB, more than a processor
//! knows the places of; on pages of 2 MiB bare calls in a row took a fifth less. Engines that other threads started lie in those
//! threads' own heaps, which get none, and a whole host's pass over ten thousand was not seen to be shorter.
//!
//! The C library asks for them when a variable says so, and reads that variable once, before `main`. So the program starts itself
//! again with it; a system without that library, or without such pages, takes no notice.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

const VARIABLE: &str = "GLIBC_TUNABLES";
const VALUE: &str = "glibc.malloc.hugetlb=1";

/// Starts this program again with large pages, unless somebody has set the variable already. Returns when that is so, or when it
/// can't be started again, in which case it goes on as it is.
pub(crate) fn pages() {
    if std::env::var_os(VARIABLE).is_none() {
        // The link names what runs now, even when the file was replaced meanwhile.
        let mut again = Command::new("/proc/self/exe");
        let mut words = std::env::args_os();
        words.next().into_iter().for_each(|name| _ = again.arg0(name));
        let error = again.args(words).env(VARIABLE, VALUE).exec();
        tracing::warn!(%error, "this program can't be started with large pages and goes on without");
    }
}
