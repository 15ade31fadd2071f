//! Reads how the core modules within a component are wired up.
//!
//! What our tool builds is one module with the strategy's code and, around it, two small ones that only pass calls on: a host
//! function that needs the module's memory can't be made before the module is there, so the module is given a table of
//! functions that the second small one fills afterwards. A component that is anything else is called through the component model.

use super::passing;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, ComponentTypeRef, ExternalKind,
    Instance, InstantiationArgKind, Payload,
};

/// The name under which a component is made to show its module.
pub(super) const MODULE: &str = "stockade-module";
/// How the module's memory and its allocator are called.
pub(super) const MEMORY: &str = "memory";
pub(super) const REALLOC: &str = "cabi_realloc";
/// A function of that name frees what a call has returned.
pub(super) const FREE: &str = "cabi_post_";

/// Exports whose answers lie in the module's memory: after such a call, what the answer took is freed.
pub(super) const ANSWER_IN_MEMORY: [&str; 4] = ["init", "on-start", "save", "load"];

/// A core function: what it is in the end.
#[derive(Clone, Debug)]
enum CoreFunction {
    /// The host's function `name` of `interface`, with where it finds texts and lists.
    Host {
        interface: String,
        name: String,
        parts: Parts,
    },
    /// Another instance's.
    Of {
        instance: u32,
        name: String,
    },
    Other,
}

/// Core items that a function's arguments need, by index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Parts {
    memory: Option<u32>,
    realloc: Option<u32>,
    post_return: Option<u32>,
    odd: bool,
}

impl CoreModule {
    fn see(&mut self, payload: Payload<'_>) -> Option<()> {
        match payload {
            Payload::StartSection { .. } => self.starts = true,
            Payload::ExportSection(exports) => {
                for export in exports {
                    let freed = export.ok()?.name.strip_prefix(FREE).map(str::to_owned);
                    self.frees.extend(freed);
                }
            }
            _ => {}
        }
        Some(())
    }
}

/// A name, and what and which thing of the component it stands for.
type Export = (String, ExternalKind, u32);

#[derive(Clone, Debug)]
enum CoreInstance {
    Of { module: u32, arguments: Vec<(String, u32)> },
    Exports(Vec<Export>),
}

#[derive(Clone, Debug)]
enum Function {
    Imported { interface: String, name: String },
    Lifted { core: u32, parts: Parts },
    Other,
}

/// What has been read of a component so far.
#[derive(Debug, Default)]
pub(crate) struct Wires {
    /// It has what no component of our tool has.
    is_other: bool,
    depth: usize,
    modules: Vec<CoreModule>,
    core_functions: Vec<CoreFunction>,
    /// Whose memories they are: instance and name.
    core_memories: Vec<(u32, String)>,
    /// Whose tables they are: instance. Those of a small module are its only one.
    core_tables: Vec<u32>,
    core_instances: Vec<CoreInstance>,
    functions: Vec<Function>,
    /// Names of imported instances; `None`: another kind of instance.
    instances: Vec<Option<String>>,
    exports: BTreeMap<String, u32>,
}

/// A module of the outermost component.
#[derive(Debug, Default)]
struct CoreModule {
    /// Where its bytes are.
    range: Range<usize>,
    /// Whether a function of it runs when it is instantiated: one of the strategy's could call the host before the host is there.
    starts: bool,
    /// What it exports to free answers, by the names of the functions that gave them.
    frees: BTreeSet<String>,
}

impl Wires {
    /// Takes in the next part of a component. Each part must be valid.
    pub fn see(&mut self, payload: Payload<'_>) {
        if self.is_other {
            return;
        }
        self.is_other = self.take(payload).is_none();
    }

    fn take(&mut self, payload: Payload<'_>) -> Option<()> {
        match payload {
            Payload::ModuleSection { unchecked_range: range, .. } => {
                self.depth += 1;
                self.modules.push(CoreModule { range, ..CoreModule::default() });
            }
            // What is nested decides nothing for itself.
            Payload::ComponentSection { .. } | Payload::ComponentStartSection { .. } => return None,
            Payload::End(_) => self.depth = self.depth.saturating_sub(1),
            payload if self.depth > 0 => self.modules.last_mut()?.see(payload)?,
            payload => self.section(payload)?,
        }
        Some(())
    }

    /// Which of the component's modules has the contract's functions under the names that the contract gives them, all of them
    /// passed on as they are; `None` where that is not plain. `component` is what all this was read from.
    pub fn module(&self, component: &[u8]) -> Option<u32> {
        if self.is_other { None } else { self.wiring(component) }
    }

