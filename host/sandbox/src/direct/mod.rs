//! Bare modules: strategies called without the component model in between.
//!
//! A call through the component model takes 150 ns, and with ten thousand engines far more: it looks up what it calls, and what it
//! looks at lies on a dozen pages of each engine's own. A component that is nothing but one module with the contract's functions
//! ([`wiring`]) can do without: its module is instantiated by itself, and arguments cross here as the component model's canonical
//! ABI has them ([`abi`]). Both ways lead to the same decisions, and a test holds them to that. Whatever is built differently (an
//! interpreter's dozen modules, a standard library that imports WASI) goes through the component model, as it always can.
//!
//! ```text
//! component bytes --Wires--> its module --show_module--> compiled as a component that exports its module
//!                                                                            |
//!            abi, exports <-- Direct <-- InstancePre <-- imports::link <-- Module
//! ```

mod abi;
mod exports;
mod habits;
mod imports;
mod passing;
mod types;
mod wiring;

pub(crate) use abi::{NotThere, Parts, TooMuch};
pub(crate) use exports::Direct;
#[cfg(feature = "fuzz")]
pub(crate) use passing::are_plain;
pub(crate) use wiring::{Wires, show_module};

use crate::state::State;
use domain::guest::GuestHost;
use habits::Habits;
use std::sync::Arc;
use wasmtime::component::Instance;
use wasmtime::{Engine, InstancePre, Linker, Module, Result, Store};

/// Changes when other bytes are compiled for the same component.
pub(crate) const FORM: &[u8] = b"module in sight, plainly wired";

/// The module that a component shows which was compiled with [`show_module`].
pub(crate) fn module<H: 'static>(instance: &Instance, store: &mut Store<State<H>>) -> Option<Module> {
    instance.get_module(store, wiring::MODULE)
}

/// The contract's imports for modules.
pub(crate) fn linker<H: GuestHost>(engine: &Engine) -> Result<Linker<State<H>>> {
    let mut linker = Linker::new(engine);
    imports::link(&mut linker)?;
    Ok(linker)
}

/// A module, ready to be instantiated, with what its instances share.
pub(crate) struct Bare<H: 'static> {
    pre: InstancePre<State<H>>,
    habits: Arc<Habits>,
}

impl<H: GuestHost> Bare<H> {
    /// `None` when its functions are not typed as the contract's, which is no fault: the component model has the last word on that.
    pub fn new(linker: &Linker<State<H>>, module: &Module) -> Option<Self> {
        Some(Self { pre: linker.instantiate_pre(module).ok()?, habits: Arc::default() })
    }
}
