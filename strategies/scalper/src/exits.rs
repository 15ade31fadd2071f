//! Exits of an open trade: breakeven, two partial exits, the time limit. Stop loss and take profit lie at the broker.

use stockade_sdk::prelude::*;
use stockade_sdk::state::{Reader, Writer};

use crate::Settings;

/// An exit that is due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Exit {
    /// Close what is left.
    All,
    /// Close this many lots, which may be off the grid.
    Part(f64),
    /// Move the stop to the open price.
    Breakeven,
}

/// The open trade, and how far its exits have come.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trade {
    pub id: PositionId,
    pub open_price: f64,
    pub take_profit: Option<f64>,
    /// Profit less commission of its deals so far, in the account's currency.
    pub result: f64,
    side: Side,
    opened: Time,
    /// Volume when it was largest: shares are of this.
    volume: f64,
    at_breakeven: bool,
    parts_closed: i64,
}

impl Trade {
    pub fn new(position: &Position) -> Self {
        Trade {
            id: position.id,
            open_price: position.open_price,
            take_profit: position.take_profit,
            result: 0.0,
            side: position.side,
            opened: position.opened,
            volume: position.volume,
            at_breakeven: false,
            parts_closed: 0,
        }
    }

    /// The position changed.
    pub fn see(&mut self, position: &Position) {
        self.open_price = position.open_price;
        self.take_profit = position.take_profit;
        self.volume = self.volume.max(position.volume);
    }

    /// A deal was made.
    pub fn add(&mut self, fill: &Fill) {
        if fill.position == self.id {
            self.result += fill.profit + fill.commission;
        }
    }

    /// The exit that is due at this tick. One at a time, the weightiest first.
    pub fn next_exit(&self, settings: &Settings, tick: &Tick) -> Option<Exit> {
        if tick.time >= self.ends(settings) {
            return Some(Exit::All);
        }
        let is_reached = |target: f64| match self.side {
            Side::Buy => tick.bid >= target,
            Side::Sell => tick.ask <= target,
        };
        self.steps(settings).into_iter().flatten().find(|&(percent, _)| is_reached(self.price_at(percent))).map(|(_, exit)| exit)
    }

    /// When to look at the market for the next exit.
    pub fn wake(&self, settings: &Settings) -> Wake {
        let nearest = self.steps(settings).into_iter().flatten().map(|(percent, _)| percent).reduce(f64::min);
        let wake = Wake::at(self.ends(settings));
        match (nearest.map(|percent| self.price_at(percent)), self.side) {
            (None, _) => wake,
            (Some(target), Side::Buy) => wake.or_bid_at_least(target),
            (Some(target), Side::Sell) => wake.or_ask_at_most(target),
        }
    }

    /// When its time is up.
    fn ends(&self, settings: &Settings) -> Time {
        self.opened + Time::from(settings.hold_minutes_max) * MINUTE
    }

    /// The price at which it has gained this percentage.
    fn price_at(&self, percent: f64) -> f64 {
        self.open_price * (1.0 + self.side.sign() * percent / 100.0)
    }

    /// What is still to do on the way up, at which gain in percent; the weightiest first.
    fn steps(&self, settings: &Settings) -> [Option<(f64, Exit)>; 2] {
        let part = |percent: f64, share: f64| (share > 0.0).then_some((percent, Exit::Part(self.volume * share / 100.0)));
        let part = match self.parts_closed {
            0 if self.first_is_next(settings) => part(settings.first_exit_percent, settings.first_exit_share),
            1 => part(settings.second_exit_percent, settings.second_exit_share),
            _ => None,
        };
        let breakeven = !self.at_breakeven && settings.breakeven_percent > 0.0;
        [part, breakeven.then_some((settings.breakeven_percent, Exit::Breakeven))]
    }

    /// The stop is made safe before profit is taken, where both are due at once.
    fn first_is_next(&self, settings: &Settings) -> bool {
        self.at_breakeven || settings.breakeven_percent == 0.0 || settings.breakeven_percent > settings.first_exit_percent
    }

