//! The OpenAPI document.

use crate::support::World;
use axum::body::Body;
use axum::http::Method;
use std::path::Path;

#[test]
fn the_checked_in_document_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let now = stockade_api::openapi().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let line = now.lines().zip(kept.lines()).position(|(now, kept)| now != kept).unwrap_or(0) + 1;
    assert!(now == kept, "host/api/openapi.json differs from line {line} on; write it anew with UPDATE=1 cargo test -p stockade-api");
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_may_read_it() {
    let world = World::new().await;
    let document = world.ask(Method::GET, "/openapi.json", None, Body::empty(), None).await.ok();
    assert_eq!(document["info"]["title"], "Stockade");
}

#[test]
fn numbers_without_a_sign_are_told_as_such() {
    fn look(place: &str, value: &serde_json::Value) {
        match value {
            serde_json::Value::Object(fields) => {
                let is_unsigned = fields.get("minimum").is_some_and(|least| least == 0) && fields.contains_key("format");
                let format = fields.get("format").and_then(|format| format.as_str()).unwrap_or_default();
                assert!(!is_unsigned || !["int32", "int64"].contains(&format), "{place} takes more than an {format}");
                fields.iter().for_each(|(name, value)| look(&format!("{place}/{name}"), value));
            }
            serde_json::Value::Array(values) => values.iter().for_each(|value| look(place, value)),
            _ => {}
        }
    }
    look("", &serde_json::to_value(stockade_api::openapi()).unwrap());
}

#[test]
fn every_operation_says_what_it_does_and_may_be_refused() {
    let document = serde_json::to_value(stockade_api::openapi()).unwrap();
    let mut names = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(path.starts_with("/api/v1/"), "{path}");
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path} has no summary");
            let refused = &operation["responses"]["default"]["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(refused, "#/components/schemas/Problem", "{method} {path}");
            names.push(operation["operationId"].as_str().unwrap().to_owned());
        }
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "operation ids are unique");
    assert!(count >= 25, "{count}");
}

#[test]
fn every_schema_that_is_named_is_there() {
    let document = serde_json::to_value(stockade_api::openapi()).unwrap();
    let text = document.to_string();
    for name in text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
    }
}
