//! The two small modules that our tool puts around a strategy's: a shim, whose functions call through a table, and the one that fills
//! the table with the host's functions once they can be made.
//!
//! A direct call skips both, so it may be taken only where they do nothing but pass a call on. What does that is easiest to tell by
//! writing it again: both follow from the types of the functions that are passed on, so they are made anew from those, as
//! `wit-component` makes them, and compared byte for byte, notes and names aside. A start function, an order of their own, a body that
//! does more, an export too many: none of them needs a rule here, since all of them are other bytes.

use wasm_encoder::{
    CodeSection, ConstExpr, ElementSection, Elements, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection,
    Module, RawSection, RefType, TableSection, TableType, TypeSection, ValType,
};
use wasmparser::{CompositeInnerType, Parser, Payload};

/// How the shim calls its table.
const TABLE: &str = "$imports";
/// Functions that may be passed on: the contract has 20 that need memory.
const FUNCTIONS_MAX: usize = 64;

/// Parameters and results of a core function.
type Signature = (Vec<ValType>, Vec<ValType>);

/// Whether two valid modules are just what our tool puts around a strategy.
pub(crate) fn are_plain(shim: &[u8], fixups: &[u8]) -> bool {
    let plain = || {
        let (types, functions) = passed_on(shim)?;
        let (our_shim, our_fixups) = made_for(&types, &functions);
        Some(without_notes(shim)? == our_shim && without_notes(fixups)? == our_fixups)
    };
    plain().unwrap_or(false)
}

/// A module's types, and which of them each of its functions has.
fn passed_on(shim: &[u8]) -> Option<(Vec<Signature>, Vec<u32>)> {
    let (mut types, mut functions) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(shim) {
        match payload.ok()? {
            Payload::TypeSection(section) => {
                for ty in section.into_iter().flat_map(|group| group.into_iter().flat_map(|group| group.into_types())) {
                    let CompositeInnerType::Func(function) = ty.composite_type.inner else { return None };
                    let types_of = |types: &[wasmparser::ValType]| types.iter().map(value).collect::<Option<Vec<_>>>();
                    types.push((types_of(function.params())?, types_of(function.results())?));
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    functions.push(ty.ok()?);
                }
            }
            _ => {}
        }
    }
    (functions.len() <= FUNCTIONS_MAX).then_some((types, functions))
}

/// The types that values of the contract have once they are flattened.
fn value(ty: &wasmparser::ValType) -> Option<ValType> {
    match ty {
        wasmparser::ValType::I32 => Some(ValType::I32),
        wasmparser::ValType::I64 => Some(ValType::I64),
        wasmparser::ValType::F32 => Some(ValType::F32),
        wasmparser::ValType::F64 => Some(ValType::F64),
        _ => None,
    }
}

/// The two modules for functions of these types. Types that the tool tells apart may be the same once they are flattened, so that
/// which of them stand there more than once can't be known.
fn made_for(signatures: &[Signature], passed_on: &[u32]) -> (Vec<u8>, Vec<u8>) {
    let (mut types, mut functions, mut tables, mut exports) =
        (TypeSection::new(), FunctionSection::new(), TableSection::new(), ExportSection::new());
    let (mut code, mut imports, mut elements) = (CodeSection::new(), ImportSection::new(), ElementSection::new());
    for (parameters, results) in signatures {
        types.ty().function(parameters.iter().copied(), results.iter().copied());
    }
    for (place, &ty) in (0_u32..).zip(passed_on) {
        let name = place.to_string();
        let parameters = signatures.get(ty as usize).map_or(0, |(parameters, _)| parameters.len() as u32);
        functions.function(ty);
        code.function(&passes_on(ty, place, parameters));
        exports.export(&name, ExportKind::Func, place);
        imports.import("", &name, EntityType::Function(ty));
    }
    let len = passed_on.len() as u64;
    let table = TableType { element_type: RefType::FUNCREF, minimum: len, maximum: Some(len), table64: false, shared: false };
    tables.table(table);
    exports.export(TABLE, ExportKind::Table, 0);
    imports.import("", TABLE, table);
    let places: Vec<u32> = (0..passed_on.len() as u32).collect();
    elements.active(None, &ConstExpr::i32_const(0), Elements::Functions(places.into()));
    let (mut shim, mut fixups) = (Module::new(), Module::new());
    shim.section(&types).section(&functions).section(&tables).section(&exports).section(&code);
    fixups.section(&types).section(&imports).section(&elements);
    (shim.finish(), fixups.finish())
}

/// A function that calls what is at a place of the table with its own arguments.
fn passes_on(ty: u32, place: u32, parameters: u32) -> Function {
    let mut function = Function::new([]);
    let mut instructions = function.instructions();
    for parameter in 0..parameters {
        instructions.local_get(parameter);
    }
    instructions.i32_const(place as i32).call_indirect(0, ty).end();
    function
}

/// A module's sections but the custom ones, which are for people.
fn without_notes(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.ok()?;
        if let Payload::CustomSection(_) = payload {
            continue;
        }
        if let Some((id, range)) = payload.as_section() {
            module.section(&RawSection { id, data: bytes.get(range)? });
        }
    }
    Some(module.finish())
}
