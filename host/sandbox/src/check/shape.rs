//! How large and how nested a component is. Compiling takes far more than linear time for some shapes: 27 KB can be made
//! that take a minute and a gigabyte.

use super::maxima::{Counts, JUMP_TABLE_MAX, LOOP_DEPTH_MAX, NESTED_MAX, PARAMETERS_MAX, Thing, of_function};
use crate::profile::{DENSE_BYTES, Profile};
use wasmparser::{ElementItems, FunctionBody, Operator, Parser, Payload, Validator, WasmFeatures};

/// Components above this, or with more modules, have an interpreter in them.
const NATIVE_BYTES_MAX: usize = 4 << 20;
const NATIVE_MODULES_MAX: u32 = 8;

/// What was counted.
#[derive(Default)]
pub(super) struct Shape {
    bytes: usize,
    counts: Counts,
    /// Linear memory that its modules start with, bytes.
    pub memory_bytes: u64,
    pub largest_body: Largest,
    most_locals: Largest,
    deepest: Largest,
}

/// The largest of its kind, and which function it was.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Largest {
    pub value: u64,
    pub function: u32,
}

impl Largest {
    fn see(&mut self, value: u64, function: u32) {
        if value > self.value {
            *self = Self { value, function };
        }
    }

    fn at_most(&self, max: u64, what: &str) -> Result<(), String> {
        if self.value <= max {
            Ok(())
        } else {
            Err(format!("function {} has {} {what}; at most {max}: split it", self.function, self.value))
        }
    }
}

impl Shape {
    pub fn profile(&self) -> Profile {
        let many = self.counts.of(Thing::CoreModules) > NATIVE_MODULES_MAX;
        if self.bytes > NATIVE_BYTES_MAX || many {
            Profile::Scripted
        } else if self.memory_bytes > DENSE_BYTES {
            Profile::Roomy
        } else {
            Profile::Native
        }
    }

    pub fn of(&self, thing: Thing) -> u32 {
        self.counts.of(thing)
    }

    fn within_maxima(&self) -> Result<(), String> {
        self.counts.within_maxima()?;
        let max = of_function(self.profile());
        self.largest_body.at_most(max.body_bytes, "bytes of code")?;
        self.most_locals.at_most(max.locals, "local variables")?;
        self.deepest.at_most(max.block_depth, "blocks within blocks")
    }

    fn count(&mut self, payload: &Payload<'_>) -> Result<(), String> {
        use Thing::*;
        let (thing, more) = match payload {
            Payload::ModuleSection { .. } => (CoreModules, 1),
            Payload::ComponentSection { .. } => (Components, 1),
            Payload::TypeSection(types) => (Types, types.count()),
            Payload::ComponentTypeSection(types) => (Types, types.count()),
            Payload::CoreTypeSection(types) => (Types, types.count()),
            Payload::FunctionSection(functions) => (Functions, functions.count()),
            Payload::ImportSection(imports) => (Imports, imports.count()),
            Payload::ComponentImportSection(imports) => (Imports, imports.count()),
            Payload::ExportSection(exports) => (Exports, exports.count()),
            Payload::ComponentExportSection(exports) => (Exports, exports.count()),
            Payload::GlobalSection(globals) => (Globals, globals.count()),
            Payload::TableSection(tables) => (Tables, tables.count()),
            Payload::MemorySection(memories) => {
                for memory in memories.clone() {
                    let bytes = memory.map_err(invalid)?.initial.saturating_mul(PAGE_BYTES);
                    self.memory_bytes = self.memory_bytes.saturating_add(bytes);
                }
                (Memories, memories.count())
            }
            Payload::ElementSection(segments) => {
                for segment in segments.clone() {
                    let items = match segment.map_err(invalid)?.items {
                        ElementItems::Functions(items) => items.count(),
                        ElementItems::Expressions(_, items) => items.count(),
                    };
                    self.counts.add(Elements, items);
                }
                return Ok(());
            }
            Payload::DataSection(segments) => (DataSegments, segments.count()),
            Payload::InstanceSection(instances) => (Instances, instances.count()),
            Payload::ComponentInstanceSection(instances) => (Instances, instances.count()),
            Payload::ComponentAliasSection(aliases) => (Aliases, aliases.count()),
            Payload::ComponentCanonicalSection(adapters) => (Adapters, adapters.count()),
            _ => return Ok(()),
        };
        self.counts.add(thing, more);
        Ok(())
    }
}

