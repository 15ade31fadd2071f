//! Which spec an imported symbol gets.

use domain::number::Steps;
use domain::symbol::{MarginMode, SpecBasis, SymbolSpec, common};

/// Currencies that pairs are quoted in: all that retail brokers offer.
const CURRENCIES: [&str; 38] = [
    "USD", "EUR", "GBP", "JPY", "CHF", "AUD", "NZD", "CAD", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "TRY", "ZAR", "MXN", "SGD", "HKD",
    "CNH", "CNY", "THB", "ILS", "RON", "RUB", "BGN", "ISK", "KRW", "INR", "IDR", "TWD", "PHP", "MYR", "BRL", "CLP", "COP", "SAR", "AED",
];
/// Ounces in a lot of a precious metal.
const METALS: [(&str, i64); 4] = [("XAU", 100), ("XAG", 5_000), ("XPT", 100), ("XPD", 100)];
/// Names of metals that say no currency.
const METAL_NAMES: [(&str, &str); 4] = [("GOLD", "XAU"), ("SILVER", "XAG"), ("PLATINUM", "XPT"), ("PALLADIUM", "XPD")];
/// Energies in US dollars, by the names that brokers use, with what a lot holds: barrels, or MMBtu of gas.
const ENERGIES: [(&str, i64, &[&str]); 3] = [
    ("WTI", 1_000, &["XTIUSD", "USOIL", "WTI", "USCRUDE", "SPOTCRUDE", "LIGHTCMDUSD", "OILUSD", "CLOIL"]),
    ("BRENT", 1_000, &["XBRUSD", "UKOIL", "BRENT", "SPOTBRENT", "BRENTCMDUSD", "BRENTOIL"]),
    ("NATGAS", 10_000, &["XNGUSD", "NATGAS", "NGAS", "GASCMDUSD"]),
];
/// Indices, one contract a lot, by currency and by the names that brokers use.
const INDICES: [(&str, &[&str]); 9] = [
    (
        "USD",
        &[
            "US30",
            "DJ30",
            "WS30",
            "DJI30",
            "USA30",
            "DOW30",
            "US500",
            "SPX500",
            "SP500",
            "SPX",
            "USA500",
            "US100",
            "NAS100",
            "NDX100",
            "USTEC",
            "USATECH",
            "NQ100",
            "US2000",
            "RUSSELL2000",
            "USSC2000",
            "CHINA50",
            "CN50",
            "INDIA50",
            "USDX",
            "DXY",
            "DOLLAR",
            "VIX",
        ],
    ),
    (
        "EUR",
        &[
            "GER40",
            "GER30",
            "DE40",
            "DE30",
            "DAX40",
            "DAX30",
            "DAX",
            "GERMANY40",
            "DEU",
            "FRA40",
            "FR40",
            "CAC40",
            "FRA",
            "EU50",
            "EUSTX50",
            "STOXX50",
            "ESTX50",
            "EUS",
            "ESP35",
            "ES35",
            "SPAIN35",
            "ESP",
            "ITA40",
            "IT40",
            "NETH25",
            "NED25",
            "NL25",
            "NLD",
        ],
    ),
    ("GBP", &["UK100", "FTSE100", "GBR"]),
    ("JPY", &["JPN225", "JP225", "JPY225", "NI225", "NIKKEI225", "JPN"]),
    ("AUD", &["AUS200", "AU200", "AUS", "ASX200"]),
    ("CHF", &["SWI20", "SUI20", "CH20", "SMI20", "CHE"]),
    ("HKD", &["HK50", "HKG33", "HKG50", "HSI50", "HKG"]),
    ("SGD", &["SGP20", "SG20", "SG30"]),
    ("ZAR", &["SA40", "SOA"]),
];
const COINS: [&str; 30] = [
    "BTC", "XBT", "ETH", "LTC", "XRP", "BCH", "ADA", "DOT", "SOL", "BNB", "XLM", "EOS", "TRX", "AVAX", "LINK", "LNK", "DOGE", "DOG", "UNI",
    "XMR", "DSH", "DASH", "ETC", "NEO", "ZEC", "MATIC", "POL", "ATOM", "AAVE", "SHIB",
];
/// What coins are priced in, apart from currencies: dollars on a chain count as dollars.
const CHAIN_DOLLARS: [&str; 4] = ["USDT", "USDC", "BUSD", "FDUSD"];

