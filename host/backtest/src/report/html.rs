//! The report as one page: figures written out here, charts and tables drawn by the page's scripts from bounded data.

mod drawn;
mod figures;

use super::full::FullReport;
use crate::breakdown::Group;
use crate::page::{Page, rows, rows_of, text};
use crate::returns::Month;
use std::fmt::Write as _;

const TIMELINE: &str = include_str!("../page/timeline.js");
const SCRIPT: &str = include_str!("report.js");

impl FullReport<'_> {
    /// The report as an HTML file that needs nothing else. Its size is bounded: of very many trades, deals and orders it
    /// lists the first and the last, and says so; figures and charts by time are of all.
    pub fn html(&self) -> String {
        let about = self.about;
        let title = format!("{} {}", about.strategy, about.version);
        let mut page = Page::new(title.trim(), &self.under_title());
        page.beware(&about.beware);
        page.section("summary", "Summary", &figures::tiles(self));
        page.section("chart", "Price and account", "<div id=\"timeline\"></div>");
        page.section("results", "Results", &figures::groups(self));
        page.section("months", "Months", &self.months_html());
        page.section("times", "By time", "<div id=\"when\" class=\"charts\"></div>");
        page.section("ways", "How trades went", "<div id=\"spots\" class=\"charts\"></div>");
        page.section("groups", "By tag and exit", &self.groups_html());
        page.section("costs", "Costs and spread", &figures::costs(self));
        page.section("trades", "Trades", "<div id=\"trades-table\"></div>");
        page.section("deals", "Deals", "<div id=\"deals-table\"></div>");
        page.section("orders", "Orders", &format!("<div id=\"orders-table\"></div>{}", self.orders_note()));
        page.section("said", "What it said", &format!("<div id=\"said-table\"></div>{}", self.said_note()));
        page.section("settings", "Settings", &self.settings_html());
        page.data("report", &drawn::drawn(self)).script(TIMELINE).script(SCRIPT);
        page.finish()
    }

    fn under_title(&self) -> String {
        let run = self.run;
        let day = |time: domain::time::Time| time.to_string()[..10].to_owned();
        let terms = &run.terms;
        let ticks = figures::grouped(run.ticks as f64, 0);
        let deposit = figures::grouped(terms.deposit.to_units(), 2);
        let (symbols, from, to, mode) = (self.about.symbols.join(", "), day(run.from), day(run.to), terms.mode.word());
        format!("{symbols} · {from} to {to} · {ticks} ticks · {deposit} {}, {mode}, 1:{}", terms.currency, terms.leverage)
    }

    fn months_html(&self) -> String {
        let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let head: String = names.iter().map(|name| format!("<th scope=\"col\">{name}</th>")).collect();
        let mut html = format!(
            "<div class=\"scroll\"><table class=\"rows months\"><thead><tr><th scope=\"col\" class=\"left\">Year</th>{head}<th scope=\"col\">Year's</th></tr></thead><tbody>"
        );
        let months = self.months();
        let mut years: Vec<i64> = months.iter().map(|month| month.year).collect();
        years.dedup();
        let deepest = months.iter().map(|month| month.percent.abs()).fold(1e-9, f64::max);
        for year in years {
            let of_year: Vec<&Month> = months.iter().filter(|month| month.year == year).collect();
            _ = write!(html, "<tr><td class=\"left\">{year}</td>");
            for month in 1..=12 {
                html += &of_year
                    .iter()
                    .find(|one| one.month == month)
                    .map_or("<td></td>".to_owned(), |one| cell(one.percent, one.profit, deepest));
            }
            let growth = of_year.iter().map(|month| 1.0 + month.percent / 100.0).product::<f64>();
            let profit = of_year.iter().map(|month| month.profit).sum();
            html += &cell((growth - 1.0) * 100.0, profit, f64::INFINITY);
            html += "</tr>";
        }
        html + "</tbody></table></div><p class=\"note\">Growth of equity in each month with ticks, percent, at UTC midnights; point at a month for its money.</p>"
    }

    fn groups_html(&self) -> String {
        let breakdown = self.breakdown();
        let several = breakdown.by_symbol.len() > 1;
        let by_symbol = if several { group_table("Symbol", &breakdown.by_symbol) } else { String::new() };
        let tables = [group_table("Tag", &breakdown.by_tag), group_table("Exit", &breakdown.by_exit), by_symbol];
        format!(
            "<div class=\"groups\">{}</div><p class=\"note\">A trade has the tag of the order that opened its position. Its net is profit, swap and commission, that of its opening included.</p>",
            tables.concat()
        )
    }

    fn orders_note(&self) -> String {
        match self.run.orders.dropped() {
            0 => String::new(),
            dropped => format!("<p class=\"note\">{dropped} later orders were not kept.</p>"),
        }
    }

    fn said_note(&self) -> String {
        let dropped = match self.run.remarks_dropped {
            0 => String::new(),
            dropped => {
                format!(" {dropped} remarks beyond what a run keeps, or the engine's budget allows, were dropped, plot points among them.")
            }
        };
        format!("<p class=\"note\">Log lines and signals of the strategy.{dropped}</p>")
    }

    fn settings_html(&self) -> String {
        let about = self.about;
        let identity =
            [("Strategy", &about.strategy), ("Version", &about.version), ("Component", &about.digest), ("Made by", &about.made_by)];
        let decisions = self.run.decisions.digest().to_string();
        let identity =
            rows(identity.iter().map(|(name, value)| (*name, value.as_str())).chain([("Decisions, SHA-256", decisions.as_str())]));
        let params = if about.params.is_empty() { "<tr><td class=\"words\">none</td></tr>".to_owned() } else { rows_of(&about.params) };
        format!(
            "<div class=\"groups\"><div><h3>Parameters</h3><table class=\"figures\">{params}</table></div><div><h3>Test</h3><table class=\"figures\">{}</table></div><div><h3>Identity</h3><table class=\"figures\">{identity}</table></div></div>",
            rows_of(&about.settings)
        )
    }
}

