//! The server's midnight, at which open positions are charged their swap.

use crate::account::PaperAccount;
use crate::checks::closing_price;
use crate::dealing::{Dealing, Market};
use domain::broker::Happened;
use domain::contract::Side;
use domain::ids::PositionId;
use domain::number::{Money, Points};
use domain::server_clock::ServerClock;
use domain::swap::{SwapCurrency, SwapMode};
use domain::symbol::SymbolTable;
use domain::time::Time;

/// When the server's next day begins, while anybody cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Midnight {
    /// No symbol has a swap.
    Never,
    /// No tick has told the time yet.
    Unknown,
    /// At this moment.
    At(Time),
}

impl Midnight {
    pub(crate) fn of(table: &SymbolTable) -> Self {
        if table.iter().any(|(_, spec)| spec.swap.mode != SwapMode::Disabled) { Self::Unknown } else { Self::Never }
    }

    /// Takes note of the time, when it is the first that is heard of it.
    pub(crate) fn hear(&mut self, now: Time, clock: ServerClock) {
        if *self == Self::Unknown {
            *self = Self::At(clock.midnight_after(now));
        }
    }

    pub(crate) fn next(self) -> Option<Time> {
        if let Self::At(time) = self { Some(time) } else { None }
    }
}

impl Market {
    /// What the midnight at `at` charges a position; `None` when it is nothing, or there is no price or rate yet.
    fn night(&self, account: &PaperAccount, position: PositionId, at: Time) -> Option<Money> {
        let position = account.ledger.positions.get(&position)?;
        let spec = self.table.spec(position.symbol);
        let swap = spec.swap;
        // The day that ends now.
        let weekday = (self.options.clock.shown(at.plus_us(-1)).day() + 4).rem_euclid(7) as usize;
        let nights = i64::from(swap.nights[weekday]);
        let rate_e6 = if position.side == Side::Buy { swap.long_e6 } else { swap.short_e6 };
        if swap.mode == SwapMode::Disabled || nights == 0 || rate_e6 == 0 {
            return None;
        }
        let currency = account.terms.currency.as_str();
        let from = if let SwapCurrency::Of(from) = swap.currency(spec) { from } else { currency };
        let rate = self.rate(from, currency)?;
        let current = closing_price(position.side, self.quote(position.symbol)?);
        let open = Points(position.open_points().round() as i64);
        let night = swap.of_night(spec, rate_e6, position.volume, open, current, rate);
        let amount = Money(night.0.saturating_mul(nights)).rounded(account.terms.currency_digits);
        (amount != Money::ZERO).then_some(amount)
    }
}

impl Dealing<'_> {
    /// Charges the midnight at `at`; says whether anything was.
    pub(crate) fn charge_night(&mut self, at: Time) -> bool {
        let positions: Vec<PositionId> = self.account.ledger.positions.keys().copied().collect();
        let mut charged = false;
        for position in positions {
            let Some(amount) = self.market.night(self.account, position, at) else { continue };
            self.report(Some(position.0), at, Happened::SwapCharged { position, amount });
            charged = true;
        }
        if charged {
            // Equity has moved without a quote: what was fitted to it has to be fitted again.
            self.account.stale = true;
            self.settle(false, at);
        }
        charged
    }
}
