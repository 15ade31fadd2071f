//! How large and how nested a component is. Compiling takes far more than linear time for some shapes: 27 KB can be made
//! that take a minute and a gigabyte.

use super::declared::{self, Wrong};
use super::maxima::{Counts, JUMP_TABLE_MAX, LOOP_DEPTH_MAX, NESTED_MAX, PARAMETERS_MAX, Thing, of_function};
use crate::direct::Wires;
use crate::profile::{DENSE_BYTES, Profile};
use std::ops::Range;
use wasmparser::{
    BinaryReader, ComponentInstance, ElementItems, FuncToValidate, FuncValidatorAllocations, FunctionBody, Instance, Operator, Parser,
    Payload, ValidPayload, Validator, ValidatorResources, WasmFeatures,
};

/// Components above this have an interpreter in them.
pub(crate) const NATIVE_BYTES_MAX: usize = 4 << 20;
/// So have those with more modules and more code: QuickJS brings ten modules and 600 KiB of code. Modules without code are no sign of
/// one, since what is taken for an interpreter may do more in one call.
const NATIVE_MODULES_MAX: u32 = 8;
const NATIVE_CODE_BYTES_MAX: u64 = 256 << 10;

/// What was counted.
#[derive(Default)]
pub(super) struct Shape {
    bytes: usize,
    counts: Counts,
    /// Linear memory that its modules start with, bytes.
    pub memory_bytes: u64,
    code_bytes: u64,
    pub largest_body: Largest,
    most_locals: Largest,
    deepest: Largest,
}

/// The largest of its kind, and which function it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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
        let many = self.counts.of(Thing::CoreModules) > NATIVE_MODULES_MAX && self.code_bytes > NATIVE_CODE_BYTES_MAX;
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

    /// Functions against what any kind of component may have: which kind it is, its end decides.
    fn within_maxima(&self) -> Result<(), String> {
        self.counts.within_maxima()?;
        self.functions_within_maxima(Profile::Scripted)
    }

    fn functions_within_maxima(&self, profile: Profile) -> Result<(), String> {
        let max = of_function(profile);
        self.largest_body.at_most(max.body_bytes, "bytes of code")?;
        self.most_locals.at_most(max.locals, "local variables")?;
        self.deepest.at_most(max.block_depth, "blocks within blocks")
    }

    fn count(&mut self, bytes: &[u8], payload: &Payload<'_>) -> Result<(), String> {
        use Thing::*;
        let (thing, more) = match payload {
            Payload::ModuleSection { .. } => (CoreModules, 1),
            Payload::ComponentSection { .. } => (Components, 1),
            Payload::TypeSection(types) => (Types, types.count()),
            Payload::ComponentTypeSection(types) => {
                return declared::types(section(bytes, types.range()), &mut self.counts).map_err(wrong);
            }
            Payload::CoreTypeSection(types) => return declared::core_types(section(bytes, types.range()), &mut self.counts).map_err(wrong),
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
            Payload::InstanceSection(instances) => {
                for instance in instances.clone() {
                    let arguments = match instance.map_err(invalid)? {
                        Instance::Instantiate { args, .. } => args.len(),
                        Instance::FromExports(exports) => exports.len(),
                    };
                    self.counts.add(Arguments, arguments as u32);
                }
                (Instances, instances.count())
            }
            Payload::ComponentInstanceSection(instances) => {
                for instance in instances.clone() {
                    let arguments = match instance.map_err(invalid)? {
                        ComponentInstance::Instantiate { args, .. } => args.len(),
                        ComponentInstance::FromExports(exports) => exports.len(),
                    };
                    self.counts.add(Arguments, arguments as u32);
                }
                (Instances, instances.count())
            }
            Payload::ComponentAliasSection(aliases) => (Aliases, aliases.count()),
            Payload::ComponentCanonicalSection(adapters) => (Adapters, adapters.count()),
            Payload::CustomSection(_) => (CustomSections, 1),
            _ => return Ok(()),
        };
        self.counts.add(thing, more);
        Ok(())
    }
}

const PAGE_BYTES: u64 = 64 << 10;

fn section(bytes: &[u8], range: Range<usize>) -> BinaryReader<'_> {
    // The range is that of a section which was found in these bytes.
    BinaryReader::new_features(&bytes[range.clone()], range.start, features())
}

fn wrong(wrong: Wrong) -> String {
    match wrong {
        Wrong::TooMuch(what) => what,
        Wrong::Unreadable(error) => invalid(error),
    }
}

/// Reads the whole of a component once: each part is counted, then validated, then looked at for how the modules are wired up.
pub(super) fn measure(bytes: &[u8]) -> Result<(Shape, Wires), String> {
    let mut shape = Shape { bytes: bytes.len(), ..Shape::default() };
    let mut wires = Wires::default();
    let mut validator = Validator::new_with_features(features());
    let mut allocations = FuncValidatorAllocations::default();
    let mut parser = Parser::new(0);
    parser.set_features(features());
    let mut depth = 0;
    let mut function = 0;
    for payload in parser.parse_all(bytes) {
        let payload = payload.map_err(invalid)?;
        shape.count(bytes, &payload)?;
        // Counts are checked as they grow, so that no input is walked for longer than an acceptable one.
        shape.within_maxima()?;
        match &payload {
            Payload::ModuleSection { .. } => {
                depth += 1;
                function = 0;
            }
            Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = usize::saturating_sub(depth, 1),
            Payload::TypeSection(types) => few_parameters(types.clone())?,
            Payload::CodeSectionEntry(body) => {
                look_into(body, function, &mut shape)?;
                shape.within_maxima()?;
                function += 1;
            }
            _ => {}
        }
        if depth > NESTED_MAX {
            return Err(format!("components are nested more than {NESTED_MAX} deep"));
        }
        if let ValidPayload::Func(function, body) = validator.payload(&payload).map_err(invalid)? {
            allocations = validate(function, &body, allocations)?;
        }
        wires.see(payload);
    }
    shape.functions_within_maxima(shape.profile())?;
    Ok((shape, wires))
}

fn validate(
    function: FuncToValidate<ValidatorResources>,
    body: &FunctionBody<'_>,
    allocations: FuncValidatorAllocations,
) -> Result<FuncValidatorAllocations, String> {
    let mut validator = function.into_validator(allocations);
    validator.validate(body).map_err(invalid)?;
    Ok(validator.into_allocations())
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
    let body_bytes = body.range().len() as u64;
    shape.code_bytes += body_bytes;
    shape.largest_body.see(body_bytes, function);
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
        | WasmFeatures::COMPONENT_MODEL
}

fn invalid(error: wasmparser::BinaryReaderError) -> String {
    let (message, offset) = (error.message(), error.offset());
    // What the parser calls garbage-collected types begins with `externref`, which tools make before anybody thinks of those.
    if message.contains("gc types are disallowed") {
        return format!(
            "it uses `externref` or another reference that is not to a function (at byte {offset}), which no strategy is granted"
        );
    }
    format!("not a valid component: {message} (at byte {offset}); build it again, or update your tools")
}
