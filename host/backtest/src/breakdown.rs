//! Trades seen from several sides: by hour, weekday and month, by the author's tag, by why they were closed; what they cost;
//! how long they were held and how far they went.

use crate::orders::OrderLog;
use crate::trades::Trade;
use domain::broker::{Deal, Entry};
use domain::number::Money;
use domain::server_clock::ServerClock;
use domain::time::{DAY_US, Time};
use serde::Serialize;
use std::collections::BTreeMap;

/// Rows of a table of tags; what is beyond is put together as "other tags".
const TAGS_MAX: usize = 50;

/// Trades that have something in common.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Group {
    /// What they have in common.
    pub name: String,
    /// How many.
    pub trades: u32,
    /// How many of them earned something; one that broke even is neither won nor lost.
    pub won: u32,
    /// What they earned together, account currency, costs included.
    pub net: f64,
    /// The sum of those that earned.
    pub profit: f64,
    /// The sum of those that lost, negative.
    pub loss: f64,
    /// How long they were open on average, seconds.
    pub held_s: f64,
}

/// Positions opened and trades closed in an hour of the day, on a day of the week, in a month. UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Slot {
    /// Deals that opened a position.
    pub entries: u32,
    /// What trades closed there earned, account currency.
    pub profit: f64,
    /// What they lost, negative.
    pub loss: f64,
}

/// The trades of a run from several sides.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Breakdown {
    /// 0 to 23.
    pub by_hour: Vec<Slot>,
    /// Monday to Sunday.
    pub by_weekday: Vec<Slot>,
    /// January to December.
    pub by_month: Vec<Slot>,
    /// By the tag of the order that opened the position; the most trades first.
    pub by_tag: Vec<Group>,
    /// By why they were closed; the most trades first.
    pub by_exit: Vec<Group>,
    /// By symbol.
    pub by_symbol: Vec<Group>,
    /// What the deals cost.
    pub costs: Costs,
    /// How long trades were open.
    pub holding: Holding,
}

/// Sums over all deals, account currency; what cost is negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Costs {
    /// Commission.
    pub commission: f64,
    /// Swap.
    pub swap: f64,
    /// Profit by price alone.
    pub before_costs: f64,
}

/// How long trades were open, seconds, as MT5 counts it: without the Saturdays and Sundays of the server's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Holding {
    /// The shortest.
    pub minimal_s: f64,
    /// The longest.
    pub maximal_s: f64,
    /// On average.
    pub average_s: f64,
}

impl Holding {
    /// Of these trades; all 0 without any.
    pub fn of(trades: &[Trade], clock: ServerClock) -> Self {
        let held = || trades.iter().map(|trade| weekdays_us(clock.shown(trade.opened), clock.shown(trade.closed)) as f64 / 1e6);
        if trades.is_empty() {
            return Self::default();
        }
        let sum: f64 = held().sum();
        Self {
            minimal_s: held().fold(f64::INFINITY, f64::min),
            maximal_s: held().fold(0.0, f64::max),
            average_s: sum / trades.len() as f64,
        }
    }
}

/// Microseconds from `from` to `to` that are on no Saturday and no Sunday.
fn weekdays_us(from: Time, to: Time) -> i64 {
    // Since a Monday (1970-01-05); a weekend stands still.
    let since_monday = |time: Time| {
        let (week, us) = ((time.0 - 4 * DAY_US).div_euclid(7 * DAY_US), (time.0 - 4 * DAY_US).rem_euclid(7 * DAY_US));
        week * 5 * DAY_US + us.min(5 * DAY_US)
    };
    since_monday(to) - since_monday(from)
}

/// How profit goes together with the way there: MT5's three correlations. 0 where nothing varies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Excursions {
    /// Of profits with how far trades were ahead.
    pub profit_mfe: f64,
    /// Of profits with how far they were behind.
    pub profit_mae: f64,
    /// Of both ways.
    pub mfe_mae: f64,
}

impl Excursions {
    /// Of trades whose ticks were looked at.
    pub fn of(trades: &[Trade]) -> Self {
        let column = |of: fn(&Trade) -> Money| -> Vec<f64> { trades.iter().map(|trade| of(trade).to_units()).collect() };
        let (profit, best, worst) = (column(Trade::net), column(|trade| trade.best), column(|trade| trade.worst));
        Self { profit_mfe: correlation(&profit, &best), profit_mae: correlation(&profit, &worst), mfe_mae: correlation(&best, &worst) }
    }
}

