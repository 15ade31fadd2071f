//! Disks that are full or broken, for real: the journal runs in a process of its own, on a file system that has no room, or
//! under strace, which has the kernel's calls fail. What was acknowledged must be found again, and nothing is acknowledged
//! that can't be.

use crate::samples::{append_to, engine, nth, place, request, symbols};
use std::path::Path;
use std::process::{Command, Output};
use stockade_store::Store;

/// Where the process under test keeps its database; set for it alone.
const FILE: &str = "JOURNAL_ON_A_BAD_DISK";

/// The process under test: records orders until some were refused, and prints each outcome.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_under_test() {
    // Run by the tests below only; there is nothing to see without a bad disk.
    let Ok(file) = std::env::var(FILE) else { return };
    // After the name of the test, which stands at the line's beginning.
    println!();
    let store = Store::open(Path::new(&file)).await.unwrap();
    let engine = engine(&store, "anna").await;
    let mut journal = store.journal(&symbols(), 0).await.unwrap();
    let account = engine.account;
    let refused = tokio::task::spawn_blocking(move || {
        let mut refused = 0;
        for number in 1..=20_000 {
            match append_to(journal.as_mut(), &[place(account, nth(engine.id, number), 1, request())]) {
                Ok(()) => println!("acknowledged {number}"),
                Err(error) => {
                    println!("refused {number}: {error}");
                    refused += 1;
                }
            }
            if refused == 3 {
                break;
            }
        }
        refused
    })
    .await
    .unwrap();
    let held = store.ledger(account, &symbols()).await.map_or(0, |ledger| ledger.orders.len());
    println!("found {held} after {refused} refusals");
}

/// Runs the process under test by a command line that comes before it.
fn run(before: &[&str], file: &Path) -> Output {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(before[0]);
    command.args(&before[1..]).arg(program).args(["--exact", "disk::the_process_under_test", "--nocapture", "--test-threads=1"]);
    command.env(FILE, file).output().unwrap()
}

/// The numbers of the orders that were acknowledged, and the lines about those that were not.
fn said(output: &Output) -> (Vec<u32>, Vec<String>) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers = text.lines().filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok()).collect();
    (numbers, text.lines().filter(|line| line.starts_with("refused ")).map(str::to_owned).collect())
}

/// Whether a tool is there and may do its work here.
fn works(tool: &[&str]) -> bool {
    let worked = Command::new(tool[0]).args(&tool[1..]).output().is_ok_and(|output| output.status.success());
    if !worked {
        eprintln!("NOT TESTED: `{}` does not work on this machine", tool.join(" "));
    }
    worked
}

/// Calls of the kernel fail from the nth on, and the file is opened again without: everything acknowledged is in it.
async fn check(inject: &str, why: &str) {
    if !works(&["strace", "-o", "/dev/null", "true"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stockade.db");
    let output = run(&["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync,pwrite64", "-e", inject], &file);
    let (acknowledged, refused) = said(&output);
    assert!(!acknowledged.is_empty() && refused.len() == 3, "{inject}: {}", String::from_utf8_lossy(&output.stdout));
    assert!(refused[0].contains("the journal can't be written") && refused[0].contains(why), "{inject}: {refused:?}");
    let store = Store::open(&file).await.expect("the file is whole");
    let owner = store.find_user("anna").await.unwrap().expect("she was written first").id;
    let account = store.find_account(owner, "main").await.unwrap().expect("so was this").id;
    let found = store.ledger(account, &symbols()).await.unwrap().orders;
    for number in &acknowledged {
        assert!(found.keys().any(|id| id.number() == *number), "{inject}: order {number} was acknowledged and is gone");
    }
    // One commit may have reached the disk although the answer was that it had not; never more.
    assert!(found.len() <= acknowledged.len() + 1, "{inject}: {} found, {} acknowledged", found.len(), acknowledged.len());
}

#[tokio::test]
async fn nothing_is_acknowledged_that_could_not_be_synced() {
    check("inject=fsync,fdatasync:error=EIO:when=200+", "I/O error").await;
}

#[tokio::test]
async fn nothing_is_acknowledged_that_could_not_be_written() {
    check("inject=pwrite64:error=EIO:when=3000+", "I/O error").await;
}

#[tokio::test]
async fn a_disk_that_is_full_is_named_and_keeps_what_it_has() {
    check("inject=pwrite64:error=ENOSPC:when=3000+", "the disk is full").await;
}

#[test]
fn a_file_system_without_room_is_named_and_what_was_acknowledged_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let small = format!("mount -t tmpfs -o size=2m none {} && ", folder.path().display());
    if !works(&["unshare", "--mount", "sh", "-c", &format!("{small} true")]) {
        return;
    }
    // The file system is gone with the process, which therefore looks itself.
    let output = run(&["unshare", "--mount", "sh", "-c", &(small + "exec \"$@\""), "sh"], &folder.path().join("stockade.db"));
    let (acknowledged, refused) = said(&output);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!acknowledged.is_empty() && refused.len() == 3, "{text}");
    assert!(refused.iter().all(|line| line.contains("the disk is full")), "{refused:?}");
    assert!(text.contains(&format!("found {} after 3 refusals", acknowledged.len())), "{text}");
}
