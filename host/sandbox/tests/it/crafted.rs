//! Components that no compiler would make: a real one with modules written by hand behind it.

use crate::components;
use wasm_encoder::{CanonicalFunctionSection, CanonicalOption, ComponentSection as _};
use wasmparser::{BinaryReader, CanonicalFunction, CanonicalOption as ReadOption, ComponentCanonicalSectionReader};

const CORE_MODULE: u8 = 1;
const CORE_INSTANCE: u8 = 2;
const CANONICAL: u8 = 8;

fn length(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn with_section(component: &[u8], id: u8, content: &[u8]) -> Vec<u8> {
    [component, &[id], &length(content.len()), content].concat()
}

/// `component` with another module in it, which nothing refers to and which is compiled all the same.
pub fn with_module(component: &[u8], text: &str) -> Vec<u8> {
    with_section(component, CORE_MODULE, &wat::parse_str(text).unwrap())
}

/// A real component with another module that is instantiated, and so started, with it.
pub fn with_running_module(text: &str) -> Vec<u8> {
    let component = with_module(components::ema_cross(), text);
    let is_outermost = |depth: usize| depth == 0;
    let mut depth = 0;
    let mut modules = 0;
    for payload in wasmparser::Parser::new(0).parse_all(&component) {
        match payload.unwrap() {
            wasmparser::Payload::ModuleSection { .. } => {
                modules += usize::from(is_outermost(depth));
                depth += 1;
            }
            wasmparser::Payload::ComponentSection { .. } => depth += 1,
            wasmparser::Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    // One instance, made of a module, the last one, without arguments.
    with_section(&component, CORE_INSTANCE, &[&[1, 0][..], &length(modules - 1), &[0]].concat())
}

/// A component's types: the section in a component of its own.
pub fn component(sections: &[(u8, Vec<u8>)]) -> Vec<u8> {
    sections.iter().fold(b"\0asm\x0d\0\x01\0".to_vec(), |component, (id, content)| with_section(&component, *id, content))
}

/// A number as sections have it.
pub fn number(value: usize) -> Vec<u8> {
    length(value)
}

/// A component with `level` nested within itself, as bytes around what is innermost.
pub fn nested(levels: usize, around: &[&[u8]], innermost: &[u8]) -> Vec<u8> {
    let outside = (0..levels).flat_map(|level| around[level % around.len()].iter().copied());
    std::iter::once(1).chain(outside).chain(innermost.iter().copied()).collect()
}

/// `component` with its outermost modules changed, in order.
pub fn with_modules_changed(component: &[u8], change: impl Fn(usize, &[u8]) -> Vec<u8>) -> Vec<u8> {
    let (mut at, mut changed, mut modules) = (8, component[..8].to_vec(), 0);
    while at < component.len() {
        let (content, end) = section_at(component, at);
        let id = component[at];
        changed = if id == CORE_MODULE {
            modules += 1;
            with_section(&changed, id, &change(modules - 1, &component[content..end]))
        } else {
            with_section(&changed, id, &component[content..end])
        };
        at = end;
    }
    changed
}

/// `component` with other options for the functions that it lifts, in order.
pub fn with_lifts_changed(component: &[u8], mut change: impl FnMut(&mut Vec<CanonicalOption>)) -> Vec<u8> {
    let (mut at, mut changed) = (8, component[..8].to_vec());
    while at < component.len() {
        let (content, end) = section_at(component, at);
        if component[at] == CANONICAL {
            let mut section = CanonicalFunctionSection::new();
            for function in ComponentCanonicalSectionReader::new(BinaryReader::new(&component[content..end], 0)).unwrap() {
                match function.unwrap() {
                    CanonicalFunction::Lift { core_func_index, type_index, options } => {
                        let mut options = options.iter().map(option).collect();
                        change(&mut options);
                        section.lift(core_func_index, type_index, options);
                    }
                    CanonicalFunction::Lower { func_index, options } => {
                        section.lower(func_index, options.iter().map(option));
                    }
                    other => panic!("no sample has a {other:?}"),
                }
            }
            section.append_to_component(&mut changed);
        } else {
            changed = with_section(&changed, component[at], &component[content..end]);
        }
        at = end;
    }
    changed
}

fn option(option: &ReadOption) -> CanonicalOption {
    match *option {
        ReadOption::UTF8 => CanonicalOption::UTF8,
        ReadOption::Memory(memory) => CanonicalOption::Memory(memory),
        ReadOption::Realloc(function) => CanonicalOption::Realloc(function),
        ReadOption::PostReturn(function) => CanonicalOption::PostReturn(function),
        other => panic!("no sample has a {other:?}"),
    }
}

/// Where the content of the section at `at` begins and ends.
fn section_at(bytes: &[u8], at: usize) -> (usize, usize) {
    let (mut value, mut shift, mut content) = (0, 0, at + 1);
    loop {
        let byte = bytes[content];
        content += 1;
        value |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return (content, content + value);
        }
    }
}
