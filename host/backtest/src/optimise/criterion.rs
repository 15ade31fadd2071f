//! What an optimisation maximises: MT5's eight criteria, each with the number that `tester.ini` has for it.

use super::pass::Figures;
use serde::{Deserialize, Serialize};

macro_rules! criteria {
    ($($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)?) => {
        /// What makes one pass better than another: the larger the better.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Criterion { $($(#[$doc])* $variant),+ }

        impl Criterion {
            /// All, in MT5's order: their place is their number in `tester.ini`.
            pub const ALL: &[Self] = &[$(Self::$variant),+];
            /// The words for them, in the same order.
            pub const WORDS: &[&str] = &[$($word),+];

            /// The word for it.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

criteria! {
    /// The balance at the end.
    #[default]
    Balance = "balance",
    /// Gross profit over gross loss. A run without losses counts as if it had lost one unit of the currency.
    ProfitFactor = "profit-factor",
    /// Net profit per trade.
    ExpectedPayoff = "expected-payoff",
    /// The smallest equity drawdown in percent: counted as 100 less that.
    Drawdown = "drawdown",
    /// Net profit over the maximal equity drawdown. A run without drawdown counts as if it had been one unit of the currency.
    RecoveryFactor = "recovery-factor",
    /// The Sharpe ratio.
    Sharpe = "sharpe",
    /// What the strategy's own `on-tester` says.
    Custom = "custom",
    /// From 0 to 100, see [`complex`].
    Complex = "complex",
}

impl Criterion {
    /// The criterion with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|criterion| criterion.word() == word)
    }

    /// What a pass is worth, or `None` when it has not traded enough to be worth anything, or when its own criterion is no
    /// number.
    pub fn of(self, figures: &Figures, trades_min: u32) -> Option<f64> {
        if figures.trades < trades_min {
            return None;
        }
        let value = match self {
            Self::Balance => figures.balance,
            Self::ProfitFactor => figures.profit_factor.unwrap_or(figures.profit.max(0.0)),
            Self::ExpectedPayoff => figures.expected_payoff,
            Self::Drawdown => 100.0 - figures.drawdown_percent,
            Self::RecoveryFactor => figures.recovery_factor.unwrap_or(figures.profit),
            Self::Sharpe => figures.sharpe.unwrap_or(0.0),
            Self::Custom => figures.custom,
            Self::Complex => complex(figures),
        };
        value.is_finite().then_some(value)
    }
}

/// The complex criterion. MT5 has one of the same name, from the same five figures, but has not published how it weighs them;
/// this is ours. Each figure gives up to 20 points, and half of them at the value that stands beside it:
///
/// | figure | half of its points at |
/// | --- | --- |
/// | recovery factor | 2 |
/// | Sharpe ratio | 1 |
/// | expected payoff over the average loss | 0.2 |
/// | trades | 50 |
/// | equity drawdown (the less the more) | 20 % |
///
/// A figure `x` whose half is at `h` gives `20 * x / (x + h)`, and none below 0; the drawdown gives `20 * h / (x + h)`. A run
/// that lost money has at most 40, whatever else it did: three of the five figures are negative.
pub fn complex(figures: &Figures) -> f64 {
    let grows = |x: f64, half: f64| if x > 0.0 { 20.0 * x / (x + half) } else { 0.0 };
    let recovery = figures.recovery_factor.unwrap_or(figures.profit);
    let payoff = if figures.average_loss < 0.0 { figures.expected_payoff / -figures.average_loss } else { figures.expected_payoff };
    grows(recovery, 2.0)
        + grows(figures.sharpe.unwrap_or(0.0), 1.0)
        + grows(payoff, 0.2)
        + grows(f64::from(figures.trades), 50.0)
        + 20.0 * 20.0 / (figures.drawdown_percent.max(0.0) + 20.0)
}
