//! What a command line names on a running host: an engine, an account or a user, by its id or by its name.
//!
//! A number is an id and needs no list, so that a kill switch works while the database does not answer. Names are unique for
//! each user; where two users have one, `USER/NAME` says whose is meant.

use super::shown::{items, shown};
use crate::client::Client;
use crate::exit::{Exit, Failure, Outcome};
use serde_json::Value;

/// An engine's id.
///
/// # Errors
/// Nothing has that name, or several users have something with it.
pub fn engine(client: &Client, given: &str) -> Outcome<u64> {
    id(client, "engine", given)
}

/// An account's id.
///
/// # Errors
/// Nothing has that name, or several users have something with it.
pub fn account(client: &Client, given: &str) -> Outcome<u64> {
    id(client, "account", given)
}

/// A user's name: the API knows users by their names.
///
/// # Errors
/// There is no user with that id. A name is for the host to find.
pub fn user(client: &Client, given: &str) -> Outcome<String> {
    let Ok(id) = given.parse::<u64>() else { return Ok(given.to_owned()) };
    let users = client.all("/users", &[])?;
    let found = items(&users).find(|user| user["id"] == id).or_else(|| items(&users).find(|user| user["name"] == given));
    let none = || Failure::new(Exit::NotFound, format_args!("there is no user {given}; `stockade user list` shows them"));
    found.map(|user| shown(&user["name"])).ok_or_else(none)
}

/// `USER/NAME`, which names one thing on the host.
pub fn full(thing: &Value) -> String {
    format!("{}/{}", shown(&thing["user"]), shown(&thing["name"]))
}

fn id(client: &Client, what: &str, given: &str) -> Outcome<u64> {
    if let Ok(id) = given.parse() {
        return Ok(id);
    }
    let all = client.all(&format!("/{what}s"), &[])?;
    pick(items(&all), given).map_err(|found| match &found[..] {
        [] => Failure::new(Exit::NotFound, format_args!("there is no {what} {given:?}; `stockade {what} list` shows them")),
        several => {
            let names = several.iter().map(|thing| format!("{} (id {})", full(thing), thing["id"])).collect::<Vec<_>>().join(", ");
            let count = several.len();
            Failure::new(Exit::Usage, format_args!("{count} users have an {what} {given:?}; name it by its id, or in full: {names}"))
        }
    })
}

/// The one that is meant, or all that may be.
fn pick<'a>(all: impl Iterator<Item = &'a Value>, given: &str) -> Result<u64, Vec<&'a Value>> {
    let is_meant = |thing: &Value| match given.split_once('/') {
        Some((user, name)) => thing["user"] == user && thing["name"] == name,
        None => thing["name"] == given,
    };
    let found: Vec<&Value> = all.filter(|thing| is_meant(thing)).collect();
    match found[..] {
        [one] => one["id"].as_u64().ok_or(found),
        _ => Err(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_name_that_two_users_have_is_told_apart_by_the_user() {
        let thing = |id: u64, user: &str, name: &str| json!({ "id": id, "user": user, "name": name });
        let all = [thing(1, "anna", "paper"), thing(2, "bob", "paper"), thing(3, "bob", "real")];
        let picked = |given: &str| pick(all.iter(), given).map_err(|found| found.len());
        assert_eq!(picked("real"), Ok(3));
        assert_eq!(picked("paper"), Err(2));
        assert_eq!(picked("bob/paper"), Ok(2));
        assert_eq!(picked("anna/real"), Err(0));
        assert_eq!(picked("none"), Err(0));
    }
}
