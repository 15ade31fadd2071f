//! From a row's fields to a tick or a bar.

use super::bars::Bar;
use super::dialect::{Dialect, Fields};
use super::layout::{Kind, Layout};
use super::shown;
use crate::import::intake::{Intake, RawTick};
use crate::import::number::{Decimal, scaled};
use crate::import::timestamp::{self, Stamp};
use domain::tick::{FLAGS_BID_ASK, TickFlags};
use std::collections::HashMap;

/// A trade: its price and volume changed.
pub(in crate::import) const FLAGS_TRADE: TickFlags = 8 | 16;

/// Reads rows of one layout.
pub(in crate::import) struct Rows {
    pub layout: Layout,
    dialect: Dialect,
    /// The sides' last prices, for rows that leave them blank.
    held: [Option<Decimal>; 2],
    /// The symbol of the row at hand, where rows name it, and what is held of others.
    symbol: Vec<u8>,
    held_of_others: HashMap<Vec<u8>, [Option<Decimal>; 2]>,
}

impl Rows {
    pub fn new(layout: Layout, dialect: Dialect) -> Self {
        Self { layout, dialect, held: [None; 2], symbol: Vec::new(), held_of_others: HashMap::new() }
    }

    /// A row of ticks.
    ///
    /// # Errors
    /// What is wrong with the row.
    pub fn tick(&mut self, fields: &Fields<'_>, intake: &mut Intake<'_>) -> Result<RawTick, String> {
        self.check_count(fields)?;
        let time = match self.layout.stamp(fields).ok_or_else(|| self.no_time(fields))? {
            Stamp::Utc(us) => us,
            Stamp::Local(us) => intake.utc(us),
        };
        let [bid, ask] = match self.layout.kind {
            // Both are looked at before either is missed: the next row may need the one that is there.
            Kind::Quotes { bid, ask } => {
                let (bid, ask) = (self.side(0, "bid", fields.get(bid)), self.side(1, "ask", fields.get(ask)));
                [bid?, ask?]
            }
            Kind::Trades { price } => [self.number(fields.get(price), "price")?; 2],
            Kind::Bars { .. } => unreachable!("bars are read as bars"),
        };
        let (last, usual_flags) = match self.layout.kind {
            Kind::Trades { .. } => (Some(bid), FLAGS_TRADE),
            _ => (self.optional(self.layout.last, fields, "last")?, FLAGS_BID_ASK),
        };
        let volume = self.optional(self.layout.volume, fields, "volume")?.map_or(0.0, |volume| volume.value);
        let flags = match self.layout.flags.map(|at| fields.get(at)) {
            None | Some([]) => usual_flags,
            Some(field) => match flags(field) {
                Some(flags) => flags,
                None if self.layout.is_metatrader => return Err(format!("flags {:?} are no number", shown(field))),
                None => usual_flags,
            },
        };
        Ok(RawTick { time, bid, ask, last, volume, flags })
    }

    /// A row of bars.
    ///
    /// # Errors
    /// What is wrong with the row.
    pub fn bar(&self, fields: &Fields<'_>, intake: &mut Intake<'_>) -> Result<Bar, String> {
        let Kind::Bars { prices: places, spread } = self.layout.kind else { unreachable!("ticks are read as ticks") };
        self.check_count(fields)?;
        let time = match self.layout.stamp(fields).ok_or_else(|| self.no_time(fields))? {
            Stamp::Utc(us) => us,
            Stamp::Local(us) => intake.utc_of_bar(us),
        };
        let (mut prices, mut decimals) = ([0.0; 4], [0; 4]);
        for (at, (place, name)) in places.into_iter().zip(["open", "high", "low", "close"]).enumerate() {
            let field = fields.get(place);
            let price = self.dialect.number(field).ok_or_else(|| format!("{name} {:?} is no price", shown(field)))?;
            (prices[at], decimals[at]) = (price.value, price.decimals);
        }
        // The terminal's spreads are whole points. Others write a price there, in points that only they know.
        let spread = spread.map(|at| fields.get(at)).filter(|field| !field.is_empty()).and_then(|field| self.dialect.number(field));
        let spread = spread.filter(|spread| spread.decimals == 0).map_or(0.0, |spread| spread.value);
        let volume = self.layout.volume.map_or(Some(0.0), |at| self.amount(fields.get(at)));
        let volume = volume.ok_or_else(|| format!("volume {:?} is no number", shown(fields.get(self.layout.volume.unwrap_or(0)))))?;
        if !(0.0..f64::from(u32::MAX)).contains(&spread) {
            return Err(format!("spread {spread} is not a number of points"));
        }
        Bar { time, prices, decimals, volume, spread: spread as u32 }.checked()
    }

