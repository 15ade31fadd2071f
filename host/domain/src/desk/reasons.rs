//! What exactly is wrong with a volume or a price that was denied, and the nearest that passes: for the owner's log.

use crate::contract::{AskedOrder, DenyCode};
use crate::number::Steps;
use crate::symbol::SymbolSpec;

/// A price and what its author calls it.
pub(super) type Named = (&'static str, Option<f64>);

/// The prices of an order, by their names.
pub(super) fn prices_of(asked: &AskedOrder) -> [Named; 4] {
    [("price", asked.price), ("limit", asked.stop_limit_price), ("stop loss", asked.stop_loss), ("take profit", asked.take_profit)]
}

/// Prices as they were asked for: `, price 1.385966, stop loss 1.38`.
pub(super) fn listed(prices: &[Named]) -> String {
    prices.iter().filter_map(|(name, price)| Some(format!(", {name} {}", (*price)?))).collect()
}

/// What is wrong, after a semicolon; empty where the code says all there is to say.
pub(super) fn reason(code: DenyCode, spec: Option<&SymbolSpec>, volume: Option<f64>, prices: &[Named]) -> String {
    let said = match (code, spec) {
        (DenyCode::Invalid, _) => no_number(volume, prices),
        (DenyCode::VolumeOffStep, Some(spec)) => volume.map(|lots| off_step(spec, lots)),
        (DenyCode::VolumeBelowMinimum, Some(spec)) => Some(format!("the smallest order is {}", spec.lots(spec.volume_min))),
        (DenyCode::VolumeAboveMaximum, Some(spec)) if volume.is_some_and(|lots| lots > spec.lots(spec.volume_max)) => {
            Some(format!("the symbol's largest order is {}", spec.lots(spec.volume_max)))
        }
        (DenyCode::PriceOffTick, Some(spec)) => prices.iter().find_map(|(name, price)| off_tick(spec, name, (*price)?)),
        _ => None,
    };
    said.map_or(String::new(), |said| format!("; {said}"))
}

fn no_number(volume: Option<f64>, prices: &[Named]) -> Option<String> {
    let all = std::iter::once(("volume", volume)).chain(prices.iter().copied());
    all.filter_map(|(name, value)| Some((name, value?))).find_map(|(name, value)| match value {
        value if value.is_nan() => Some(format!("the {name} is not a number")),
        value if value.is_infinite() => Some(format!("the {name} is infinite")),
        value if value <= 0.0 => Some(format!("the {name} is {value} and must be above 0")),
        _ => None,
    })
}

fn off_step(spec: &SymbolSpec, lots: f64) -> String {
    let nearest = Steps((lots * 1e8 / spec.volume_step_e8 as f64).round() as i64).clamp(spec.volume_min, spec.volume_max);
    format!("steps are {}, nearest {}", spec.lots(Steps(1)), spec.lots(nearest))
}

/// Says so of the first price that is off: each is asked for by itself.
fn off_tick(spec: &SymbolSpec, name: &str, price: f64) -> Option<String> {
    if spec.points(price).is_ok() {
        return None;
    }
    let tick = spec.price(spec.tick_size);
    let ticks = (price * spec.points_per_unit() / spec.tick_size.0 as f64).round() as i64;
    let nearest = spec.price(crate::number::Points(ticks.saturating_mul(spec.tick_size.0)));
    Some(format!("the {name} {price} is between ticks of {tick}, nearest {nearest}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::symbol::common;

    fn check(code: DenyCode, volume: Option<f64>, prices: &[Named], expected: &str) {
        assert_eq!(reason(code, Some(&common::forex("EUR", "USD")), volume, prices), expected);
    }

    #[test]
    fn a_denial_says_what_is_wrong_and_what_would_pass() {
        check(DenyCode::VolumeOffStep, Some(0.123), &[], "; steps are 0.01, nearest 0.12");
        check(DenyCode::VolumeOffStep, Some(0.0101), &[], "; steps are 0.01, nearest 0.01");
        check(DenyCode::VolumeBelowMinimum, Some(0.001), &[], "; the smallest order is 0.01");
        check(DenyCode::Invalid, Some(f64::NAN), &[], "; the volume is not a number");
        check(DenyCode::Invalid, Some(f64::INFINITY), &[], "; the volume is infinite");
        check(DenyCode::Invalid, Some(-1.0), &[], "; the volume is -1 and must be above 0");
        check(DenyCode::Invalid, Some(0.1), &[("price", Some(1.1)), ("stop loss", Some(f64::NAN))], "; the stop loss is not a number");
        check(DenyCode::Invalid, Some(0.1), &[("price", Some(1.1))], "");
        let prices = [("price", Some(1.1)), ("take profit", Some(1.385966))];
        check(DenyCode::PriceOffTick, Some(0.1), &prices, "; the take profit 1.385966 is between ticks of 0.00001, nearest 1.38597");
        check(DenyCode::RateExceeded, Some(0.1), &prices, "");
    }
}
