//! How the domain's values look in JSON: times as ISO 8601 in UTC, prices and lots as numbers, money as numbers in the
//! account's currency.

use crate::problem::Problem;
use domain::number::{Points, Steps};
use domain::symbol::SymbolTable;
use domain::time::Time;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use store::{Store, SymbolGrid};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

/// Something that is shown by its word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word<T>(pub T);

/// A time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At(pub Time);

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl PartialSchema for At {
    fn schema() -> RefOr<Schema> {
        let time = ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
        time.description(Some("ISO 8601, UTC, with microseconds: 2014-05-01T00:00:00.040186Z.")).into()
    }
}

impl ToSchema for At {
    fn name() -> std::borrow::Cow<'static, str> {
        "Time".into()
    }
}

/// Turns points and steps of symbols into prices and lots, also of symbols that the host no longer has.
#[derive(Debug)]
pub(crate) struct Grids {
    table: SymbolTable,
    gone: BTreeMap<String, SymbolGrid>,
}

/// The grid of one symbol.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    digits: u8,
    volume_step_e8: i64,
}

impl Grids {
    /// The grids that rows of these symbols need.
    pub(crate) async fn of(symbols: impl Iterator<Item = &str>, table: &SymbolTable, store: &Store) -> Result<Self, Problem> {
        let mut symbols = symbols;
        let mut gone = BTreeMap::new();
        if symbols.any(|symbol| table.find(symbol).is_none()) {
            let grids = store.symbol_grids("").await?;
            gone = grids.into_iter().map(|grid| (grid.name.clone(), grid)).collect();
        }
        Ok(Self { table: table.clone(), gone })
    }

    /// A symbol's.
    pub(crate) fn grid(&self, symbol: &str) -> Grid {
        let known = self.table.find(symbol).map(|id| self.table.spec(id)).map(|spec| (spec.digits, spec.volume_step_e8));
        let known = known.or_else(|| self.gone.get(symbol).map(|grid| (grid.digits, grid.volume_step_e8)));
        // The store notes the grid of every symbol before it takes a row of it; with a thousand more than that, whole points
        // are still better than no row.
        let (digits, volume_step_e8) = known.unwrap_or((0, 100_000_000));
        Grid { digits, volume_step_e8 }
    }
}

impl Grid {
    /// A price.
    pub(crate) fn price(self, points: Points) -> f64 {
        points.0 as f64 / 10_f64.powi(i32::from(self.digits))
    }

    /// A price that may be missing.
    pub(crate) fn price_of(self, points: Option<Points>) -> Option<f64> {
        points.map(|points| self.price(points))
    }

    /// Lots.
    pub(crate) fn lots(self, steps: Steps) -> f64 {
        (i128::from(steps.0) * i128::from(self.volume_step_e8)) as f64 / 1e8
    }

    /// The average price of a volume from its cost in point-steps; `None` without a volume.
    pub(crate) fn average(self, cost: i64, volume: Steps) -> Option<f64> {
        (volume.0 != 0).then(|| cost as f64 / volume.0 as f64 / 10_f64.powi(i32::from(self.digits)))
    }
}
