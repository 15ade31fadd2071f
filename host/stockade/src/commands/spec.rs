//! What a lot of a symbol is, in units that people use: `stockade data spec`, and the files of `--specs`.

use super::backtest::store_failure;
use crate::cli::Global;
use crate::exit::{Exit, Failure, Outcome};
use domain::symbol::{SpecBasis, SymbolSpec};
use market::TickStore;
use serde_json::{Map, Value, json};

/// Shows a symbol's spec, or states what is wrong in it.
#[derive(clap::Args)]
pub struct Arguments {
    /// The symbol.
    symbol: String,
    /// Units in one lot: 100000 for most pairs, 100 ounces of gold, 5000 of silver.
    #[arg(long, value_name = "UNITS")]
    contract_size: Option<f64>,
    /// Decimals of a price; never fewer than stored prices have.
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=8))]
    digits: Option<u8>,
    /// The currency of prices and profits, such as USD.
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// What is bought: a currency, a metal, an index.
    #[arg(long, value_name = "CODE")]
    base: Option<String>,
    /// The currency of margin.
    #[arg(long, value_name = "CODE")]
    margin_currency: Option<String>,
    /// How margin is computed: forex, forex-no-leverage, cfd, cfd-leverage, cfd-index, futures, exchange-stocks, exchange-futures.
    #[arg(long, value_name = "MODE")]
    margin_mode: Option<String>,
    /// What prices of orders are multiples of, such as 0.25.
    #[arg(long, value_name = "PRICE")]
    tick_size: Option<f64>,
    /// The smallest volume of an order, in lots.
    #[arg(long, value_name = "LOTS")]
    volume_min: Option<f64>,
    /// The largest.
    #[arg(long, value_name = "LOTS")]
    volume_max: Option<f64>,
    /// What volumes are multiples of, in lots.
    #[arg(long, value_name = "LOTS")]
    volume_step: Option<f64>,
    /// The smallest distance of stops and pending orders from the price, in points.
    #[arg(long, value_name = "POINTS")]
    stops_level: Option<u32>,
    /// The spec is right as it is: results no longer say that it is an assumption.
    #[arg(long)]
    confirm: bool,
}

/// Shows, or changes and shows.
pub fn run(arguments: &Arguments, store: &TickStore, global: &Global) -> Outcome {
    let symbol = super::data::stored_name(store, &arguments.symbol)?;
    let spec = store.spec(&symbol).map_err(store_failure)?;
    let said = arguments.said();
    if said.is_empty() && !arguments.confirm {
        global.output().show(&in_units(&spec), |shown| text(&spec, shown));
        return Ok(());
    }
    let refused = |why: String| Failure::new(Exit::Refused, format_args!("the spec of {symbol} stays as it was: {why}"));
    let mut changed = stated(&spec, &said).map_err(refused)?;
    changed.basis = SpecBasis::Stated;
    let has_prices =
        !store.days(&symbol).map_err(store_failure)?.is_empty() || !store.stored_bars(&symbol).map_err(store_failure)?.is_empty();
    if changed.digits < spec.digits && has_prices {
        let (digits, fewer) = (spec.digits, changed.digits);
        return Err(refused(format!("its stored prices have {digits} digits, and {fewer} would cut them; give {digits} or more")));
    }
    store.change_spec(&changed).map_err(store_failure)?;
    global.output().show(&in_units(&changed), |shown| text(&changed, shown));
    Ok(())
}