impl Breakdown {
    /// Of a run's deals and the trades they make; `symbol` names a trade's.
    pub fn of<'a>(
        deals: &[Deal],
        trades: &'a [Trade],
        orders: &'a OrderLog,
        clock: ServerClock,
        symbol: impl Fn(&Trade) -> &'a str,
    ) -> Self {
        let mut breakdown = Self {
            by_hour: vec![Slot::default(); 24],
            by_weekday: vec![Slot::default(); 7],
            by_month: vec![Slot::default(); 12],
            by_tag: groups(trades, |trade| tag(trade, orders)),
            by_exit: groups(trades, |trade| exit(trade)),
            by_symbol: groups(trades, symbol),
            costs: costs(deals),
            holding: Holding::of(trades, clock),
        };
        for deal in deals.iter().filter(|deal| matches!(deal.entry, Entry::In | Entry::InOut)) {
            breakdown.slots(deal.time).into_iter().for_each(|slot| slot.entries += 1);
        }
        for trade in trades {
            let net = trade.net().to_units();
            for slot in breakdown.slots(trade.closed) {
                if net >= 0.0 { slot.profit += net } else { slot.loss += net }
            }
        }
        breakdown
    }

    fn slots(&mut self, at: Time) -> [&mut Slot; 3] {
        let hour = (at.0.rem_euclid(DAY_US) / (DAY_US / 24)) as usize;
        // 1970-01-01 was a Thursday.
        let weekday = (at.day() + 3).rem_euclid(7) as usize;
        let month = at.date().1 as usize - 1;
        [&mut self.by_hour[hour], &mut self.by_weekday[weekday], &mut self.by_month[month]]
    }
}

/// The tag of the order that opened a trade's position.
pub fn tag<'a>(trade: &Trade, orders: &'a OrderLog) -> &'a str {
    orders.get(trade.position.0).map_or("", |order| order.tag.as_str())
}

/// Why a trade was closed, in words.
pub fn exit(trade: &Trade) -> &'static str {
    use domain::broker::Reason as R;
    match trade.exit {
        R::Expert => "strategy",
        R::StopLoss => "stop loss",
        R::TakeProfit => "take profit",
        R::StopOut => "stop-out",
        R::EndOfTest => "end of test",
        other => other.word(),
    }
}

fn groups<'a>(trades: &'a [Trade], name: impl Fn(&'a Trade) -> &'a str) -> Vec<Group> {
    let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
    for trade in trades {
        groups.entry(name(trade)).or_default().add(trade);
    }
    let mut groups: Vec<Group> = groups.into_iter().map(|(name, group)| Group { name: name.to_owned(), ..group }).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.trades));
    if groups.len() > TAGS_MAX {
        let rest = groups.split_off(TAGS_MAX - 1);
        groups.push(Group::together(&rest));
    }
    // Times were summed so far.
    groups.iter_mut().for_each(|group| group.held_s /= f64::from(group.trades.max(1)));
    groups
}

impl Group {
    fn add(&mut self, trade: &Trade) {
        let net = trade.net().to_units();
        self.trades += 1;
        self.net += net;
        self.held_s += trade.held_us() as f64 / 1e6;
        if net > 0.0 {
            self.won += 1;
            self.profit += net;
        } else {
            self.loss += net;
        }
    }

    fn together(groups: &[Self]) -> Self {
        let mut all = Self { name: format!("{} others", groups.len()), ..Self::default() };
        for group in groups {
            (all.trades, all.won) = (all.trades + group.trades, all.won + group.won);
            (all.net, all.profit, all.loss) = (all.net + group.net, all.profit + group.profit, all.loss + group.loss);
            all.held_s += group.held_s;
        }
        all
    }
}

fn costs(deals: &[Deal]) -> Costs {
    let sum = |of: fn(&Deal) -> Money| deals.iter().map(of).sum::<Money>().to_units();
    Costs { commission: sum(|deal| deal.commission), swap: sum(|deal| deal.swap), before_costs: sum(|deal| deal.profit) }
}

/// Pearson's correlation; 0 where one side does not vary.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len()) as f64;
    if n < 2.0 {
        return 0.0;
    }
    let (mean_a, mean_b) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
    let (mut aa, mut ab, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (a - mean_a, b - mean_b);
        (aa, ab, bb) = (aa + a * a, ab + a * b, bb + b * b);
    }
    if aa <= 0.0 || bb <= 0.0 { 0.0 } else { ab / (aa * bb).sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weekend_is_no_time_held() {
        // 1970-01-02 was a Friday.
        let at = |day: i64, hour: i64| Time(day * DAY_US + hour * DAY_US / 24);
        let hours = |from, to| weekdays_us(from, to) * 24 / DAY_US;
        assert_eq!(hours(at(1, 20), at(4, 3)), 7, "Friday evening to Monday morning");
        assert_eq!(hours(at(1, 20), at(11, 3)), 7 + 5 * 24, "over two weekends");
        assert_eq!(hours(at(2, 1), at(3, 23)), 0, "within one");
        assert_eq!(hours(at(5, 1), at(7, 2)), 49, "within a week");
        assert_eq!(hours(at(-8, 0), at(-1, 0)), 5 * 24, "before 1970");
    }

    #[test]
    fn what_goes_together_correlates() {
        assert!((correlation(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]) - 1.0).abs() < 1e-12);
        assert!((correlation(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]) + 1.0).abs() < 1e-12);
        assert_eq!(correlation(&[1.0, 1.0], &[1.0, 2.0]), 0.0);
        assert_eq!(correlation(&[], &[]), 0.0);
    }
}
