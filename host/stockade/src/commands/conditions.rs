//! Under what conditions a strategy is tested: which ticks, which broker.

use super::beware::without_swap;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::grouped;
use backtest::model::{Crossed, Found, Model, Modelling, Spread};
use backtest::optimise::ini::TesterIni;
use domain::number::{Money, Points, Rate};
use domain::server_clock::{ServerClock, SummerTime};
use domain::swap::{Swap, SwapMode};
use domain::symbol::{FixedRate, SymbolSpec};
use domain::tick::Timeframe;
use paper::{Charge, Commission, Commissions, Delay, Execution, Level, LimitFills, Sides, VenueOptions};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// The flags.
#[derive(clap::Args, Clone, Debug)]
pub struct Conditions {
    /// Which ticks: real (as stored), every-tick (generated from one-minute bars), ohlc (four a minute), open-prices (one at
    /// the open of each --period).
    #[arg(long, default_value = "real", value_parser = ["real", "every-tick", "ohlc", "open-prices"], help_heading = CONDITIONS)]
    model: String,
    /// The bars of --model open-prices: M1 (unless given), M5, M15, M30, H1, H4 or D1.
    #[arg(long, value_parser = timeframe, help_heading = CONDITIONS)]
    period: Option<Timeframe>,
    /// Where asks come from: data, or a number of points above the bid.
    #[arg(long, default_value = "data", value_parser = spread, help_heading = CONDITIONS)]
    spread: ChosenSpread,
    /// What becomes of quotes with the bid above the ask, which flatter a test: keep, exchange (whoever deals pays the
    /// distance instead of earning it), drop.
    #[arg(long, default_value = "keep", value_parser = ["keep", "exchange", "drop"], help_heading = CONDITIONS)]
    crossed: String,
    /// How long orders take: none, a number of milliseconds, from-to milliseconds, or random (0 to 18 s, as MT5's tester draws it).
    #[arg(long, default_value = "none", value_parser = delay, value_name = "MS", help_heading = CONDITIONS)]
    delay: Delay,
    /// Whether an order is refused when the price has moved beyond its deviation (instant) or fills anyway (market).
    #[arg(long, default_value = "instant", value_parser = ["instant", "market"], help_heading = CONDITIONS)]
    execution: String,
    /// At what price limit orders and take profits fill: conservative (their own), or mt5 (the tick's, as its tester does).
    #[arg(long, default_value = "conservative", value_parser = ["conservative", "mt5"], help_heading = CONDITIONS)]
    limit_fills: String,
    /// What deals cost in the account's currency: 3.5 (each lot, each side), 7/lot/round, 2/deal/out, 0.01%/in; with ,min=1
    /// and ,max=20 after it.
    #[arg(long, default_value = "0", value_parser = commission, value_name = "SCHEME", help_heading = CONDITIONS)]
    commission: Commission,
    /// Where positions are closed by the broker: equity in percent of margin (20%) or an amount (500).
    #[arg(long, default_value = "20%", value_parser = level, value_name = "LEVEL", help_heading = CONDITIONS)]
    stop_out: Level,
    /// Where an account is called: like --stop-out.
    #[arg(long, default_value = "50%", value_parser = level, value_name = "LEVEL", help_heading = CONDITIONS)]
    margin_call: Level,
    /// The broker's clock, by which nights are charged and sessions open: utc, +2, new-york-close (+2, +3 in New York's summer)
    /// or europe (the same in Europe's).
    #[arg(long, default_value = "utc", value_parser = server_time, value_name = "CLOCK", help_heading = CONDITIONS, allow_hyphen_values = true)]
    server_time: ServerClock,
    /// What a night costs a long and a short of the strategy's first symbol, such as points:-7.85:3.8 or
    /// interest-current:-4:1:fri (with the triple day, usually wed; all: every night on its own); or disabled, where the
    /// symbol's spec has one.
    #[arg(long, value_parser = swap, value_name = "MODE:LONG:SHORT", help_heading = CONDITIONS)]
    swap: Option<Swap>,
    /// A rate where no stored symbol has it, such as EURUSD=1.38: one EUR is 1.38 USD.
    #[arg(long, value_parser = rate, value_name = "PAIR=RATE", help_heading = CONDITIONS)]
    rate: Vec<FixedRate>,
    /// A JSON file that says more of symbols, by name, such as {"XAGUSD": {"contract_size": 5000}}: the fields that
    /// `stockade data spec NAME --json` shows.
    #[arg(long, value_name = "FILE", help_heading = CONDITIONS)]
    specs: Option<PathBuf>,
    /// Whose nights are free because nothing is known of them; see [`take_swaps`](Self::take_swaps).
    #[arg(skip)]
    without_swap: String,
}

