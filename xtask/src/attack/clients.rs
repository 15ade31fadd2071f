//! Clients that mean no good: components one after the other, connections that never finish, uploads that never end.

use crate::cargo::workspace;
use crate::demo::host::DemoHost;
use anyhow::{Context as _, Result};
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Uploads at once: one beside what the host works at.
const UPLOADERS: usize = 3;

/// Uploads components, a few at a time. What is on its way lies in a file, in case the host ends. Gives how many, and the outcomes of
/// them.
pub fn upload_all(host: &DemoHost, name: &str, components: impl Iterator<Item = Result<Vec<u8>>> + Send) -> Result<(usize, String)> {
    let components = Mutex::new(components.enumerate());
    let tally = Mutex::new(Vec::<(u16, usize)>::new());
    let uploader = |number: usize| -> Result<()> {
        let file = workspace().join(format!("target/attack/on-its-way-{number}.wasm"));
        loop {
            let next = components.lock().ok().and_then(|mut components| components.next());
            let Some((_, component)) = next else { return Ok(()) };
            let component = component?;
            std::fs::write(&file, &component).with_context(|| format!("cannot write {}", file.display()))?;
            let status = host.upload_status(&format!("/strategies?user=eve&name={name}"), &component)?;
            if let Ok(mut tally) = tally.lock() {
                match tally.iter_mut().find(|(known, _)| *known == status) {
                    Some((_, count)) => *count += 1,
                    None => tally.push((status, 1)),
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..UPLOADERS).map(|number| scope.spawn(move || uploader(number))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow::anyhow!("an uploader panicked"))?)
    })?;
    let mut tally = tally.into_inner().unwrap_or_default();
    tally.sort_unstable();
    let sent = tally.iter().map(|(_, count)| count).sum();
    let answers: Vec<String> = tally.iter().map(|(status, count)| format!("{count} times {status}")).collect();
    Ok((sent, answers.join(", ")))
}

/// Opens connections that send half a head and then nothing.
pub fn idle_heads(host: &DemoHost, connections: usize, seconds: u64) -> Result<(usize, String)> {
    let opened = open(host, connections, b"GET /api/v1/health HTTP/1.1\r\nhost: localhost\r\nx: ");
    std::thread::park_timeout(Duration::from_secs(seconds));
    let open = opened.iter().filter(|stream| is_open(stream)).count();
    Ok((opened.len(), format!("{open} were still open after {seconds} s")))
}

/// Begins uploads and sends a byte of them in a second.
pub fn slow_uploads(host: &DemoHost, uploads: usize, seconds: u64) -> Result<(usize, String)> {
    let head = format!(
        "POST /api/v1/strategies?user=eve&name=slow HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\ncontent-type: application/wasm\r\n\
         content-length: 1000000\r\n\r\n",
        host.authorization()
    );
    let mut opened = open(host, uploads, head.as_bytes());
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(seconds) {
        opened.iter_mut().for_each(|stream| _ = stream.write_all(b"\0"));
        std::thread::park_timeout(Duration::from_secs(1));
    }
    Ok((opened.len(), String::new()))
}

fn open(host: &DemoHost, count: usize, first: &[u8]) -> Vec<TcpStream> {
    let address = host.url.trim_start_matches("http://");
    let streams = (0..count).filter_map(|_| {
        let mut stream = TcpStream::connect(address).ok()?;
        stream.write_all(first).ok()?;
        Some(stream)
    });
    streams.collect()
}

fn is_open(stream: &TcpStream) -> bool {
    _ = stream.set_nonblocking(true);
    // An answer, or the end, is there to be read; an open one has neither.
    matches!(stream.peek(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}