    /// An exit was asked for and not refused.
    pub fn done(&mut self, exit: Exit) {
        match exit {
            Exit::All => {}
            Exit::Part(_) => self.parts_closed += 1,
            Exit::Breakeven => self.at_breakeven = true,
        }
    }

    pub fn save(&self, writer: Writer) -> Writer {
        writer
            .u64(self.id)
            .f64(self.open_price)
            .flag(self.take_profit.is_some())
            .f64(self.take_profit.unwrap_or(0.0))
            .f64(self.result)
            .flag(self.side == Side::Buy)
            .i64(self.opened)
            .f64(self.volume)
            .flag(self.at_breakeven)
            .i64(self.parts_closed)
    }

    pub fn load(reader: &mut Reader) -> Result<Self, String> {
        let (id, open_price) = (reader.u64()?, reader.f64()?);
        let (has_take_profit, take_profit) = (reader.flag()?, reader.f64()?);
        Ok(Trade {
            id,
            open_price,
            take_profit: has_take_profit.then_some(take_profit),
            result: reader.f64()?,
            side: if reader.flag()? { Side::Buy } else { Side::Sell },
            opened: reader.i64()?,
            volume: reader.f64()?,
            at_breakeven: reader.flag()?,
            parts_closed: reader.i64()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trade(side: Side) -> Trade {
        let (open_price, volume) = (2_000.0, 0.1);
        Trade { id: 7, open_price, take_profit: None, result: 0.0, side, opened: 0, volume, at_breakeven: false, parts_closed: 0 }
    }

    /// The exits that follow from these bids of one tick a second, each done at once. No spread.
    fn exits(side: Side, settings: &Settings, bids: &[f64]) -> Vec<Exit> {
        let mut trade = trade(side);
        let mut seen = Vec::new();
        for (second, &bid) in (0..).zip(bids) {
            let tick = Tick { time: second * SECOND, bid, ask: bid, last: 0.0, volume: 0.0 };
            if let Some(exit) = trade.next_exit(settings, &tick) {
                trade.done(exit);
                seen.push(exit);
            }
        }
        seen
    }

    #[test]
    fn a_winner_goes_to_breakeven_and_is_closed_in_parts() {
        let bids = [2_002.9, 2_003.0, 2_003.9, 2_004.0, 2_006.9, 2_007.0, 2_008.0];
        let expected = [Exit::Breakeven, Exit::Part(0.05), Exit::Part(0.1 * 30.0 / 100.0)];
        assert_eq!(exits(Side::Buy, &Settings::default(), &bids), expected);
        let falling: Vec<_> = bids.iter().map(|bid| 4_000.0 - bid).collect();
        assert_eq!(exits(Side::Sell, &Settings::default(), &falling), expected);
    }

    #[test]
    fn a_jump_catches_up_step_by_step() {
        assert_eq!(exits(Side::Buy, &Settings::default(), &[2_010.0; 5]).len(), 3);
    }

    #[test]
    fn a_loser_is_left_to_its_stop() {
        assert_eq!(exits(Side::Buy, &Settings::default(), &[1_990.0; 5]), []);
    }

    #[test]
    fn steps_set_to_nothing_are_left_out() {
        let settings = Settings { breakeven_percent: 0.0, first_exit_share: 0.0, ..Settings::default() };
        assert_eq!(exits(Side::Buy, &settings, &[2_010.0; 5]), []);
    }

    #[test]
    fn time_is_up_after_a_quarter_of_an_hour() {
        let at =
            |time| trade(Side::Buy).next_exit(&Settings::default(), &Tick { time, bid: 1_999.0, ask: 1_999.0, last: 0.0, volume: 0.0 });
        assert_eq!((at(15 * MINUTE - 1), at(15 * MINUTE)), (None, Some(Exit::All)));
    }

    #[test]
    fn saved_trades_come_back_whole() {
        let trade = Trade { take_profit: Some(2_010.0), at_breakeven: true, parts_closed: 1, result: -3.5, ..trade(Side::Sell) };
        let bytes = trade.save(Writer::new()).finish();
        assert_eq!(Trade::load(&mut Reader::new(&bytes)), Ok(trade));
    }
}
