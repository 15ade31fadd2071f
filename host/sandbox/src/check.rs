//! Whether bytes are a component for our world, found out before anything is compiled. Each refusal is one line that names
//! what is wrong and what to do about it.
//!
//! All of this reads bytes that a stranger made, with parsers that others wrote: it runs where compiling runs
//! ([`crate::compile`]), and a host learns what was found ([`Found`]).

mod declared;
mod found;
mod maxima;
#[cfg(test)]
mod mutants;
mod shape;
mod world;

pub(crate) use found::{FOUND_BYTES_MAX, Found};
pub(crate) use shape::NATIVE_BYTES_MAX;

use domain::limits::{COMPONENT_BYTES_MAX, FAULT_BYTES_MAX};
use domain::text;
use maxima::Thing;
use wasmtime::Engine;

/// A component that passed.
#[derive(Debug)]
pub(crate) struct Checked {
    pub found: Found,
    /// Which of its modules can be called directly.
    pub module: Option<u32>,
}

const BUILD: &str = "build the strategy with `stockade strategy build` and give the .wasm file it writes";

/// Refuses what is too large for a component, by its size alone.
///
/// # Errors
/// It is.
pub(crate) fn size(bytes: usize) -> Result<(), String> {
    if bytes > COMPONENT_BYTES_MAX {
        let (is, max) = (bytes >> 20, COMPONENT_BYTES_MAX >> 20);
        return Err(format!("{is} MiB are too large for a component; at most {max} MiB. Strip debug information, or leave data out of it"));
    }
    Ok(())
}

/// Checks `bytes` from the outside in: what kind of file, how large and how nested, and which world.
///
/// # Errors
/// One line for its author.
pub(crate) fn check(bytes: &[u8]) -> Result<Checked, String> {
    // Names and whatever else stands in a message are the component's.
    look_through(bytes).map_err(|why| text::line(why, FAULT_BYTES_MAX))
}

fn look_through(bytes: &[u8]) -> Result<Checked, String> {
    size(bytes.len())?;
    kind(bytes)?;
    let (shape, wires) = shape::measure(bytes)?;
    let imports = world::check(bytes)?;
    let found = Found {
        profile: shape.profile(),
        core_modules: shape.of(Thing::CoreModules),
        functions: shape.of(Thing::Functions),
        memories: shape.of(Thing::Memories),
        tables: shape.of(Thing::Tables),
        memory_bytes: shape.memory_bytes,
        largest_body: shape.largest_body,
        imports,
        is_direct: false,
    };
    Ok(Checked { found, module: wires.module(bytes) })
}

/// What the first bytes say.
fn kind(bytes: &[u8]) -> Result<(), String> {
    const MAGIC: &[u8] = b"\0asm";
    const CORE_MODULE: &[u8] = &[1, 0, 0, 0];
    const COMPONENT: &[u8] = &[0x0d, 0, 1, 0];
    if Engine::detect_precompiled(bytes).is_some() {
        return Err(format!("this is machine code that was compiled elsewhere (.cwasm), which can't be checked: {BUILD}"));
    }
    match bytes {
        [] => Err(format!("the file is empty: {BUILD}")),
        _ if bytes.starts_with(MAGIC) => match bytes.get(4..8) {
            Some(COMPONENT) => Ok(()),
            Some(CORE_MODULE) => {
                Err("this is a core module, not a component: run `stockade strategy build`, or build for wasm32-wasip2".into())
            }
            Some(version) => Err(format!("this is WebAssembly of an unknown version {version:?}: update your tools, or {BUILD}")),
            None => Err(format!("the file ends within its first 8 bytes: {BUILD}")),
        },
        [0x7f, b'E', b'L', b'F', ..] | [b'M', b'Z', ..] => Err(format!("this is a native program, not a component: {BUILD}")),
        _ if std::str::from_utf8(&bytes[..bytes.len().min(256)]).is_ok_and(|text| !text.contains('\0')) => {
            Err(format!("this is text, not a component: {BUILD}"))
        }
        _ => Err(format!("this is not WebAssembly: {BUILD}")),
    }
}
