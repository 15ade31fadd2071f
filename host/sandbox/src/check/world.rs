//! Whether a component is one of our world: it imports nothing that is not there and exports all that is asked for, with the
//! same types.

use crate::imports::{PACKAGE, VERSION};
use crate::wasi;
use domain::text::{self, Plain};
use std::fmt::{self, Write as _};
use std::panic::catch_unwind;
use std::sync::OnceLock;
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{Function, Handle, InterfaceId, Resolve, Type, TypeDefKind, World, WorldId, WorldItem};

/// Bytes of a name, and of a signature or an error, that are shown: what is not ours is not as short as ours.
const NAME_BYTES_MAX: usize = 128;
const SHOWN_BYTES_MAX: usize = 400;

const CONTRACT: &str = include_str!("../../../../sdk/wit/strategy.wit");

/// Checks the world of a valid component and returns the interfaces it imports.
pub(super) fn check(bytes: &[u8]) -> Result<Vec<String>, String> {
    // The decoder is made for files its own tools wrote; on others it may fail in ways of its own.
    let decoded = catch_unwind(|| decode(bytes)).map_err(|_| "its interfaces can't be read".to_owned())?;
    let unreadable = |error| format!("its interfaces can't be read: {}", text::line(format_args!("{error:#}"), SHOWN_BYTES_MAX));
    let (resolve, world) = match decoded.map_err(unreadable)? {
        DecodedWasm::Component(resolve, world) => (resolve, world),
        DecodedWasm::WitPackage(..) => return Err("this is an interface definition (WIT), not a component".into()),
    };
    let theirs = Side { resolve: &resolve, world: &resolve.worlds[world] };
    let (our_resolve, our_world) = contract();
    let ours = Side { resolve: our_resolve, world: &our_resolve.worlds[*our_world] };
    check_exports(&ours, &theirs)?;
    check_imports(&ours, &theirs)
}

/// A name of the component, as far as it is shown.
fn shown(name: &str) -> String {
    text::line(name, NAME_BYTES_MAX)
}

struct Side<'a> {
    resolve: &'a Resolve,
    world: &'a World,
}

/// Our own world, read once.
fn contract() -> &'static (Resolve, WorldId) {
    static CONTRACT_READ: OnceLock<(Resolve, WorldId)> = OnceLock::new();
    CONTRACT_READ.get_or_init(|| {
        let mut resolve = Resolve::default();
        let package = resolve.push_source("strategy.wit", CONTRACT).expect("the contract is compiled in and bindgen has read it too");
        let world = resolve.select_world(&[package], Some("trading-strategy")).expect("the contract has this world");
        (resolve, world)
    })
}

fn check_exports(ours: &Side<'_>, theirs: &Side<'_>) -> Result<(), String> {
    let theirs_named = |name: &str| {
        theirs.world.exports.iter().find_map(|(key, item)| match item {
            WorldItem::Function(function) if theirs.resolve.name_world_key(key) == name => Some(function),
            _ => None,
        })
    };
    let wanted =
        || ours.world.exports.values().filter_map(|item| if let WorldItem::Function(function) = item { Some(function) } else { None });
    let missing: Vec<&str> = wanted().map(|function| function.name.as_str()).filter(|name| theirs_named(name).is_none()).collect();
    if !missing.is_empty() {
        let package = format!("{PACKAGE}@{VERSION}");
        return Err(format!(
            "a component for another world: it does not export {}; build it against the world trading-strategy of {package}",
            missing.join(", ")
        ));
    }
    for function in wanted() {
        let found = theirs_named(&function.name).expect("none is missing");
        same_function("export", &function.name, (ours.resolve, function), (theirs.resolve, found))?;
    }
    Ok(())
}

fn check_imports(ours: &Side<'_>, theirs: &Side<'_>) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for (key, item) in &theirs.world.imports {
        let name = theirs.resolve.name_world_key(key);
        match item {
            WorldItem::Interface { id, .. } => {
                check_interface(ours, theirs, &name, *id)?;
                names.push(name);
            }
            WorldItem::Function(_) => return Err(not_granted(&name)),
            WorldItem::Type { .. } => {}
        }
    }
    Ok(names)
}

fn check_interface(ours: &Side<'_>, theirs: &Side<'_>, name: &str, id: InterfaceId) -> Result<(), String> {
    if wasi::may_be_imported(name) {
        // Functions within are compared by the linker.
        return Ok(());
    }
    let our_interface = ours.world.imports.iter().find_map(|(key, item)| match item {
        WorldItem::Interface { id, .. } if ours.resolve.name_world_key(key) == name => Some(&ours.resolve.interfaces[*id]),
        _ => None,
    });
    let Some(our_interface) = our_interface else {
        let (base, version) = name.split_once('@').unwrap_or((name, ""));
        return Err(if base.starts_with(PACKAGE) && version != VERSION {
            let name = shown(name);
            format!("it imports {name}, but this host has version {VERSION} of the contract: build it against the SDK of that version")
        } else {
            not_granted(name)
        });
    };
    for (function_name, function) in &theirs.resolve.interfaces[id].functions {
        let Some(our_function) = our_interface.functions.get(function_name) else {
            return Err(not_granted(&format!("{name}#{function_name}")));
        };
        same_function("import", &format!("{name}#{function_name}"), (ours.resolve, our_function), (theirs.resolve, function))?;
    }
    Ok(())
}

fn not_granted(name: &str) -> String {
    format!("it imports {}, which no strategy is granted: remove what uses it", shown(name))
}

type In<'a, T> = (&'a Resolve, T);