/// A month's cell, the deeper in colour the further it went.
fn cell(percent: f64, profit: f64, deepest: f64) -> String {
    let share = (percent.abs() / deepest * 100.0).round().clamp(0.0, 100.0);
    let (mark, soft) = if percent < 0.0 { ("bad", "--down-soft") } else { ("good", "--up-soft") };
    let ground =
        if share > 0.0 { format!(" style=\"background:color-mix(in srgb, var({soft}) {share}%, transparent)\"") } else { String::new() };
    format!("<td class=\"{mark}\" title=\"{}\"{ground}>{}</td>", figures::signed(profit), figures::grouped(percent, 2))
}

fn group_table(what: &str, groups: &[Group]) -> String {
    let mut html = format!(
        "<div class=\"scroll\"><table class=\"rows\"><thead><tr><th scope=\"col\" class=\"left\">{what}</th><th scope=\"col\">Trades</th><th scope=\"col\">Won</th><th scope=\"col\">Net</th><th scope=\"col\">Factor</th><th scope=\"col\">Average</th><th scope=\"col\">Held</th></tr></thead><tbody>"
    );
    for group in groups {
        let name = if group.name.is_empty() { "(none)" } else { &group.name };
        let trades = f64::from(group.trades.max(1));
        let factor = if group.loss < 0.0 { figures::grouped(group.profit / -group.loss, 2) } else { "–".to_owned() };
        _ = write!(
            html,
            "<tr><td class=\"left words\">{}</td><td>{}</td><td>{} %</td><td class=\"{}\">{}</td><td>{factor}</td><td>{}</td><td>{}</td></tr>",
            text(name),
            figures::grouped(f64::from(group.trades), 0),
            figures::grouped(f64::from(group.won) * 100.0 / trades, 1),
            figures::mark(group.net),
            figures::signed(group.net),
            figures::signed(group.net / trades),
            figures::lasted(group.held_s)
        );
    }
    html + "</tbody></table></div>"
}