const CONDITIONS: &str = "Conditions";

/// MT5's numbers of the models, in a tester.ini.
const MODELS: [(u32, &str); 4] = [(0, "every-tick"), (1, "ohlc"), (2, "open-prices"), (4, "real")];

/// [`Spread`] as clap keeps it.
#[derive(Clone, Copy, Debug)]
struct ChosenSpread(Spread);

impl Conditions {
    /// Refuses what could only be a mistake: words that would change nothing.
    ///
    /// # Errors
    /// A period is given with a model that has none, or accounts are closed before they are called.
    pub fn check(&self) -> Outcome {
        if self.period.is_some() && self.model != "open-prices" {
            let why = format_args!("--period says how long the bars of --model open-prices are, and --model is {}", self.model);
            return Err(Failure::new(Exit::Usage, format_args!("{why}; give that model, or no period")));
        }
        let is_below = match (self.margin_call, self.stop_out) {
            (Level::Percent(call), Level::Percent(stop_out)) => call < stop_out,
            (Level::Money(call), Level::Money(stop_out)) => call < stop_out,
            _ => false,
        };
        if is_below {
            let (call, stop_out) = (level_in_words(self.margin_call), level_in_words(self.stop_out));
            let why = format_args!("--margin-call {call} lies below --stop-out {stop_out}, and an account is called before it is closed");
            return Err(Failure::new(Exit::Usage, format_args!("{why}; give a --margin-call of at least that")));
        }
        Ok(())
    }

    /// The bars whose opens are ticks.
    fn opens(&self) -> Timeframe {
        self.period.unwrap_or(Timeframe::M1)
    }

    /// How ticks are made.
    pub fn modelling(&self) -> Modelling {
        let model = match self.model.as_str() {
            "every-tick" => Model::EveryTick,
            "ohlc" => Model::OneMinuteOhlc,
            "open-prices" => Model::OpenPrices(self.opens()),
            _ => Model::RealTicks,
        };
        let crossed = match self.crossed.as_str() {
            "exchange" => Crossed::Exchange,
            "drop" => Crossed::Drop,
            _ => Crossed::Keep,
        };
        Modelling { model, spread: self.spread.0, crossed }
    }

    /// Whether ticks are generated from bars.
    pub fn is_modelled(&self) -> bool {
        self.model != "real"
    }

    /// Whether ticks are the stored ones as they are.
    pub fn is_as_stored(&self) -> bool {
        self.modelling() == Modelling::default()
    }

    /// How the venue fills and charges. Random delays start at `seed`.
    pub fn venue(&self, seed: u64) -> VenueOptions {
        VenueOptions {
            limit_fills: if self.limit_fills == "mt5" { LimitFills::Mt5 } else { LimitFills::Conservative },
            commissions: Commissions { otherwise: self.commission, ..Commissions::default() },
            stop_out: self.stop_out,
            margin_call: self.margin_call,
            clock: self.server_time,
            delay: self.delay.clone(),
            delay_seed: seed,
            execution: if self.execution == "market" { Execution::Market } else { Execution::Instant },
            track_equity: true,
        }
    }

