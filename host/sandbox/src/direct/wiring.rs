//! Reads how the core modules within a component are wired up.
//!
//! What our tool builds is one module with the strategy's code and, around it, two small ones that only pass calls on: a host
//! function that needs the module's memory can't be made before the module is there, so the module is given a table of
//! functions that the second small one fills afterwards. A component that is anything else is not read any further.

use std::collections::{BTreeMap, BTreeSet};
use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, ComponentTypeRef, ExternalKind,
    Instance, InstantiationArgKind, Parser, Payload,
};

/// The name under which a component is made to show its module.
pub(super) const MODULE: &str = "stockade-module";
/// How the module's memory and its allocator are called.
pub(super) const MEMORY: &str = "memory";
pub(super) const REALLOC: &str = "cabi_realloc";
/// A function of that name frees what a call has returned.
pub(super) const FREE: &str = "cabi_post_";

/// A component that is one module with the contract's functions under the names that the contract gives them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wiring {
    /// Which of the component's modules.
    pub module: u32,
    /// What it imports: interface and function.
    pub imports: BTreeSet<(String, String)>,
    /// What it exports.
    pub exports: BTreeSet<String>,
}

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

#[derive(Clone, Debug)]
enum CoreInstance {
    Of { module: u32, arguments: Vec<(String, u32)> },
    Exports(Vec<(String, ExternalKind, u32)>),
}

#[derive(Clone, Debug)]
enum Function {
    Imported { interface: String, name: String },
    Lifted { core: u32, parts: Parts },
    Other,
}

#[derive(Default)]
struct Reading {
    core_functions: Vec<CoreFunction>,
    /// Whose memories they are: instance and name.
    core_memories: Vec<(u32, String)>,
    core_instances: Vec<CoreInstance>,
    functions: Vec<Function>,
    /// Names of imported instances; `None`: another kind of instance.
    instances: Vec<Option<String>>,
    exports: BTreeMap<String, u32>,
}

/// The wiring of a valid component, if it is as plain as that.
pub(super) fn read(bytes: &[u8]) -> Option<Wiring> {
    let mut reading = Reading::default();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.ok()?;
        match payload {
            Payload::ModuleSection { .. } => depth += 1,
            // What is nested decides nothing for itself.
            Payload::ComponentSection { .. } | Payload::ComponentStartSection { .. } => return None,
            Payload::End(_) => depth -= 1,
            // A module's own sections.
            _ if depth > 0 => {}
            payload => reading.section(payload)?,
        }
    }
    reading.wiring()
}

impl Reading {
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
                ExternalKind::Table | ExternalKind::Global => {}
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

    fn wiring(&self) -> Option<Wiring> {
        // The instance that has the exports is the strategy's; all of them must be that one's.
        let main = self.exports.values().find_map(|&function| match self.functions.get(function as usize)? {
            Function::Lifted { core, .. } => match self.core_functions.get(*core as usize)? {
                CoreFunction::Of { instance, .. } => Some(*instance),
                _ => None,
            },
            _ => None,
        })?;
        let CoreInstance::Of { module, arguments } = self.core_instances.get(main as usize)? else { return None };
        let exports = self.exports.iter().map(|(name, &function)| self.exported(main, name, function));
        let exports = exports.collect::<Option<BTreeSet<String>>>()?;
        let mut imports = BTreeSet::new();
        for (from, instance) in arguments {
            let CoreInstance::Exports(functions) = self.core_instances.get(*instance as usize)? else { return None };
            for (field, kind, function) in functions {
                let is_named_so = *kind == ExternalKind::Func && self.is_host(main, *function, from, field)?;
                is_named_so.then(|| imports.insert((from.clone(), field.clone())))?;
            }
        }
        // The strategy's, the one that passes calls on, and the one that fills its table.
        let instances = self.core_instances.iter().filter(|instance| matches!(instance, CoreInstance::Of { .. })).count();
        (instances <= 3).then_some(Wiring { module: *module, imports, exports })
    }

    /// The name of an export that is the strategy's function of the same name.
    fn exported(&self, main: u32, name: &str, function: u32) -> Option<String> {
        let Function::Lifted { core, parts } = self.functions.get(function as usize)? else { return None };
        let is = |core: u32, wanted: &str| matches!(self.core_functions.get(core as usize), Some(CoreFunction::Of { instance, name }) if *instance == main && name == wanted);
        let freed = parts.post_return.is_none_or(|core| is(core, &format!("{FREE}{name}")));
        (is(*core, name) && freed && self.are_main(main, parts)).then(|| name.to_owned())
    }

    /// Whether a function that the strategy imports is the host's of that interface and name; `None` when that can't be told.
    fn is_host(&self, main: u32, function: u32, interface: &str, name: &str) -> Option<bool> {
        let end = match self.core_functions.get(function as usize)? {
            CoreFunction::Of { instance: passing, name: place } => self.passed_on(*passing, place)?,
            function => function,
        };
        let CoreFunction::Host { interface: of, name: is, parts } = end else { return Some(false) };
        Some(of == interface && is == name && self.are_main(main, parts))
    }

    /// What fills a place in the table of an instance that passes calls on.
    fn passed_on(&self, passing: u32, place: &str) -> Option<&CoreFunction> {
        let CoreInstance::Of { arguments, .. } = self.core_instances.get(passing as usize)? else { return None };
        arguments.is_empty().then_some(())?;
        let mut fillings = self.core_instances.iter().filter_map(|instance| match instance {
            CoreInstance::Of { arguments, .. } if arguments.len() == 1 && arguments[0].0.is_empty() => Some(arguments[0].1),
            _ => None,
        });
        let filling = fillings.next()?;
        let CoreInstance::Exports(places) = self.core_instances.get(filling as usize)? else { return None };
        // The table, and a function for each of its places.
        let fits = |(name, kind, _): &&(String, ExternalKind, u32)| *kind == ExternalKind::Table || name.parse::<u32>().is_ok();
        (fillings.next().is_none() && places.iter().all(|place| fits(&place))).then_some(())?;
        let (_, _, function) = places.iter().find(|(name, kind, _)| name == place && *kind == ExternalKind::Func)?;
        self.core_functions.get(*function as usize)
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
pub(super) fn show_module(component: &[u8], module: u32) -> Vec<u8> {
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