    fn section(&mut self, payload: Payload<'_>) -> Option<()> {
        match payload {
            Payload::ComponentImportSection(imports) => {
                for import in imports {
                    let import = import.ok()?;
                    match import.ty {
                        ComponentTypeRef::Instance(_) => self.instances.push(Some(import.name.name.to_owned())),
                        ComponentTypeRef::Func(_) => self.functions.push(Function::Other),
                        ComponentTypeRef::Type(_) => {}
                        _ => return None,
                    }
                }
            }
            Payload::ComponentInstanceSection(instances) => self.instances.extend(instances.into_iter().map(|_| None)),
            Payload::InstanceSection(instances) => {
                for instance in instances {
                    self.core_instances.push(core_instance(instance.ok()?));
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases {
                    self.alias(alias.ok()?)?;
                }
            }
            Payload::ComponentCanonicalSection(canonical) => {
                for function in canonical {
                    self.canonical(function.ok()?)?;
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports {
                    let export = export.ok()?;
                    match export.kind {
                        ComponentExternalKind::Func => {
                            self.exports.insert(export.name.name.to_owned(), export.index);
                            // An export is an item of its own.
                            self.functions.push(self.functions.get(export.index as usize)?.clone());
                        }
                        ComponentExternalKind::Type => {}
                        ComponentExternalKind::Instance => self.instances.push(None),
                        _ => return None,
                    }
                }
            }
            _ => {}
        }
        Some(())
    }

    fn alias(&mut self, alias: ComponentAlias<'_>) -> Option<()> {
        match alias {
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Func, instance_index, name } => {
                let interface = self.instances.get(instance_index as usize)?.clone();
                self.functions.push(match interface {
                    Some(interface) => Function::Imported { interface, name: name.to_owned() },
                    None => Function::Other,
                });
            }
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Type, .. }
            | ComponentAlias::Outer { kind: ComponentOuterAliasKind::Type | ComponentOuterAliasKind::CoreType, .. } => {}
            ComponentAlias::CoreInstanceExport { kind, instance_index: instance, name } => match kind {
                ExternalKind::Func => self.core_functions.push(CoreFunction::Of { instance, name: name.to_owned() }),
                ExternalKind::Memory => self.core_memories.push((instance, name.to_owned())),
                ExternalKind::Table => self.core_tables.push(instance),
                ExternalKind::Global => {}
                _ => return None,
            },
            _ => return None,
        }
        Some(())
    }

    fn canonical(&mut self, function: CanonicalFunction) -> Option<()> {
        match function {
            CanonicalFunction::Lift { core_func_index: core, options, .. } => {
                self.functions.push(Function::Lifted { core, parts: parts(&options) });
            }
            CanonicalFunction::Lower { func_index, options } => {
                let function = self.functions.get(func_index as usize)?.clone();
                self.core_functions.push(match function {
                    Function::Imported { interface, name } => CoreFunction::Host { interface, name, parts: parts(&options) },
                    _ => CoreFunction::Other,
                });
            }
            // Resources and tasks: the contract has none.
            _ => return None,
        }
        Some(())
    }

    fn wiring(&self, component: &[u8]) -> Option<u32> {
        // The instance that has the exports is the strategy's; all of them must be that one's.
        let main = self.exports.values().find_map(|&function| match self.functions.get(function as usize)? {
            Function::Lifted { core, .. } => match self.core_functions.get(*core as usize)? {
                CoreFunction::Of { instance, .. } => Some(*instance),
                _ => None,
            },
            _ => None,
        })?;
        let CoreInstance::Of { module, arguments } = self.core_instances.get(main as usize)? else { return None };
        let strategy = self.modules.get(*module as usize).filter(|module| !module.starts)?;
        if !self.exports.iter().all(|(name, &function)| self.is_exported(main, strategy, name, function)) {
            return None;
        }
        let mut passing = None;
        for (from, instance) in arguments {
            let CoreInstance::Exports(functions) = self.core_instances.get(*instance as usize)? else { return None };
            for (field, kind, function) in functions {
                let is_named_so = *kind == ExternalKind::Func && self.is_host(main, *function, from, field, &mut passing)?;
                is_named_so.then_some(())?;
            }
        }
        // The strategy's; and where some of its calls are passed on, the instance that does that and the one that fills its table.
        let instances = self.core_instances.iter().filter(|instance| matches!(instance, CoreInstance::Of { .. })).count();
        let are_plain = match passing {
            None => instances == 1,
            Some(passing) => instances == 3 && self.passes_on(passing, component)?,
        };
        are_plain.then_some(*module)
    }

    /// Whether an export is the strategy's function of the same name, and is freed by the component model just where a direct call
    /// frees it.
    fn is_exported(&self, main: u32, strategy: &CoreModule, name: &str, function: u32) -> bool {
        let Some(Function::Lifted { core, parts }) = self.functions.get(function as usize) else { return false };
        let is = |core: u32, wanted: &str| matches!(self.core_functions.get(core as usize), Some(CoreFunction::Of { instance, name }) if *instance == main && name == wanted);
        let is_freed = match parts.post_return {
            Some(core) => is(core, &format!("{FREE}{name}")),
            None => false,
        };
        // A description is always asked for through the component model.
        let frees = name == "describe" && is_freed || ANSWER_IN_MEMORY.contains(&name) && strategy.frees.contains(name);
        is(*core, name) && parts.post_return.is_some() == is_freed && is_freed == frees && self.are_main(main, parts)
    }