    /// Takes the model, its period and the delay of a tester.ini, wherever the command line says nothing; `given` tells whether
    /// it does.
    ///
    /// # Errors
    /// It asks for a model or a period that there is not.
    pub fn take_ini(&mut self, ini: &TesterIni, given: impl Fn(&str) -> bool) -> Outcome {
        let refused = |what: String| Failure::new(Exit::Refused, what);
        if let Some(number) = ini.model.filter(|_| !given("model")) {
            let word = MODELS.iter().find(|(known, _)| *known == number).map(|(_, word)| *word);
            let why = || refused(format!("Model={number} (mathematics) has no ticks to test on; give 0, 1, 2 or 4"));
            self.model = word.ok_or_else(why)?.to_owned();
        }
        if let Some(period) = ini.period.as_ref().filter(|_| !given("period") && self.model == "open-prices") {
            self.period = Some(timeframe(period).map_err(|why| refused(format!("Period={period}: {why}")))?);
        }
        if let Some(ms) = ini.execution_mode.filter(|_| !given("delay")) {
            self.delay = match ms {
                -1 => Delay::Mt5,
                ms => delay(&ms.to_string()).map_err(|why| refused(format!("ExecutionMode={ms}: {why}")))?,
            };
        }
        Ok(())
    }

    /// The same as a tester.ini says it; a delay between two bounds it has no word for.
    pub fn put_ini(&self, ini: &mut TesterIni) {
        ini.model = MODELS.iter().find(|(_, word)| *word == self.model).map(|(number, _)| *number);
        ini.period = (self.model == "open-prices").then(|| format!("{:?}", self.opens()));
        ini.execution_mode = match self.delay {
            Delay::None => Some(0),
            Delay::Fixed(us) => Some(us / 1_000),
            Delay::Between(..) | Delay::Each(_) => None,
            Delay::Mt5 => Some(-1),
        };
    }

    /// Stated rates.
    pub fn rates(&self) -> &[FixedRate] {
        &self.rate
    }

    /// Says more of the symbols of a run, of which the strategy's own come first.
    ///
    /// # Errors
    /// Names the file or the field that is wrong.
    pub fn refine(&self, specs: &mut [SymbolSpec]) -> Outcome {
        if let Some(file) = &self.specs {
            let said = read_json(file)?;
            if !specs.iter().any(|spec| said.get(&spec.name).is_some()) {
                let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
                let why = format_args!("{} says nothing of {}", file.display(), names.join(", "));
                let hint = "its names are symbols, written as `stockade data list` shows them";
                return Err(Failure::new(Exit::Refused, format_args!("{why}; {hint}")));
            }
            for spec in specs.iter_mut() {
                if let Some(fields) = said.get(&spec.name) {
                    *spec = merged(spec, fields, file)?;
                }
            }
        }
        if let (Some(swap), Some(first)) = (self.swap, specs.first_mut()) {
            first.swap = swap;
        }
        Ok(())
    }

    /// Takes note of whose nights are free, of the strategy's own symbols with all that is said of them.
    pub fn take_swaps(&mut self, own: &[SymbolSpec]) {
        // Whoever says --swap disabled means the first.
        let said = usize::from(self.swap.is_some());
        self.without_swap = without_swap(own.iter().skip(said));
    }

    /// Whose nights are free because nothing is known of them, in words; empty where it is nobody's.
    pub fn without_swap(&self) -> &str {
        &self.without_swap
    }

    /// Whether deals are done at quotes whose bid lies above the ask. A fixed spread, and ticks made of bids, have none.
    pub fn deals_at_crossed_quotes(&self) -> bool {
        self.crossed == "keep" && self.model == "real" && matches!(self.spread.0, Spread::Data)
    }

    /// The conditions and what was found under them, for programs.
    pub fn answer(&self, found: &Found) -> Value {
        let words: Map<String, Value> = self.words().into_iter().map(|(name, words)| (name.replace(' ', "_"), words.into())).collect();
        let mut answer = Value::Object(words);
        answer["stored_ticks"] = found.ticks().into();
        answer["crossed_ticks"] = found.crossed().into();
        answer["generated_ticks"] = found.generated().into();
        answer["generated_from_bars"] = found.bars().into();
        answer
    }

    /// The same for people.
    pub fn text(&self, found: &Found) -> String {
        let mut text = self.lines();
        if found.generated() > 0 {
            text += &format!("{:<14} {} ticks from {} minutes\n", "generated", grouped(found.generated()), grouped(found.bars()));
        }
        if found.crossed() > 0 && !self.deals_at_crossed_quotes() {
            text += &format!("{:<14} {} of {} ticks\n", "crossed", grouped(found.crossed()), grouped(found.ticks()));
        }
        text
    }

