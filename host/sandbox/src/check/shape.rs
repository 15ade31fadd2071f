//! How large and how nested a component is. Compiling takes far more than linear time for some shapes: 27 KB can be made
//! that take a minute and a gigabyte. What real compilers emit stays far below these numbers.

use crate::profile::Profile;
use wasmparser::{FunctionBody, Operator, Parser, Payload, Validator, WasmFeatures};

/// Components above this, or with more modules, have an interpreter in them.
const NATIVE_BYTES_MAX: usize = 4 << 20;
const NATIVE_MODULES_MAX: u32 = 8;
/// Core modules and components within: a Python component has 38 modules.
const PARTS_MAX: u32 = 64;
/// Components within components; composing tools make two or three levels.
const DEPTH_MAX: usize = 8;
/// Functions of all modules: CPython has 12,000.
const FUNCTIONS_MAX: u32 = 50_000;
/// Types of all modules and of the component.
const TYPES_MAX: u32 = 20_000;
/// Code of one function, bytes. Interpreters have one giant loop; compiled strategies have none.
const NATIVE_BODY_BYTES_MAX: usize = 128 << 10;
const SCRIPTED_BODY_BYTES_MAX: usize = 1 << 20;
/// Local variables of one function: register allocation is worse than linear in them.
const NATIVE_LOCALS_MAX: u32 = 2_000;
const SCRIPTED_LOCALS_MAX: u32 = 20_000;
/// Loops within loops of one function; each level multiplies the work of compiling epoch checks.
const LOOP_DEPTH_MAX: usize = 64;
/// Targets of one jump table.
const JUMP_TABLE_MAX: u32 = 8_192;

/// What was counted.
#[derive(Default)]
pub(super) struct Shape {
    bytes: usize,
    pub core_modules: u32,
    components: u32,
    pub functions: u32,
    types: u32,
    largest_body: Largest,
    most_locals: Largest,
}

/// The largest of its kind, and which function it was.
#[derive(Default)]
struct Largest {
    value: u64,
    function: u32,
}

impl Largest {
    fn see(&mut self, value: u64, function: u32) {
        if value > self.value {
            *self = Self { value, function };
        }
    }
}

impl Shape {
    pub fn profile(&self) -> Profile {
        if self.bytes > NATIVE_BYTES_MAX || self.core_modules > NATIVE_MODULES_MAX { Profile::Scripted } else { Profile::Native }
    }

    fn within_maxima(&self) -> Result<(), String> {
        let (body_max, locals_max) = match self.profile() {
            Profile::Native => (NATIVE_BODY_BYTES_MAX, NATIVE_LOCALS_MAX),
            Profile::Scripted => (SCRIPTED_BODY_BYTES_MAX, SCRIPTED_LOCALS_MAX),
        };
        at_most("core modules", self.core_modules, PARTS_MAX)?;
        at_most("components within", self.components, PARTS_MAX)?;
        at_most("functions", self.functions, FUNCTIONS_MAX)?;
        at_most("types", self.types, TYPES_MAX)?;
        let of_function = |largest: &Largest, what: &str, max: u64| {
            if largest.value <= max {
                Ok(())
            } else {
                Err(format!("function {} has {} {what}; at most {max}: split it", largest.function, largest.value))
            }
        };
        of_function(&self.largest_body, "bytes of code", body_max as u64)?;
        of_function(&self.most_locals, "local variables", u64::from(locals_max))
    }
}

fn at_most(what: &str, count: u32, max: u32) -> Result<(), String> {
    if count <= max { Ok(()) } else { Err(format!("the component has {count} {what}; at most {max}")) }
}

/// Counts everything, then validates what is within the maxima.
pub(super) fn measure(bytes: &[u8]) -> Result<Shape, String> {
    let mut shape = Shape { bytes: bytes.len(), ..Shape::default() };
    let mut depth = 0;
    let mut function = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(invalid)? {
            Payload::ModuleSection { .. } => {
                shape.core_modules += 1;
                depth += 1;
                function = 0;
            }
            Payload::ComponentSection { .. } => {
                shape.components += 1;
                depth += 1;
            }
            Payload::End(_) => depth = usize::saturating_sub(depth, 1),
            Payload::TypeSection(types) => shape.types = shape.types.saturating_add(types.count()),
            Payload::ComponentTypeSection(types) => shape.types = shape.types.saturating_add(types.count()),
            Payload::CoreTypeSection(types) => shape.types = shape.types.saturating_add(types.count()),
            Payload::FunctionSection(functions) => shape.functions = shape.functions.saturating_add(functions.count()),
            Payload::CodeSectionEntry(body) => {
                look_into(&body, function, &mut shape)?;
                function += 1;
            }
            _ => {}
        }
        if depth > DEPTH_MAX {
            return Err(format!("components are nested more than {DEPTH_MAX} deep"));
        }
        // Counts are checked as they grow, so that no input is walked for longer than an acceptable one.
        shape.within_maxima()?;
    }
    Validator::new_with_features(features()).validate_all(bytes).map_err(invalid)?;
    Ok(shape)
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
