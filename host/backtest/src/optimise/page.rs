//! What an optimisation found, as a page that stands alone: the best passes, results over two parameters, windows, other
//! orders of the trades, faults.

use super::map::Map;
use super::summary::Summary;
use crate::page::{Page, rows_of};

const SCRIPT: &str = include_str!("page.js");

/// The page.
pub fn page(title: &str, symbols: &str, summary: &Summary) -> String {
    let time = match (summary.windows.first(), summary.windows.last()) {
        (Some(first), Some(last)) => {
            format!("{} to {}", first.window.optimised.first, last.window.tested.unwrap_or(last.window.optimised).last())
        }
        _ => "nothing".to_owned(),
    };
    let state = if summary.interrupted { "; interrupted, and not complete" } else { "" };
    let confirmed = if summary.confirmed { "the best are confirmed" } else { "not confirmed" };
    let under = format!("{symbols}, {time}; {} search, maximises {}{state}; {confirmed}", summary.method, summary.criterion.word());
    let mut page = Page::new(title, &under);
    page.beware(&summary.beware);
    page.section("found", "Found", "<div id=\"tiles\" class=\"tiles\"></div>");
    if summary.walk.is_some() {
        page.section("windows", "Windows", "<div id=\"walk\"></div>");
    }
    page.section("map", "Results by parameters", "<div class=\"bar\" id=\"pairs\"></div><div id=\"heat\"></div>");
    if summary.windows.len() == 1 && summary.windows.iter().any(|one| one.window.tested.is_some()) {
        page.section("forward", "In sample and out of it", "<div id=\"both\"></div>");
    }
    page.section("passes", "Passes", "<div id=\"best\"></div>");
    if summary.monte_carlo.is_some() {
        page.section("luck", "Trades reshuffled and resampled", "<div id=\"carlo\"></div>");
    }
    if !summary.faults.is_empty() {
        page.section("faults", "Faults", "<div id=\"failed\"></div>");
    }
    page.section("settings", "Settings", &format!("<table class=\"figures\">{}</table>", rows_of(&summary.settings)));
    let maps: &[Map] = &summary.maps;
    page.data("summary-data", summary).data("map-data", &maps).script(SCRIPT).finish()
}
