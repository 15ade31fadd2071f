//! What a broker says about a symbol, and the grid on which its prices and volumes lie.

use crate::number::{Money, Points, Rate, Steps, div_round};
use crate::sessions::Sessions;
use crate::swap::Swap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A symbol of the host's table. Small and dense: it indexes vectors on the tick path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SymbolId(pub u16);

/// How margin is computed (MT5 `SYMBOL_CALC_MODE`, the kinds Stockade prices).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MarginMode {
    /// lots * contract / leverage, in the margin currency.
    #[default]
    Forex,
    /// lots * contract, in the margin currency.
    ForexNoLeverage,
    /// lots * contract * price, in the quote currency.
    Cfd,
    /// lots * contract * price / leverage, in the quote currency.
    CfdLeverage,
    /// lots * contract * price * tick value / tick size, in the quote currency.
    CfdIndex,
    /// lots * the symbol's own margin, in the margin currency; profit by ticks.
    Futures,
    /// lots * contract * price, in the quote currency: shares are paid in full.
    ExchangeStocks,
    /// Like `Futures`, on an exchange.
    ExchangeFutures,
}

/// For what margin is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarginFor {
    /// To open: the initial margin.
    Opening,
    /// To hold: the maintenance margin, where there is one.
    Holding,
}

/// What becomes of pending orders at the end of the server's day (MT5 `SYMBOL_ORDER_GTC_MODE`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderLife {
    /// They stay until they are canceled or their own time has come.
    #[default]
    Gtc,
    /// They expire.
    Day,
}

/// How far a spec can be relied on. Results that rest on an assumption say so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpecBasis {
    /// A person or the broker gave it.
    #[default]
    Stated,
    /// What most brokers give for the name; the account's own broker may differ.
    Usual,
    /// The name says nothing: placeholders that have to be replaced.
    Assumed,
}

/// One symbol as the broker specifies it (MT5 `SymbolInfo`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SymbolSpec {
    /// The broker's name for it, suffix included.
    pub name: String,
    /// Decimals of a price, at most 8; one point is 10^-digits.
    pub digits: u8,
    /// Order prices are multiples of this many points; at least 1.
    pub tick_size: Points,
    /// Units in one lot, in millionths.
    pub contract_size_e6: i64,
    /// One volume step, in 10^-8 lots; at least 1.
    pub volume_step_e8: i64,
    /// Smallest order.
    pub volume_min: Steps,
    /// Largest order.
    pub volume_max: Steps,
    /// Smallest distance of stops and pending orders from the price.
    pub stops_level: Points,
    /// Within this distance of the price orders can't be changed.
    pub freeze_level: Points,
    /// Currency bought.
    pub base: String,
    /// Currency of price and profit.
    pub quote: String,
    /// Currency of margin.
    pub margin: String,
    /// How margin is computed.
    pub margin_mode: MarginMode,
    /// Margin that one lot takes to open, in millionths of the margin currency; 0: as `margin_mode` says. Needed by futures.
    #[serde(default)]
    pub margin_initial_e6: i64,
    /// Margin that one lot takes to be held; 0: the same as to open.
    #[serde(default)]
    pub margin_maintenance_e6: i64,
    /// Of positions in opposite directions: units in one lot, in millionths, that count for the part that is covered (0: it
    /// takes no margin). `None`: the larger side counts, the smaller does not.
    #[serde(default)]
    pub margin_hedged_e6: Option<i64>,
    /// What one tick on one lot is worth, in millionths of the quote currency; 0: contract size times tick size. For
    /// futures and CFDs on indices.
    #[serde(default)]
    pub tick_value_e6: i64,
    /// What nights cost.
    #[serde(default)]
    pub swap: Swap,
    /// When it is traded, by the server's clock; `None`: whenever it has ticks.
    #[serde(default)]
    pub sessions: Option<Sessions>,
    /// What becomes of pending orders at the end of a day.
    #[serde(default)]
    pub order_life: OrderLife,
    /// How far all this can be relied on.
    #[serde(default)]
    pub basis: SpecBasis,
}

/// Why a number is not on a symbol's grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffGrid {
    /// Not a finite positive number, or too large to be a price or volume.
    NotANumber,
    /// Between two grid points.
    Between,
}