    /// Whether a function that the strategy imports is the host's of that interface and name; `None` when that can't be told. The
    /// instance that passes it on, where one does, is noted in `passing`, and must be the same for all.
    fn is_host(&self, main: u32, function: u32, interface: &str, name: &str, passing: &mut Option<u32>) -> Option<bool> {
        let end = match self.core_functions.get(function as usize)? {
            CoreFunction::Of { instance, name: place } => {
                if *passing.get_or_insert(*instance) != *instance {
                    return None;
                }
                self.filling(place)?
            }
            function => function,
        };
        let CoreFunction::Host { interface: of, name: is, parts } = end else { return Some(false) };
        Some(of == interface && is == name && self.are_main(main, parts))
    }

    /// The instance that fills the table of the one that passes calls on, by what it is given.
    fn filler(&self) -> Option<(u32, &[Export])> {
        let mut fillers = self.core_instances.iter().filter_map(|instance| match instance {
            CoreInstance::Of { module, arguments } if arguments.len() == 1 && arguments[0].0.is_empty() => Some((*module, arguments[0].1)),
            _ => None,
        });
        let (module, given) = fillers.next()?;
        let CoreInstance::Exports(given) = self.core_instances.get(given as usize)? else { return None };
        fillers.next().is_none().then_some((module, given))
    }

    /// What fills a place in that table.
    fn filling(&self, place: &str) -> Option<&CoreFunction> {
        let (_, given) = self.filler()?;
        let (_, _, function) = given.iter().find(|(name, kind, _)| name == place && *kind == ExternalKind::Func)?;
        self.core_functions.get(*function as usize)
    }

    /// Whether the two small modules pass calls on as our tool lets them: their bytes are what it writes.
    fn passes_on(&self, passing: u32, component: &[u8]) -> Option<bool> {
        let CoreInstance::Of { module: shim, arguments } = self.core_instances.get(passing as usize)? else { return None };
        let (fixups, given) = self.filler()?;
        // The table that is filled must be the shim's own.
        let is_shims_table = given.iter().filter(|(_, kind, _)| *kind != ExternalKind::Func).all(|(_, kind, table)| {
            *kind == ExternalKind::Table && self.core_tables.get(*table as usize).is_some_and(|instance| *instance == passing)
        });
        let bytes = |module: u32| component.get(self.modules.get(module as usize)?.range.clone());
        Some(arguments.is_empty() && is_shims_table && passing::are_plain(bytes(*shim)?, bytes(fixups)?))
    }

    /// Whether texts and lists go through the strategy's own memory and allocator.
    fn are_main(&self, main: u32, parts: &Parts) -> bool {
        let memory = parts.memory.is_none_or(|memory| {
            self.core_memories.get(memory as usize).is_some_and(|(instance, name)| *instance == main && name == MEMORY)
        });
        let realloc = parts.realloc.is_none_or(|function| {
            let of = self.core_functions.get(function as usize);
            matches!(of, Some(CoreFunction::Of { instance, name }) if *instance == main && name == REALLOC)
        });
        memory && realloc && !parts.odd
    }
}

fn core_instance(instance: Instance<'_>) -> CoreInstance {
    match instance {
        Instance::Instantiate { module_index: module, args } => {
            let arguments = args.iter().map(|argument| match argument.kind {
                InstantiationArgKind::Instance => (argument.name.to_owned(), argument.index),
            });
            CoreInstance::Of { module, arguments: arguments.collect() }
        }
        Instance::FromExports(exports) => {
            CoreInstance::Exports(exports.iter().map(|export| (export.name.to_owned(), export.kind, export.index)).collect())
        }
    }
}

fn parts(options: &[CanonicalOption]) -> Parts {
    let mut parts = Parts::default();
    for option in options {
        match option {
            CanonicalOption::UTF8 => {}
            CanonicalOption::Memory(memory) => parts.memory = Some(*memory),
            CanonicalOption::Realloc(function) => parts.realloc = Some(*function),
            CanonicalOption::PostReturn(function) => parts.post_return = Some(*function),
            _ => parts.odd = true,
        }
    }
    parts
}

/// The component with its module shown to whoever instantiates it.
pub(crate) fn show_module(component: &[u8], module: u32) -> Vec<u8> {
    const EXPORTS: u8 = 11;
    // One export with a plain name, of the core sort, a module, without a type.
    let mut section = vec![1, 0, MODULE.len() as u8];
    section.extend_from_slice(MODULE.as_bytes());
    section.extend_from_slice(&[0x00, 0x11]);
    leb(&mut section, module);
    section.push(0);
    let mut shown = component.to_vec();
    shown.push(EXPORTS);
    leb(&mut shown, section.len() as u32);
    shown.append(&mut section);
    shown
}

fn leb(to: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}
