//! The name that somebody meant who wrote one that there is not: for the hint at the end of a refusal.

/// Names with less in common are not meant.
const CLOSE_ENOUGH: f64 = 0.5;

/// The name most like `wrong`, where one is like it; with it comes what belongs to it.
pub fn nearest<'a, T>(wrong: &str, names: impl IntoIterator<Item = (&'a str, T)>) -> Option<(&'a str, T)> {
    let near = names.into_iter().map(|(name, of)| (closeness(wrong, name), name, of)).max_by(|a, b| a.0.total_cmp(&b.0));
    near.filter(|(closeness, ..)| *closeness >= CLOSE_ENOUGH).map(|(_, name, of)| (name, of))
}

/// How much two names have in common, 0 to 1: words or, where letters are wrong, pairs of letters.
fn closeness(a: &str, b: &str) -> f64 {
    let words = |name: &str| name.split('_').map(str::to_owned).collect::<Vec<_>>();
    let pairs = |name: &str| name.as_bytes().windows(2).map(<[u8]>::to_ascii_lowercase).collect::<Vec<_>>();
    common(words(a), words(b)).max(common(pairs(a), pairs(b)))
}

/// Twice what both have, over all that they have: Dice's coefficient.
fn common<T: PartialEq>(a: Vec<T>, mut b: Vec<T>) -> f64 {
    let all = a.len() + b.len();
    let mut both = 0;
    for part in a {
        if let Some(at) = b.iter().position(|other| *other == part) {
            b.swap_remove(at);
            both += 1;
        }
    }
    if all == 0 { 0.0 } else { 2.0 * f64::from(both) / all as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wrong: &str, expected: Option<&str>) {
        let names = ["volume", "atr_length", "ema_length", "stop_percent_max"].map(|name| (name, ()));
        assert_eq!(nearest(wrong, names).map(|(name, ())| name), expected, "{wrong}");
    }

    #[test]
    fn a_misspelt_name_is_recognised_and_another_one_is_not() {
        check("volum", Some("volume"));
        check("Volume", Some("volume"));
        check("atr_lenght", Some("atr_length"));
        check("max_stop_percent", Some("stop_percent_max"));
        check("speed", None);
        check("", None);
    }
}
