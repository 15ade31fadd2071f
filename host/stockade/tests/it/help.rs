//! Help and usage.

use crate::program::Place;

#[test]
fn help_names_the_commands_and_the_exit_codes() {
    let help = Place::new().ok(&["--help"]);
    for word in [
        "strategy",
        "import",
        "backtest",
        "optimise",
        "serve",
        "engine",
        "user",
        "account",
        "health",
        "doctor",
        "data",
        "config",
        "Exit codes:",
        "--json",
    ] {
        assert!(help.contains(word), "--help does not name {word}:\n{help}");
    }
    assert!(help.lines().all(|line| line.chars().count() <= 120), "a line is too long to read");
}

#[test]
fn every_command_explains_itself() {
    let place = Place::new();
    let commands = [
        "strategy",
        "strategy new",
        "strategy sdk",
        "strategy build",
        "strategy check",
        "strategy describe",
        "strategy upload",
        "import",
        "data list",
        "backtest",
        "optimise",
        "serve",
        "user add",
        "user list",
        "user show",
        "account add",
        "account list",
        "engine add",
        "engine start",
        "engine stop",
        "engine pause",
        "engine resume",
        "engine swap",
        "engine shadow",
        "engine change",
        "engine remove",
        "engine show",
        "engine history",
        "engine positions",
        "engine orders",
        "engine deals",
        "account show",
        "account positions",
        "account orders",
        "account deals",
        "strategy list",
        "strategy versions",
        "audit",
        "completions",
        "man",
        "engine list",
        "engine signals",
        "engine logs",
        "health",
        "halt",
        "resume",
        "reconcile",
        "limits show",
        "doctor",
        "config example",
        "config show",
    ];
    for command in commands {
        let arguments: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let help = place.ok(&arguments);
        assert!(help.contains("Usage: stockade ") && help.lines().next().is_some_and(|line| line.len() > 5), "{command}:\n{help}");
    }
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    let place = Place::new();
    for arguments in [
        &["fly"][..],
        &["backtest"],
        &["backtest", "x.wasm", "--leverage", "0"],
        &["import", "x", "--format", "xls"],
        &["engine", "add", "e"],
    ] {
        let ran = place.run(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {ran:?}");
        assert!(ran.err.contains("error:"), "{}", ran.err);
    }
}

#[test]
fn the_example_configuration_is_taken_as_it_is() {
    let place = Place::new();
    let example = place.ok(&["config", "example"]);
    place.file("stockade.toml", &example);
    let with = place.ok(&["config", "show"]);
    std::fs::remove_file(place.path("stockade.toml")).expect("it was there");
    assert_eq!(with, place.ok(&["config", "show"]));
    assert!(!with.contains("operator_token"), "the token is nobody's to see");
}

#[test]
fn the_doctor_says_what_mends_it() {
    let place = Place::new();
    let found: serde_json::Value = serde_json::from_str(&place.ok(&["doctor", "--json"])).expect("JSON");
    let findings = found.as_array().expect("a list");
    assert!(findings.len() >= 9, "{found}");
    assert!(findings.iter().all(|finding| finding["standing"] == "ok" || finding["mend"].is_string() || finding["found"].is_string()));
    let ran = Place::new().run(&["doctor", "--data-dir", "/proc/nowhere"]);
    assert_eq!(ran.code, 7);
    assert!(ran.out.contains("MISSING  data folder") && ran.out.contains("mend it: "), "{}", ran.out);
}
