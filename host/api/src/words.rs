//! The domain's words as schemas, so that clients know all of them.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

macro_rules! words {
    ($($name:ident: $words:expr, $about:literal;)+) => {
        $(
            pub(crate) enum $name {}
            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    let words = $words.iter().map(|value| value.word());
                    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).description(Some($about)).into()
                }
            }
            impl ToSchema for $name {}
        )+
    };
}

words! {
    Side: domain::contract::Side::ALL, "Direction of an order, deal or position.";
    OrderKind: domain::contract::OrderKind::ALL, "When an order executes.";
    OrderState: domain::order::OrderState::ALL, "Where an order stands.";
    EngineState: domain::life::EngineState::ALL, "Where an engine stands.";
    TradingState: domain::contract::TradingState::ALL, "What may be done at the market; the strictest of host, account and engine counts.";
    RunMode: domain::contract::RunMode::ALL, "Where ticks come from and orders go.";
    AccountMode: domain::contract::AccountMode::ALL, "How an account keeps positions.";
    LogLevel: domain::contract::LogLevel::ALL, "How loud a log line is.";
    LogClock: store::LogClock::ALL, "Which clock a line's time is of.";
    Entry: domain::broker::Entry::ALL, "What a deal does to a position.";
    ForeignKind: domain::reconcile::ForeignKind::ALL, "An order or a position.";
    Reason: domain::broker::Reason::ALL, "Why there was a deal.";
    Wanted: [store::Wanted::Running, store::Wanted::Paused, store::Wanted::Stopped], "What its owner wants of an engine.";
    ShadowState: ::engine::ShadowState::ALL, "Where a shadow run stands.";
    StepKind: store::StepKind::ALL, "What kind of step an engine took.";
    Code: crate::problem::Code::ALL, "Every code of a problem.";
}
