//! What makes a result worth less than it looks: said on the terminal, in the report and its JSON, of tests and of optimisations.

use super::backtest::{Stage, store_failure};
use crate::exit::Outcome;
use crate::output::grouped;
use backtest::RunReport;
use backtest::report::MissingBars;
use domain::broker::Reason;
use domain::swap::SwapMode;
use domain::symbol::SymbolSpec;
use domain::time::{DAY_US, Time};

impl Stage {
    /// What is known of a run: `crossed` of `ticks` had the bid above the ask.
    ///
    /// # Errors
    /// The tick store can't be read.
    pub fn beware(&self, report: &RunReport, crossed: u64, ticks: u64) -> Outcome<Vec<String>> {
        let mut lines: Vec<String> =
            report.stopped.iter().map(|fault| format!("stopped by a fault {fault}; what follows is of the time before it")).collect();
        lines.extend(report.errors.as_ref().map(|errors| {
            let what = if errors.count == 1 { "an error".to_owned() } else { format!("{} errors, the first", grouped(errors.count)) };
            format!("the strategy logged {what} at {}: {}", errors.at, errors.first)
        }));
        lines.extend(self.beware_of_all(&report.missing_bars, crossed, ticks)?);
        let stop_outs = report.deals.iter().filter(|deal| deal.reason == Reason::StopOut).count();
        if stop_outs > 0 {
            let positions = if stop_outs == 1 { "position" } else { "positions" };
            lines.push(format!(
                "stopped out: the account ran out of margin, and the broker closed {stop_outs} {positions}; MetaTrader's tester would have \
                 ended at the first"
            ));
        }
        Ok(lines)
    }

    /// What is known of every run on these ticks.
    ///
    /// # Errors
    /// The tick store can't be read.
    pub fn beware_of_all(&self, missing: &[MissingBars], crossed: u64, ticks: u64) -> Outcome<Vec<String>> {
        let mut lines = Vec::new();
        if crossed > 0 && self.conditions.deals_at_crossed_quotes() {
            let share = crossed as f64 * 100.0 / ticks.max(1) as f64;
            let (crossed, ticks) = (grouped(crossed), grouped(ticks));
            lines.push(format!(
                "crossed quotes: the bid lies above the ask in {crossed} of {ticks} ticks ({share:.1} %), which flatters the result; test again \
                 with --crossed exchange"
            ));
        }
        lines.extend(missing.iter().map(|bars| {
            let MissingBars { symbol, timeframe, there, wanted } = bars;
            let hint = "import earlier days, or begin later with --from";
            format!("missing history of {symbol}: {there} of {wanted} {timeframe:?} bars were there before the start; {hint}")
        }));
        lines.extend(self.unequal_spans()?);
        let without = self.conditions.without_swap();
        if !without.is_empty() {
            lines.push(format!("swap none: {without}; nights cost and earn nothing in this test"));
        }
        lines.extend(self.setup.symbols.iter().filter_map(|symbol| self.setup.table.spec(*symbol).assumption()));
        Ok(lines)
    }

    /// Of which time there are ticks of each symbol, where that differs by more than a day.
    fn unequal_spans(&self) -> Outcome<Option<String>> {
        let mut spans = Vec::new();
        for name in &self.names {
            if let Some((first, last)) = self.store.span(name).map_err(store_failure)? {
                spans.push((name.as_str(), first.max(self.setup.start), last.min(self.end)));
            }
        }
        Ok(unequal(&spans))
    }
}

/// The spans of symbols in words, from a first to a last tick each, where they begin or end more than a day apart.
fn unequal(spans: &[(&str, Time, Time)]) -> Option<String> {
    let apart = |edge: fn(&(&str, Time, Time)) -> Time| {
        let edges = || spans.iter().map(edge);
        edges().max().zip(edges().min()).is_some_and(|(latest, earliest)| latest.since_us(earliest) > DAY_US)
    };
    let told = || spans.iter().map(|(name, first, last)| format!("{name} from {first} to {last}")).collect::<Vec<_>>().join(", ");
    let is_unequal = apart(|span| span.1) || apart(|span| span.2);
    is_unequal.then(|| format!("unequal spans: there are ticks of {}; outside of the time they share, one is without", told()))
}

/// Whose nights are free because the spec says nothing of them: "EURUSD's spec has none (--swap)".
pub fn without_swap<'a>(specs: impl IntoIterator<Item = &'a SymbolSpec>) -> String {
    let none: Vec<&str> = specs.into_iter().filter(|spec| spec.swap.mode == SwapMode::Disabled).map(|spec| spec.name.as_str()).collect();
    match none[..] {
        [] => String::new(),
        [one] => format!("{one}'s spec has none (--swap)"),
        [ref more @ .., last] => format!("the specs of {} and {last} have none (--swap, --specs)", more.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::symbol::common;

    #[test]
    fn symbols_whose_ticks_are_of_other_days_are_told_with_their_spans() {
        let day = |day: i64| Time(day * DAY_US);
        let found = unequal(&[("EURUSD", day(1), day(15)), ("XAUUSD", day(1), day(5))]);
        let says = ["EURUSD from 1970-01-02T", " to 1970-01-16T", "XAUUSD from 1970-01-02T", " to 1970-01-06T"];
        assert!(found.as_ref().is_some_and(|found| says.iter().all(|what| found.contains(what))), "{found:?}");
        assert!(unequal(&[("EURUSD", day(1), day(5)), ("XAUUSD", day(3), day(5))]).is_some());
        assert_eq!(unequal(&[("EURUSD", day(1), day(5)), ("XAUUSD", day(2), day(5))]), None);
        assert_eq!(unequal(&[("EURUSD", day(1), day(5))]), None);
    }

    #[test]
    fn symbols_without_a_swap_are_named() {
        let (free, mut paid) = (common::forex("EUR", "USD"), common::forex("USD", "JPY"));
        paid.swap.mode = SwapMode::Points;
        assert_eq!(without_swap([&free, &paid]), "EURUSD's spec has none (--swap)");
        assert_eq!(without_swap([&free, &free]), "the specs of EURUSD and EURUSD have none (--swap, --specs)");
        assert_eq!(without_swap([&paid]), "");
    }
}
