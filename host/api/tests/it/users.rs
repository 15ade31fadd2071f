//! Users.

use crate::support::{World, json};

#[tokio::test(flavor = "multi_thread")]
async fn users_are_added_once_and_listed_in_pages() {
    let world = World::new().await;
    for name in ["ann", "ben", "cid"] {
        let user = world.post("/users", serde_json::json!({ "name": name })).await.created();
        assert_eq!((&user["name"], &user["created_at"]), (&name.into(), &"2025-01-01T00:00:00.000000Z".into()));
    }
    world.post("/users", json(r#"{"name":"ann"}"#)).await.refused(409, "ALREADY_EXISTS", "\"ann\"");
    world.post("/users", json(r#"{"name":" "}"#)).await.refused(422, "INVALID_VALUE", "a space is not allowed");
    world.post("/users", json(r#"{"name":"ANN"}"#)).await.refused(409, "ALREADY_EXISTS", "\"ANN\"");
    world.post("/users", json(r#"{"name":"\u0430nn"}"#)).await.refused(422, "INVALID_VALUE", "of another alphabet");
    world.post("/users", json(r#"{"name":"\u202eadmin"}"#)).await.refused(422, "INVALID_VALUE", "U+202E is not allowed");
    assert_eq!(world.get("/accounts?user=Ann").await.ok()["items"], json("[]"), "she is found in any case");

    let first = world.get("/users?limit=2").await.ok();
    assert_eq!((&first["items"][1]["name"], &first["next"]), (&"ben".into(), &2.into()));
    let rest = world.get("/users?limit=2&after=2").await.ok();
    assert_eq!((&rest["items"][0]["name"], &rest["next"]), (&"cid".into(), &serde_json::Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_does_is_in_the_audit() {
    let world = World::running().await;
    let audit = world.store.audit(store::Page::default()).await.unwrap();
    let actions: Vec<_> = audit.iter().rev().map(|row| (row.entry.actor.as_str(), row.entry.action.as_str())).collect();
    let by = "operator";
    assert_eq!(actions, [(by, "user.create"), (by, "account.open"), (by, "version.upload"), (by, "engine.add"), (by, "engine.start")]);
}