    /// All of them in two lines: what the ticks are, and what the broker does.
    pub fn lines(&self) -> String {
        let line = |name: &str, words: Vec<(&str, String)>| {
            let words: Vec<String> = words.into_iter().map(|(name, words)| format!("{name} {words}")).collect();
            format!("{name:<14} {}\n", words.join(", "))
        };
        line("ticks are", self.ticks_in_words()) + &line("broker", self.broker_in_words())
    }

    /// The conditions in words, for whoever reads the result.
    pub fn words(&self) -> Vec<(&'static str, String)> {
        let mut words = self.ticks_in_words();
        words.extend(self.broker_in_words());
        words
    }

    fn ticks_in_words(&self) -> Vec<(&'static str, String)> {
        let period = if self.model == "open-prices" { format!(" of {:?}", self.opens()) } else { String::new() };
        let spread = match self.spread.0 {
            Spread::Data => "of the data".to_owned(),
            Spread::Fixed(points) => format!("{} points", points.0),
        };
        vec![("model", format!("{}{period}", self.model)), ("spread", spread), ("crossed quotes", self.crossed.clone())]
    }

    fn broker_in_words(&self) -> Vec<(&'static str, String)> {
        let delay = match &self.delay {
            Delay::None => "none".to_owned(),
            Delay::Fixed(us) => format!("{} ms", us / 1_000),
            Delay::Between(from, to) => format!("{} to {} ms", from / 1_000, to / 1_000),
            Delay::Mt5 => "random, 0 to 18 s".to_owned(),
            Delay::Each(_) => "as recorded of each order".to_owned(),
        };
        vec![
            ("delay", delay),
            ("execution", self.execution.clone()),
            ("limit fills", self.limit_fills.clone()),
            ("commission", commission_in_words(&self.commission)),
            ("swap", self.swap_in_words()),
            ("margin call", level_in_words(self.margin_call)),
            ("stop-out", level_in_words(self.stop_out)),
            ("server time", clock_in_words(self.server_time)),
        ]
    }
}

impl Conditions {
    fn swap_in_words(&self) -> String {
        match (self.swap, self.without_swap.as_str()) {
            (Some(swap), _) => swap_in_words(swap),
            (None, "") => "of the symbol".to_owned(),
            (None, why) => format!("none: {why}"),
        }
    }
}

/// As the command line takes it.
fn level_in_words(level: Level) -> String {
    match level {
        Level::Percent(percent) => format!("{percent}%"),
        Level::Money(amount) => amount.to_string(),
    }
}

fn swap_in_words(swap: Swap) -> String {
    let mode = serde_json::to_value(swap.mode).expect("a mode is a word");
    let mode = mode.as_str().unwrap_or_default().to_owned();
    if swap.mode == SwapMode::Disabled {
        return mode;
    }
    let earned = |e6: i64| e6 as f64 / 1e6;
    let nights: Vec<String> = WEEKDAYS.iter().zip(swap.nights).map(|(day, nights)| format!("{day} {nights}")).collect();
    format!("{mode} {} long {} short (nights: {})", earned(swap.long_e6), earned(swap.short_e6), nights.join(" "))
}

fn clock_in_words(clock: ServerClock) -> String {
    let hours = f64::from(clock.offset_minutes) / 60.0;
    match clock.summer {
        SummerTime::Never if clock.offset_minutes == 0 => "utc".to_owned(),
        SummerTime::Never => format!("{hours:+}"),
        SummerTime::NewYork => format!("{hours:+}, one more in New York's summer"),
        SummerTime::Europe => format!("{hours:+}, one more in Europe's summer"),
    }
}

