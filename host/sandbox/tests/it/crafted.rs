//! Components that no compiler would make: a real one with modules written by hand behind it.

use crate::components;

const CORE_MODULE: u8 = 1;
const CORE_INSTANCE: u8 = 2;

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
