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
    let row = set.lines().find(|line| line.starts_with("daily_loss_max")).map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert!(
        set.starts_with("set; they hold from the next order on:") && row == Some(vec!["daily_loss_max", "500", "500", "-", "-"]),
        "{set}"
    );
    host.ask(&place, &["limits", "set", "order_centilots_max=60", "--user", "anna"]);
    let set = host.ask(&place, &["limits", "set", "order_centilots_max=65"]);
    assert!(set.lines().any(|line| line.split_whitespace().eq(["order_centilots_max", "65"])), "{set}");
    let shown = host.ask(&place, &["limits", "show", "--account", "1"]);
    let line = |name: &str| {
        let line = shown.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in\n{shown}"));
        line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("order_centilots_max"), "60 70 60 65", "what holds, the account's, the user's, the operator's");
    assert_eq!(line("daily_loss_max"), "500 500 - -");
    host.ask(&place, &["limits", "set", "daily_loss_max=", "--account", "1"]);
    assert!(!host.ask(&place, &["limits", "show", "--account", "1"]).contains("daily_loss_max"));
    assert_eq!(host.ask(&place, &["limits", "reset", "--account", "paper"]), "account 1 may open again\n");
    let url = ["--url", &host.url];
    place.fails(&[&["limits", "set", "luck=1", "--account", "1"][..], &url].concat(), 4, &["unknown field `luck`"]);
    let wrong = [&["limits", "set", "positions_max=abc", "--account", "1"][..], &url].concat();
    place.fails(&wrong, 4, &["stockade: positions_max: invalid type: string \"abc\", expected a whole number of 0 or more"]);
    place.fails(&[&["limits", "set", "daily_loss_max"][..], &url].concat(), 2, &["NAME=VALUE"]);
    place.fails(&[&["limits", "show", "--account", "9"][..], &url].concat(), 3, &["there is no account 9"]);

    assert_eq!(host.ask(&place, &["resume"]), "the host was not halted; nothing has changed\n");
    assert!(host.ask(&place, &["halt", "--reason", "news"]).starts_with("the host is halted: nothing is opened any more"));
    let halted = host.ask(&place, &["halt", "--account", "paper", "--reason", "too wild", "--cancel-orders", "--flatten"]);
    assert!(halted.starts_with("account 1 is halted"), "by its name: {halted}");
    let listed = host.ask(&place, &["account", "list"]);
    assert!(listed.starts_with("the host is halted by the operator since 20") && listed.contains(": news; `stockade resume` lifts that"));
    assert!(listed.contains("anna/paper: account 1 is halted by the operator since 20") && listed.contains(": too wild;"), "{listed}");
    let health = host.ask(&place, &["health"]);
    assert!(health.contains("trading   the host is halted by the operator since 20"), "{health}");
    let resumed = host.ask(&place, &["resume", "--account", "anna/paper"]);
    assert!(resumed.starts_with("account 1 may open again, but opens nothing yet: the host is halted by the operator"), "{resumed}");
    host.ask(&place, &["halt", "--account", "1", "--reason", "too wild"]);
    let resumed = host.ask(&place, &["resume"]);
    assert!(resumed.starts_with("the host may open again\nstill: anna/paper: account 1 is halted by the operator since 20"), "{resumed}");
    assert!(resumed.contains("`stockade resume --account 1` lifts that"), "{resumed}");
    let nothing = host.ask(&place, &["resume"]);
    assert!(nothing.starts_with("the host was not halted; nothing has changed\nstill: anna/paper"), "{nothing}");
    assert_eq!(host.ask(&place, &["resume", "--user", "anna"]), "account 1 may open again\n");
    assert_eq!(host.ask(&place, &["resume", "--account", "1"]), "account 1 was not halted; nothing has changed\n");
    place.fails(&[&["halt", "--account", "none"][..], &url].concat(), 3, &["there is no account \"none\"; `stockade account list`"]);
    place.fails(&[&["halt", "--user", "bob"][..], &url].concat(), 3, &["no user \"bob\"", "`stockade user add bob` makes one"]);
    // Two users have an account of that name: whose is meant is for a person to say.
    host.ask(&place, &["user", "add", "bob"]);
    host.ask(&place, &["account", "add", "paper", "--user", "bob"]);
    place.fails(&[&["halt", "--account", "paper"][..], &url].concat(), 2, &["anna/paper (id 1), bob/paper (id 2)"]);
    assert!(host.ask(&place, &["halt", "--account", "bob/paper"]).starts_with("account 2 is halted"));
    host.ask(&place, &["resume", "--account", "bob/paper"]);
    place.fails(&[&["halt", "--engine", "9"][..], &url].concat(), 3, &["no engine 9"]);
    assert_eq!(host.ask(&place, &["reconcile"]), "account 1 (paper): same\naccount 2 (paper): same\n");
}
