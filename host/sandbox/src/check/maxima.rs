//! What a component may have at most, all in one table. Compiling and instantiating take time and memory for each of these
//! things, whether or not they are ever used; what real compilers emit stays far below the numbers.

use crate::profile::Profile;

/// A thing that is counted over all modules and components within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thing {
    CoreModules,
    Components,
    Types,
    Fields,
    Functions,
    Imports,
    Exports,
    Globals,
    Tables,
    Memories,
    Elements,
    DataSegments,
    Instances,
    Arguments,
    Aliases,
    Adapters,
    CustomSections,
}

/// Everything that is counted: its name, and how many there may be.
const MAXIMA: [(Thing, &str, u64); 17] = {
    use Thing::*;
    [
        // A Python component has 38 modules; each is an instance with its own context in every engine.
        (CoreModules, "core modules", 64),
        // Composing tools make a few; ours makes none.
        (Components, "components within", 64),
        // Types are compared with each other; CPython's modules have some thousand. What a type declares within is counted too.
        (Types, "types", 20_000),
        // The contract's types have 250, all of WASI's some thousand.
        (Fields, "fields, cases and parameters of types", 50_000),
        // CPython has 12,000. Each costs some 100 us and 5 KB even when it is empty.
        (Functions, "functions", 50_000),
        // Dynamically linked interpreters import some thousand symbols from each other. Each is a pointer in every engine.
        (Imports, "imports", 20_000),
        // libpython exports 6,000.
        (Exports, "exports", 50_000),
        // Position-independent code has one for each symbol. Each takes 16 bytes in every engine.
        (Globals, "globals", 20_000),
        // As many as an engine may have: see `state::TABLES_MAX`.
        (Tables, "tables", 128),
        // A module has one at most, since it is validated so; QuickJS has three, and an engine may have four.
        (Memories, "memories", 4),
        // Function pointers; CPython has 5,700. Each takes 8 bytes in every engine.
        (Elements, "table elements", 100_000),
        // Linkers make one or two, packers some thousand.
        (DataSegments, "data segments", 20_000),
        // What a component wires together: twice its modules or so.
        (Instances, "instances", 1_000),
        // What instances are given and show: CPython's show each other some thousand symbols.
        (Arguments, "arguments and exports of instances", 50_000),
        // One for each thing one part has of another.
        (Aliases, "aliases", 50_000),
        // Functions lifted and lowered: the contract has 60, WASI's part of it 70. Each is compiled to a trampoline.
        (Adapters, "lifted and lowered functions", 2_000),
        // Names and notes of tools: a handful in each module.
        (CustomSections, "custom sections", 2_000),
    ]
};

/// Components within components, and types within types; composing tools make two or three levels.
pub(super) const NESTED_MAX: usize = 8;
/// Loops within loops of one function; each level multiplies the work of compiling epoch checks.
pub(super) const LOOP_DEPTH_MAX: usize = 64;
/// Targets of one jump table.
pub(super) const JUMP_TABLE_MAX: u32 = 8_192;
/// Parameters and results of one function type. Languages make a dozen; each is a variable in every function of that type.
pub(super) const PARAMETERS_MAX: usize = 256;

/// What one function may have.
pub(super) struct OfFunction {
    /// Code, bytes. Interpreters have one giant loop; compiled strategies have none.
    pub body_bytes: u64,
    /// Local variables: register allocation is worse than linear in them.
    pub locals: u64,
    /// Blocks within blocks. A `switch` nests a block for each of its cases.
    pub block_depth: u64,
}

/// The maxima of one function.
pub(super) fn of_function(profile: Profile) -> OfFunction {
    match profile {
        Profile::Native | Profile::Roomy => OfFunction { body_bytes: 128 << 10, locals: 2_000, block_depth: 1_000 },
        Profile::Scripted => OfFunction { body_bytes: 1 << 20, locals: 20_000, block_depth: 5_000 },
    }
}

/// How many there are of each thing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts([u64; MAXIMA.len()]);

impl Counts {
    /// So many more.
    pub fn add(&mut self, thing: Thing, more: u32) {
        let count = &mut self.0[thing as usize];
        *count = count.saturating_add(u64::from(more));
    }

    /// How many of one thing.
    pub fn of(&self, thing: Thing) -> u32 {
        u32::try_from(self.0[thing as usize]).unwrap_or(u32::MAX)
    }

    /// # Errors
    /// Names the first thing of which there are too many.
    pub fn within_maxima(&self) -> Result<(), String> {
        match MAXIMA.iter().find(|(thing, _, max)| self.0[*thing as usize] > *max) {
            None => Ok(()),
            Some((thing, what, max)) => Err(format!("the component has {} {what}; at most {max}", self.0[*thing as usize])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::MAXIMA;

    #[test]
    fn every_thing_has_its_own_row() {
        for (row, (thing, ..)) in MAXIMA.iter().enumerate() {
            assert_eq!(*thing as usize, row, "{thing:?}");
        }
    }
}
