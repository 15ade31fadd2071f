//! What a section of types declares, counted to the bottom.
//!
//! The types of components and instances hold declarations of their own, types among them. A section that says it has one type can
//! hold a million of them, and its levels can go deeper than any stack: a reader that takes such a type in as a whole must not meet
//! it before it has been counted here, where no level costs more than a number.

use super::maxima::{Counts, NESTED_MAX, Thing};
use wasmparser::{
    BinaryReader, BinaryReaderError, ComponentDefinedType, ComponentType, ComponentTypeDeclaration, CoreType, ModuleTypeDeclaration,
    RecGroup,
};

/// First bytes of what holds declarations.
const COMPONENT_TYPE: u8 = 0x41;
const INSTANCE_TYPE: u8 = 0x42;
const MODULE_TYPE: u8 = 0x50;
/// First bytes of declarations that need care; all others are read as a whole.
const DECLARES_CORE_TYPE: u8 = 0x00;
const DECLARES_TYPE: u8 = 0x01;

/// Why a section is not taken.
pub(super) enum Wrong {
    /// It has too much, in words.
    TooMuch(String),
    /// It can't be read.
    Unreadable(BinaryReaderError),
}

impl From<BinaryReaderError> for Wrong {
    fn from(error: BinaryReaderError) -> Self {
        Self::Unreadable(error)
    }
}

/// Counts what a section of a component's types declares, at every level.
pub(super) fn types(mut section: BinaryReader<'_>, counts: &mut Counts) -> Result<(), Wrong> {
    // How many declarations each level still has. The section itself is the first, and has types only.
    let mut left = vec![announced(&mut section, counts)?];
    while let Some(here) = left.last_mut() {
        if *here == 0 {
            left.pop();
            continue;
        }
        *here -= 1;
        let is_type = left.len() == 1 || declares_type(&mut section, counts)?;
        if !is_type {
            continue;
        }
        match peek(&section)? {
            COMPONENT_TYPE | INSTANCE_TYPE => {
                section.read_u8()?;
                if left.len() > NESTED_MAX {
                    return Err(Wrong::TooMuch(format!("types are nested more than {NESTED_MAX} deep")));
                }
                left.push(announced(&mut section, counts)?);
            }
            _ => add(counts, Thing::Fields, fields(&section.read()?))?,
        }
    }
    Ok(())
}

/// Counts what a section of core types declares.
pub(super) fn core_types(mut section: BinaryReader<'_>, counts: &mut Counts) -> Result<(), Wrong> {
    (0..announced(&mut section, counts)?).try_for_each(|_| core_type(&mut section, counts))
}

/// Whether a type follows; whatever else is declared has been read.
fn declares_type(section: &mut BinaryReader<'_>, counts: &mut Counts) -> Result<bool, Wrong> {
    match peek(section)? {
        DECLARES_TYPE => {
            section.read_u8()?;
            Ok(true)
        }
        DECLARES_CORE_TYPE => {
            section.read_u8()?;
            core_type(section, counts).map(|()| false)
        }
        _ => Ok(section.read::<ComponentTypeDeclaration<'_>>().map(|_| false)?),
    }
}

fn core_type(section: &mut BinaryReader<'_>, counts: &mut Counts) -> Result<(), Wrong> {
    if peek(section)? != MODULE_TYPE {
        return match section.read()? {
            CoreType::Rec(group) => add(counts, Thing::Types, members(&group)),
            // It begins otherwise.
            CoreType::Module(declarations) => add(counts, Thing::Types, declarations.len()),
        };
    }
    section.read_u8()?;
    (0..announced(section, counts)?).try_for_each(|_| match section.read()? {
        ModuleTypeDeclaration::Type(group) => add(counts, Thing::Types, members(&group)),
        _ => Ok(()),
    })
}

fn members(group: &RecGroup) -> usize {
    group.types().len()
}

/// Names within a type.
fn fields(ty: &ComponentType<'_>) -> usize {
    use ComponentDefinedType as D;
    match ty {
        ComponentType::Func(function) => function.params.len(),
        ComponentType::Defined(D::Record(fields)) => fields.len(),
        ComponentType::Defined(D::Variant(cases)) => cases.len(),
        ComponentType::Defined(D::Tuple(types)) => types.len(),
        ComponentType::Defined(D::Flags(names) | D::Enum(names)) => names.len(),
        _ => 0,
    }
}

/// How many follow, counted before any of them is read.
fn announced(section: &mut BinaryReader<'_>, counts: &mut Counts) -> Result<u32, Wrong> {
    let announced = section.read_var_u32()?;
    add(counts, Thing::Types, announced as usize)?;
    Ok(announced)
}

fn add(counts: &mut Counts, thing: Thing, more: usize) -> Result<(), Wrong> {
    counts.add(thing, u32::try_from(more).unwrap_or(u32::MAX));
    counts.within_maxima().map_err(Wrong::TooMuch)
}

fn peek(section: &BinaryReader<'_>) -> Result<u8, Wrong> {
    Ok(section.clone().read_u8()?)
}
