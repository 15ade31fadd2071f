//! Whether bytes are a component for our world, found out before anything is compiled. Each refusal is one line that names
//! what is wrong and what to do about it.

mod maxima;
mod shape;
mod world;

use crate::profile::Profile;
use domain::limits::COMPONENT_BYTES_MAX;
use maxima::Thing;
use shape::Largest;
use wasmtime::Engine;

/// What is known of a component that passed.
#[derive(Debug)]
pub(crate) struct Checked {
    pub profile: Profile,
    pub core_modules: u32,
    pub functions: u32,
    pub memories: u32,
    pub tables: u32,
    /// Linear memory that its modules start with, bytes.
    pub memory_bytes: u64,
    largest_body: Largest,
    /// The interfaces it imports, with their versions.
    pub imports: Vec<String>,
}

const BUILD: &str = "build the strategy with `stockade strategy build` and give the .wasm file it writes";

/// Checks `bytes` from the outside in: what kind of file, how large and how nested, and which world.
pub(crate) fn check(bytes: &[u8]) -> Result<Checked, String> {
    if bytes.len() > COMPONENT_BYTES_MAX {
        let (is, max) = (bytes.len() >> 20, COMPONENT_BYTES_MAX >> 20);
        return Err(format!("{is} MiB are too large for a component; at most {max} MiB. Strip debug information, or leave data out of it"));
    }
    kind(bytes)?;
    let shape = shape::measure(bytes)?;
    let imports = world::check(bytes)?;
    Ok(Checked {
        profile: shape.profile(),
        core_modules: shape.of(Thing::CoreModules),
        functions: shape.of(Thing::Functions),
        memories: shape.of(Thing::Memories),
        tables: shape.of(Thing::Tables),
        memory_bytes: shape.memory_bytes,
        largest_body: shape.largest_body,
        imports,
    })
}

impl Checked {
    /// Where to look when it can't be compiled.
    pub fn largest_function(&self) -> String {
        format!("its largest function is number {} with {} bytes of code", self.largest_body.function, self.largest_body.value)
    }
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
