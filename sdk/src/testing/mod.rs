//! A test harness: feed ticks, read decisions. No host, no component, no files; everything is in memory.
//!
//! ```
//! use stockade_sdk::prelude::*;
//! use stockade_sdk::testing::Harness;
//! # #[derive(Params)]
//! # struct Settings {
//! #     /// Volume, in lots.
//! #     #[param(default = 0.1)]
//! #     volume: f64,
//! # }
//! # struct BuyLow(Settings);
//! # impl Strategy for BuyLow {
//! #     type Params = Settings;
//! #     fn manifest() -> Manifest {
//! #         Manifest::new("buy-low", "0.1.0")
//! #     }
//! #     fn new(settings: Settings) -> Result<Self, String> {
//! #         Ok(BuyLow(settings))
//! #     }
//! #     fn on_tick(&mut self, ctx: &mut Context, tick: &Tick) {
//! #         if tick.ask < 1.1 && ctx.positions().is_empty() {
//! #             _ = ctx.buy(self.0.volume);
//! #         }
//! #     }
//! # }
//!
//! let mut test = Harness::<BuyLow>::new(Settings { volume: 0.2 });
//! test.tick(0, 1.2000, 1.2001);
//! assert!(test.submitted().is_empty());
//! test.tick(SECOND, 1.0998, 1.0999);
//! assert_eq!(test.submitted()[0].volume, 0.2);
//! assert_eq!(test.positions()[0].open_price, 1.0999);
//! ```

mod exchange;
mod harness;
mod record;

pub use exchange::Fills;
pub use harness::Harness;
pub use record::{Decision, Recorded};

use crate::types::SymbolSpec;

/// A EURUSD as retail brokers have it: 5 digits, lots of 100,000 in steps of 0.01, account in USD.
pub fn eurusd() -> SymbolSpec {
    SymbolSpec {
        name: "EURUSD".to_owned(),
        digits: 5,
        point: 0.00001,
        tick_size: 0.00001,
        tick_value: 1.0,
        contract_size: 100_000.0,
        volume_min: 0.01,
        volume_max: 100.0,
        volume_step: 0.01,
        stops_level: 0,
        freeze_level: 0,
        base: "EUR".to_owned(),
        quote: "USD".to_owned(),
        margin: "EUR".to_owned(),
    }
}

/// Gold as retail brokers have it: 2 digits, lots of 100 ounces in steps of 0.01, account in USD.
pub fn xauusd() -> SymbolSpec {
    SymbolSpec {
        name: "XAUUSD".to_owned(),
        digits: 2,
        point: 0.01,
        tick_size: 0.01,
        contract_size: 100.0,
        base: "XAU".to_owned(),
        margin: "XAU".to_owned(),
        ..eurusd()
    }
}
