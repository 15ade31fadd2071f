//! The host over HTTP: one file per endpoint, the OpenAPI document made of them, problems as documents with stable codes, and
//! the live stream.
//!
//! An endpoint checks what it is given, asks [`operations`] or the store, and shows what comes back. What a request and the
//! host's own start have in common is in [`operations`]; what needs the sandbox or the feed is behind [`Versions`] and
//! [`Feed`].
//!
//! The only crate that knows HTTP. Refuses to know: SQL, wasm, where ticks come from, what a strategy does.

mod accounts;
mod audit;
mod compile_places;
mod document;
mod doors;
mod engines;
mod extract;
mod finish;
mod health;
mod limits;
mod live;
mod metrics;
pub mod operations;
mod operator;
mod orders;
mod page;
mod problem;
mod reconcile;
mod restriction;
mod risk;
mod show;
mod state;
mod stranded;
mod strategies;
mod stream;
mod trading;
mod users;
mod words;

pub use document::openapi;
pub use doors::{DoorLimits, Doors, serve};
pub use live::LiveFeed;
pub use problem::{Code, Problem};
pub use state::{AppState, Checked, Feed, FeedReport, Parts, Record, RecordReport, Refused, Status, Versions};
pub use strategies::report::{Probe, UploadReport};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Most bytes of a JSON body: the largest holds an engine's parameters, 128 of at most some hundred bytes.
const JSON_BYTES_MAX: usize = 64 << 10;

/// All routes with what stands around them: log line, problem documents, bounds.
pub fn router(state: AppState) -> Router {
    let (routes, _) = endpoints().split_for_parts();
    routes
        .route("/metrics", axum::routing::get(metrics::metrics))
        .route("/api/v1/openapi.json", axum::routing::get(document::show))
        .fallback(finish::no_such_route)
        .layer(DefaultBodyLimit::max(JSON_BYTES_MAX))
        .layer(from_fn_with_state(state.clone(), finish::admit))
        .layer(from_fn(finish::finish))
        .with_state(state)
}

/// Every endpoint with its description.
fn endpoints() -> OpenApiRouter<AppState> {
    let quick = OpenApiRouter::new()
        .routes(routes!(health::health))
        .routes(routes!(users::create::create, users::list::list))
        .routes(routes!(users::usage::usage))
        .routes(routes!(accounts::open::open, accounts::list::list))
        .routes(routes!(accounts::show::show, accounts::change::change))
        .routes(routes!(strategies::versions::versions))
        .routes(routes!(strategies::version::version))
        .routes(routes!(engines::show::show))
        .routes(routes!(engines::stop::stop))
        .routes(routes!(engines::pause::pause))
        .routes(routes!(engines::resume::resume))
        .routes(routes!(engines::shadow::show, engines::shadow::end))
        .routes(routes!(engines::steps::steps))
        .routes(routes!(engines::logs::logs))
        .routes(routes!(engines::signals::signals))
        .routes(routes!(engines::orders::orders))
        .routes(routes!(engines::deals::deals))
        .routes(routes!(engines::positions::positions))
        .routes(routes!(accounts::book::orders))
        .routes(routes!(accounts::book::deals))
        .routes(routes!(accounts::book::positions))
        .routes(routes!(orders::orders))
        .routes(routes!(audit::audit))
        .routes(routes!(trading::show, trading::set))
        .routes(routes!(risk::show, risk::set))
        .routes(routes!(risk::show_user, risk::set_user))
        .routes(routes!(risk::show_account, risk::set_account))
        .routes(routes!(risk::reset))
        .routes(routes!(reconcile::reconcile))
        .routes(routes!(stream::stream))
        .layer(from_fn(finish::quick));
    // These may compile a component, which takes half a minute when it brings an interpreter along.
    let compiling = OpenApiRouter::new()
        .routes(routes!(strategies::upload::upload, strategies::list::list))
        .routes(routes!(strategies::upload_version::upload_version))
        .routes(routes!(engines::add::add, engines::list::list))
        .routes(routes!(engines::change::change, engines::remove::remove))
        .routes(routes!(engines::swap::swap))
        .routes(routes!(engines::shadow::start))
        .routes(routes!(engines::start::start))
        .layer(from_fn(finish::compiling));
    OpenApiRouter::with_openapi(document::head()).nest("/api/v1", quick.merge(compiling))
}
