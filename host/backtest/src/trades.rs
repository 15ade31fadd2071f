//! Trades: what was opened, put together with what closed it. A trade is one closing deal, as in MT5's figures, with its
//! share of what the position cost before.

use domain::broker::{Deal, Entry, Reason};
use domain::contract::Side;
use domain::ids::{OrderId, PositionId};
use domain::number::{Money, Points, Steps, div_round};
use domain::symbol::SymbolId;
use domain::time::Time;

/// A closed trade.
#[derive(Clone, Debug, PartialEq)]
pub struct Trade {
    /// The position it closed, or a part of it.
    pub position: PositionId,
    /// Of what.
    pub symbol: SymbolId,
    /// Which way the position was.
    pub side: Side,
    /// How much was closed.
    pub volume: Steps,
    /// When the position was opened.
    pub opened: Time,
    /// Its average opening price, in points.
    pub open_points: f64,
    /// When this was closed.
    pub closed: Time,
    /// At what price.
    pub close: Points,
    /// Profit by price alone.
    pub profit: Money,
    /// Commission, that of opening included by its share; negative when it cost.
    pub commission: Money,
    /// Swap, by its share.
    pub swap: Money,
    /// Why it was closed.
    pub exit: Reason,
    /// The order that closed it; `None` when the broker did by itself.
    pub closed_by: Option<OrderId>,
    /// The most it was ahead by price while it was open; never negative. 0 where no ticks were looked at.
    pub best: Money,
    /// The most it was behind, never positive.
    pub worst: Money,
}

impl Trade {
    /// What it earned.
    pub fn net(&self) -> Money {
        self.profit + self.commission + self.swap
    }

    /// How long it was open, us.
    pub fn held_us(&self) -> i64 {
        self.closed.since_us(self.opened)
    }
}

/// A position while it is open.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    pub position: PositionId,
    pub symbol: SymbolId,
    pub side: Side,
    pub volume: Steps,
    /// Sum of price times volume, in point-steps.
    pub cost: i64,
    pub opened: Time,
    commission: Money,
    swap: Money,
    profit: Money,
    /// The most one step of volume was ahead and behind, in units of account currency.
    pub best: f64,
    pub worst: f64,
}

impl Open {
    fn of(deal: &Deal, volume: Steps) -> Self {
        Self {
            position: deal.position,
            symbol: deal.symbol,
            side: deal.side,
            volume,
            cost: deal.price.0.saturating_mul(volume.0),
            opened: deal.time,
            commission: Money::ZERO,
            swap: Money::ZERO,
            profit: Money::ZERO,
            best: 0.0,
            worst: 0.0,
        }
    }

    pub fn open_points(&self) -> f64 {
        self.cost as f64 / self.volume.0.max(1) as f64
    }

    fn take_costs(&mut self, deal: &Deal) {
        self.commission += deal.commission;
        self.swap += deal.swap;
        self.profit += deal.profit;
    }

    /// Closes `volume` of it by `deal`, whose costs have been taken.
    fn close(&mut self, deal: &Deal, volume: Steps) -> Trade {
        let all = volume >= self.volume;
        let share = |amount: &mut Money| {
            let part = if all { *amount } else { part(*amount, volume, self.volume) };
            *amount -= part;
            part
        };
        let (commission, swap, booked) = (share(&mut self.commission), share(&mut self.swap), share(&mut self.profit));
        let excursion = |per_step: f64| Money::from_units(per_step * volume.0 as f64);
        let profit = booked + deal.profit;
        let trade = Trade {
            position: self.position,
            symbol: self.symbol,
            side: self.side,
            volume,
            opened: self.opened,
            open_points: self.open_points(),
            closed: deal.time,
            close: deal.price,
            profit,
            commission: commission + deal.commission,
            swap: swap + deal.swap,
            exit: deal.reason,
            closed_by: deal.order,
            // Where it was closed is as far as it went, too.
            best: excursion(self.best).max(profit),
            worst: excursion(self.worst).min(profit),
        };
        self.cost -= div_round(i128::from(self.cost) * i128::from(volume.0), i128::from(self.volume.0.max(1))) as i64;
        self.volume = Steps((self.volume - volume).0.max(0));
        trade
    }
}

