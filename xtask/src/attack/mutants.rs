//! Components that are nearly right: a real one with some bytes changed, anywhere, in how its modules are wired or in its types.

use std::ops::Range;

/// A small generator of numbers: the same seed, the same attack.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// Sections of a component that say how its modules are put together, and those that say of which types.
const WIRING: [u8; 6] = [2, 5, 6, 8, 10, 11];
const TYPES: [u8; 2] = [3, 7];
/// What a preamble is long.
const PREAMBLE: usize = 8;

/// A mutant of one of these components; `None` when one is no component.
pub fn of(bases: &[&[u8]], dice: &mut Dice) -> Option<Vec<u8>> {
    let base = bases[dice.below(bases.len())];
    let sections = sections(base)?;
    let kinds: &[u8] = match dice.below(3) {
        0 => &WIRING,
        1 => &TYPES,
        _ => &[],
    };
    let places: Vec<Range<usize>> = sections.into_iter().filter(|(kind, _)| kinds.contains(kind)).map(|(_, place)| place).collect();
    let mut mutant = base.to_vec();
    for _ in 0..=dice.below(4) {
        let place = if places.is_empty() { PREAMBLE..mutant.len() } else { places[dice.below(places.len())].clone() };
        change(&mut mutant, place, dice);
    }
    Some(mutant)
}

fn change(bytes: &mut Vec<u8>, place: Range<usize>, dice: &mut Dice) {
    let end = place.end.min(bytes.len());
    if place.start >= end {
        return;
    }
    let at = place.start + dice.below(end - place.start);
    match dice.below(7) {
        0 => bytes[at] ^= 1 << dice.below(8),
        1 => bytes[at] = dice.next() as u8,
        2 => bytes[at] = [0, 1, 0x3F, 0x40, 0x41, 0x7F, 0x80, 0xFF][dice.below(8)],
        3 => bytes.insert(at, dice.next() as u8),
        4 => drop(bytes.remove(at)),
        5 => {
            // A number that has five bytes and means a lot.
            bytes.splice(at..at + 1, [0xFF, 0xFF, 0xFF, 0xFF, 0x0F]);
        }
        _ => {
            let until = end.min(at + 1 + dice.below(32));
            let again = bytes[at..until].to_vec();
            bytes.splice(at..at, again);
        }
    }
}

/// Sections of a component, each by its kind and where its content lies.
fn sections(bytes: &[u8]) -> Option<Vec<(u8, Range<usize>)>> {
    let mut found = Vec::new();
    let mut at = PREAMBLE;
    while at < bytes.len() {
        let kind = bytes[at];
        let (length, begin) = length(bytes, at + 1)?;
        let end = begin.checked_add(length).filter(|end| *end <= bytes.len())?;
        found.push((kind, begin..end));
        at = end;
    }
    Some(found)
}

/// A length and where what it is of begins.
fn length(bytes: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let mut value = 0;
    for shift in (0..35).step_by(7) {
        let byte = *bytes.get(at)?;
        at += 1;
        value |= usize::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Some((value, at));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_mutants_and_another_makes_others() {
        let base = [b"\0asm\x0d\0\x01\0".as_slice(), &[7, 3, 1, 2, 3, 10, 200, 1], &[9; 200]].concat();
        let of_seed = |seed: u64| {
            let mut dice = Dice::new(seed);
            (0..50).map(|_| of(&[&base], &mut dice).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(of_seed(7), of_seed(7));
        assert_ne!(of_seed(7), of_seed(8));
        let mutants = of_seed(7);
        assert!(mutants.iter().all(|mutant| mutant[..8] == base[..8]) && mutants.iter().filter(|mutant| **mutant != base).count() > 40);
        assert_eq!(sections(&base), Some(vec![(7, 10..13), (10, 16..216)]));
        assert_eq!(sections(&base[..100]), None);
    }
}
