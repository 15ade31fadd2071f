//! From a core module to a component, and what a component imports.

use anyhow::{Context as _, Result, bail, ensure};
use wasmparser::{ComponentTypeRef, Parser, Payload};
use wit_component::ComponentEncoder;

/// The package of the contract; everything that a strategy may import is in it.
const GRANTED: &str = "stockade:strategy/";

/// Makes a core module, built against the SDK, a component.
///
/// # Errors
/// When it is no core module, was not built against the SDK, or imports something that no component can be given.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>> {
    ensure!(Parser::is_core_wasm(module), "this is not a core WebAssembly module");
    require_linked(module)?;
    let encoder = ComponentEncoder::default().validate(true).module(module);
    encoder
        .and_then(|mut encoder| encoder.encode())
        .context("the module does not fit the contract; is it built against this version of stockade-sdk?")
}

/// Refuses a module with imports that belong to no interface: what a C library or an operating system would give.
fn require_linked(module: &[u8]) -> Result<()> {
    let mut described = false;
    for payload in Parser::new(0).parse_all(module) {
        match payload.context("this is not a valid module")? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.context("the module's imports cannot be read")?;
                    let (from, name) = (import.module, import.name);
                    ensure!(
                        from.contains(':') || from == "$root",
                        "it imports `{name}` of `{from}`, which no host gives to a strategy; find the dependency that \
                         needs it with `cargo tree`"
                    );
                }
            }
            Payload::CustomSection(section) => described |= section.name().starts_with("component-type"),
            _ => {}
        }
    }
    ensure!(described, "it exports no strategy; say `stockade_sdk::export!(YourStrategy);` in its lib.rs");
    Ok(())
}

/// Whether a component or a module has a function of the standard library's output, which on [`TARGET`](crate::TARGET) leads nowhere: whoever links one
/// wanted to print.
pub(crate) fn prints(binary: &[u8]) -> bool {
    // The module of `std::io::stdio`, as the compiler spells it in the names of functions. It shortens what repeats within a
    // name, so that `io` need not stand before it.
    const OUTPUT: &[u8] = b"5stdio";
    Parser::new(0).parse_all(binary).any(|payload| match payload {
        Ok(Payload::CustomSection(section)) if section.name() == "name" => section.data().windows(OUTPUT.len()).any(|name| name == OUTPUT),
        _ => false,
    })
}

/// What a component imports, in its order: interfaces such as `stockade:strategy/trading@0.1.0`, or single functions.
///
/// # Errors
/// When it is not a component.
pub fn imports(component: &[u8]) -> Result<Vec<String>> {
    ensure!(Parser::is_component(component), "this is not a WebAssembly component");
    let mut names = Vec::new();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        match payload.context("this is not a valid component")? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let import = import.context("the component's imports cannot be read")?;
                    // The types that a world uses are imports in form, but ask for nothing.
                    if !matches!(import.ty, ComponentTypeRef::Type(_)) {
                        names.push(import.name.name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    Ok(names)
}

/// Checks that a component imports nothing but the contract.
///
/// # Errors
/// Names the first import outside it.
pub fn require_granted_imports(component: &[u8]) -> Result<()> {
    match imports(component)?.iter().find(|name| !name.starts_with(GRANTED)) {
        Some(name) => bail!("it imports `{name}`, which is not in the contract (sdk/wit/strategy.wit)"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module with nothing but the imports given.
    fn refused(module: &[u8]) -> String {
        format!("{:#}", componentize(module).expect_err("should be refused"))
    }

    #[test]
    fn what_is_no_module_is_refused() {
        assert!(refused(b"").contains("not a core WebAssembly module"));
        assert!(refused(b"#!/bin/sh").contains("not a core WebAssembly module"));
        assert!(imports(b"\0asm\x01\0\0\0").expect_err("a module").to_string().contains("not a WebAssembly component"));
    }

    #[test]
    fn a_module_without_a_strategy_is_refused() {
        assert!(refused(b"\0asm\x01\0\0\0").contains("export!"));
    }

    #[test]
    fn an_import_of_an_operating_system_is_named() {
        // Type section: () -> (); import section: env.getpid of that type.
        let module = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02\x0e\x01\x03env\x06getpid\0\0";
        assert!(refused(module).contains("`getpid` of `env`"), "{}", refused(module));
    }

    #[test]
    fn a_broken_module_is_refused() {
        assert!(refused(b"\0asm\x01\0\0\0\x02\xff").contains("not a valid module"));
    }
}