/// The usual spec for a broker's name like `EURUSD`, `EURUSD.a`, `XAGUSDm`, `GER40` or `BTCUSD`, under that name, or `None` when
/// the name is not one of those.
pub fn spec_for(symbol: &str) -> Option<SymbolSpec> {
    let letters: String = symbol.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
    let spec =
        metal(&letters).or_else(|| energy(&letters)).or_else(|| index(&letters)).or_else(|| coin(&letters)).or_else(|| pair(&letters));
    spec.map(|spec| SymbolSpec { name: symbol.to_owned(), basis: SpecBasis::Usual, ..spec })
}

/// One that is priced with leverage, of `units` units a lot.
fn cfd(base: &str, quote: &str, digits: u8, units: i64) -> SymbolSpec {
    SymbolSpec { digits, contract_size_e6: units * 1_000_000, margin_mode: MarginMode::CfdLeverage, ..common::forex(base, quote) }
}

fn metal(letters: &str) -> Option<SymbolSpec> {
    let named = METAL_NAMES.iter().find_map(|(name, metal)| is_name(letters, name).then_some((*metal, "USD")));
    let (metal, quote) = named.or_else(|| Some((letters.get(..3)?, letters.get(3..6)?)))?;
    let ounces = METALS.iter().find(|(name, _)| *name == metal)?.1;
    CURRENCIES.contains(&quote).then(|| cfd(metal, quote, 3, ounces))
}

fn energy(letters: &str) -> Option<SymbolSpec> {
    let (base, units, _) = ENERGIES.iter().find(|(_, _, names)| names.iter().any(|name| is_name(letters, name)))?;
    Some(cfd(base, "USD", 3, *units))
}

fn index(letters: &str) -> Option<SymbolSpec> {
    // Dukascopy's names of indices end in IDX and the currency.
    let dukascopy = letters.split_once("IDX").filter(|(_, quote)| CURRENCIES.contains(quote));
    let named = || {
        INDICES
            .iter()
            .find_map(|(quote, names)| names.iter().find(|name| name.len() > 3 && is_name(letters, name)).map(|name| (*name, *quote)))
    };
    let (base, quote) = dukascopy.or_else(named)?;
    // Some brokers name the currency, which need not be that of the market.
    let said = CURRENCIES.iter().find(|currency| letters.strip_prefix(base) == Some(**currency));
    Some(cfd(base, said.copied().unwrap_or(quote), 2, 1))
}

fn coin(letters: &str) -> Option<SymbolSpec> {
    let of = |coin: &&&str| letters.strip_prefix(**coin).is_some_and(|rest| coin_quote(rest).is_some());
    let coin = COINS.iter().filter(of).max_by_key(|coin| coin.len())?;
    let quote = coin_quote(&letters[coin.len()..])?;
    Some(cfd(coin, quote, 2, 1))
}

fn coin_quote(rest: &str) -> Option<&str> {
    if CHAIN_DOLLARS.iter().any(|dollar| is_name(rest, dollar)) {
        return Some("USD");
    }
    rest.get(..3).filter(|quote| CURRENCIES.contains(quote) || *quote == "BTC")
}

fn pair(letters: &str) -> Option<SymbolSpec> {
    let (base, quote) = (letters.get(..3)?, letters.get(3..6)?);
    let is_pair = CURRENCIES.contains(&base) && CURRENCIES.contains(&quote) && base != quote;
    is_pair.then(|| SymbolSpec { digits: pair_digits(quote), ..common::forex(base, quote) })
}

/// Decimals of pairs that are quoted in this currency, a tenth of what a pip is there.
fn pair_digits(quote: &str) -> u8 {
    match quote {
        "JPY" | "HUF" | "KRW" | "ISK" | "CLP" | "COP" | "IDR" => 3,
        "CZK" | "RON" | "THB" | "TWD" | "PHP" | "INR" => 4,
        _ => 5,
    }
}

