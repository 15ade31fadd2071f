//! Limits and the kill switch, as an operator types them.

use crate::host::Host;
use crate::program::Place;

#[test]
fn limits_are_set_shown_and_reset_and_a_halt_is_lifted() {
    let place = Place::new();
    let host = Host::start(&place);
    host.ask(&place, &["user", "add", "anna"]);
    host.ask(&place, &["account", "add", "paper", "--user", "anna"]);

    let set = host.ask(&place, &["limits", "set", "daily_loss_max=500", "order_centilots_max=70", "--account", "1"]);
    assert!(set.starts_with("set; they hold from the next order on:") && set.contains("\"daily_loss_max\": 500"), "{set}");
    host.ask(&place, &["limits", "set", "order_centilots_max=60", "--user", "anna"]);
    host.ask(&place, &["limits", "set", "order_centilots_max=65"]);
    let shown = host.ask(&place, &["limits", "show", "1"]);
    let line = |name: &str| {
        let line = shown.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in\n{shown}"));
        line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("order_centilots_max"), "60 70 60 65", "what holds, the account's, the user's, the operator's");
    assert_eq!(line("daily_loss_max"), "500 500 - -");
    host.ask(&place, &["limits", "set", "daily_loss_max=", "--account", "1"]);
    assert!(!host.ask(&place, &["limits", "show", "1"]).contains("daily_loss_max"));
    assert_eq!(host.ask(&place, &["limits", "reset", "1"]), "account 1 may open again\n");
    let url = ["--url", &host.url];
    place.fails(&[&["limits", "set", "luck=1", "--account", "1"][..], &url].concat(), 4, &["luck"]);
    place.fails(&[&["limits", "set", "daily_loss_max"][..], &url].concat(), 2, &["NAME=VALUE"]);
    place.fails(&[&["limits", "show", "9"][..], &url].concat(), 3, &["there is no account 9"]);

    assert_eq!(host.ask(&place, &["resume"]), "the host was not halted; nothing has changed\n");
    assert!(host.ask(&place, &["halt", "--reason", "news"]).starts_with("the host is halted: nothing is opened any more"));
    assert!(host.ask(&place, &["halt", "--account", "1", "--cancel-orders", "--flatten"]).starts_with("account 1 is halted"));
    let resumed = host.ask(&place, &["resume", "--account", "1"]);
    assert_eq!(resumed, "account 1 may open again, but the host is halted and opens nothing; `stockade resume` lifts that\n");
    assert_eq!(host.ask(&place, &["resume"]), "the host may open again; what is halted below it stays so\n");
    assert_eq!(host.ask(&place, &["resume", "--account", "1"]), "account 1 was not halted; nothing has changed\n");
    place.fails(&[&["halt", "--engine", "9"][..], &url].concat(), 3, &["no engine 9"]);
    assert_eq!(host.ask(&place, &["reconcile"]), "account 1 (paper): same\n");
}
