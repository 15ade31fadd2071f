//! Which spec an imported symbol gets.

use domain::number::Steps;
use domain::symbol::{SymbolSpec, common};

const CURRENCIES: [&str; 24] = [
    "USD", "EUR", "GBP", "JPY", "CHF", "AUD", "NZD", "CAD", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "TRY", "ZAR", "MXN", "SGD", "HKD",
    "CNH", "THB", "ILS", "RON", "RUB",
];
const COINS: [&str; 16] =
    ["BTC", "ETH", "LTC", "XRP", "BCH", "ADA", "DOT", "SOL", "BNB", "XLM", "EOS", "TRX", "AVAX", "LINK", "DOGE", "UNI"];

/// The common spec for a broker's name like `EURUSD`, `EURUSD.a`, `XAUUSDm` or `BTCUSD`, under that name, or `None` when the name
/// is not one of those.
pub fn spec_for(symbol: &str) -> Option<SymbolSpec> {
    let letters: String = symbol.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
    let spec = if letters.starts_with("XAUUSD") || letters == "GOLD" {
        common::gold()
    } else if let Some(coin) = COINS.iter().find(|coin| letters.strip_prefix(**coin).is_some_and(|rest| rest.starts_with("USD"))) {
        common::crypto(coin)
    } else {
        let (base, quote) = (letters.get(..3)?, letters.get(3..6)?);
        (CURRENCIES.contains(&base) && CURRENCIES.contains(&quote)).then(|| common::forex(base, quote))?
    };
    Some(SymbolSpec { name: symbol.to_owned(), ..spec })
}

/// What is assumed of a symbol nobody knows: one unit a lot, in USD, margin like a leveraged CFD.
pub(super) fn unknown(symbol: &str) -> SymbolSpec {
    SymbolSpec { name: symbol.to_owned(), volume_max: Steps(1_000_000), ..common::crypto(symbol) }
}

/// How many prices had how many decimals.
#[derive(Debug, Default)]
pub(super) struct DecimalsSeen {
    counts: [u64; 10],
}

/// With fewer prices, trailing zeros may hide a digit by chance.
const PRICES_TO_TRUST: u64 = 1_000;
/// So many of a thousand prices must be exact; the rest is noise of the source and rounded.
const EXACT_OF_THOUSAND: u64 = 999;

impl DecimalsSeen {
    pub fn add(&mut self, decimals: u8) {
        self.counts[usize::from(decimals.min(9))] += 1;
    }

    /// The fewest digits with which 99.9 % of the prices are exact; never fewer than `usual` while there are few prices.
    pub fn digits(&self, usual: u8) -> u8 {
        let total: u64 = self.counts.iter().sum();
        let mut covered = 0;
        let found = self.counts.iter().position(|count| {
            covered += count;
            covered * 1_000 >= total * EXACT_OF_THOUSAND
        });
        let found = found.map_or(usual, |digits| digits.min(8) as u8);
        if total < PRICES_TO_TRUST { found.max(usual) } else { found }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_names_get_common_specs_under_their_own_name() {
        let check = |symbol: &str, expected: Option<(&str, u8, i64)>| {
            let found = spec_for(symbol);
            let shown = found.as_ref().map(|spec| (spec.base.as_str(), spec.digits, spec.contract_size_e6 / 1_000_000));
            assert_eq!(shown, expected, "{symbol}");
            assert!(found.is_none_or(|spec| spec.name == symbol && spec.validated().is_ok()));
        };
        check("EURUSD", Some(("EUR", 5, 100_000)));
        check("eurusd.a", Some(("EUR", 5, 100_000)));
        check("USDJPYm", Some(("USD", 3, 100_000)));
        check("XAUUSD#", Some(("XAU", 3, 100)));
        check("DOGEUSD", Some(("DOGE", 2, 1)));
        check("US30", None);
        check("", None);
        check("éURUSD", None);
        assert!(unknown("US30").validated().is_ok());
    }

    #[test]
    fn digits_cover_nearly_all_prices() {
        let seen = |counts: &[(u8, u64)]| {
            let mut seen = DecimalsSeen::default();
            counts.iter().for_each(|(decimals, count)| seen.counts[usize::from(*decimals)] = *count);
            seen.digits(5)
        };
        assert_eq!(seen(&[(2, 400), (3, 700_000), (4, 152)]), 3);
        assert_eq!(seen(&[(2, 400), (3, 700_000), (4, 7_000)]), 4);
        assert_eq!(seen(&[(1, 10)]), 5, "ten prices prove nothing");
        assert_eq!(seen(&[(9, 10_000)]), 8);
        assert_eq!(seen(&[]), 5);
    }
}