fn commission_in_words(scheme: &Commission) -> String {
    let charge = match scheme.charge {
        Charge::PerLot(Money::ZERO) | Charge::PerDeal(Money::ZERO) | Charge::PercentE6(0) if scheme.minimum == Money::ZERO => {
            return "none".to_owned();
        }
        Charge::PerLot(amount) => format!("{amount} a lot"),
        Charge::PerDeal(amount) => format!("{amount} a deal"),
        Charge::PercentE6(percent) => format!("{} % of the turnover", percent as f64 / 1e6),
    };
    let sides = match scheme.sides {
        Sides::Each => "each side",
        Sides::Entry => "at entries",
        Sides::Exit => "at exits",
        Sides::RoundTurn => "the round turn",
    };
    let minimum = if scheme.minimum == Money::ZERO { String::new() } else { format!(", at least {}", scheme.minimum) };
    let maximum = scheme.maximum.map_or(String::new(), |maximum| format!(", at most {maximum}"));
    format!("{charge} {sides}{minimum}{maximum}")
}

fn read_json(file: &Path) -> Outcome<Value> {
    let text = std::fs::read(file).map_err(|error| Failure::io("read the symbols' specs", file, &error))?;
    let said: Value = serde_json::from_slice(&text)
        .map_err(|error| Failure::new(Exit::Refused, format_args!("{} is no JSON: {error}", file.display())))?;
    if said.is_object() {
        return Ok(said);
    }
    let hint = r#"write {"EURUSD": {"stops_level": 10}}"#;
    Err(Failure::new(Exit::Refused, format_args!("{} holds no object of symbols; {hint}", file.display())))
}

/// A spec with some of its fields said anew.
fn merged(spec: &SymbolSpec, fields: &Value, file: &Path) -> Outcome<SymbolSpec> {
    let refused = |why: String| Failure::new(Exit::Refused, format_args!("{}: symbol {}: {why}", file.display(), spec.name));
    let Value::Object(fields) = fields else { return Err(refused("what it says is no object of fields".into())) };
    super::spec::stated(spec, fields).map_err(refused)
}

/// An amount of money.
pub fn money(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| "give a number, such as 10000 or 2500.50".to_owned())
}

fn timeframe(text: &str) -> Result<Timeframe, String> {
    let known = Timeframe::ALL.into_iter().find(|timeframe| format!("{timeframe:?}").eq_ignore_ascii_case(text));
    known.filter(|timeframe| *timeframe <= Timeframe::D1).ok_or_else(|| "give M1, M5, M15, M30, H1, H4 or D1".into())
}

fn spread(text: &str) -> Result<ChosenSpread, String> {
    match text {
        "data" => Ok(ChosenSpread(Spread::Data)),
        points => match points.parse::<i64>() {
            Ok(points @ 0..=1_000_000) => Ok(ChosenSpread(Spread::Fixed(Points(points)))),
            _ => Err("give data, or points from 0 to 1000000".into()),
        },
    }
}

fn delay(text: &str) -> Result<Delay, String> {
    const MS_MAX: i64 = 600_000;
    let ms = |text: &str| text.parse::<i64>().ok().filter(|ms| (0..=MS_MAX).contains(ms)).map(|ms| ms * 1_000);
    let wrong = || format!("give none, random, milliseconds up to {MS_MAX}, or two of them like 50-300");
    match text {
        "none" | "0" => Ok(Delay::None),
        "random" => Ok(Delay::Mt5),
        text => match text.split_once('-') {
            None => ms(text).map(Delay::Fixed).ok_or_else(wrong),
            Some((from, to)) => {
                let both = ms(from).zip(ms(to)).filter(|(from, to)| from <= to);
                both.map(|(from, to)| Delay::Between(from, to)).ok_or_else(wrong)
            }
        },
    }
}

/// An amount from 0 to a billion, in millionths.
fn amount(text: &str) -> Option<i64> {
    let value: f64 = text.parse().ok()?;
    (0.0..=1e9).contains(&value).then(|| Money::from_units(value).0)
}

