//! What a call with a tick touches of a module's instance and its memory, to be asked ahead for.
//!
//! Instances of one module are laid out alike: statics and the stack lie at the same places in their memories, and what a strategy
//! keeps beside them mostly does. So it is enough to have seen one of them at work.

use std::ffi::c_void;
use std::ops::Range;
use std::sync::{Mutex, OnceLock};
use wasmtime::{AsContextMut, Func};

/// How wasmtime 48 lays out a function (`VMFuncRef`): its code for the host and for guests, its type, its instance.
const FUNCTION_WORDS: usize = 4;
const INSTANCE_WORD: usize = 3;
/// What a call looks at of an instance (`VMContext`), bytes: what it begins with, and where its store's budgets and its memory are.
const INSTANCE_MAGIC: u32 = u32::from_le_bytes(*b"core");
const INSTANCE_HEAD_BYTES: usize = 80;
/// Then come its imports, its globals of this many bytes each, and its functions.
const GLOBAL_BYTES: usize = 16;
const INSTANCE_BYTES_MAX: usize = 64 << 10;

/// What is compared at once: a line of memory.
const LINE_BYTES: usize = 64;
/// Lines kept: more than a footprint has places for. The first are the stack's and the statics'.
const LINES_MAX: usize = 32;
/// Memory that is looked at, bytes: what a strategy keeps beyond is large because it is seldom touched.
const LOOKED_AT_MAX: usize = 512 << 10;
/// Looks of other instances after which the one that was seen first is taken to be gone.
const PATIENCE: u32 = 100_000;

/// Of one module, shared by its instances.
#[derive(Default)]
pub(crate) struct Habits {
    known: OnceLock<Box<[Range<usize>]>>,
    seen: Mutex<Option<Seen>>,
    /// How far behind the beginning of an instance its stack pointer lies.
    stack_pointer: OnceLock<Option<usize>>,
}

/// An instance's memory as it was.
struct Seen {
    /// Where it lies: whose it is.
    address: usize,
    memory: Box<[u8]>,
    others: u32,
}

impl Habits {
    /// Addresses and bytes of what a call of a function looks at: of the function, its instance and that one's stack pointer, as far
    /// as they are laid out as expected.
    pub fn instance(&self, store: impl AsContextMut, function: &Func) -> [(usize, usize); 3] {
        let function: *const c_void = function.to_raw(store);
        let function_bytes = FUNCTION_WORDS * size_of::<usize>();
        let instance = Self::word(function, INSTANCE_WORD);
        let mut parts = [(function.addr(), function_bytes), (0, 0), (0, 0)];
        // An instance's functions lie within it.
        let offset = function.addr().wrapping_sub(instance);
        if !instance.is_multiple_of(GLOBAL_BYTES) || offset > INSTANCE_BYTES_MAX {
            return parts;
        }
        let beginning = function.wrapping_byte_sub(offset);
        if Self::word(beginning, 0) as u32 == INSTANCE_MAGIC {
            let stack_pointer = *self.stack_pointer.get_or_init(|| {
                let globals = (INSTANCE_HEAD_BYTES..offset).step_by(GLOBAL_BYTES);
                // The first global, and all else holds addresses: it is the only thing that is one small number.
                globals.into_iter().find(|&at| {
                    let words = [0, 1].map(|word| Self::word(beginning.wrapping_byte_add(at), word));
                    (1..=INSTANCE_BYTES_MAX << 8).contains(&words[0]) && words[1] == 0
                })
            });
            parts[1] = (instance, INSTANCE_HEAD_BYTES);
            parts[2] = stack_pointer.map_or((0, 0), |at| (instance + at, GLOBAL_BYTES));
        }
        parts
    }

    #[allow(unsafe_code, reason = "where an instance lies cannot be learned any other way")]
    fn word(at: *const c_void, word: usize) -> usize {
        // SAFETY: `instance` alone asks, for words of a function of a store that it has borrowed, and, where that function was found to
        // lie in an instance, for words between the instance's beginning and the function: one allocation of that store, which
        // nobody writes meanwhile, read as numbers.
        unsafe { at.cast::<usize>().add(word).read() }
    }

