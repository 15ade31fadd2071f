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
            format!("missing history: {there} of {wanted} {timeframe:?} bars of {symbol} were there before the start; {hint}")
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
                let last_asked = if self.end.0 == i64::MAX { self.end } else { self.end.plus_us(-1) };
                spans.push((name, first.max(self.setup.start), last.min(last_asked)));
            }
        }
        let apart = |edge: fn(&(&String, Time, Time)) -> Time| {
            let edges = || spans.iter().map(edge);
            edges().max().zip(edges().min()).is_some_and(|(latest, earliest)| latest.since_us(earliest) > DAY_US)
        };
        if !apart(|span| span.1) && !apart(|span| span.2) {
            return Ok(None);
        }
        let told: Vec<String> = spans.iter().map(|(name, first, last)| format!("{name} from {first} to {last}")).collect();
        Ok(Some(format!("unequal spans: {}; outside of the time they share, a symbol has no ticks", told.join(", "))))
    }
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
