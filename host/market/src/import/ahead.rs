//! Reading ahead: a thread unpacks the next of a stream while its rows are parsed.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

const BLOCK_BYTES: usize = 1 << 20;
/// Blocks unpacked and not read yet.
const BLOCKS_MAX: usize = 2;

/// What a thread has read ahead.
pub(super) struct Ahead {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: io::Cursor<Vec<u8>>,
}

/// Calls `read` with `source`, read ahead. The thread ends when the source does, or nobody wants more of it.
pub(super) fn read_ahead<T>(source: impl Read + Send, read: impl FnOnce(Ahead) -> T) -> T {
    thread::scope(|scope| {
        let (into, blocks) = sync_channel(BLOCKS_MAX);
        scope.spawn(move || fill(source, &into));
        read(Ahead { blocks, block: io::Cursor::default() })
    })
}

fn fill(source: impl Read, into: &SyncSender<io::Result<Vec<u8>>>) {
    let mut source = source;
    loop {
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        let read = source.by_ref().take(BLOCK_BYTES as u64).read_to_end(&mut block);
        // What came before an error is sent as well: it may be the rows that a message is about.
        let is_last = read.is_err() || block.is_empty();
        if (!block.is_empty() && into.send(Ok(block)).is_err()) || read.is_err_and(|error| into.send(Err(error)).is_err()) || is_last {
            return;
        }
    }
}

impl Read for Ahead {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.block.position() == self.block.get_ref().len() as u64 {
            // A thread that is gone has sent all there was.
            let Ok(block) = self.blocks.recv() else { return Ok(0) };
            self.block = io::Cursor::new(block?);
        }
        self.block.read(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_ahead_is_what_there_was_up_to_the_error() {
        struct Breaks(usize);
        impl Read for Breaks {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                let count = out.len().min(self.0);
                out[..count].fill(7);
                self.0 -= count;
                if count == 0 { Err(io::Error::other("torn")) } else { Ok(count) }
            }
        }
        let length = 2 * BLOCK_BYTES + 5;
        let mut all = Vec::new();
        let read = read_ahead(Breaks(length), |mut ahead| ahead.read_to_end(&mut all));
        assert_eq!((read.unwrap_err().to_string(), all.len()), ("torn".to_owned(), length));
        let whole: Vec<u8> = (0..length).map(|at| at as u8).collect();
        let again = read_ahead(whole.as_slice(), |ahead| io::BufReader::new(ahead).bytes().collect::<io::Result<Vec<u8>>>());
        assert_eq!(again.unwrap(), whole);
    }

    #[test]
    fn nobody_has_to_read_to_the_end() {
        assert_eq!(read_ahead(io::repeat(1), |mut ahead| ahead.read(&mut [0; 3]).unwrap()), 3);
    }
}
