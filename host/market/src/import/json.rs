//! Ticks that a collector inside MT5 wrote as JSON: `{"metadata": {"symbol": …}, "ticks": [{"time_msc": …, "bid": …, "ask": …,
//! "tick_flags": "BID ASK"}]}`, or only the list. Read tick by tick, however long; rows are counted from 1.

mod tokens;

use super::error::ImportError;
use super::intake::{Intake, RawTick};
use super::number::{Decimal, decimal, decimals_of};
use domain::tick::{FLAGS_BID_ASK, TickFlags};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::io::Read;
use tokens::Tokens;

pub(super) fn read(text: impl Read, intake: &mut Intake<'_>) -> Result<(), ImportError> {
    let mut state = State { intake, row: 0, held: [None; 2], error: None, ahead_ms: Vec::new() };
    let mut json = serde_json::Deserializer::from_reader(std::io::BufReader::with_capacity(1 << 16, Tokens::new(text)));
    let read = Document(&mut state).deserialize(&mut json).and_then(|()| json.end());
    if let Some(error) = state.error.take() {
        return Err(error);
    }
    let ahead_ms = std::mem::take(&mut state.ahead_ms);
    // After so many ticks were read, a file that breaks off is still no whole file.
    read.map_err(|error| intake.wrong(format!("it is no JSON with ticks: {error}")))?;
    if let Some(minutes) = ahead_minutes(ahead_ms).filter(|minutes| *minutes != 0) {
        intake.note(format!(
            "the broker's clock was {minutes} min ahead of the collector's; if that one ran in UTC, give the clock as {:+}",
            minutes as f64 / 60.0
        ));
    }
    Ok(())
}

struct State<'a, 'b> {
    intake: &'a mut Intake<'b>,
    row: u64,
    held: [Option<Decimal>; 2],
    /// Why it stopped, where serde can only say that it did.
    error: Option<ImportError>,
    /// Samples of broker's time less collector's.
    ahead_ms: Vec<i64>,
}

const AHEAD_SAMPLES_MAX: usize = 1_000;

/// Clocks differ by quarters of an hour.
fn ahead_minutes(mut ahead_ms: Vec<i64>) -> Option<i64> {
    ahead_ms.sort_unstable();
    let median = ahead_ms.get(ahead_ms.len() / 2)?;
    Some((*median as f64 / 900_000.0).round() as i64 * 15)
}

impl State<'_, '_> {
    fn tick(&mut self, tick: &LooseTick) -> Result<(), ImportError> {
        self.row += 1;
        match self.row(tick) {
            Ok(raw) => self.intake.tick(self.row, raw),
            Err(reason) => self.intake.dirty(self.row, || reason),
        }
    }

    fn row(&mut self, tick: &LooseTick) -> Result<RawTick, String> {
        let ms = tick.time_msc.whole().or_else(|| tick.time.whole()?.checked_mul(1_000));
        let ms = ms.ok_or("it has no time_msc")?;
        let us = ms.checked_mul(1_000).ok_or("its time_msc is too large")?;
        if let Some(collected) = tick.collected_msc.whole().filter(|_| self.ahead_ms.len() < AHEAD_SAMPLES_MAX) {
            self.ahead_ms.push(ms.saturating_sub(collected));
        }
        let bid = self.side(0, "bid", tick.bid)?;
        let ask = self.side(1, "ask", tick.ask)?;
        let volume = tick.volume_real.0.or(tick.real_volume.0).or(tick.volume.0);
        Ok(RawTick {
            time: self.intake.utc(us),
            bid,
            ask,
            last: tick.last.0,
            volume: volume.map_or(0.0, |volume| volume.value),
            flags: tick.tick_flags.0.or(tick.flags.0).unwrap_or(FLAGS_BID_ASK),
        })
    }

    /// A side's price, or its last one where it is absent or 0.
    fn side(&mut self, side: usize, what: &str, price: Number) -> Result<Decimal, String> {
        match price.0 {
            Some(price) if price.value > 0.0 => Ok(*self.held[side].insert(price)),
            Some(price) if price.value < 0.0 => Ok(price),
            _ => self.held[side].ok_or_else(|| format!("{what} is absent and no tick before it has one")),
        }
    }
}

/// One tick, whatever else stands in it and whatever its fields are: a wrong one is a dirty row, not a broken file.
#[derive(Default, Deserialize)]
#[serde(default)]
struct LooseTick {
    time_msc: Number,
    time: Number,
    collected_msc: Number,
    bid: Number,
    ask: Number,
    last: Number,
    volume: Number,
    volume_real: Number,
    real_volume: Number,
    tick_flags: Flags,
    flags: Flags,
}

/// A number, also as a text; nothing where it is something else.
#[derive(Clone, Copy, Debug, Default)]
struct Number(Option<Decimal>);

impl Number {
    fn whole(self) -> Option<i64> {
        let value = self.0?.value;
        (value.abs() < 9e15).then_some(value as i64)
    }
}

/// Flags as MT5's number or as words.
#[derive(Clone, Copy, Debug, Default)]
struct Flags(Option<TickFlags>);

/// What a JSON value is to somebody who wants a number or words.
struct Anything;

enum Value {
    Number(f64),
    Text(String),
    Other,
}

impl<'de> Visitor<'de> for Anything {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Other)
    }
    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number as f64))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number as f64))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }
    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.chars().take(64).collect()))
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Other)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        Ok(Self(match json.deserialize_any(Anything)? {
            Value::Number(value) => value.is_finite().then(|| Decimal { value, decimals: decimals_of(value) }),
            Value::Text(text) => decimal(text.as_bytes()),
            Value::Other => None,
        }))
    }
}

impl<'de> Deserialize<'de> for Flags {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        let word = |word: &str| match word {
            "BID" => 2,
            "ASK" => 4,
            "LAST" => 8,
            "VOLUME" => 16,
            "BUY" => 32,
            "SELL" => 64,
            _ => 0,
        };
        Ok(Self(match json.deserialize_any(Anything)? {
            Value::Number(number) => (0.0..4e9).contains(&number).then_some(number as TickFlags),
            Value::Text(text) => Some(text.split([' ', '|', ',']).map(word).fold(0, |all, flag| all | flag)),
            Value::Other => None,
        }))
    }
}

/// The whole file.
struct Document<'s, 'a, 'b>(&'s mut State<'a, 'b>);

impl<'de> DeserializeSeed<'de> for Document<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with \"ticks\" or a list of ticks")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut found = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == "ticks" {
                found = true;
                map.next_value_seed(Document(self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if found { Ok(()) } else { Err(serde::de::Error::custom("there are no \"ticks\"")) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(tick) = list.next_element::<LooseTick>()? {
            self.0.tick(&tick).map_err(|error| {
                self.0.error = Some(error);
                serde::de::Error::custom("stopped")
            })?;
        }
        Ok(())
    }
}
