//! Decimal numbers as bytes, read exactly and fast.

/// A finite number and how many decimals its text has, trailing zeros left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Decimal {
    pub value: f64,
    pub decimals: u8,
}

const POWERS: [f64; 23] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22];

/// Longest text that can be a number.
const LENGTH_MAX: usize = 40;

/// Reads `-12.340`, `12`, `.5` and, on a slower path, `1e-5`. `None` for anything else, infinities and NaN included.
pub(super) fn decimal(text: &[u8]) -> Option<Decimal> {
    let text = trim(text);
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    // 19 digits could overflow, and beyond 2^53 the division below would round twice.
    if digits.is_empty() || digits.len() > 17 {
        return slow(text);
    }
    let (mut mantissa, mut places, mut significant, mut point) = (0_u64, 0_u8, 0_u8, false);
    for &byte in digits {
        match byte {
            b'0'..=b'9' => {
                mantissa = mantissa * 10 + u64::from(byte - b'0');
                if point {
                    places += 1;
                    if byte != b'0' {
                        significant = places;
                    }
                }
            }
            b'.' if !point => point = true,
            _ => return slow(text),
        }
    }
    if mantissa > 1 << 53 || (point && digits.len() == 1) {
        return slow(text);
    }
    // Both are exact in an f64, so the quotient is rounded once: the nearest f64 to the decimal.
    let value = mantissa as f64 / POWERS[usize::from(places)];
    Some(Decimal { value: if negative { -value } else { value }, decimals: significant })
}

#[cold]
fn slow(text: &[u8]) -> Option<Decimal> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= LENGTH_MAX)?;
    // Words like "inf" and "nan" are numbers to the standard library and dirt to us.
    let value: f64 = text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first)).then_some(text)?.parse().ok()?;
    value.is_finite().then(|| Decimal { value, decimals: decimals_of(value) })
}

/// Decimals of the shortest text of a number, up to 9.
pub(super) fn decimals_of(value: f64) -> u8 {
    (0..9_u8)
        .find(|places| {
            let scaled = value * POWERS[usize::from(*places)];
            (scaled - scaled.round()).abs() <= scaled.abs() * 1e-14
        })
        .unwrap_or(9)
}

/// The whole part of `text` times 10^`places`, the rest cut off: milliseconds with decimals as whole microseconds.
pub(super) fn scaled(text: &[u8], places: u8) -> Option<i64> {
    let text = trim(text);
    let (whole, fraction) = match memchr::memchr(b'.', text) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[][..]),
    };
    if whole.is_empty() || text.len() > LENGTH_MAX || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let zeros = std::iter::repeat(&b'0');
    whole.iter().chain(fraction.iter().chain(zeros).take(usize::from(places))).try_fold(0_i64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| i64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// Without spaces and double quotes around it.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    let around = |byte: &u8| matches!(byte, b' ' | b'"');
    match text {
        [first, .., last] if !around(first) && !around(last) => text,
        _ => {
            let start = text.iter().position(|byte| !around(byte)).unwrap_or(text.len());
            let end = text.iter().rposition(|byte| !around(byte)).map_or(start, |at| at + 1);
            &text[start..end]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_read_and_other_texts_refused() {
        let check = |text: &str, expected: Option<(f64, u8)>| {
            assert_eq!(decimal(text.as_bytes()).map(|read| (read.value, read.decimals)), expected, "{text:?}");
        };
        check("1.38727", Some((1.38727, 5)));
        check("67606.99000", Some((67606.99, 2)));
        check(" \"12\" ", Some((12.0, 0)));
        check("-0.5", Some((-0.5, 1)));
        check(".5", Some((0.5, 1)));
        check("5.", Some((5.0, 0)));
        check("1e-5", Some((0.00001, 5)));
        check("123456789012345678901234567890", Some((123_456_789_012_345_678_901_234_567_890.0, 0)));
        for bad in ["", ".", "-", "1.2.3", "1,5", "nan", "inf", "-inf", "1e999", "0x10", "1_000", "é", " "] {
            check(bad, None);
        }
    }

    #[test]
    fn parts_of_a_unit_beyond_the_places_are_cut_off() {
        assert_eq!(scaled(b"40.1868", 3), Some(40_186));
        assert_eq!(scaled(b"1787", 3), Some(1_787_000));
        assert_eq!(scaled(b"1.5", 0), Some(1));
        for bad in [&b""[..], b".5", b"-1", b"1.x", b"1e5", b"99999999999999999999", b"9223372036854775807"] {
            assert_eq!(scaled(bad, 3), None);
        }
    }

    proptest! {
        #[test]
        fn numbers_are_the_nearest_to_their_text(whole in 0_u64..100_000_000, fraction in "[0-9]{0,9}") {
            let text = format!("{whole}.{fraction}");
            prop_assert_eq!(decimal(text.as_bytes()).map(|read| read.value), text.parse().ok());
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            decimal(&bytes);
            scaled(&bytes, 6);
        }
    }
}