/// Whether a symbol's letters are a name, perhaps with what brokers put after it: `US30m`, `GER40.cash`, `JP225_USD`.
fn is_name(letters: &str, name: &str) -> bool {
    letters.strip_prefix(name).is_some_and(|rest| SUFFIXES.contains(&rest) || CURRENCIES.contains(&rest))
}

/// What brokers put after a name, points and the like left out. Other words make another name: `GOLDMAN` is no gold.
const SUFFIXES: [&str; 36] = [
    "", "A", "B", "C", "D", "E", "F", "I", "K", "M", "N", "P", "Q", "R", "S", "T", "X", "Z", "AC", "BE", "CASH", "CENT", "CFD", "ECN",
    "MICRO", "MINI", "OTC", "PLUS", "PRO", "RAW", "SB", "SML", "SPOT", "STD", "STP", "ZERO",
];

/// Decimals of Dukascopy's points, which its hours do not say; `None` for an instrument whose points are not known here.
///
/// By its own list: pairs are counted in hundred-thousandths but for some currencies; metals, indices, energies, bonds and shares
/// in thousandths, Japanese shares in tenths; each coin in its own.
pub(super) fn dukascopy_digits(symbol: &str) -> Option<u8> {
    let letters: String = symbol.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
    const COIN_POINTS: [(&str, u8); 5] = [("BTC", 1), ("ETH", 1), ("BCH", 1), ("LTC", 1), ("XLM", 5)];
    const COUNTRIES: [&str; 20] =
        ["US", "GB", "DE", "FR", "CH", "ES", "IT", "NL", "SE", "NO", "DK", "FI", "BE", "AT", "PT", "IE", "HK", "JP", "PL", "HU"];
    let (front, quote) = letters.split_at_checked(letters.len().checked_sub(3)?)?;
    let pennies = ["GBX", "USX"].contains(&quote);
    if front.len() == 3 && CURRENCIES.contains(&front) && CURRENCIES.contains(&quote) {
        return Some(match quote {
            "JPY" | "HUF" => 3,
            "CZK" | "RON" | "THB" => 4,
            _ => 5,
        });
    }
    if let Some((_, digits)) = COIN_POINTS.iter().find(|(coin, _)| *coin == front) {
        return Some(*digits);
    }
    if METALS.iter().any(|(metal, _)| *metal == front)
        || ["IDX", "CMD", "TR"].iter().any(|kind| front.len() > kind.len() && front.ends_with(kind))
    {
        return Some(3);
    }
    let of_country = COUNTRIES.iter().find(|country| front.len() > 2 && front.ends_with(*country));
    match of_country {
        Some(&"JP") if quote == "JPY" => Some(1),
        Some(_) if pennies || CURRENCIES.contains(&quote) => Some(3),
        _ => None,
    }
}

/// A symbol's name as the store writes it, so that one symbol has one name whatever a file calls it: known ones in upper case, with
/// what the broker puts after them as it is (`eurusd` is `EURUSD`, `EURUSDm` stays), and others in upper case where they had none.
pub(super) fn canonical(name: &str) -> String {
    if spec_for(name).is_none() {
        let has_case = name.bytes().any(|byte| byte.is_ascii_uppercase());
        return if has_case { name.to_owned() } else { name.to_ascii_uppercase() };
    }
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
    let of_six = pair(&letters)
        .or_else(|| letters.get(..3).filter(|base| METALS.iter().any(|(metal, _)| metal == base)).and_then(|_| metal(&letters)));
    if of_six.is_none() {
        // `BTC/USDT` is `BTCUSDT`.
        let coin = coin(&letters).map_or(0, |spec| spec.base.len());
        let is_cut = coin > 0 && name.get(coin..).is_some_and(|rest| rest.starts_with(['/', '-', '_']));
        let joined = if is_cut { name[..coin].to_owned() + &name[coin + 1..] } else { name.to_owned() };
        let name = joined.as_str();
        let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
        return name[..end].to_ascii_uppercase() + &name[end..];
    }
    // `EUR/USD` is `EURUSD`; what comes after the six letters stays.
    let sixth = name.char_indices().filter(|(_, c)| c.is_ascii_alphanumeric()).nth(5).map_or(name.len(), |(at, _)| at + 1);
    letters[..6].to_owned() + &name[sixth..]
}

