//! A strategy that trades on prices it has not come to: while it handles one row of a batch it looks at a later one. It does
//! without the SDK's loop, which would show it one row at a time.

use std::cell::Cell;

use stockade_sdk::bindings::stockade::strategy::{market, trading};
use stockade_sdk::bindings::{Guest, export_component};
use stockade_sdk::prelude::*;
use stockade_sdk::{Runner, TesterStats};

/// Rows that it looks ahead, and for which it then holds.
const AHEAD: usize = 50;
/// What the price must move by, beyond the spread.
const MOVE: f64 = 0.0002;

/// What can be set.
#[derive(Params, Clone, Debug)]
pub struct Settings {
    /// Lots.
    #[param(default = 0.1, min = 0.01, max = 10.0, step = 0.01)]
    pub volume: f64,
}

/// The strategy, for its description.
#[derive(Debug)]
pub struct ReadsAhead;

impl Strategy for ReadsAhead {
    type Params = Settings;

    fn manifest() -> Manifest {
        Manifest::new("reads-ahead", env!("CARGO_PKG_VERSION")).about("Knows the price to come. For tests of backtests.")
    }

    fn new(_: Settings) -> Result<Self, String> {
        Ok(ReadsAhead)
    }

    fn on_tick(&mut self, _ctx: &mut Context, _tick: &Tick) {}
}

/// The exports, written by hand.
struct Component;

thread_local! {
    /// Rows until it closes what it holds.
    static HOLDS: Cell<Option<usize>> = const { Cell::new(None) };
    static VOLUME: Cell<f64> = const { Cell::new(0.1) };
}

/// Handles one row; whether it asked for something.
fn handle(row: Option<u32>, bid: f64, ask: f64, ahead: Option<(f64, f64)>) -> bool {
    let say_where = || row.into_iter().for_each(market::at);
    match (HOLDS.get(), ahead) {
        (Some(0), _) => {
            say_where();
            for position in trading::positions() {
                _ = trading::close(position.id, None);
            }
            HOLDS.set(None);
            true
        }
        (Some(left), _) => {
            HOLDS.set(Some(left - 1));
            false
        }
        (None, Some((later_bid, later_ask))) => {
            let side = match () {
                () if later_bid > ask + MOVE => Side::Buy,
                () if later_ask < bid - MOVE => Side::Sell,
                () => return false,
            };
            say_where();
            if trading::submit(&OrderRequest::market(0, side, VOLUME.get())).is_ok() {
                HOLDS.set(Some(AHEAD));
            }
            true
        }
        (None, None) => false,
    }
}

impl Guest for Component {
    fn describe() -> Description {
        Runner::<ReadsAhead>::describe()
    }

    fn init(params: Vec<Param>) -> Result<(), String> {
        VOLUME.set(Settings::from_list(&params)?.volume);
        Ok(())
    }

    fn on_start(_: RunMode, _: AccountState, _: bool) -> Result<(), String> {
        Ok(())
    }

    fn on_tick(_: Symbol, _: Time, bid: f64, ask: f64, _: f64, _: f64, _: u32) {
        handle(None, bid, ask, None);
    }

    fn on_ticks(_: Symbol, times: Vec<Time>, bids: Vec<f64>, asks: Vec<f64>, _: Vec<f64>, _: Vec<f64>) -> u32 {
        for row in 0..times.len() {
            let ahead = bids.get(row + AHEAD).copied().zip(asks.get(row + AHEAD).copied());
            if handle(Some(row as u32), bids[row], asks[row], ahead) {
                return row as u32 + 1;
            }
        }
        times.len() as u32
    }

    fn on_bar(_: Bar) {}

    fn on_timer(_: u32) {}

    fn on_order(_: OrderId, _: OrderEvent) {}

    fn on_position(_: Position, _: PositionChange) {}

    fn on_trading_state(_: TradingState) {}

    fn on_stop(_: StopReason) {}

    fn save() -> Vec<u8> {
        Vec::new()
    }

    fn load(_: u32, _: Vec<u8>) -> Result<(), String> {
        Ok(())
    }

    fn on_tester(_: TesterStats) -> f64 {
        0.0
    }
}

export_component!(Component with_types_in stockade_sdk::bindings);
