//! Whatever stands in a body, a query or a path: an answer, and never a 5xx.

use crate::support::{TOKEN, World};
use axum::body::Body;
use axum::http::{Method, Request, header};
use serde_json::{Value, json};

/// Good bodies of every endpoint that takes one: what is changed.
fn requests() -> Vec<(Method, &'static str, Value)> {
    let limits = json!({ "order_lots_max": 5.0, "orders_per_minute_max": 100, "daily_loss_max": 1000.0, "stop_loss_required": true });
    vec![
        (Method::POST, "/users", json!({ "name": "zoe" })),
        (Method::POST, "/accounts?user=ann", json!({ "name": "other", "deposit": 1000.0, "currency": "EUR", "leverage": 30 })),
        (Method::PATCH, "/accounts/1", json!({ "trading": "reducing", "reason": "x", "cancel_orders": true, "flatten": false })),
        (
            Method::POST,
            "/engines?user=ann",
            json!({ "name": "two", "account": "paper", "strategy": "cross", "symbols": ["EURUSD"], "params": { "fast": "3" }, "seed": 7, "mode": "paper" }),
        ),
        (
            Method::PATCH,
            "/engines/1",
            json!({ "params": { "fast": "3" }, "defaults": ["mood"], "trading": "active", "forget_state": false }),
        ),
        (Method::POST, "/engines/1/swap", json!({ "version": "0123456789", "params": { "fast": "5" } })),
        (Method::POST, "/engines/1/shadow", json!({ "version": "0123456789", "params": {} })),
        (Method::POST, "/trading", json!({ "trading": "active", "reason": "x", "cancel_orders": false, "flatten": false })),
        (Method::PUT, "/limits", limits.clone()),
        (Method::PUT, "/users/limits?user=ann", limits.clone()),
        (Method::PUT, "/accounts/1/limits", limits),
        (Method::POST, "/strategies?user=ann&name=cross", json!("trader")),
    ]
}

/// What a value is replaced by.
fn odd() -> Vec<Value> {
    let numbers = [-1.0, 0.5, 1e300, -1e300, 4_294_967_296.0, 9.3e18, 1e-320];
    let texts = ["", " ", "\u{0}", "\u{202e}x", "\u{1b}[2J", "NaN", "-0", "../../x", "ａｎｎ", "\u{fffd}"];
    let long = "x".repeat(70_000);
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    let others =
        [Value::Null, json!(true), json!([]), json!({}), json!([[], {}]), json!({ "a": { "a": [] } }), json!(u64::MAX), json!(long), deep];
    numbers.iter().map(|number| json!(number)).chain(texts.iter().map(|text| json!(text))).chain(others).collect()
}

/// Every way to put one odd value into a body, a field of it or a field's field; to leave a field out, and to add one.
fn changed(body: &Value) -> Vec<Value> {
    let mut all = odd();
    if let Value::Object(fields) = body {
        for (name, value) in fields {
            let with = |value: Option<Value>| {
                let mut fields = fields.clone();
                match value {
                    Some(value) => fields.insert(name.clone(), value),
                    None => fields.remove(name),
                };
                Value::Object(fields)
            };
            all.push(with(None));
            all.extend(odd().into_iter().map(|odd| with(Some(odd))));
            if value.is_object() {
                all.extend(changed(value).into_iter().map(|inner| with(Some(inner))));
            }
        }
        all.extend(odd().into_iter().map(|odd| {
            let mut fields = fields.clone();
            fields.insert("more".into(), odd);
            Value::Object(fields)
        }));
    }
    all
}

async fn sent(world: &World, method: &Method, path: &str, body: Vec<u8>) {
    let request = Request::builder().method(method).uri(format!("/api/v1{path}"));
    let request = request.header(header::AUTHORIZATION, format!("Bearer {TOKEN}")).header(header::CONTENT_TYPE, "application/json");
    let shown = String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
    let answer = world.send(request.body(Body::from(body)).unwrap()).await;
    assert!(answer.status.as_u16() < 500, "{method} {path} {shown}: {} {}", answer.status, answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_body_leads_to_a_failure_of_the_host() {
    let world = World::running().await;
    for (method, path, good) in requests() {
        for body in changed(&good) {
            sent(&world, &method, path, body.to_string().into_bytes()).await;
        }
        let whole = good.to_string().into_bytes();
        // Every third place: each is a request to a real database.
        for at in (0..whole.len()).step_by(3) {
            let mut cut = whole.clone();
            cut[at] ^= 0xC0;
            sent(&world, &method, path, cut).await;
            sent(&world, &method, path, whole[..at].to_vec()).await;
        }
    }
    for path in ["/engines/1", "/accounts/1", "/engines?user=ann", "/users/usage?user=ann", "/health", "/strategies?user=ann"] {
        assert!(world.get(path).await.status.is_success(), "{path} is as readable as ever");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_or_query_leads_to_a_failure_of_the_host() {
    let world = World::running().await;
    let values = [
        "",
        "0",
        "-1",
        "4294967295",
        "4294967296",
        "18446744073709551616",
        "1.0",
        "NaN",
        "%00",
        "%ff",
        "%F0%9F%92%A9",
        "..%2f..",
        "a%20b",
        "%E2%80%AE",
    ];
    let paths = [
        "/engines/{}",
        "/accounts/{}",
        "/engines/{}/logs",
        "/engines/{}/steps",
        "/strategies/{}/versions?user=ann",
        "/strategies/cross/versions/{}?user=ann",
        "/engines?user={}",
        "/engines?user=ann&limit={}",
        "/engines?user=ann&after={}",
        "/engines/1/logs?after={}&limit={}",
        "/orders?engine={}",
        "/orders?account={}&limit={}",
        "/users/usage?user={}",
        "/users?limit={}",
    ];
    for path in paths {
        for value in values {
            let path = path.replace("{}", value);
            let answer = world.ask(Method::GET, &path, Some(TOKEN), Body::empty(), None).await;
            assert!(answer.status.as_u16() < 500, "GET {path}: {}", answer.body);
        }
    }
}