/// Whether two names are of one instrument, apart from their case and what brokers put after them.
pub(crate) fn is_same_instrument(one: &str, other: &str) -> bool {
    let of = |name: &str| spec_for(name).map(|spec| (spec.base, spec.quote));
    one.eq_ignore_ascii_case(other) || of(one).is_some_and(|spec| of(other) == Some(spec))
}

/// Markets whose week is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hours {
    Currencies,
    /// With a daily break.
    Metal,
}

/// When a symbol trades, as far as it is known.
pub(super) fn hours_of(symbol: &str) -> Option<Hours> {
    let letters: String = symbol.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
    metal(&letters).map(|_| Hours::Metal).or_else(|| pair(&letters).map(|_| Hours::Currencies))
}

/// What is assumed of a symbol nobody knows: one unit a lot, in USD, margin like a leveraged CFD.
pub(super) fn unknown(symbol: &str) -> SymbolSpec {
    SymbolSpec { name: symbol.to_owned(), volume_max: Steps(1_000_000), basis: SpecBasis::Assumed, ..common::crypto(symbol) }
}

/// How many prices had how many decimals.
#[derive(Clone, Debug, Default)]
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
        check("USDHUF", Some(("USD", 3, 100_000)));
        check("EURCZK", Some(("EUR", 4, 100_000)));
        check("XAUUSD#", Some(("XAU", 3, 100)));
        check("XAUEUR", Some(("XAU", 3, 100)));
        check("XAGUSD.r", Some(("XAG", 3, 5_000)));
        check("SILVER", Some(("XAG", 3, 5_000)));
        check("XPTUSD", Some(("XPT", 3, 100)));
        check("US30", Some(("US30", 2, 1)));
        check("GER40.cash", Some(("GER40", 2, 1)));
        check("USA500IDXUSD", Some(("USA500", 2, 1)));
        check("UKOIL", Some(("BRENT", 3, 1_000)));
        check("XTIUSD", Some(("WTI", 3, 1_000)));
        check("XNGUSD", Some(("NATGAS", 3, 10_000)));
        check("DOGEUSD", Some(("DOGE", 2, 1)));
        check("BTCUSDT", Some(("BTC", 2, 1)));
        check("ETHBTC", Some(("ETH", 2, 1)));
        for unknown in ["US3000", "GOLDMAN", "SILVERGATE", "BRENTFORD", "EURXXX", "EUREUR", "AAPL", "", "éURUSD"] {
            check(unknown, None);
        }
        assert!(unknown("AAPL").validated().is_ok());
    }

    #[test]
    fn an_index_is_paid_in_the_currency_of_its_market() {
        let quote = |symbol: &str| spec_for(symbol).map(|spec| (spec.quote, spec.margin)).unwrap_or_default();
        for (symbol, currency) in
            [("GER40", "EUR"), ("UK100.m", "GBP"), ("JPN225", "JPY"), ("DEUIDXEUR", "EUR"), ("NAS100", "USD"), ("JP225_USD", "USD")]
        {
            assert_eq!(quote(symbol).0, currency, "{symbol}");
        }
    }

    #[test]
    fn points_of_dukascopy_are_those_of_its_list() {
        let check = |symbol: &str, expected: Option<u8>| assert_eq!(dukascopy_digits(symbol), expected, "{symbol}");
        for five in ["EURUSD", "USDRUB", "USDTRY", "XLMUSD"] {
            check(five, Some(5));
        }
        for four in ["EURCZK", "USDRON", "USDTHB"] {
            check(four, Some(4));
        }
        for three in
            ["USDJPY", "EURHUF", "XAUUSD", "XAGUSD", "USA30IDXUSD", "BRENTCMDUSD", "BUNDTREUR", "AAPLUSUSD", "0700HKHKD", "BPGBGBX"]
        {
            check(three, Some(3));
        }
        for one in ["BTCUSD", "ETHEUR", "LTCUSD", "7203JPJPY"] {
            check(one, Some(1));
        }
        for unknown in ["ADAUSD", "US500", "FOO", "", "EURXXX"] {
            check(unknown, None);
        }
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