fn commission(text: &str) -> Result<Commission, String> {
    let wrong = || "give an amount with /lot or /deal, or a percentage, then /side, /in, /out or /round, such as 7/lot/round".to_owned();
    let mut parts = text.split(',');
    let mut words = parts.next().unwrap_or_default().split('/');
    let first = words.next().unwrap_or_default();
    let mut charge = match first.strip_suffix('%') {
        Some(percent) => Charge::PercentE6(amount(percent).filter(|percent| *percent <= 100_000_000).ok_or_else(wrong)?),
        None => Charge::PerLot(Money(amount(first).ok_or_else(wrong)?)),
    };
    let mut sides = Sides::Each;
    for word in words {
        match (word, charge) {
            ("lot", Charge::PerLot(_)) => {}
            ("deal", Charge::PerLot(amount)) => charge = Charge::PerDeal(amount),
            ("side", _) => sides = Sides::Each,
            ("in", _) => sides = Sides::Entry,
            ("out", _) => sides = Sides::Exit,
            ("round", _) => sides = Sides::RoundTurn,
            _ => return Err(wrong()),
        }
    }
    let mut scheme = Commission { charge, sides, ..Commission::default() };
    for bound in parts {
        match bound.split_once('=').map(|(name, value)| (name, amount(value))) {
            Some(("min", Some(value))) => scheme.minimum = Money(value),
            Some(("max", Some(value))) => scheme.maximum = Some(Money(value)),
            _ => return Err(format!("{bound:?} is no bound; give min=1 or max=20")),
        }
    }
    match scheme.maximum {
        Some(maximum) if maximum < scheme.minimum => Err("min lies above max".into()),
        _ => Ok(scheme),
    }
}

fn level(text: &str) -> Result<Level, String> {
    let percent = |text: &str| text.parse::<u32>().ok().filter(|percent| *percent <= 1_000).map(Level::Percent);
    let level = match text.strip_suffix('%') {
        Some(text) => percent(text),
        None => amount(text).map(|amount| Level::Money(Money(amount))),
    };
    level.ok_or_else(|| "give percent of margin like 20%, up to 1000%, or an amount like 500".into())
}

fn server_time(text: &str) -> Result<ServerClock, String> {
    match text {
        "utc" => Ok(ServerClock::UTC),
        "new-york-close" => Ok(ServerClock::NEW_YORK_CLOSE),
        "europe" => Ok(ServerClock { summer: SummerTime::Europe, ..ServerClock::NEW_YORK_CLOSE }),
        hours => match hours.parse::<f64>() {
            Ok(hours) if (-14.0..=14.0).contains(&hours) => {
                Ok(ServerClock { offset_minutes: (hours * 60.0).round() as i32, summer: SummerTime::Never })
            }
            _ => Err("give utc, hours ahead of it like +2, new-york-close or europe".into()),
        },
    }
}

/// As the server's week goes.
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

fn swap(text: &str) -> Result<Swap, String> {
    if text == "disabled" {
        return Ok(Swap::default());
    }
    let parts: Vec<&str> = text.split(':').collect();
    let ([mode, long, short] | [mode, long, short, _]) = parts[..] else {
        return Err("give a mode, what a long and what a short earns, such as points:-7.85:3.8".into());
    };
    let mode: SwapMode = serde_json::from_value(Value::String(mode.into())).map_err(|_| {
        let known =
            "points, currency-symbol, currency-margin, currency-deposit, interest-current, interest-open, reopen-current, reopen-bid";
        format!("{mode:?} is no mode of swaps; there are {known}")
    })?;
    let earned = |text: &str| {
        let value = text.parse::<f64>().ok().filter(|value| value.abs() <= 1e6);
        value.map(|value| (value * 1e6).round() as i64).ok_or_else(|| format!("{text:?} is no number up to a million"))
    };
    let swap = Swap { mode, long_e6: earned(long)?, short_e6: earned(short)?, ..Swap::default() };
    match parts.get(3) {
        None => Ok(swap),
        Some(&"all") => Ok(swap.every_night()),
        Some(day) => match WEEKDAYS.iter().position(|known| known == day) {
            Some(day) => Ok(swap.triple_on(day as u8)),
            None => Err(format!("{day:?} is no day; give one of {} or all", WEEKDAYS.join(", "))),
        },
    }
}

