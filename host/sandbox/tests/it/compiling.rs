//! Compiling in a child: what it makes runs, and what it may not use ends it and nobody else.

use crate::crafted::with_module;
use crate::*;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;
use stockade_sandbox::{CompileLimits, Compiler, LoadError, Profile, Source};

fn child(limits: Option<CompileLimits>) -> Compiler {
    Compiler::Child { program: env!("CARGO_BIN_EXE_stockade-compile").into(), arguments: vec![], limits }
}

fn sandbox_with(compiler: Compiler) -> Cell {
    Cell::new(SandboxConfig { compiler, ..SandboxConfig::default() }).unwrap()
}

/// Loops within loops, and variables that change in all of them: each loop carries each variable. Within every maximum.
fn bomb() -> Vec<u8> {
    const LOOPS: usize = 60;
    const VARIABLES: usize = 1_900;
    let locals = "(local i32)".repeat(VARIABLES);
    let changes: String =
        (0..VARIABLES).map(|at| format!("(local.set {at} (i32.add (local.get {at}) (local.get {})))", (at * 7 + 1) % VARIABLES)).collect();
    let ends = "(br_if 0 (local.get 0)))".repeat(LOOPS);
    with_module(components::ema_cross(), &format!("(module (func {locals} {}{changes}{ends}))", "(loop ".repeat(LOOPS)))
}

#[track_caller]
fn refused(limits: CompileLimits, parts: &[&str]) {
    let sandbox = sandbox_with(child(Some(limits)));
    let Err(LoadError::Unfit(why)) = sandbox.load(&bomb()) else { panic!("a bomb was compiled") };
    assert!(!why.contains('\n'), "one line: {why}");
    for part in parts {
        assert!(why.contains(part), "{part:?} is missing in: {why}");
    }
    // The next one has a child of its own.
    guest_of(&sandbox, components::ema_cross(), &[], GuestLimits::default());
}

const AMPLE: CompileLimits = CompileLimits { cpu_s: 60, address_bytes: 4 << 30, wall: Duration::from_secs(600) };

#[test]
fn what_a_child_compiled_runs_and_its_cost_is_known() {
    let sandbox = sandbox_with(child(None));
    let loaded = sandbox.load(probe()).unwrap();
    assert_eq!((loaded.source, loaded.profile), (Source::Compiled, Profile::Native));
    assert!(loaded.compile.peak_memory_bytes > 1 << 20 && loaded.compile.took > Duration::ZERO, "{:?}", loaded.compile);
    let mut guest = guest_of(&sandbox, probe(), &behaviour("echo"), GuestLimits::default());
    assert_eq!(tick_once(&mut guest), DONE);
}

#[test]
fn a_bomb_is_stopped_at_its_processor_time_and_others_go_on_meanwhile() {
    let mut neighbour = Neighbour::moves_in();
    std::thread::scope(|scope| {
        let limits = CompileLimits { cpu_s: 1, ..AMPLE };
        let compiling = scope.spawn(move || refused(limits, &["more than 1 s of processor time", "largest function is number 0", "split"]));
        while !compiling.is_finished() {
            neighbour.goes_on();
        }
        compiling.join().unwrap();
    });
}

#[test]
fn a_bomb_is_stopped_at_its_memory() {
    refused(CompileLimits { address_bytes: 96 << 20, ..AMPLE }, &["more than 96 MiB of memory", "largest function is number 0"]);
}

#[test]
fn a_bomb_is_stopped_at_its_wall_clock() {
    let sandbox = sandbox_with(child(Some(CompileLimits { wall: Duration::from_millis(1), ..AMPLE })));
    let Err(LoadError::Unfit(why)) = sandbox.load(&bomb()) else { panic!("a bomb was compiled") };
    assert!(why.contains("more than 0.001 s"), "{why}");
}

#[test]
fn a_child_that_nobody_waits_for_is_ended() {
    let sandbox = sandbox_with(child(Some(AMPLE)));
    let given_up = std::sync::atomic::AtomicBool::new(true);
    let begun = std::time::Instant::now();
    assert!(matches!(sandbox.load_unless(&bomb(), &given_up), Err(LoadError::Busy(_))));
    assert!(begun.elapsed() < Duration::from_secs(30), "a bomb takes a minute of processor time: {:?}", begun.elapsed());
}

#[test]
fn a_compiler_that_cannot_be_started_or_does_not_answer_is_the_hosts_failure() {
    let failure = |program: &str, script: &str| {
        let arguments = vec!["-c".into(), script.into()];
        let sandbox = sandbox_with(Compiler::Child { program: program.into(), arguments, limits: None });
        let Err(LoadError::Failed(why)) = sandbox.load(probe()) else { panic!("{program} is no compiler") };
        why
    };
    assert!(failure("/there/is/no/such/program", "").contains("can't be started"));
    assert!(failure("/bin/sh", "echo out of order >&2; exit 3").contains("out of order"));
    assert!(failure("/bin/sh", "echo ok 5 0; echo abc").contains("without an answer"), "an answer that breaks off is refused");
    // Cargo sets this one for every test; a child has nothing of its parent's.
    assert!(failure("/bin/sh", "echo environment: ${CARGO_MANIFEST_DIR-empty} >&2").contains("environment: empty"));
}

#[test]
fn functions_compiled_before_are_not_compiled_again() {
    let dir = tempfile::tempdir().unwrap();
    let load = || {
        let config = SandboxConfig { compiler: child(None), cache_dir: Some(dir.path().to_owned()), ..SandboxConfig::default() };
        let sandbox = Cell::new(config).unwrap();
        let loaded = sandbox.load(probe()).unwrap();
        let mut guest = guest_of(&sandbox, probe(), &behaviour("echo"), GuestLimits::default());
        assert_eq!(tick_once(&mut guest), DONE);
        loaded
    };
    let file = |extension: &str| {
        let mut all = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
        all.find(|path| path.extension().is_some_and(|found| found == extension)).unwrap()
    };
    let pack_bytes = || fs::metadata(file("pack")).unwrap().len();
    let compiled_again = || {
        fs::remove_file(file("cwasm")).unwrap();
        assert_eq!(load().source, Source::Compiled);
    };
    let first = load();
    assert_eq!(fs::metadata(file("pack")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(load().compile.peak_memory_bytes, first.compile.peak_memory_bytes, "the cost is kept with the code");
    let before = pack_bytes();
    compiled_again();
    // What is compiled again is added; for some of wasmtime's own trampolines that is every time.
    assert!(pack_bytes() - before < before / 4, "{before} bytes became {}", pack_bytes());

    let pack = fs::read(file("pack")).unwrap();
    let mut forged = pack.clone();
    forged[100] ^= 1;
    fs::write(file("pack"), forged).unwrap();
    compiled_again();
    assert!(pack_bytes() < pack.len() as u64, "what is not the host's own was thrown away, and all made anew");
}