/// A finite `f64` this near to a whole number (in points or steps) counts as that number: decimal prices are not exact in
/// binary, and guests compute them by adding and multiplying. 1e-6 of a point is far above such noise and far below a
/// tenth of a point, the nearest thing anyone could mean.
const GRID_TOLERANCE: f64 = 1e-6;

impl SymbolSpec {
    /// Checks what arithmetic relies on.
    ///
    /// # Errors
    /// Names the field and the bound it breaks.
    pub fn validated(self) -> Result<Self, String> {
        let broken = |what: &str| Err(format!("symbol {:?}: {what}", self.name));
        match () {
            () if self.name.is_empty() || self.name.len() > 32 => broken("name must have 1 to 32 bytes"),
            () if self.digits > 8 => broken("digits must be at most 8"),
            () if self.tick_size.0 < 1 => broken("tick_size must be at least 1 point"),
            () if self.contract_size_e6 < 1 => broken("contract_size must be positive"),
            () if self.volume_step_e8 < 1 => broken("volume_step must be positive"),
            () if self.volume_min.0 < 1 => broken("volume_min must be at least one step"),
            () if self.volume_max < self.volume_min => broken("volume_max must not be below volume_min"),
            () if self.margin_initial_e6 < 0 || self.margin_maintenance_e6 < 0 => broken("margin of a lot must not be negative"),
            () if self.margin_hedged_e6.is_some_and(|units| units < 0) => broken("margin_hedged must not be negative"),
            () if self.tick_value_e6 < 0 => broken("tick_value must not be negative"),
            () if self.is_futures() && self.margin_initial_e6 == 0 => broken("futures need margin_initial: what a lot takes"),
            () if self.swap.nights.iter().any(|nights| *nights > 7) => broken("swap.nights must be at most 7 a midnight"),
            () if self.swap.long_e6.abs().max(self.swap.short_e6.abs()) > SWAP_E6_MAX => broken("swap is beyond a million"),
            () => Ok(self),
        }
    }

    /// Units in one lot, as people write it: `100000`, `0.1`.
    pub fn contract_size(&self) -> f64 {
        self.contract_size_e6 as f64 / 1e6
    }

    /// What one lot is, as people write it: `100,000 EUR`, `0.1 US30`.
    pub fn lot_in_words(&self) -> String {
        let size = self.contract_size().to_string();
        let whole = size.split('.').next().unwrap_or_default().len();
        let mut words = String::new();
        for (at, digit) in size.chars().enumerate() {
            if at > 0 && at < whole && (whole - at).is_multiple_of(3) {
                words.push(',');
            }
            words.push(digit);
        }
        format!("{words} {}", self.base)
    }

    /// What a result that rests on this spec has to say about it; `None` when it was stated.
    pub fn assumption(&self) -> Option<String> {
        let (name, digits, quote) = (&self.name, self.digits, &self.quote);
        let what = format!("a lot is {}, priced in {quote} with {digits} digits", self.lot_in_words());
        match self.basis {
            SpecBasis::Stated => None,
            SpecBasis::Usual => Some(format!("the spec of {name} is the usual one for its name ({what}); your broker's may differ")),
            SpecBasis::Assumed => Some(format!(
                "the spec of {name} is assumed ({what}), so amounts of money may be far off; state it with `stockade data spec {name}`"
            )),
        }
    }

