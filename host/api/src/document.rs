//! The OpenAPI document. `openapi.json` beside the sources is its copy; a test sees that it stays one.

use axum::Json;
use serde_json::Value;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, SecurityRequirement};

const ABOUT: &str = "One host that runs many people's trading strategies.\n\n\
    Send the operator's token as `Authorization: Bearer TOKEN`; `/health` (its summary) and `/openapi.json` need none. What \
    belongs to a user is asked for with `?user=NAME`.\n\n\
    Times are ISO 8601 in UTC. Money is a number in the account's currency, computed in whole millionths of it. Prices are \
    numbers in the symbol's quote currency, volumes are lots. Orders and positions are named `ENGINE-NUMBER`.\n\n\
    Lists come in pages: `next` of one is `after` of the following. Rows that are added meanwhile are neither shown twice nor \
    left out.\n\n\
    Whatever is refused comes as a problem document (RFC 9457) with a stable `code`.";

/// The document of every endpoint.
pub fn openapi() -> OpenApi {
    let mut document = crate::endpoints().into_openapi();
    crate::problem::describe(&mut document);
    let mut tree = serde_json::to_value(&document).expect("a document is JSON");
    name_unsigned(&mut tree);
    serde_json::from_value(tree).expect("a format may be any word")
}

/// Says of whole numbers without a sign that they are such: a Rust `u32` is described as an `int32`, which ends at half of it.
fn name_unsigned(tree: &mut Value) {
    match tree {
        Value::Object(fields) => {
            let unsigned = match fields.get("format").and_then(Value::as_str) {
                Some("int32") => Some(("uint32", Some(u32::MAX))),
                // Its largest is more than most readers of JSON can tell apart.
                Some("int64") => Some(("uint64", None)),
                _ => None,
            };
            if let Some((format, max)) = unsigned.filter(|_| fields.get("minimum").is_some_and(|least| least == 0)) {
                fields.insert("format".into(), format.into());
                if let Some(max) = max {
                    fields.entry("maximum").or_insert_with(|| max.into());
                }
            }
            fields.values_mut().for_each(name_unsigned);
        }
        Value::Array(values) => values.iter_mut().for_each(name_unsigned),
        _ => {}
    }
}

/// What stands above the endpoints.
pub(crate) fn head() -> OpenApi {
    let license = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build();
    let info = InfoBuilder::new().title("Stockade").version(env!("CARGO_PKG_VERSION")).description(Some(ABOUT)).license(Some(license));
    let token = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let components = ComponentsBuilder::new().security_scheme("operator", token).build();
    let operator = SecurityRequirement::new("operator", Vec::<String>::new());
    OpenApiBuilder::new().info(info.build()).components(Some(components)).security(Some([operator])).build()
}

/// `GET /api/v1/openapi.json`.
pub(crate) async fn show() -> Json<OpenApi> {
    Json(openapi())
}