const PAGE_BYTES: u64 = 64 << 10;

/// Counts everything, then validates what is within the maxima.
pub(super) fn measure(bytes: &[u8]) -> Result<Shape, String> {
    let mut shape = Shape { bytes: bytes.len(), ..Shape::default() };
    let mut depth = 0;
    let mut function = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(invalid)?;
        shape.count(&payload)?;
        // Counts are checked as they grow, so that no input is walked for longer than an acceptable one.
        shape.within_maxima()?;
        match payload {
            Payload::ModuleSection { .. } => {
                depth += 1;
                function = 0;
            }
            Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = usize::saturating_sub(depth, 1),
            Payload::TypeSection(types) => few_parameters(types)?,
            Payload::CodeSectionEntry(body) => {
                look_into(&body, function, &mut shape)?;
                shape.within_maxima()?;
                function += 1;
            }
            _ => {}
        }
        if depth > NESTED_MAX {
            return Err(format!("components are nested more than {NESTED_MAX} deep"));
        }
    }
    Validator::new_with_features(features()).validate_all(bytes).map_err(invalid)?;
    Ok(shape)
}

fn few_parameters(types: wasmparser::TypeSectionReader<'_>) -> Result<(), String> {
    for types in types {
        for ty in types.map_err(invalid)?.types() {
            let wasmparser::CompositeInnerType::Func(function) = &ty.composite_type.inner else { continue };
            let (params, results) = (function.params().len(), function.results().len());
            if params.max(results) > PARAMETERS_MAX {
                return Err(format!("a function type has {params} parameters and {results} results; at most {PARAMETERS_MAX} of each"));
            }
        }
    }
    Ok(())
}

fn look_into(body: &FunctionBody<'_>, function: u32, shape: &mut Shape) -> Result<(), String> {
    let range = body.range();
    shape.largest_body.see((range.end - range.start) as u64, function);
    let mut locals = 0;
    for group in body.get_locals_reader().map_err(invalid)? {
        locals += u64::from(group.map_err(invalid)?.0);
    }
    shape.most_locals.see(locals, function);

    let mut loops = 0;
    let mut blocks = Vec::new();
    for operator in body.get_operators_reader().map_err(invalid)? {
        match operator.map_err(invalid)? {
            Operator::Loop { .. } => {
                blocks.push(true);
                loops += 1;
            }
            Operator::Block { .. } | Operator::If { .. } => blocks.push(false),
            Operator::End => loops -= usize::from(blocks.pop().unwrap_or(false)),
            Operator::BrTable { targets } if targets.len() > JUMP_TABLE_MAX => {
                return Err(format!("function {function} has a jump table of {} targets; at most {JUMP_TABLE_MAX}", targets.len()));
            }
            _ => {}
        }
        shape.deepest.see(blocks.len() as u64, function);
        if loops > LOOP_DEPTH_MAX {
            return Err(format!("function {function} has loops nested more than {LOOP_DEPTH_MAX} deep"));
        }
    }
    Ok(())
}

/// WebAssembly 2.0 without what the engines have switched off, and with one memory in each module.
fn features() -> WasmFeatures {
    WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::CALL_INDIRECT_OVERLONG
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::BULK_MEMORY_OPT
        | WasmFeatures::SIMD
        | WasmFeatures::FLOATS
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::GC_TYPES
        | WasmFeatures::COMPONENT_MODEL
}

fn invalid(error: wasmparser::BinaryReaderError) -> String {
    format!("not a valid component: {} (at byte {}); build it again, or update your tools", error.message(), error.offset())
}