    /// 10^digits: points in one unit of price.
    pub fn points_per_unit(&self) -> f64 {
        const POWERS: [f64; 9] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];
        // A spec that nobody has checked yet may have more.
        POWERS.get(usize::from(self.digits)).copied().unwrap_or_else(|| 10_f64.powi(i32::from(self.digits)))
    }

    /// The price as guests and files see it. The same points always give the same `f64`, and more points a larger one, so
    /// prices that came from here may be compared as floats.
    pub fn price(&self, points: Points) -> f64 {
        points.0 as f64 / self.points_per_unit()
    }

    /// The volume in lots, as guests see it.
    pub fn lots(&self, steps: Steps) -> f64 {
        (i128::from(steps.0) * i128::from(self.volume_step_e8)) as f64 / 1e8
    }

    /// The nearest whole points to a price from a feed or a file. `None` when it is no finite, positive price.
    pub fn nearest_points(&self, price: f64) -> Option<Points> {
        let points = (price * self.points_per_unit()).round();
        (1.0..9e15).contains(&points).then_some(Points(points as i64))
    }

    /// The points that a guest's price stands for.
    ///
    /// # Errors
    /// When it is no positive number or not a multiple of the tick size. Nothing is rounded.
    pub fn points(&self, price: f64) -> Result<Points, OffGrid> {
        let points = whole(price * self.points_per_unit())?;
        if points % self.tick_size.0 == 0 { Ok(Points(points)) } else { Err(OffGrid::Between) }
    }

    /// The steps that a guest's volume stands for.
    ///
    /// # Errors
    /// When it is no positive number or not a multiple of the volume step. Nothing is rounded.
    pub fn steps(&self, lots: f64) -> Result<Steps, OffGrid> {
        whole(lots * 1e8 / self.volume_step_e8 as f64).map(Steps)
    }

    /// What `distance` on `volume` is worth: price difference times units, through `rate` (quote to account currency).
    /// Exact until the last division. Not rounded to the currency's digits.
    pub fn value(&self, distance: Points, volume: Steps, rate: Rate) -> Money {
        self.value_of(i128::from(distance.0) * i128::from(volume.0), rate)
    }

    /// The same for a sum of distances times volumes, in point-steps.
    pub fn value_of(&self, point_steps: i128, rate: Rate) -> Money {
        let (worth, scale) = self.point_step_worth();
        bounded(point_steps, worth, i128::from(rate.numerator), scale * i128::from(rate.denominator))
    }

    /// The same for this many parts of a point-step, `parts` of which make one.
    pub fn value_of_scaled(&self, point_steps: i128, parts: i128, rate: Rate) -> Money {
        let (worth, scale) = self.point_step_worth();
        bounded(point_steps, worth, i128::from(rate.numerator), scale * i128::from(rate.denominator) * parts)
    }

    /// `amount / parts` millionths of some currency through `rate`.
    pub fn money(&self, amount: i128, parts: i128, rate: Rate) -> Money {
        bounded(amount, 1, i128::from(rate.numerator), parts * i128::from(rate.denominator))
    }

    /// Millionths of the quote currency that one point on one step is worth, as a fraction.
    pub fn point_step_worth(&self) -> (i128, i128) {
        let step = i128::from(self.volume_step_e8);
        if self.is_futures() && self.tick_value_e6 > 0 {
            return (step * i128::from(self.tick_value_e6), i128::from(self.tick_size.0) * 10_i128.pow(8));
        }
        // points * units * 10^6 / (10^digits * 10^14) = points * units / 10^(digits + 8); shortened where units are whole, so
        // that there is room for long rates.
        match self.contract_size_e6 % 1_000_000 {
            0 => (step * i128::from(self.contract_size_e6 / 1_000_000), 10_i128.pow(u32::from(self.digits) + 2)),
            _ => (step * i128::from(self.contract_size_e6), 10_i128.pow(u32::from(self.digits) + 8)),
        }
    }

    fn is_futures(&self) -> bool {
        matches!(self.margin_mode, MarginMode::Futures | MarginMode::ExchangeFutures)
    }

    /// Margin that `volume` at `price` takes at 1:`leverage`; `rate` leads from [`margin_currency`](Self::margin_currency)
    /// to the account's currency.
    pub fn margin(&self, price: Points, volume: Steps, leverage: u32, rate: Rate, purpose: MarginFor) -> Money {
        self.margin_of_units(price, volume, self.contract_size_e6, leverage, rate, purpose)
    }

    /// Margin of `volume` that an opposite position covers. Only for symbols with a hedged margin of their own.
    pub fn margin_covered(&self, price: Points, volume: Steps, leverage: u32, rate: Rate) -> Money {
        let units = self.margin_hedged_e6.unwrap_or(0);
        if self.margin_initial_e6 > 0 {
            // Then it is an amount, not a size.
            return self.margin_of_lots(volume, units, rate);
        }
        self.margin_of_units(price, volume, units, leverage, rate, MarginFor::Holding)
    }

    fn margin_of_lots(&self, volume: Steps, a_lot_e6: i64, rate: Rate) -> Money {
        let lots_e8 = i128::from(volume.0) * i128::from(self.volume_step_e8);
        bounded(lots_e8, i128::from(a_lot_e6), i128::from(rate.numerator), 10_i128.pow(8) * i128::from(rate.denominator))
    }

    fn margin_of_units(&self, price: Points, volume: Steps, units_e6: i64, leverage: u32, rate: Rate, purpose: MarginFor) -> Money {
        let stated = match purpose {
            MarginFor::Holding if self.margin_maintenance_e6 > 0 => self.margin_maintenance_e6,
            _ => self.margin_initial_e6,
        };
        if stated > 0 {
            return self.margin_of_lots(volume, stated, rate);
        }
        let leverage = i128::from(leverage.max(1));
        let units_e14 = i128::from(volume.0) * i128::from(self.volume_step_e8) * i128::from(units_e6);
        let of_price = || (i128::from(price.0), 10_i128.pow(u32::from(self.digits) + 8));
        let ((of_price, scale), divisor) = match self.margin_mode {
            MarginMode::Forex => ((1, 10_i128.pow(8)), leverage),
            MarginMode::ForexNoLeverage => ((1, 10_i128.pow(8)), 1),
            MarginMode::Cfd | MarginMode::ExchangeStocks => (of_price(), 1),
            MarginMode::CfdLeverage => (of_price(), leverage),
            MarginMode::CfdIndex if self.tick_value_e6 > 0 => {
                // price in ticks, each worth the tick's value on one lot: the contract's size has no part in it.
                let lots_e8 = i128::from(volume.0) * i128::from(self.volume_step_e8);
                let divisor = 10_i128.pow(8) * i128::from(self.tick_size.0) * i128::from(rate.denominator);
                return bounded(lots_e8 * i128::from(price.0), i128::from(self.tick_value_e6), i128::from(rate.numerator), divisor);
            }
            MarginMode::CfdIndex | MarginMode::Futures | MarginMode::ExchangeFutures => (of_price(), 1),
        };
        let denominator = scale * divisor * i128::from(rate.denominator);
        bounded(units_e14, of_price, i128::from(rate.numerator), denominator)
    }

    /// The currency in which [`margin`](Self::margin) starts: that of margin for Forex and futures, and wherever a lot's
    /// margin is stated; of the quote for CFDs.
    pub fn margin_currency(&self) -> &str {
        match self.margin_mode {
            _ if self.margin_initial_e6 > 0 => &self.margin,
            MarginMode::Forex | MarginMode::ForexNoLeverage | MarginMode::Futures | MarginMode::ExchangeFutures => &self.margin,
            MarginMode::Cfd | MarginMode::CfdLeverage | MarginMode::CfdIndex | MarginMode::ExchangeStocks => &self.quote,
        }
    }
}

