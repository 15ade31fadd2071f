//! Compiled code on disk: found after a restart, refused when somebody else may have written it.

use crate::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use stockade_sandbox::{SandboxError, Source};

fn sandbox_in(dir: &Path, bytes_max: u64) -> Cell {
    Cell::new(SandboxConfig { cache_dir: Some(dir.to_owned()), cache_bytes_max: bytes_max, ..SandboxConfig::default() }).unwrap()
}

/// Where a fresh host in `dir` gets the probe's code from; it runs, wherever that is.
fn source_in(dir: &Path) -> Source {
    let sandbox = sandbox_in(dir, 1 << 30);
    let source = sandbox.load(probe()).unwrap().source;
    let mut guest = guest_of(&sandbox, probe(), &behaviour("echo"), GuestLimits::default());
    assert_eq!(tick_once(&mut guest), DONE);
    source
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.extension().is_some_and(|extension| extension == "cwasm")).collect()
}

fn with_entry(check: impl Fn(&Path, &Path)) {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache");
    assert_eq!(source_in(&cache), Source::Compiled);
    check(&cache, &entries(&cache)[0]);
}

#[test]
fn a_restart_finds_what_was_compiled() {
    with_entry(|cache, _| assert_eq!(source_in(cache), Source::Disk));
}

#[test]
fn files_are_the_hosts_alone() {
    with_entry(|cache, entry| {
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(cache), mode(entry), mode(&cache.join("key"))), (0o700, 0o600, 0o600));
    });
}

#[test]
fn a_changed_file_is_thrown_away_and_compiled_again() {
    with_entry(|cache, entry| {
        let whole = fs::read(entry).unwrap();
        let forge = |at: usize| {
            let mut forged = whole.clone();
            forged[at] ^= 1;
            forged
        };
        for forged in [forge(0), forge(whole.len() / 2), forge(whole.len() - 1), whole[..100].to_vec(), vec![]] {
            fs::write(entry, forged).unwrap();
            assert_eq!(source_in(cache), Source::Compiled);
            assert_eq!(source_in(cache), Source::Disk, "and kept anew");
        }
    });
}

#[test]
fn a_folder_in_a_files_place_makes_room_for_it() {
    with_entry(|cache, entry| {
        fs::remove_file(entry).unwrap();
        fs::create_dir(entry).unwrap();
        fs::write(entry.join("something"), "of somebody").unwrap();
        assert_eq!(source_in(cache), Source::Compiled);
        assert_eq!(source_in(cache), Source::Disk, "and kept anew");
    });
}

#[test]
fn code_of_another_component_does_not_pass_for_this_one() {
    with_entry(|cache, entry| {
        let sandbox = sandbox_in(cache, 1 << 30);
        sandbox.load(components::ema_cross()).unwrap();
        let other = entries(cache).into_iter().find(|path| path != entry).unwrap();
        fs::copy(other, entry).unwrap();
        assert_eq!(source_in(cache), Source::Compiled);
    });
}

#[test]
fn another_hosts_files_are_refused() {
    with_entry(|cache, _| {
        fs::remove_file(cache.join("key")).unwrap();
        assert_eq!(source_in(cache), Source::Compiled);
    });
}

#[test]
fn a_key_that_others_could_read_is_replaced() {
    with_entry(|cache, _| {
        fs::set_permissions(cache.join("key"), fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(source_in(cache), Source::Compiled);
    });
}

#[test]
fn the_oldest_file_makes_room() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = sandbox_in(dir.path(), 1);
    sandbox.load(probe()).unwrap();
    sandbox.load(components::ema_cross()).unwrap();
    assert_eq!(entries(dir.path()).len(), 1);
}

#[test]
fn what_engines_need_stays_on_disk_whatever_others_upload_and_the_rest_goes_by_its_last_use() {
    let dir = tempfile::tempdir().unwrap();
    let digests = |dir: &Path| -> Vec<String> {
        let names = entries(dir).into_iter().map(|path| path.file_name().unwrap().to_str().unwrap()[..64].to_owned());
        names.collect()
    };
    let [first, second, third] = [1, 2, 3].map(|number| [probe(), &[0, 2, 1, number]].concat());
    let sandbox = sandbox_in(dir.path(), 1 << 30);
    let [one, two] = [&first, &second].map(|component| sandbox.load(component).unwrap().digest);
    let all: u64 = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    drop(sandbox);
    // Room for what is there and not for another; the first was written before the second and is used after it.
    let sandbox = sandbox_in(dir.path(), all + 1_000);
    sandbox.load(&second).unwrap();
    assert_eq!(sandbox.load(&first).unwrap().source, Source::Disk);
    let three = sandbox.load(&third).unwrap().digest;
    let there = digests(dir.path());
    let has = |digest: &domain::ids::Digest| there.contains(&digest.to_string());
    assert_eq!([has(&one), has(&two), has(&three)], [true, false, true]);

    let _kept = sandbox.keep_ready(&one).unwrap();
    for number in 4..9 {
        sandbox.load(&[probe(), &[0, 2, 1, number]].concat()).unwrap();
    }
    assert!(digests(dir.path()).contains(&one.to_string()), "an engine needs it");
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let config = SandboxConfig { cache_dir: Some(file.path().join("cache")), ..SandboxConfig::default() };
    let Err(SandboxError::Cache { path, .. }) = Cell::new(config) else { panic!("a file is no directory") };
    assert_eq!(path, file.path().join("cache"));
}
