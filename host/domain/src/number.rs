//! Prices in points, volumes in steps, money in millionths: whole numbers, so that sums are exact and equal everywhere.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

macro_rules! whole_number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl $name {
            /// Nothing.
            pub const ZERO: Self = Self(0);
            /// The distance from nothing, whatever the sign.
            pub fn abs(self) -> Self {
                Self(self.0.abs())
            }
        }
        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }
        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }
        impl Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }
        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }
        impl SubAssign for $name {
            fn sub_assign(&mut self, other: Self) {
                self.0 -= other.0;
            }
        }
        impl std::iter::Sum for $name {
            fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
                Self(all.map(|one| one.0).sum())
            }
        }
    };
}

whole_number! {
    /// A price, or a distance between prices, as a number of points; one point is 10^-digits of the symbol.
    Points
}
whole_number! {
    /// A volume as a number of the symbol's volume steps.
    Steps
}
whole_number! {
    /// An amount in millionths of the account's currency. Deals book whole cents (or whatever the currency's digits are).
    Money
}

impl Money {
    /// One unit of the currency.
    pub const ONE: Self = Self(1_000_000);

    /// The nearest amount to `units` of currency; for configuration and display edges only.
    pub fn from_units(units: f64) -> Self {
        Self((units * 1e6).round() as i64)
    }

    /// The amount in units of currency, for guests, reports and people.
    pub fn to_units(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Rounded to a currency's digits, halves away from zero, as brokers book it.
    pub fn rounded(self, currency_digits: u8) -> Self {
        let unit = 10_i64.pow(6_u32.saturating_sub(u32::from(currency_digits)));
        Self((div_round(i128::from(self.0), i128::from(unit)) as i64).saturating_mul(unit))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = div_round(i128::from(self.0), 10_000);
        let sign = if cents < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:02}", cents.abs() / 100, cents.abs() % 100)
    }
}

/// `numerator / denominator` to the nearest whole number, halves away from zero. `denominator` must not be 0.
pub fn div_round(numerator: i128, denominator: i128) -> i128 {
    debug_assert!(denominator != 0, "division by zero");
    // Nearly all fit a machine word, which divides many times faster. Half a word leaves room to round in.
    if let (Ok(numerator), Ok(denominator)) = (i64::try_from(numerator), i64::try_from(denominator))
        && numerator.unsigned_abs() < 1 << 62
    {
        let (size, by) = (numerator.unsigned_abs(), denominator.unsigned_abs());
        let quotient = i128::from((size + by / 2) / by);
        return if (numerator < 0) == (denominator < 0) { quotient } else { -quotient };
    }
    let half = denominator.abs() / 2;
    if (numerator < 0) == (denominator < 0) {
        (numerator.abs() + half) / denominator.abs()
    } else {
        -((numerator.abs() + half) / denominator.abs())
    }
}

/// An exact exchange rate: units of the target currency for one unit of the source, as a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// Target units.
    pub numerator: i64,
    /// Source units; never 0.
    pub denominator: i64,
}

impl Rate {
    /// Source and target are the same currency.
    pub const ONE: Self = Self { numerator: 1, denominator: 1 };

    /// This rate and then `next`; `None` when it is out of range. Where the product's terms grow beyond 10^10 they are
    /// shortened together, so that amounts times rates still fit.
    pub fn then(self, next: Self) -> Option<Self> {
        let mut numerator = i128::from(self.numerator) * i128::from(next.numerator);
        let mut denominator = i128::from(self.denominator) * i128::from(next.denominator);
        while numerator.max(denominator) > 10_000_000_000 {
            (numerator, denominator) = (div_round(numerator, 10), div_round(denominator, 10));
        }
        (numerator > 0 && denominator > 0).then_some(Self { numerator: numerator as i64, denominator: denominator as i64 })
    }

    /// The rate the other way round. `None` when it would divide by zero.
    pub fn inverse(self) -> Option<Self> {
        (self.numerator != 0).then_some(Self { numerator: self.denominator, denominator: self.numerator })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_round_away_from_zero() {
        for (n, d, expected) in [(5, 2, 3), (-5, 2, -3), (5, -2, -3), (4, 3, 1), (-4, 3, -1), (0, 7, 0)] {
            assert_eq!(div_round(n, d), expected, "{n}/{d}");
        }
    }

    proptest::proptest! {
        /// In one word, in two, and where one ends.
        #[test]
        fn a_quotient_is_the_nearest_whole_number(
            n in -(1_i128 << 100)..1 << 100, shift in 0..90_u32, d in 1..i128::from(i64::MAX), less in 0..62_u32, negative: bool
        ) {
            let (n, d) = (n >> shift, (d >> less).max(1) * if negative { -1 } else { 1 });
            let quotient = div_round(n, d);
            let off = (n - quotient * d).abs() * 2;
            let is_half_away_from_zero = off == d.abs() && (quotient * d).abs() > n.abs();
            proptest::prop_assert!(off < d.abs() || is_half_away_from_zero, "{n} / {d} = {quotient}");
        }
    }

    #[test]
    fn money_is_booked_in_the_currency_digits_and_shown_in_cents() {
        assert_eq!(Money(1_234_567).rounded(2), Money(1_230_000));
        assert_eq!(Money(-1_235_000).rounded(2), Money(-1_240_000));
        assert_eq!(Money(1_500_000).rounded(0), Money(2_000_000));
        assert_eq!(Money(-4_999).to_string(), "0.00");
        assert_eq!(Money(-1_005_000).to_string(), "-1.01");
    }
}