/// No swap is anywhere near this, and products with it fit.
const SWAP_E6_MAX: i64 = 1_000_000 * 1_000_000;

/// `a * b * c / divisor` as money, held within ten billion units: beyond that a number is a mistake in the data, and sums of
/// such amounts must not overflow.
fn bounded(a: i128, b: i128, c: i128, divisor: i128) -> Money {
    const MONEY_MAX: i128 = 10_000_000_000 * Money::ONE.0 as i128;
    let word = |number: i128| i64::try_from(number).ok();
    let in_a_word = || word(a)?.checked_mul(word(b)?)?.checked_mul(word(c)?);
    let product = in_a_word().map_or_else(|| a.saturating_mul(b).saturating_mul(c), i128::from);
    // Saturated or near it: no room to round in.
    let amount = if product.unsigned_abs() > i128::MAX as u128 / 2 { product / divisor } else { div_round(product, divisor) };
    Money(amount.clamp(-MONEY_MAX, MONEY_MAX) as i64)
}

fn whole(value: f64) -> Result<i64, OffGrid> {
    let nearest = value.round();
    // NaN is in no range.
    if !(1.0..9e15).contains(&nearest) {
        return Err(OffGrid::NotANumber);
    }
    if (value - nearest).abs() > GRID_TOLERANCE.max(nearest * 1e-12) { Err(OffGrid::Between) } else { Ok(nearest as i64) }
}

/// Every symbol the host knows, by id. Shared, never changed while the host runs.
#[derive(Clone, Debug, Default)]
pub struct SymbolTable {
    specs: Arc<[SymbolSpec]>,
    fixed: Arc<[FixedRate]>,
}