    /// The symbol that a row names.
    pub fn symbol<'a>(&self, fields: &Fields<'a>) -> Option<&'a [u8]> {
        self.layout.symbol.map(|at| fields.get(at))
    }

    /// The row at hand is of this symbol: one's last price is not another's.
    #[inline]
    pub fn take_up(&mut self, symbol: &[u8]) {
        if symbol != self.symbol {
            let held = self.held_of_others.remove(symbol).unwrap_or_default();
            let before = std::mem::replace(&mut self.symbol, symbol.to_vec());
            self.held_of_others.insert(before, std::mem::replace(&mut self.held, held));
        }
    }

    fn check_count(&self, fields: &Fields<'_>) -> Result<(), String> {
        let count = fields.count();
        if count == self.layout.fields || (self.layout.fields_min < count && count < self.layout.fields) {
            return Ok(());
        }
        Err(format!("{count} fields instead of {}", self.layout.fields))
    }

    #[cold]
    fn no_time(&self, fields: &Fields<'_>) -> String {
        let written: Vec<String> = self.layout.time_places().iter().map(|at| shown(fields.get(*at))).collect();
        let written = written.join(" ");
        if timestamp::is_small_count(written.as_bytes()) {
            return format!("{written:?}, taken for a count of seconds since 1970, is from before 1990");
        }
        format!("{written:?} is no time")
    }

    /// A side's price, or its last one where it is blank or 0.
    #[inline]
    fn side(&mut self, side: usize, what: &str, field: &[u8]) -> Result<Decimal, String> {
        if !field.is_empty() && field != b"null" {
            let read = self.number(field, what)?;
            if read.value > 0.0 {
                self.held[side] = Some(read);
            }
            if read.value != 0.0 {
                return Ok(read);
            }
        }
        self.held[side].ok_or_else(|| format!("{what} is blank and no row before it has one"))
    }

    fn number(&self, field: &[u8], what: &str) -> Result<Decimal, String> {
        self.dialect.number(field).ok_or_else(|| format!("{what} {:?} is no number", shown(field)))
    }

    fn optional(&self, at: Option<usize>, fields: &Fields<'_>, what: &str) -> Result<Option<Decimal>, String> {
        let field = at.map(|at| fields.get(at)).filter(|field| !field.is_empty() && *field != b"null");
        field.map(|field| self.number(field, what)).transpose()
    }

    /// A bar's volume, also as `1.25K` or `0.3M`; 0 when it is blank.
    fn amount(&self, field: &[u8]) -> Option<f64> {
        let (number, unit) = match field {
            [] | b"-" | b"null" => return Some(0.0),
            [number @ .., b'K' | b'k'] => (number, 1e3),
            [number @ .., b'M' | b'm'] => (number, 1e6),
            [number @ .., b'B' | b'b'] => (number, 1e9),
            number => (number, 1.0),
        };
        self.dialect.number(number).map(|number| number.value * unit)
    }
}

/// Flags as MT5's number or as words.
fn flags(field: &[u8]) -> Option<TickFlags> {
    if let Some(number) = scaled(field, 0) {
        return TickFlags::try_from(number).ok();
    }
    let word = |word: &[u8]| match word {
        b"BID" => Some(2),
        b"ASK" => Some(4),
        b"LAST" => Some(8),
        b"VOLUME" => Some(16),
        b"BUY" => Some(32),
        b"SELL" => Some(64),
        _ => None,
    };
    let words = field.split(|byte| matches!(byte, b' ' | b'|' | b',')).filter(|word| !word.is_empty());
    words.map(word).try_fold(0, |all, flag| Some(all | flag?))
}