fn same_function(role: &str, name: &str, ours: In<'_, &Function>, theirs: In<'_, &Function>) -> Result<(), String> {
    let same_params = ours.1.params.len() == theirs.1.params.len()
        && ours
            .1
            .params
            .iter()
            .zip(&theirs.1.params)
            .all(|(our, their)| our.name == their.name && same(ours.0, &our.ty, theirs.0, &their.ty));
    let same_result = same_optional(ours.0, &ours.1.result, theirs.0, &theirs.1.result);
    if same_params && same_result && std::mem::discriminant(&ours.1.kind) == std::mem::discriminant(&theirs.1.kind) {
        return Ok(());
    }
    let (wanted, found) = (signature(ours), signature(theirs));
    let differ = if wanted == found { "a type in it differs".to_owned() } else { format!("it has {found}") };
    let name = shown(name);
    Err(format!("its {role} {name} must be {wanted}; {differ}: build it against the SDK of this host's version"))
}

fn same_optional(a: &Resolve, one: &Option<Type>, b: &Resolve, other: &Option<Type>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => same(a, one, b, other),
        _ => false,
    }
}

/// The structure of a type, aliases followed.
fn kind<'a>(resolve: &'a Resolve, ty: &Type) -> Result<&'a TypeDefKind, Type> {
    let mut ty = *ty;
    loop {
        match ty {
            Type::Id(id) => match &resolve.types[id].kind {
                TypeDefKind::Type(inner) => ty = *inner,
                kind => return Ok(kind),
            },
            primitive => return Err(primitive),
        }
    }
}

/// Whether two types are the same, names of fields and cases included. Ends at the first difference, so it never goes deeper
/// than our own types do.
fn same(a: &Resolve, one: &Type, b: &Resolve, other: &Type) -> bool {
    use TypeDefKind as K;
    let (one, other) = match (kind(a, one), kind(b, other)) {
        (Ok(one), Ok(other)) => (one, other),
        (one, other) => return one.err().is_some_and(|one| other.err() == Some(one)),
    };
    let all =
        |ones: &[Type], others: &[Type]| ones.len() == others.len() && ones.iter().zip(others).all(|(one, other)| same(a, one, b, other));
    match (one, other) {
        (K::Record(one), K::Record(other)) => {
            one.fields.len() == other.fields.len()
                && one.fields.iter().zip(&other.fields).all(|(one, other)| one.name == other.name && same(a, &one.ty, b, &other.ty))
        }
        (K::Variant(one), K::Variant(other)) => {
            one.cases.len() == other.cases.len()
                && one.cases.iter().zip(&other.cases).all(|(one, other)| one.name == other.name && same_optional(a, &one.ty, b, &other.ty))
        }
        (K::Enum(one), K::Enum(other)) => one.cases.iter().map(|case| &case.name).eq(other.cases.iter().map(|case| &case.name)),
        (K::Tuple(one), K::Tuple(other)) => all(&one.types, &other.types),
        (K::Option(one), K::Option(other)) | (K::List(one), K::List(other)) => same(a, one, b, other),
        (K::Result(one), K::Result(other)) => same_optional(a, &one.ok, b, &other.ok) && same_optional(a, &one.err, b, &other.err),
        // The contract has no other kinds.
        _ => false,
    }
}

/// A function's type in words. Written into a bounded text: a type that names another twice, which does so again, unfolds to a million.
fn signature((resolve, function): In<'_, &Function>) -> String {
    let mut to = Plain::line(SHOWN_BYTES_MAX);
    // It fails where the text is full.
    _ = write_signature(&mut to, resolve, function);
    to.finish()
}

fn write_signature(to: &mut Plain, resolve: &Resolve, function: &Function) -> fmt::Result {
    to.write_str("func(")?;
    for (at, param) in function.params.iter().enumerate() {
        write!(to, "{}{}: ", if at == 0 { "" } else { ", " }, param.name)?;
        show(to, resolve, &param.ty)?;
    }
    to.write_str(")")?;
    function.result.as_ref().map_or(Ok(()), |ty| {
        to.write_str(" -> ")?;
        show(to, resolve, ty)
    })
}

fn show(to: &mut Plain, resolve: &Resolve, ty: &Type) -> fmt::Result {
    let Type::Id(id) = ty else { return to.write_str(&format!("{ty:?}").to_lowercase()) };
    let def = &resolve.types[*id];
    match (&def.name, &def.kind) {
        (Some(name), _) => to.write_str(name),
        (None, TypeDefKind::List(of)) => show_all(to, resolve, "list", [Some(of)]),
        (None, TypeDefKind::Option(of)) => show_all(to, resolve, "option", [Some(of)]),
        (None, TypeDefKind::Result(of)) => show_all(to, resolve, "result", [of.ok.as_ref(), of.err.as_ref()]),
        (None, TypeDefKind::Tuple(of)) => show_all(to, resolve, "tuple", of.types.iter().map(Some)),
        (None, TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id))) => show(to, resolve, &Type::Id(*id)),
        (None, kind) => to.write_str(kind.as_str()),
    }
}

fn show_all<'a>(to: &mut Plain, resolve: &Resolve, of: &str, types: impl IntoIterator<Item = Option<&'a Type>>) -> fmt::Result {
    write!(to, "{of}<")?;
    for (at, ty) in types.into_iter().enumerate() {
        to.write_str(if at == 0 { "" } else { ", " })?;
        match ty {
            Some(ty) => show(to, resolve, ty)?,
            None => to.write_str("_")?,
        }
    }
    to.write_str(">")
}
