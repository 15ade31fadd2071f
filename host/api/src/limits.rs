//! Limits of the risk gate as they cross the API: the domain's, whose description here is made of theirs.

use domain::risk::{LimitField, LimitKind, RiskLimits};
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

/// What the risk gate holds a host, a user or an account to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Limits(RiskLimits);

impl From<RiskLimits> for Limits {
    fn from(limits: RiskLimits) -> Self {
        Self(limits)
    }
}

impl From<Limits> for RiskLimits {
    fn from(Limits(limits): Limits) -> Self {
        limits
    }
}

impl PartialSchema for Limits {
    fn schema() -> RefOr<Schema> {
        let about = "What the risk gate holds a host, a user or an account to. What is left out is not limited. Money is in whole units of \
                     the account's currency, times are market time.";
        let usual = serde_json::to_value(RiskLimits::default()).unwrap_or_default();
        let document = ObjectBuilder::new().description(Some(about)).additional_properties(Some(AdditionalProperties::FreeForm(false)));
        let all = RiskLimits::FIELDS.iter().fold(document, |document, field| document.property(field.name, described(field, &usual)));
        all.into()
    }
}

impl ToSchema for Limits {
    fn name() -> std::borrow::Cow<'static, str> {
        "RiskLimits".into()
    }
}

fn described(field: &LimitField, usual: &serde_json::Value) -> Schema {
    let about = field.about.join("\n").trim().to_owned();
    let usual = Some(usual[field.name].clone());
    let number = |kind: SchemaType| {
        let number = ObjectBuilder::new().schema_type(kind).format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)));
        number.minimum(Some(0)).description(Some(about.clone())).default(usual.clone()).into()
    };
    let texts = |kind: SchemaType| {
        let texts = ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::String)).schema_type(kind);
        texts.description(Some(about.clone())).default(usual.clone()).into()
    };
    match field.kind {
        LimitKind::Number => number(Type::Integer.into()),
        LimitKind::OptionalNumber => number(SchemaType::from_iter([Type::Integer, Type::Null])),
        LimitKind::Flag => ObjectBuilder::new().schema_type(Type::Boolean).description(Some(about)).default(usual).into(),
        LimitKind::Names => texts(Type::Array.into()),
        LimitKind::Hours => texts(SchemaType::from_iter([Type::Array, Type::Null])),
    }
}
