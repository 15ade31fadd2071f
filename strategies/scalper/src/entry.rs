//! Ideas: which side, how sure, why; and the order that follows.

use stockade_sdk::prelude::*;

use crate::Settings;
use crate::momentum::Momentum;
use crate::structure::{Structure, View};

/// What each observation adds to the confidence; 100 together.
const SIDE_OF_AVERAGE: f64 = 20.0;
const AVERAGE_AGREES: f64 = 15.0;
const SWINGS_AGREE: f64 = 20.0;
const MOMENTUM: f64 = 25.0;
const RSI: f64 = 20.0;

/// A trade worth making.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Idea {
    pub side: Side,
    /// From 0 to 100.
    pub confidence: f64,
    view: View,
    momentum: f64,
    rsi: f64,
}

/// The idea of this minute, if it is sure enough.
pub(crate) fn find(settings: &Settings, structure: &Structure, momentum: &Momentum) -> Option<Idea> {
    weigh(settings, structure.view()?, momentum.percent()?, momentum.rsi()?)
}

fn weigh(settings: &Settings, view: View, momentum: f64, rsi: f64) -> Option<Idea> {
    if !(settings.atr_percent_min..=settings.atr_percent_max).contains(&view.range_percent) {
        return None;
    }
    let side = view.side;
    let exhausted = match side {
        Side::Buy => rsi > settings.rsi_high,
        Side::Sell => rsi < settings.rsi_low,
    };
    if exhausted {
        return None;
    }
    let moves = momentum * side.sign() >= settings.momentum_percent;
    let rsi_agrees = (rsi - 50.0) * side.sign() > 0.0;
    let confidence = [
        (true, SIDE_OF_AVERAGE),
        (view.average_agrees, AVERAGE_AGREES),
        (view.swings_agree, SWINGS_AGREE),
        (moves, MOMENTUM),
        (rsi_agrees, RSI),
    ];
    let confidence: f64 = confidence.iter().filter(|(holds, _)| *holds).map(|(_, points)| points).sum();
    if confidence < settings.confidence_min {
        return None;
    }
    Some(Idea { side, confidence, view, momentum, rsi })
}

impl Idea {
    /// Why, in words for the owner.
    pub fn reason(&self, settings: &Settings) -> String {
        let Idea { side, view, momentum, rsi, .. } = *self;
        let rsi = rsi.round() as u32;
        let (place, average, swings) = match side {
            Side::Buy => ("above", ", which goes up", "; swings go up"),
            Side::Sell => ("below", ", which goes down", "; swings go down"),
        };
        let (average, swings) = (if view.average_agrees { average } else { "" }, if view.swings_agree { swings } else { "" });
        let (length, range, minutes) = (settings.ema_length, view.range_percent, settings.momentum_bars);
        format!("M5 closed {place} EMA {length}{average}{swings}; {momentum:+.3} % in {minutes} min, RSI {rsi}, ATR {range:.3} %")
    }
}

/// The order for an idea: its stop behind the last swing point but within the bounds, its volume by the risk. None where
/// even the smallest volume would risk too much.
pub(crate) fn order(
    settings: &Settings,
    structure: &Structure,
    spec: &SymbolSpec,
    idea: &Idea,
    tick: &Tick,
    equity: f64,
) -> Option<OrderRequest> {
    let entry = tick.price(idea.side);
    let distance = stop_distance(settings, entry, idea.side, structure.swing_behind(idea.side));
    let volume = spec.volume_for_risk(equity * settings.risk_percent / 100.0, distance);
    let order = OrderRequest::bracket(0, idea.side, volume, spec, entry, distance, settings.reward_ratio);
    (volume > 0.0).then(|| order.tag((idea.confidence as u32).to_string()))
}

