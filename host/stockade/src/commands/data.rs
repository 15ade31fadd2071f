//! `stockade data`: what the tick store holds.

use crate::cli::Global;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Align, bytes, grouped, table};
use market::TickStore;
use serde::Serialize;

#[derive(clap::Subcommand)]
pub enum Command {
    /// The symbols, with their days, ticks and span.
    List,
}

/// What is stored of a symbol.
#[derive(Serialize)]
struct Stored {
    symbol: String,
    days: usize,
    ticks: u64,
    from: String,
    to: String,
    digits: u8,
    bytes: u64,
}

/// Lists the store.
pub fn run(command: &Command, global: &Global) -> Outcome {
    let Command::List = command;
    let folder = global.config()?.ticks_dir();
    let stored = if folder.is_dir() { list(&TickStore::open(&folder).map_err(Failure::of(Exit::Failed))?)? } else { Vec::new() };
    global.output().show(&stored, |stored| {
        if stored.is_empty() {
            return format!("{} holds no ticks; `stockade import FOLDER` brings some in", folder.display());
        }
        let row = |one: &Stored| {
            let numbers = [grouped(one.days as u64), grouped(one.ticks), bytes(one.bytes), one.digits.to_string()];
            [vec![one.symbol.clone()], numbers.into(), vec![one.from.clone(), one.to.clone()]].concat()
        };
        let head = [
            ("symbol", Align::Left),
            ("days", Align::Right),
            ("ticks", Align::Right),
            ("size", Align::Right),
            ("digits", Align::Right),
            ("from", Align::Left),
            ("to", Align::Left),
        ];
        table(&head, &stored.iter().map(row).collect::<Vec<_>>())
    });
    Ok(())
}

fn list(store: &TickStore) -> Outcome<Vec<Stored>> {
    let failed = |error: market::StoreError| Failure::new(Exit::Failed, error);
    let mut all = Vec::new();
    for symbol in store.symbols().map_err(failed)? {
        let days = store.days(&symbol).map_err(failed)?;
        let (mut ticks, mut size) = (0, 0);
        for &date in &days {
            let day = store.day(&symbol, date).map_err(failed)?;
            let columns = day.as_ref().map(market::Day::columns).unwrap_or_default();
            ticks += columns.len() as u64;
            size +=
                (columns.times.len() + columns.bids.len() + columns.asks.len() + columns.lasts.len() + columns.volumes.len()) as u64 * 8;
        }
        let span = store.span(&symbol).map_err(failed)?;
        let (from, to) = span.map_or_else(Default::default, |(from, to)| (from.to_string(), to.to_string()));
        let digits = store.spec(&symbol).map_err(failed)?.digits;
        all.push(Stored { symbol, days: days.len(), ticks, from, to, digits, bytes: size });
    }
    Ok(all)
}
