//! What is known of a component that passed, and how it goes from the process that looked to the one that asked.

use super::maxima::{Counts, Thing};
use super::shape::Largest;
use crate::profile::Profile;
use domain::limits::COMPONENT_BYTES_MAX;
use serde::{Deserialize, Serialize};

/// First byte of the encoded form; another when its fields are others.
const FORM: u8 = 1;
/// Bytes of the encoded form: numbers, and the imports there may be.
pub(crate) const FOUND_BYTES_MAX: usize = 16 << 10;
/// Interfaces that a component may import: the contract has six, WASI's part of it 25.
const IMPORTS_MAX: usize = 64;
/// Bytes of an interface's name with its version.
const NAME_BYTES_MAX: usize = 128;
/// The largest memory that a 32-bit module can start with, bytes.
const MEMORY_BYTES_MAX: u64 = 4 << 30;

/// What was found in a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Found {
    /// How its instances are laid out.
    pub profile: Profile,
    pub core_modules: u32,
    pub functions: u32,
    pub memories: u32,
    pub tables: u32,
    /// Linear memory that its modules start with, bytes.
    pub memory_bytes: u64,
    pub largest_body: Largest,
    /// The interfaces it imports, with their versions.
    pub imports: Vec<String>,
    /// Whether its code shows the module that can be called directly.
    pub is_direct: bool,
}

impl Found {
    /// Where to look when it can't be compiled.
    pub fn largest_function(&self) -> String {
        format!("its largest function is number {} with {} bytes of code", self.largest_body.function, self.largest_body.value)
    }

    pub fn encode(&self) -> Vec<u8> {
        postcard::to_extend(self, vec![FORM]).expect("numbers and texts can be written, and memory does not fail")
    }

    /// What [`encode`](Self::encode) made, and nothing else: whoever read a stranger's component may have been talked into any answer.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > FOUND_BYTES_MAX {
            return None;
        }
        let (found, rest) = postcard::take_from_bytes::<Self>(bytes.strip_prefix(&[FORM])?).ok()?;
        (rest.is_empty() && found.is_possible()).then_some(found)
    }

    fn is_possible(&self) -> bool {
        let counted = [
            (Thing::CoreModules, self.core_modules),
            (Thing::Functions, self.functions),
            (Thing::Memories, self.memories),
            (Thing::Tables, self.tables),
        ];
        let mut counts = Counts::default();
        counted.into_iter().for_each(|(thing, count)| counts.add(thing, count));
        let is_name = |name: &String| name.len() <= NAME_BYTES_MAX && name.bytes().all(|byte| byte.is_ascii_graphic());
        counts.within_maxima().is_ok()
            && self.memory_bytes <= MEMORY_BYTES_MAX * u64::from(self.memories)
            && self.largest_body.value <= COMPONENT_BYTES_MAX as u64
            && self.imports.len() <= IMPORTS_MAX
            && self.imports.iter().all(is_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Found {
        Found {
            profile: Profile::Roomy,
            core_modules: 3,
            functions: 200,
            memories: 1,
            tables: 2,
            memory_bytes: 1 << 20,
            largest_body: Largest { value: 5_000, function: 17 },
            imports: vec!["stockade:strategy/trading@0.1.0".to_owned(), "wasi:cli/stdout@0.2.6".to_owned()],
            is_direct: true,
        }
    }

    #[test]
    fn what_was_found_comes_back_and_nothing_else_does() {
        let whole = found().encode();
        assert_eq!(Found::decode(&whole), Some(found()));
        for end in 0..whole.len() {
            assert_eq!(Found::decode(&whole[..end]), None, "cut at {end}");
        }
        assert_eq!(Found::decode(&[whole.as_slice(), &[0]].concat()), None, "something follows");
        assert_eq!(Found::decode(&[&[FORM + 1], &whole[1..]].concat()), None, "another form");
        let refused = |change: fn(&mut Found)| {
            let mut found = found();
            change(&mut found);
            assert_eq!(Found::decode(&found.encode()), None, "{found:?}");
        };
        refused(|found| found.core_modules = 65);
        refused(|found| found.functions = u32::MAX);
        refused(|found| found.memory_bytes = u64::MAX);
        refused(|found| found.largest_body.value = u64::MAX);
        refused(|found| found.imports = vec![String::new(); 65]);
        refused(|found| found.imports[0] = "\u{1b}[2J".to_owned());
        refused(|found| found.imports[0] = "a".repeat(129));
        refused(|found| found.imports[0] = "a".repeat(FOUND_BYTES_MAX));
    }
}