    /// Lines that are written between two calls or so, each with its neighbours, which are read at least; empty while nobody knows.
    /// Each call is a look at this memory, until the same one has been seen twice, with ticks in between.
    pub fn lines(&self, memory: &[u8]) -> &[Range<usize>] {
        if let Some(known) = self.known.get() {
            return known;
        }
        let memory = &memory[..memory.len().min(LOOKED_AT_MAX)];
        let address = memory.as_ptr().addr();
        // No shard waits for another's look.
        let Ok(mut seen) = self.seen.try_lock() else { return &[] };
        match &mut *seen {
            Some(before) if before.address != address && before.others < PATIENCE => before.others += 1,
            Some(before) if before.address == address => {
                let pairs = before.memory.chunks(LINE_BYTES).zip(memory.chunks(LINE_BYTES));
                let written = pairs.enumerate().filter(|(_, (before, now))| before != now).map(|(line, _)| line * LINE_BYTES);
                let around = |line: usize| line.saturating_sub(LINE_BYTES)..(line + 2 * LINE_BYTES).min(memory.len());
                let written: Box<[_]> = written.take(LINES_MAX).map(around).collect();
                // Nothing written: it had no tick.
                if !written.is_empty() {
                    *seen = None;
                    return self.known.get_or_init(|| written);
                }
            }
            _ => *seen = Some(Seen { address, memory: memory.into(), others: 0 }),
        }
        &[]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a newer wasmtime lays out otherwise costs time and no more, so that nobody would notice.
    #[test]
    fn wasmtime_lays_instances_out_as_expected() {
        let module = r#"(module
            (memory (export "memory") 1)
            (global (mut i32) (i32.const 32768))
            (func (export "on-tick") (global.set 0 (i32.sub (global.get 0) (i32.const 16)))))"#;
        let engine = wasmtime::Engine::default();
        let module = wasmtime::Module::new(&engine, wat::parse_str(module).expect("it is wat")).expect("it is valid");
        let mut store = wasmtime::Store::new(&engine, ());
        let instance = wasmtime::Instance::new(&mut store, &module, &[]).expect("it imports nothing");
        let on_tick = instance.get_func(&mut store, "on-tick").expect("it is exported");
        let habits = Habits::default();
        let [_, (instance, head), (stack_pointer, bytes)] = habits.instance(&mut store, &on_tick);
        let function: *const c_void = on_tick.to_raw(&mut store);
        assert!(instance < function.addr() && function.addr() < instance + INSTANCE_BYTES_MAX && head == INSTANCE_HEAD_BYTES);
        assert!((instance + head..function.addr()).contains(&stack_pointer) && bytes == GLOBAL_BYTES);
        let number = || Habits::word(function.wrapping_byte_sub(function.addr() - stack_pointer), 0);
        assert_eq!(number(), 32_768);
        on_tick.call(&mut store, &[], &mut []).expect("it returns");
        assert_eq!(number(), 32_752);
    }

    #[test]
    fn lines_are_known_once_the_same_memory_was_seen_before_and_after_a_tick() {
        let (habits, mut mine, theirs) = (Habits::default(), vec![0_u8; 1024], vec![1_u8; 1024]);
        assert!(habits.lines(&mine).is_empty());
        assert!(habits.lines(&theirs).is_empty(), "another's memory is not compared with mine");
        assert!(habits.lines(&mine).is_empty(), "nothing was written");
        (mine[70], mine[127], mine[1023]) = (1, 1, 1);
        assert_eq!(habits.lines(&mine), [0..192, 896..1024]);
        assert_eq!(habits.lines(&theirs), [0..192, 896..1024], "what one does all do");
    }

    #[test]
    fn an_instance_that_is_gone_is_waited_for_no_longer_than_that() {
        let (habits, gone, mut here) = (Habits::default(), vec![0_u8; 64], vec![0_u8; 64]);
        assert!(habits.lines(&gone).is_empty());
        (0..=PATIENCE).for_each(|_| assert!(habits.lines(&here).is_empty()));
        here[0] = 1;
        assert_eq!(habits.lines(&here), [const { 0..64 }]);
    }
}