/// An exchange rate that somebody stated, for where no symbol has it.
#[derive(Clone, Debug, PartialEq)]
pub struct FixedRate {
    /// One unit of this currency ...
    pub from: String,
    /// ... is this much of this one.
    pub to: String,
    /// How much.
    pub rate: Rate,
}

impl SymbolTable {
    /// A table of at most 65,535 checked specs; their order gives the ids.
    ///
    /// # Errors
    /// Names the spec that is broken or stands twice.
    pub fn new(specs: Vec<SymbolSpec>) -> Result<Self, String> {
        if specs.len() > usize::from(u16::MAX) {
            return Err(format!("{} symbols are too many; at most {}", specs.len(), u16::MAX));
        }
        let specs = specs.into_iter().map(SymbolSpec::validated).collect::<Result<Vec<_>, _>>()?;
        let mut names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("symbol {:?} stands twice", twice[0]));
        }
        Ok(Self { specs: specs.into(), fixed: Arc::default() })
    }

    /// The same table with rates for currencies that no symbol of it connects. A symbol comes before a fixed rate.
    pub fn with_rates(self, fixed: Vec<FixedRate>) -> Self {
        Self { fixed: fixed.into(), ..self }
    }

    /// The spec of a symbol of this table.
    pub fn spec(&self, id: SymbolId) -> &SymbolSpec {
        &self.specs[usize::from(id.0)]
    }

    /// The symbol with this name.
    pub fn find(&self, name: &str) -> Option<SymbolId> {
        self.specs.iter().position(|spec| spec.name == name).map(|at| SymbolId(at as u16))
    }

    /// The rate from one currency to another at the current quotes: 1 when they are the same, through a symbol of this table
    /// when there is one and it has a quote, through a fixed rate, or in two such steps. Amounts are converted at the bid, or
    /// at the ask the other way round, as a broker does. Exact in one step, to ten digits in two.
    pub fn rate(&self, from: &str, to: &str, quote: impl Fn(SymbolId) -> Option<(Points, Points)>) -> Option<Rate> {
        if from == to {
            return Some(Rate::ONE);
        }
        self.direct_rate(from, to, &quote).or_else(|| {
            self.neighbours(from).find_map(|through| {
                let first = self.direct_rate(from, through, &quote)?;
                first.then(self.direct_rate(through, to, &quote)?)
            })
        })
    }

    /// Whether [`rate`](Self::rate) will have an answer once there are quotes, and if so through which symbols.
    pub fn route(&self, from: &str, to: &str) -> Option<Vec<SymbolId>> {
        let through = std::cell::RefCell::new(Vec::new());
        self.rate(from, to, |symbol| {
            through.borrow_mut().push(symbol);
            Some((Points(1), Points(1)))
        })?;
        Some(through.into_inner())
    }

    fn direct_rate(&self, from: &str, to: &str, quote: &impl Fn(SymbolId) -> Option<(Points, Points)>) -> Option<Rate> {
        let of_symbol = self.iter().find_map(|(id, spec)| {
            let unit = 10_i64.pow(u32::from(spec.digits));
            if spec.base == from && spec.quote == to {
                quote(id).map(|(bid, _)| Rate { numerator: bid.0, denominator: unit })
            } else if spec.base == to && spec.quote == from {
                quote(id).and_then(|(_, ask)| Rate { numerator: ask.0, denominator: unit }.inverse())
            } else {
                None
            }
        });
        of_symbol.or_else(|| {
            self.fixed.iter().find_map(|fixed| match () {
                () if fixed.from == from && fixed.to == to => Some(fixed.rate),
                () if fixed.from == to && fixed.to == from => fixed.rate.inverse(),
                () => None,
            })
        })
    }

    /// Currencies that one step leads to from `from`.
    fn neighbours<'a>(&'a self, from: &'a str) -> impl Iterator<Item = &'a str> {
        let ends = self.specs.iter().map(|spec| (spec.base.as_str(), spec.quote.as_str()));
        let ends = ends.chain(self.fixed.iter().map(|fixed| (fixed.from.as_str(), fixed.to.as_str())));
        ends.filter_map(move |(one, other)| match () {
            () if one == from => Some(other),
            () if other == from => Some(one),
            () => None,
        })
    }

    /// All symbols, in order of id.
    pub fn iter(&self) -> impl Iterator<Item = (SymbolId, &SymbolSpec)> {
        self.specs.iter().enumerate().map(|(at, spec)| (SymbolId(at as u16), spec))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.specs.len()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.specs.is_empty()
    }
}

