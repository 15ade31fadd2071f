//! MT5's `tester.ini`: the sections `[Tester]` and `[TesterInputs]`, read and written. Other sections, which may hold a login
//! and its password, are passed over and never written.

use super::set_file::SetFile;
use super::text_file::{Encoding, decode, encode};
use market::Date;
use std::str::FromStr;

/// What a `tester.ini` says.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct TesterIni {
    pub expert: Option<String>,
    /// The `.set` file with the inputs.
    pub expert_parameters: Option<String>,
    pub symbol: Option<String>,
    pub period: Option<String>,
    /// 0 every tick, 1 one-minute OHLC, 2 open prices, 3 mathematics, 4 every tick on real ticks.
    pub model: Option<u32>,
    /// Delay of orders: 0 none, -1 random, else milliseconds.
    pub execution_mode: Option<i64>,
    /// 0 none, 1 complete, 2 genetic, 3 all symbols.
    pub optimization: Option<u32>,
    /// 0 balance, 1 profit factor, 2 expected payoff, 3 drawdown, 4 recovery factor, 5 Sharpe ratio, 6 custom, 7 complex.
    pub optimization_criterion: Option<u32>,
    /// First day.
    pub from_date: Option<Date>,
    /// The day before which the test ends: MT5 does not test it.
    pub to_date: Option<Date>,
    /// 0 none, 1 half, 2 a third, 3 a fourth, 4 from `forward_date`.
    pub forward_mode: Option<u32>,
    pub forward_date: Option<Date>,
    pub deposit: Option<f64>,
    pub currency: Option<String>,
    /// The second half of 1:100.
    pub leverage: Option<u32>,
    pub report: Option<String>,
    /// What else `[Tester]` says, in order.
    pub other: Vec<(String, String)>,
    /// `[TesterInputs]`.
    pub inputs: SetFile,
}

impl TesterIni {
    /// Reads a file's bytes.
    ///
    /// # Errors
    /// Names the line, the key and what would do.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let text = decode(bytes)?;
        let mut ini = Self::default();
        let mut section = String::new();
        let mut inputs = Vec::new();
        for (number, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line.trim())) {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = name.to_ascii_lowercase();
                continue;
            }
            match section.as_str() {
                "testerinputs" => inputs.push((number, line)),
                "tester" if !line.is_empty() && !line.starts_with(';') => {
                    let (key, value) = line.split_once('=').ok_or_else(|| format!("line {number}: {line:?} has no `=`"))?;
                    ini.take(key.trim(), value.trim()).map_err(|why| format!("line {number}: {why}"))?;
                }
                _ => {}
            }
        }
        ini.inputs = SetFile::of_lines(inputs.into_iter())?;
        Ok(ini)
    }

    fn take(&mut self, key: &str, value: &str) -> Result<(), String> {
        let text = || Some(value.to_owned()).filter(|text| !text.is_empty());
        match key.to_ascii_lowercase().as_str() {
            "expert" => self.expert = text(),
            "expertparameters" => self.expert_parameters = text(),
            "symbol" => self.symbol = text(),
            "period" => self.period = text(),
            "model" => self.model = numbered(key, value, 4)?,
            "executionmode" => self.execution_mode = parsed(key, value, "a number of milliseconds, 0 or -1")?,
            "optimization" => self.optimization = numbered(key, value, 3)?,
            "optimizationcriterion" => self.optimization_criterion = numbered(key, value, 7)?,
            "fromdate" => self.from_date = date(key, value)?,
            "todate" => self.to_date = date(key, value)?,
            "forwardmode" => self.forward_mode = numbered(key, value, 4)?,
            "forwarddate" => self.forward_date = date(key, value)?,
            "deposit" => self.deposit = parsed(key, value, "an amount of money")?.filter(|deposit: &f64| deposit.is_finite()),
            "currency" => self.currency = text(),
            "leverage" => self.leverage = parsed(key, value.strip_prefix("1:").unwrap_or(value), "a leverage such as 1:100")?,
            "report" => self.report = text(),
            _ => self.other.push((key.to_owned(), value.to_owned())),
        }
        Ok(())
    }

    /// The two sections as text.
    pub fn text(&self) -> String {
        fn shown(key: &str, value: &Option<impl ToString>) -> Option<(String, String)> {
            value.as_ref().map(|value| (key.to_owned(), value.to_string()))
        }
        let known = [
            shown("Expert", &self.expert),
            shown("ExpertParameters", &self.expert_parameters),
            shown("Symbol", &self.symbol),
            shown("Period", &self.period),
            shown("Model", &self.model),
            shown("ExecutionMode", &self.execution_mode),
            shown("Optimization", &self.optimization),
            shown("OptimizationCriterion", &self.optimization_criterion),
            shown("FromDate", &self.from_date.map(dotted)),
            shown("ToDate", &self.to_date.map(dotted)),
            shown("ForwardMode", &self.forward_mode),
            shown("ForwardDate", &self.forward_date.map(dotted)),
            shown("Deposit", &self.deposit),
            shown("Currency", &self.currency),
            shown("Leverage", &self.leverage.map(|leverage| format!("1:{leverage}"))),
            shown("Report", &self.report),
        ];
        let lines = known.into_iter().flatten().chain(self.other.iter().cloned());
        let tester: String = lines.map(|(key, value)| format!("{key}={value}\n")).collect();
        format!("[Tester]\n{tester}\n[TesterInputs]\n{}", self.inputs.text())
    }

    /// The two sections as bytes.
    pub fn bytes(&self, encoding: Encoding) -> Vec<u8> {
        encode(&self.text(), encoding)
    }
}

fn parsed<T: FromStr>(key: &str, value: &str, wanted: &str) -> Result<Option<T>, String> {
    if value.is_empty() {
        return Ok(None);
    }
    value.parse().map(Some).map_err(|_| format!("{key}={value} is not {wanted}"))
}

fn numbered(key: &str, value: &str, last: u32) -> Result<Option<u32>, String> {
    let number = parsed(key, value, &format!("a number from 0 to {last}"))?;
    match number {
        Some(number) if number > last => Err(format!("{key}={number} is not a number from 0 to {last}")),
        number => Ok(number),
    }
}

/// `2014.05.01`, as MT5 writes days.
fn date(key: &str, value: &str) -> Result<Option<Date>, String> {
    let day = parsed(key, &value.replace('.', "-"), "");
    day.map_err(|_: String| format!("{key}={value} is not a day such as 2014.05.01"))
}

fn dotted(date: Date) -> String {
    date.to_string().replace('-', ".")
}