fn rate(text: &str) -> Result<FixedRate, String> {
    let wrong = || "give a pair of three-letter currencies and a rate above 0, such as EURUSD=1.38".to_owned();
    let (pair, value) = text.split_once('=').ok_or_else(wrong)?;
    let pair = pair.replace('/', "");
    let currencies = pair.get(..3).zip(pair.get(3..6)).filter(|_| pair.len() == 6);
    let (from, to) = currencies.ok_or_else(wrong)?;
    let numerator = value.parse::<f64>().ok().filter(|rate| (1e-6..=1e6).contains(rate)).ok_or_else(wrong)?;
    let rate = Rate { numerator: (numerator * 1e8).round() as i64, denominator: 100_000_000 };
    Ok(FixedRate { from: from.to_uppercase(), to: to.to_uppercase(), rate })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commissions_are_read_in_every_scheme() {
        let per_lot = |units: f64| Commission::per_lot(Money::from_units(units));
        for (text, expected) in [
            ("3.5", per_lot(3.5)),
            ("3.5/lot/side", per_lot(3.5)),
            ("7/lot/round", Commission { sides: Sides::RoundTurn, ..per_lot(7.0) }),
            ("2/deal/out", Commission { charge: Charge::PerDeal(Money::from_units(2.0)), sides: Sides::Exit, ..per_lot(0.0) }),
            (
                "0.01%/in,min=1,max=20",
                Commission {
                    charge: Charge::PercentE6(10_000),
                    sides: Sides::Entry,
                    minimum: Money::from_units(1.0),
                    maximum: Some(Money::from_units(20.0)),
                },
            ),
        ] {
            assert_eq!(commission(text), Ok(expected), "{text}");
        }
        for wrong in ["", "-1", "seven", "7/lots", "0.01%/deal", "101%", "1,most=2", "1,min=3,max=2", "nan"] {
            assert!(commission(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn delays_levels_clocks_swaps_and_rates_are_read_or_refused() {
        assert_eq!(delay("250"), Ok(Delay::Fixed(250_000)));
        assert_eq!(delay("50-300"), Ok(Delay::Between(50_000, 300_000)));
        assert!(["-1", "300-50", "soon", "600001"].iter().all(|wrong| delay(wrong).is_err()));
        assert_eq!((level("20%"), level("500")), (Ok(Level::Percent(20)), Ok(Level::Money(Money::from_units(500.0)))));
        assert!(["20 %", "-5", "2000%"].iter().all(|wrong| level(wrong).is_err()));
        assert_eq!(server_time("+3").map(|clock| clock.offset_minutes), Ok(180));
        assert!(["mars", "+25"].iter().all(|wrong| server_time(wrong).is_err()));
        let points = swap("points:-7.85:3.8").map(|swap| (swap.mode, swap.long_e6, swap.short_e6, swap.nights[3]));
        assert_eq!(points, Ok((SwapMode::Points, -7_850_000, 3_800_000, 3)));
        assert_eq!(swap("interest-open:-4:1:fri").map(|swap| swap.nights), Ok([0, 1, 1, 1, 1, 3, 0]));
        assert!(["points", "points:1", "lots:1:2", "points:a:1", "points:1:2:noday"].iter().all(|wrong| swap(wrong).is_err()));
        let eurusd = rate("EURUSD=1.38").expect("it is one");
        assert_eq!((eurusd.from.as_str(), eurusd.to.as_str(), eurusd.rate.numerator), ("EUR", "USD", 138_000_000));
        assert!(["EURUSD", "EUR=1", "EURUSD=0", "EURUSD=x"].iter().all(|wrong| rate(wrong).is_err()));
    }

    #[test]
    fn a_file_says_more_of_a_symbol_and_what_it_says_is_checked() {
        let spec = domain::symbol::common::forex("EUR", "USD");
        let file = Path::new("specs.json");
        let with = |fields: Value| merged(&spec, &fields, file);
        let refined = with(serde_json::json!({ "stops_level": 10, "margin_mode": "cfd", "sessions": [[5, 10]] })).expect("it is right");
        assert_eq!((refined.stops_level, refined.margin_mode), (Points(10), domain::symbol::MarginMode::Cfd));
        for wrong in
            [serde_json::json!({ "stop_level": 1 }), serde_json::json!({ "digits": 12 }), serde_json::json!({ "sessions": [[10, 5]] })]
        {
            assert!(with(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