/// Specs as retail MT5 brokers commonly give them, for simulated markets, backtests of files and tests.
pub mod common {
    use super::{MarginMode, OrderLife, SpecBasis, SymbolSpec};
    use crate::number::{Points, Steps};
    use crate::swap::Swap;

    /// A currency pair of 100,000 units a lot, 0.01 to 100 lots, with 5 digits, or 3 when it is quoted in JPY.
    pub fn forex(base: &str, quote: &str) -> SymbolSpec {
        SymbolSpec {
            name: format!("{base}{quote}"),
            digits: if quote == "JPY" { 3 } else { 5 },
            tick_size: Points(1),
            contract_size_e6: 100_000 * 1_000_000,
            volume_step_e8: 1_000_000,
            volume_min: Steps(1),
            volume_max: Steps(10_000),
            stops_level: Points(0),
            freeze_level: Points(0),
            base: base.into(),
            quote: quote.into(),
            margin: base.into(),
            margin_mode: MarginMode::Forex,
            margin_initial_e6: 0,
            margin_maintenance_e6: 0,
            margin_hedged_e6: None,
            tick_value_e6: 0,
            swap: Swap::default(),
            sessions: None,
            order_life: OrderLife::Gtc,
            basis: SpecBasis::Stated,
        }
    }

    /// Gold, 100 ounces a lot, 3 digits, margin like a leveraged CFD.
    pub fn gold() -> SymbolSpec {
        SymbolSpec {
            name: "XAUUSD".into(),
            digits: 3,
            contract_size_e6: 100 * 1_000_000,
            margin_mode: MarginMode::CfdLeverage,
            ..forex("XAU", "USD")
        }
    }