fn part(amount: Money, volume: Steps, of: Steps) -> Money {
    Money(div_round(i128::from(amount.0) * i128::from(volume.0), i128::from(of.0.max(1))) as i64)
}

/// Turns deals into trades.
#[derive(Debug, Default)]
pub(crate) struct TradeBook {
    pub open: Vec<Open>,
    pub trades: Vec<Trade>,
}

impl TradeBook {
    /// Books the next deal.
    pub fn book(&mut self, deal: &Deal) {
        let at = self.open.iter().position(|open| open.position == deal.position);
        match (at, deal.entry) {
            (None, _) => {
                let mut open = Open::of(deal, deal.volume);
                open.take_costs(deal);
                self.open.push(open);
            }
            // A swap that is booked while the position stays as it is.
            (Some(at), _) if deal.volume == Steps(0) => self.open[at].take_costs(deal),
            (Some(at), Entry::In) => {
                let open = &mut self.open[at];
                open.take_costs(deal);
                open.volume += deal.volume;
                open.cost = open.cost.saturating_add(deal.price.0.saturating_mul(deal.volume.0));
            }
            (Some(at), Entry::Out | Entry::OutBy) => {
                let trade = self.open[at].close(deal, deal.volume);
                self.trades.push(trade);
                if self.open[at].volume == Steps(0) {
                    self.open.remove(at);
                }
            }
            (Some(at), Entry::InOut) => {
                let closes = self.open[at].volume.min(deal.volume);
                // The commission is of the whole deal; what opens the other way bears its share.
                let opens = Steps((deal.volume - closes).0);
                let opening = part(deal.commission, opens, deal.volume);
                let closing = Deal { commission: deal.commission - opening, ..deal.clone() };
                let trade = self.open[at].close(&closing, closes);
                self.trades.push(trade);
                let mut open = Open::of(deal, opens);
                open.commission = opening;
                self.open[at] = open;
            }
        }
    }
}

/// The trades of a run's deals, by the time of their end. Without ticks there are no excursions.
pub fn trades(deals: &[Deal]) -> Vec<Trade> {
    let mut book = TradeBook::default();
    deals.iter().for_each(|deal| book.book(deal));
    book.trades
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::DealId;

    fn deal(n: u64, position: u64, side: Side, entry: Entry, volume: i64, price: i64, profit: i64, commission: i64) -> Deal {
        Deal {
            id: DealId(n),
            order: None,
            position: PositionId(OrderId(position)),
            symbol: SymbolId(0),
            side,
            entry,
            reason: Reason::Expert,
            volume: Steps(volume),
            price: Points(price),
            profit: Money(profit),
            commission: Money(commission),
            swap: Money::ZERO,
            time: Time(n as i64),
        }
    }

    #[test]
    fn trades_add_up_to_the_deals_however_positions_were_built_and_taken_down() {
        use Side::{Buy, Sell};
        let deals = [
            deal(1, 1, Buy, Entry::In, 3, 100, 0, -7),
            deal(2, 1, Buy, Entry::In, 1, 104, 0, -2),
            deal(3, 2, Sell, Entry::In, 5, 200, 0, -5),
            deal(4, 1, Sell, Entry::Out, 1, 111, 10, -1),
            deal(5, 1, Sell, Entry::InOut, 5, 121, 60, -10),
            deal(6, 2, Buy, Entry::Out, 5, 190, 50, 0),
            Deal { volume: Steps(0), swap: Money(-3), ..deal(7, 1, Sell, Entry::Out, 0, 0, 0, 0) },
            deal(8, 1, Buy, Entry::Out, 2, 111, 20, -1),
        ];
        let trades = trades(&deals);
        let net: Money = trades.iter().map(Trade::net).sum();
        assert_eq!(net, deals.iter().map(Deal::net).sum());
        let seen: Vec<_> =
            trades.iter().map(|trade| (trade.side, trade.volume.0, trade.open_points, trade.opened.0, trade.net().0)).collect();
        assert_eq!(
            seen,
            [
                (Buy, 1, 101.0, 1, 10 - 1 - 2),
                (Buy, 3, 101.0, 1, 60 - 7 - 6),
                (Sell, 5, 200.0, 3, 50 - 5),
                (Sell, 2, 121.0, 5, 20 - 4 - 1 - 3),
            ]
        );
    }
}