impl Arguments {
    /// What the flags say, as a file of `--specs` would.
    fn said(&self) -> Map<String, Value> {
        let code = |code: &Option<String>| code.as_ref().map(|code| json!(code.to_ascii_uppercase()));
        let number = |number: Option<f64>| number.map(|number| json!(number));
        let flags = [
            ("contract_size", number(self.contract_size)),
            ("digits", self.digits.map(|digits| json!(digits))),
            ("currency", code(&self.currency)),
            ("base", code(&self.base)),
            ("margin_currency", code(&self.margin_currency)),
            ("margin_mode", self.margin_mode.as_ref().map(|mode| json!(mode))),
            ("tick_size", number(self.tick_size)),
            ("volume_min", number(self.volume_min)),
            ("volume_max", number(self.volume_max)),
            ("volume_step", number(self.volume_step)),
            ("stops_level", self.stops_level.map(|points| json!(points))),
        ];
        flags.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

/// Amounts that a spec keeps in millionths, by the names that people write.
const MILLIONTHS: [(&str, &str); 5] = [
    ("contract_size", "contract_size_e6"),
    ("margin_initial", "margin_initial_e6"),
    ("margin_maintenance", "margin_maintenance_e6"),
    ("margin_hedged", "margin_hedged_e6"),
    ("tick_value", "tick_value_e6"),
];
/// Fields that are texts, by the names that people write.
const TEXTS: [(&str, &str); 3] = [("currency", "quote"), ("margin_currency", "margin"), ("base", "base")];
/// Lots are kept in hundred-millionths.
const LOT_E8: f64 = 1e8;

/// A spec with some of its fields stated anew, in units that people use: lots, prices, units of currency. The names that spec.json
/// has for its own units (`contract_size_e6`) do as well.
///
/// # Errors
/// Names the field that is unknown, or whose value can't be.
pub fn stated(spec: &SymbolSpec, said: &Map<String, Value>) -> Result<SymbolSpec, String> {
    let mut raw = serde_json::to_value(spec).expect("a spec is made of numbers and texts");
    let fields = raw.as_object_mut().expect("a spec is an object");
    let optional = ["margin_hedged_e6", "sessions"];
    let set = |fields: &mut Map<String, Value>, name: &str, value: Value| {
        if fields.contains_key(name) || optional.contains(&name) {
            fields.insert(name.to_owned(), value);
            return Ok(());
        }
        let known: Vec<String> = in_units(spec).as_object().expect("an object").keys().cloned().collect();
        Err(format!("{name:?} is not a field of a spec; there are {}", known.join(", ")))
    };
    let step_e8 = match said.get("volume_step") {
        Some(step) => millionths(step, LOT_E8).map_err(|why| format!("volume_step {why}"))?,
        None => said.get("volume_step_e8").and_then(Value::as_i64).unwrap_or(spec.volume_step_e8),
    };
    let digits = said.get("digits").map_or(Some(u64::from(spec.digits)), Value::as_u64).filter(|digits| *digits <= 8);
    let digits = digits.ok_or("digits must be a whole number from 0 to 8")?;
    if step_e8 < 1 {
        return Err("volume_step must be above 0".into());
    }
    if step_e8 != spec.volume_step_e8 {
        // The same lots, in other steps.
        let steps = |lots: f64| json!(((lots * LOT_E8 / step_e8 as f64).round() as i64).max(1));
        fields.insert("volume_step_e8".into(), json!(step_e8));
        fields.insert("volume_min".into(), steps(spec.lots(spec.volume_min)));
        fields.insert("volume_max".into(), steps(spec.lots(spec.volume_max)));
    }
    for (name, value) in said {
        let wrong = |why: String| format!("{name} {why}");
        match name.as_str() {
            "volume_step" | "symbol" => {}
            "volume_min" | "volume_max" => set(fields, name, json!(multiple(value, step_e8 as f64 / LOT_E8, "lots").map_err(wrong)?))?,
            "tick_size" => set(fields, name, json!(multiple(value, 10_f64.powi(-(digits as i32)), "a point").map_err(wrong)?))?,
            "swap" => set(fields, name, swap(value).map_err(wrong)?)?,
            "basis" => {
                let known: SpecBasis = serde_json::from_value(value.clone()).map_err(|_| wrong("is stated, usual or assumed".into()))?;
                fields.insert(name.clone(), json!(known));
            }
            _ => match (MILLIONTHS.iter().find(|field| field.0 == name), TEXTS.iter().find(|field| field.0 == name)) {
                (Some((_, kept)), _) if value.is_null() => set(fields, kept, Value::Null)?,
                (Some((_, kept)), _) => set(fields, kept, json!(millionths(value, 1e6).map_err(wrong)?))?,
                (_, Some((_, kept))) => set(fields, kept, value.clone())?,
                _ => set(fields, name, value.clone())?,
            },
        }
    }
    if said.contains_key("contract_size") || said.contains_key("contract_size_e6") {
        fields.remove("basis");
    }
    let spec: SymbolSpec = serde_json::from_value(raw).map_err(|error| error.to_string())?;
    spec.validated()
}

fn number(value: &Value) -> Result<f64, String> {
    value.as_f64().ok_or_else(|| format!("is {value}; give a number"))
}

/// A number times `scale`, as it is kept.
fn millionths(value: &Value, scale: f64) -> Result<i64, String> {
    let kept = (number(value)? * scale).round();
    if (0.0..9e15).contains(&kept) { Ok(kept as i64) } else { Err(format!("is {value}; give a number from 0 to {:e}", 9e15 / scale)) }
}

/// How many times `unit` a number is.
fn multiple(value: &Value, unit: f64, of: &str) -> Result<i64, String> {
    let said = number(value)?;
    let times = said / unit;
    let is_whole = (times - times.round()).abs() < 1e-6 * times.abs().max(1.0);
    if is_whole && (1.0..9e15).contains(&times.round()) {
        Ok(times.round() as i64)
    } else {
        Err(format!("is {said}; give a multiple of {unit} ({of})"))
    }
}

/// Long and short as people write them, in the millionths that are kept.
fn swap(value: &Value) -> Result<Value, String> {
    let Value::Object(said) = value else {
        return Err(r#"is not an object; write {"mode": "points", "long": -7.85, "short": 3.8}"#.into());
    };
    let mut kept = said.clone();
    for (name, field) in [("long", "long_e6"), ("short", "short_e6")] {
        if let Some(value) = kept.remove(name) {
            kept.insert(field.into(), json!((number(&value)? * 1e6).round() as i64));
        }
    }
    Ok(Value::Object(kept))
}

/// A spec as people and files of `--specs` write it.
fn in_units(spec: &SymbolSpec) -> Value {
    let units = |e6: i64| e6 as f64 / 1e6;
    let swap = json!({
        "mode": spec.swap.mode, "long": units(spec.swap.long_e6), "short": units(spec.swap.short_e6), "nights": spec.swap.nights,
    });
    json!({
        "symbol": spec.name,
        "basis": spec.basis,
        "contract_size": spec.contract_size(),
        "base": spec.base,
        "currency": spec.quote,
        "digits": spec.digits,
        "tick_size": spec.price(spec.tick_size),
        "volume_min": spec.lots(spec.volume_min),
        "volume_max": spec.lots(spec.volume_max),
        "volume_step": spec.volume_step_e8 as f64 / LOT_E8,
        "margin_mode": spec.margin_mode,
        "margin_currency": spec.margin,
        "margin_initial": units(spec.margin_initial_e6),
        "margin_maintenance": units(spec.margin_maintenance_e6),
        "margin_hedged": spec.margin_hedged_e6.map(units),
        "tick_value": units(spec.tick_value_e6),
        "stops_level": spec.stops_level,
        "freeze_level": spec.freeze_level,
        "swap": swap,
        "sessions": spec.sessions,
        "order_life": spec.order_life,
    })
}

fn text(spec: &SymbolSpec, shown: &Value) -> String {
    let word = |name: &str| shown[name].as_str().unwrap_or_default().to_owned();
    let number = |name: &str| shown[name].as_f64().unwrap_or_default().to_string();
    let basis = match spec.basis {
        SpecBasis::Stated => "stated",
        SpecBasis::Usual => "usual for the name; compare it with your broker's, and mend it or --confirm it",
        SpecBasis::Assumed => "ASSUMED, as nothing is known of the name: state at least --contract-size and --currency",
    };
    let swap =
        format!("{} {} long {} short", shown["swap"]["mode"].as_str().unwrap_or_default(), shown["swap"]["long"], shown["swap"]["short"]);
    let lines = [
        ("symbol", spec.name.clone()),
        ("spec", basis.to_owned()),
        ("contract size", format!("{} a lot", spec.lot_in_words())),
        ("currency", format!("{}, margin in {}", spec.quote, spec.margin_currency())),
        ("digits", format!("{}, prices of orders in steps of {}", spec.digits, number("tick_size"))),
        ("volume", format!("{} to {} lots in steps of {}", number("volume_min"), number("volume_max"), number("volume_step"))),
        ("margin", word("margin_mode")),
        ("stops level", format!("{} points", spec.stops_level.0)),
        ("swap", if spec.swap.mode == domain::swap::SwapMode::Disabled { "none".to_owned() } else { swap }),
    ];
    lines.iter().map(|(name, value)| format!("{name:<14} {value}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::number::{Points, Steps};
    use domain::symbol::common;

    fn said(json: &str) -> Map<String, Value> {
        serde_json::from_str(json).expect("an object")
    }

    #[test]
    fn fields_are_stated_in_units_that_people_use() {
        let spec = SymbolSpec { basis: SpecBasis::Assumed, ..common::crypto("XAG") };
        let silver = stated(
            &spec,
            &said(
                r#"{"contract_size": 5000, "digits": 3, "tick_size": 0.005, "volume_step": 0.1, "volume_min": 0.5, "currency": "EUR",
                "margin_hedged": 2500, "swap": {"mode": "points", "long": -7.85, "short": 3.8}}"#,
            ),
        )
        .expect("sound");
        assert_eq!((silver.contract_size_e6, silver.digits, silver.quote.as_str()), (5_000_000_000, 3, "EUR"));
        assert_eq!((silver.tick_size, silver.volume_step_e8, silver.volume_min), (Points(5), 10_000_000, Steps(5)));
        assert_eq!(
            (silver.lots(silver.volume_max), silver.margin_hedged_e6, silver.swap.long_e6),
            (100.0, Some(2_500_000_000), -7_850_000)
        );
        assert_eq!(silver.basis, SpecBasis::Stated);
        // What is shown is what can be said.
        let shown = in_units(&silver);
        assert_eq!(stated(&spec, shown.as_object().expect("an object")).as_ref(), Ok(&silver));
        // Where nothing is said of lots, they are assumed as before. Names of spec.json do as well.
        assert_eq!(stated(&spec, &said(r#"{"stops_level": 10}"#)).expect("sound").basis, SpecBasis::Assumed);
        assert_eq!(stated(&spec, &said(r#"{"contract_size_e6": 5000000000}"#)).expect("sound").contract_size(), 5_000.0);
    }

    #[test]
    fn what_cannot_be_is_named() {
        let spec = common::forex("EUR", "USD");
        for (json, why) in [
            (r#"{"contract_sise": 1}"#, "\"contract_sise\" is not a field of a spec; there are "),
            (r#"{"contract_size": "big"}"#, "contract_size is \"big\"; give a number"),
            (r#"{"contract_size": 0}"#, "contract_size must be positive"),
            (r#"{"volume_min": 0.015}"#, "volume_min is 0.015; give a multiple of 0.01 (lots)"),
            (r#"{"tick_size": 0.000001}"#, "tick_size is 0.000001; give a multiple of 0.00001"),
            (r#"{"digits": 12}"#, "digits must be a whole number from 0 to 8"),
            (r#"{"swap": 3}"#, "swap is not an object"),
            (r#"{"margin_mode": "lottery"}"#, "lottery"),
        ] {
            let error = stated(&spec, &said(json)).expect_err(json);
            assert!(error.contains(why), "{json}: {error}");
        }
    }
}