    /// A crypto currency in USD, one coin a lot, 2 digits.
    pub fn crypto(base: &str) -> SymbolSpec {
        SymbolSpec { digits: 2, contract_size_e6: 1_000_000, margin_mode: MarginMode::CfdLeverage, ..forex(base, "USD") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_computed_in_binary_are_on_the_grid_and_others_are_refused() {
        let spec = common::forex("EUR", "USD");
        assert_eq!(spec.points(1.38727), Ok(Points(138_727)));
        assert_eq!(spec.points(1.1 + 0.2), Ok(Points(130_000)));
        assert_eq!(spec.points(1.387_275), Err(OffGrid::Between));
        for bad in [f64::NAN, f64::INFINITY, 0.0, -1.0, 1e300] {
            assert_eq!(spec.points(bad), Err(OffGrid::NotANumber), "{bad}");
        }
        assert_eq!(spec.steps(0.1 + 0.2), Ok(Steps(30)));
        assert_eq!(spec.steps(0.015), Err(OffGrid::Between));
    }

    #[test]
    fn every_price_survives_the_way_out_and_back() {
        let spec = common::gold();
        for points in (1..5_000_000).step_by(977) {
            assert_eq!(spec.points(spec.price(Points(points))), Ok(Points(points)));
        }
    }

    #[test]
    fn value_and_margin_are_those_of_the_broker() {
        let eurusd = common::forex("EUR", "USD");
        // 10 pips on 0.5 lot: 50 USD.
        assert_eq!(eurusd.value(Points(100), Steps(50), Rate::ONE), Money(50_000_000));
        // The same loss on gold: 1.000 USD on 2 lots = -200 USD.
        assert_eq!(common::gold().value(Points(-1_000), Steps(200), Rate::ONE), Money(-200_000_000));
        // 1 lot EURUSD at 1:100 with EUR at 1.3: 1,300 USD.
        let rate = Rate { numerator: 130_000, denominator: 100_000 };
        assert_eq!(eurusd.margin(Points(130_000), Steps(100), 100, rate, MarginFor::Opening), Money(1_300_000_000));
        assert_eq!(common::gold().margin(Points(1_300_000), Steps(100), 100, Rate::ONE, MarginFor::Opening), Money(1_300_000_000));
    }

    #[test]
    fn every_margin_mode_has_its_formula() {
        let index = SymbolSpec { margin_mode: MarginMode::CfdIndex, tick_size: Points(50), tick_value_e6: 12_500_000, ..common::gold() };
        let futures = SymbolSpec { margin_mode: MarginMode::Futures, margin_initial_e6: 1_500_000_000, ..index.clone() };
        let kept = SymbolSpec { margin_maintenance_e6: 1_200_000_000, ..futures.clone() };
        let units = |spec: &SymbolSpec, purpose| spec.margin(Points(1_300_000), Steps(200), 100, Rate::ONE, purpose).to_units();
        let mode = |margin_mode| SymbolSpec { margin_mode, ..common::gold() };
        // Two lots of 100 ounces at 1,300.000.
        assert_eq!(units(&mode(MarginMode::Cfd), MarginFor::Opening), 260_000.0);
        assert_eq!(units(&mode(MarginMode::CfdLeverage), MarginFor::Opening), 2_600.0);
        assert_eq!(units(&mode(MarginMode::ExchangeStocks), MarginFor::Opening), 260_000.0);
        assert_eq!(units(&mode(MarginMode::ForexNoLeverage), MarginFor::Opening), 200.0);
        // 26,000 ticks of 12.50 on each lot.
        assert_eq!(units(&index, MarginFor::Opening), 650_000.0);
        assert_eq!(units(&futures, MarginFor::Opening), 3_000.0);
        assert_eq!((units(&kept, MarginFor::Opening), units(&kept, MarginFor::Holding)), (3_000.0, 2_400.0));
        // A move of 1.000, 20 ticks, on two lots of the future.
        assert_eq!(futures.value(Points(1_000), Steps(200), Rate::ONE).to_units(), 500.0);
        assert!(mode(MarginMode::Futures).validated().is_err(), "futures state their margin");
    }

    #[test]
    fn rates_go_through_two_symbols_or_stated_ones_where_none_is_direct() {
        let table = SymbolTable::new(vec![common::forex("EUR", "USD"), common::forex("USD", "JPY")]).unwrap();
        let quote = |id: SymbolId| Some(if id.0 == 0 { (Points(125_000), Points(125_010)) } else { (Points(110_000), Points(110_010)) });
        let rate = |table: &SymbolTable, from, to| table.rate(from, to, quote).map(|rate| rate.numerator as f64 / rate.denominator as f64);
        assert_eq!(rate(&table, "EUR", "JPY"), Some(1.25 * 110.0));
        assert_eq!(rate(&table, "CHF", "USD"), None);
        assert_eq!(table.route("EUR", "JPY"), Some(vec![SymbolId(0), SymbolId(1)]));
        let fixed = FixedRate { from: "CHF".into(), to: "USD".into(), rate: Rate { numerator: 11, denominator: 10 } };
        let table = table.with_rates(vec![fixed]);
        assert_eq!(rate(&table, "CHF", "USD"), Some(1.1));
        assert_eq!(rate(&table, "CHF", "JPY"), Some(121.0));
        assert_eq!(rate(&table, "CHF", "GBP"), None);
    }

    #[test]
    fn a_spec_that_nobody_stated_says_what_it_takes_a_lot_to_be() {
        let with = |basis, contract_size_e6| SymbolSpec { basis, contract_size_e6, ..common::forex("EUR", "USD") };
        assert_eq!(with(SpecBasis::Stated, 1_000_000).assumption(), None);
        let usual = with(SpecBasis::Usual, 100_000_000_000).assumption().unwrap();
        assert!(usual.contains("usual one for its name (a lot is 100,000 EUR, priced in USD with 5 digits)"), "{usual}");
        let assumed = with(SpecBasis::Assumed, 1_500_500_000).assumption().unwrap();
        assert!(assumed.contains("1,500.5 EUR") && assumed.contains("`stockade data spec EURUSD`"), "{assumed}");
    }

    #[test]
    fn a_table_refuses_a_symbol_that_stands_twice() {
        let err = SymbolTable::new(vec![common::gold(), common::gold()]).unwrap_err();
        assert_eq!(err, "symbol \"XAUUSD\" stands twice");
    }
}
