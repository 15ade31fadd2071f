//! Symbols and rates that turn profit, margin and swap of a run's symbols into the account's currency.

use super::backtest::store_failure;
use crate::exit::{Exit, Failure, Outcome};
use domain::swap::{SwapCurrency, SwapMode};
use domain::symbol::{FixedRate, SymbolSpec, SymbolTable};
use market::TickStore;

/// The table of a run: its symbols, stated rates, and whatever of the store is needed to come to `currency`, one symbol where
/// one will do, else two.
///
/// # Errors
/// Names the symbol and the currency for which there is no way.
pub fn complete(mut specs: Vec<SymbolSpec>, rates: &[FixedRate], currency: &str, store: &TickStore) -> Outcome<SymbolTable> {
    let table = |specs: &[SymbolSpec]| {
        let table = SymbolTable::new(specs.to_vec()).map_err(Failure::of(Exit::Refused))?;
        Ok::<_, Failure>(table.with_rates(rates.to_vec()))
    };
    for (symbol, from) in wanted(&specs) {
        let has_way = |more: &[&SymbolSpec]| {
            let all: Vec<SymbolSpec> = specs.iter().chain(more.iter().copied()).cloned().collect();
            Ok::<_, Failure>(table(&all)?.route(&from, currency).is_some())
        };
        if has_way(&[])? {
            continue;
        }
        let stored = stored(&specs, store)?;
        let mut found: Option<Vec<SymbolSpec>> = None;
        for one in &stored {
            if has_way(&[one])? {
                found = Some(vec![one.clone()]);
                break;
            }
        }
        let touching = |currency: &str| {
            let currency = currency.to_owned();
            stored.iter().filter(move |spec| spec.base == currency || spec.quote == currency).collect::<Vec<_>>()
        };
        for one in touching(&from) {
            for other in touching(currency) {
                if found.is_none() && one.name != other.name && has_way(&[one, other])? {
                    found = Some(vec![one.clone(), other.clone()]);
                }
            }
        }
        let hint = format!("import {from}{currency} or {currency}{from}, state --rate {from}{currency}=..., or choose another --currency");
        let why = format!("{symbol} settles in {from}, and the store has no ticks that turn it into {currency}; {hint}");
        specs.extend(found.ok_or_else(|| Failure::new(Exit::NotFound, why))?);
    }
    table(&specs)
}

/// Symbols with the currencies in which they settle.
fn wanted(specs: &[SymbolSpec]) -> Vec<(String, String)> {
    let of = |spec: &SymbolSpec| {
        let swap = match spec.swap.currency(spec) {
            SwapCurrency::Of(currency) if spec.swap.mode != SwapMode::Disabled => Some(currency.to_owned()),
            _ => None,
        };
        let money = [spec.quote.clone(), spec.margin_currency().to_owned()];
        money.into_iter().chain(swap).map(|currency| (spec.name.clone(), currency)).collect::<Vec<_>>()
    };
    specs.iter().flat_map(of).collect()
}

/// Specs of stored symbols that are not among `specs`.
fn stored(specs: &[SymbolSpec], store: &TickStore) -> Outcome<Vec<SymbolSpec>> {
    let names = store.symbols().map_err(store_failure)?;
    let others = names.iter().filter(|name| specs.iter().all(|spec| &spec.name != *name));
    // One whose spec is broken converts nothing.
    Ok(others.filter_map(|name| store.spec(name).ok()).collect())
}
