//! Components that are nearly right, each checked on a stack that is a fraction of what a process that compiles has: what goes too
//! deep, panics or is answered badly is found here before a stranger finds it.

use super::*;
use crate::direct;
use std::ops::Range;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};

const STACK_BYTES: usize = 256 << 10;
const SEEDS: Range<u64> = 0..8;
const OF_SMALL_ONE: usize = 400;
/// A sample takes many times as long to read.
const OF_SAMPLE: usize = 100;

/// Numbers from a seed: SplitMix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }
}

/// A component of the contract's world that does nothing.
fn small() -> Vec<u8> {
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_source("strategy.wit", include_str!("../../../../sdk/wit/strategy.wit")).expect("it is the contract");
    let world = resolve.select_world(&[package], None).expect("it has one world");
    let mut module = dummy_module(&resolve, world, wit_parser::ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("it is a module");
    ComponentEncoder::default().module(&module).and_then(|mut encoder| encoder.encode()).expect("it is of this world")
}

/// Where the contents of a component's own sections are, the code of its modules left out: what is in there decides nothing here.
fn places(component: &[u8]) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    for payload in wasmparser::Parser::new(0).parse_all(component) {
        match payload.expect("it is a component") {
            wasmparser::Payload::CodeSectionStart { .. } | wasmparser::Payload::CodeSectionEntry(_) => {}
            payload => places.extend(payload.as_section().map(|(_, range)| range).filter(|range| range.len() < 16 << 10)),
        }
    }
    places
}

/// One to four changes, each of a byte or a few, within the places.
fn mutant(component: &[u8], places: &[Range<usize>], dice: &mut Dice) -> Vec<u8> {
    let mut mutant = component.to_vec();
    for _ in 0..=dice.below(4) {
        let place = &places[dice.below(places.len())];
        let at = (place.start + dice.below(place.len().max(1))).min(mutant.len() - 1);
        match dice.below(6) {
            0 => mutant[at] ^= 1 << dice.below(8),
            1 => mutant[at] = [0, 1, 0x3f, 0x40, 0x41, 0x42, 0x7f, 0x80, 0xff][dice.below(9)],
            2 => mutant.insert(at, dice.below(256) as u8),
            3 => drop(mutant.remove(at)),
            // A number of five bytes that means a lot.
            4 => drop(mutant.splice(at..=at, [0xff, 0xff, 0xff, 0xff, 0x0f])),
            _ => {
                let again = mutant[at..(at + 1 + dice.below(32)).min(mutant.len())].to_vec();
                drop(mutant.splice(at..at, again));
            }
        }
    }
    mutant
}

/// Checks one as the process that compiles does, and its answer as the process that asked does. Whether it passed.
fn is_taken(component: &[u8], from: &str) -> bool {
    match check(component) {
        Err(refused) => {
            assert!(refused.len() <= FAULT_BYTES_MAX && !refused.is_empty() && !text::hides(&refused), "{from}: {refused:?}");
            false
        }
        Ok(Checked { found, module }) => {
            assert_eq!(Found::decode(&found.encode()), Some(found), "{from}: what was found is not believed");
            if let Some(module) = module {
                let shown = wasmparser::Validator::new().validate_all(&direct::show_module(component, module)).map(drop);
                assert!(shown.is_ok(), "{from}: it can't show its module: {shown:?}");
            }
            true
        }
    }
}

#[test]
fn components_that_are_nearly_right_are_taken_or_refused_in_a_line_on_a_small_stack() {
    let bases = [(small(), OF_SMALL_ONE), (testkit::components::ema_cross().to_vec(), OF_SAMPLE)];
    let is_wired = |component: &[u8]| check(component).map(|checked| checked.module.is_some());
    assert_eq!((is_wired(&bases[0].0), is_wired(&bases[1].0)), (Ok(false), Ok(true)));
    let work = move || {
        let mut taken = 0;
        for seed in SEEDS {
            for (base, (component, count)) in bases.iter().enumerate() {
                let (places, mut dice) = (places(component), Dice(seed));
                for number in 0..*count {
                    let mutant = mutant(component, &places, &mut dice);
                    taken += usize::from(is_taken(&mutant, &format!("seed {seed}, base {base}, mutant {number}")));
                }
            }
        }
        taken
    };
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(work).expect("there is memory for a thread");
    let taken = thread.join().expect("nothing panics");
    assert!(taken > 20, "{taken} passed: the changes break too much to reach what is behind the checks");
}
