//! Who gets in, and what a request may be.

use crate::support::{TOKEN, World, json};
use axum::body::Body;
use axum::http::{Method, Request, header};

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_without_the_token() {
    let world = World::new().await;
    for (method, path) in [
        (Method::GET, "/users"),
        (Method::POST, "/users"),
        (Method::GET, "/accounts?user=ann"),
        (Method::GET, "/strategies?user=ann"),
        (Method::POST, "/strategies?user=ann&name=x"),
        (Method::GET, "/engines"),
        (Method::POST, "/engines/1/start"),
        (Method::GET, "/orders?user=ann"),
        (Method::POST, "/trading"),
        (Method::GET, "/stream"),
    ] {
        let refused = |token| world.ask(method.clone(), path, token, Body::empty(), None);
        let answer = refused(None).await;
        assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer realm=\"stockade\"");
        answer.refused(401, "UNAUTHORIZED", "authorization: Bearer TOKEN");
        for wrong in ["", "token-of-the-operato", "token-of-the-operator2", "TOKEN-OF-THE-OPERATOR"] {
            refused(Some(wrong)).await.refused(401, "UNAUTHORIZED", "not the operator's token");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_another_scheme_is_no_token() {
    let world = World::new().await;
    for (value, fits) in [(format!("Basic {TOKEN}"), false), (TOKEN.into(), false), (format!("bearer {TOKEN}"), true)] {
        let request = Request::get("/api/v1/users").header(header::AUTHORIZATION, value).body(Body::empty()).unwrap();
        assert_eq!(world.send(request).await.status.is_success(), fits);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_and_methods_that_are_not_there_are_problems() {
    let world = World::new().await;
    world.get("/nothing").await.refused(404, "NO_SUCH_ROUTE", "/api/v1/nothing");
    let answer = world.ask(Method::DELETE, "/users", Some(TOKEN), Body::empty(), None).await;
    let allowed = answer.headers[header::ALLOW].to_str().unwrap().to_owned();
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
    answer.refused(405, "METHOD_NOT_ALLOWED", "allow header");
    world.get("/engines/seven").await.refused(400, "INVALID_PATH", "seven");
    world.get("/users?limit=0").await.refused(400, "INVALID_QUERY", "limit may be 1 to 1000");
    world.get("/users?size=3").await.refused(400, "INVALID_QUERY", "size");
    world.get("/strategies").await.refused(400, "INVALID_QUERY", "user");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_number_may_be_written_with_a_fraction_of_nothing() {
    let world = World::new().await;
    world.post("/users", json(r#"{"name":"ann"}"#)).await.created();
    let account = |name: &str, leverage: &str| {
        let body = format!(r#"{{"name":"{name}","leverage":{leverage}}}"#);
        world.ask(Method::POST, "/accounts?user=ann", Some(TOKEN), body.into(), Some("application/json"))
    };
    for (name, leverage) in [("a", "30.0"), ("b", "3e1"), ("c", "30")] {
        assert_eq!(account(name, leverage).await.created()["leverage"], 30, "{leverage}");
    }
    for leverage in ["30.5", "-30.0", "1e300", "4294967296.0", "\"30\""] {
        account("d", leverage).await.refused(422, "INVALID_BODY", "leverage");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_checked_from_the_outside_in() {
    let world = World::new().await;
    let post = |body: String, kind| world.ask(Method::POST, "/users", Some(TOKEN), body.into(), kind);
    post(r#"{"name":"ann"}"#.into(), None).await.refused(415, "UNSUPPORTED_MEDIA_TYPE", "application/json");
    post(r#"{"name":"ann""#.into(), Some("application/json")).await.refused(400, "MALFORMED_JSON", "JSON");
    post(r#"{"name":7}"#.into(), Some("application/json")).await.refused(422, "INVALID_BODY", "name");
    post(r#"{"name":"ann","admin":true}"#.into(), Some("application/json")).await.refused(422, "INVALID_BODY", "admin");
    let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(70_000));
    post(long, Some("application/json")).await.refused(413, "BODY_TOO_LARGE", "64 KiB");
    assert_eq!(world.get("/users").await.ok()["items"], json("[]"));
}