fn stop_distance(settings: &Settings, entry: f64, side: Side, swing: Option<f64>) -> f64 {
    let (nearest, farthest) = (entry * settings.stop_percent_min / 100.0, entry * settings.stop_percent_max / 100.0);
    let to_swing = swing.map_or(nearest, |swing| (entry - swing) * side.sign());
    to_swing.max(nearest).min(farthest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIEW: View = View { side: Side::Buy, average_agrees: true, swings_agree: true, range_percent: 0.1 };

    fn confidence(view: View, momentum: f64, rsi: f64) -> Option<f64> {
        let settings = Settings { confidence_min: 0.0, ..Settings::default() };
        weigh(&settings, view, momentum, rsi).map(|idea| idea.confidence)
    }

    #[test]
    fn confidence_adds_up_what_agrees() {
        let sell = View { side: Side::Sell, ..VIEW };
        assert_eq!(confidence(VIEW, 0.05, 60.0), Some(100.0));
        assert_eq!(confidence(sell, -0.05, 40.0), Some(100.0));
        assert_eq!(confidence(VIEW, -0.05, 60.0), Some(75.0));
        assert_eq!(confidence(VIEW, 0.05, 40.0), Some(80.0));
        assert_eq!(confidence(View { swings_agree: false, ..VIEW }, 0.05, 60.0), Some(80.0));
        assert_eq!(confidence(View { average_agrees: false, swings_agree: false, ..VIEW }, 0.0, 50.0), Some(20.0));
    }

    #[test]
    fn an_unsure_idea_is_none() {
        let settings = Settings::default();
        assert!(weigh(&settings, VIEW, 0.05, 60.0).is_some());
        assert_eq!(weigh(&settings, View { swings_agree: false, ..VIEW }, 0.0, 60.0), None);
    }

    #[test]
    fn the_range_is_a_gate() {
        assert_eq!(confidence(View { range_percent: 0.01, ..VIEW }, 0.05, 60.0), None);
        assert_eq!(confidence(View { range_percent: 0.31, ..VIEW }, 0.05, 60.0), None);
    }

    #[test]
    fn what_has_run_too_far_is_left_alone() {
        assert_eq!(confidence(VIEW, 0.05, 73.0), None);
        assert_eq!(confidence(View { side: Side::Sell, ..VIEW }, -0.05, 27.0), None);
    }

    #[test]
    fn the_reason_names_the_numbers() {
        let reason = weigh(&Settings::default(), VIEW, 0.0512, 60.4).expect("sure").reason(&Settings::default());
        assert_eq!(reason, "M5 closed above EMA 21, which goes up; swings go up; +0.051 % in 5 min, RSI 60, ATR 0.100 %");
        assert!(reason.len() <= 256);
    }

    #[test]
    fn the_stop_goes_behind_the_swing_point_within_its_bounds() {
        let check = |side, swing, expected: f64| {
            let distance = stop_distance(&Settings::default(), 2_000.0, side, swing);
            assert!((distance - expected).abs() < 1e-9, "{distance}");
        };
        check(Side::Buy, Some(1_993.0), 7.0);
        check(Side::Sell, Some(2_008.0), 8.0);
        check(Side::Buy, Some(1_999.0), 5.0);
        check(Side::Buy, Some(1_900.0), 10.0);
        check(Side::Buy, Some(2_010.0), 5.0);
        check(Side::Buy, None, 5.0);
    }

    #[test]
    fn the_volume_follows_from_risk_and_stop() {
        let settings = Settings::default();
        let structure = Structure::new(&settings);
        let idea = weigh(&settings, VIEW, 0.05, 60.0).expect("sure");
        let tick = Tick { time: 0, bid: 1_999.8, ask: 2_000.0, last: 0.0, volume: 0.0 };
        let spec = stockade_sdk::testing::xauusd();
        let of = |equity| order(&settings, &structure, &spec, &idea, &tick, equity);
        let order = of(10_000.0).expect("enough equity");
        assert_eq!((order.volume, order.stop_loss, order.take_profit), (0.1, Some(1_995.0), Some(2_007.5)));
        assert_eq!(of(500.0), None);
    }
}
