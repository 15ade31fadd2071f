//! How values lie in a guest's memory: the component model's canonical ABI, for the types that the contract has.
//!
//! Everything a guest says of its memory is checked before it is used: a pointer that is out of bounds or not aligned, a
//! text that is not UTF-8, a case that does not exist end its call.

use crate::state::State;
use std::sync::Arc;
use wasmtime::{AsContextMut as _, Error, Memory, Result, StoreContextMut, TypedFunc};

/// Where a guest keeps what crosses: its memory, and its way to give out a piece of it.
pub(crate) struct Parts {
    pub memory: Memory,
    /// Place and size before, alignment, size. Typed once: to look that up takes longer than the call.
    pub realloc: TypedFunc<(u32, u32, u32, u32), u32>,
}

/// Size and alignment in memory, bytes.
pub(super) trait Laid {
    const SIZE: usize;
    const ALIGN: usize;
}

/// A value that comes from a guest.
pub(super) trait Load: Laid + Sized {
    /// Reads it from `at`, which is aligned.
    fn load(from: &mut Source<'_>, at: usize) -> Result<Self>;
}

/// A value that goes to a guest.
pub(super) trait Save: Laid {
    /// Writes it to `at`, which is aligned.
    fn save<H>(&self, to: &mut Sink<'_, H>, at: usize) -> Result<()>;

    /// Writes one after the other.
    fn save_all<H>(all: &[Self], to: &mut Sink<'_, H>, at: usize) -> Result<()>
    where
        Self: Sized,
    {
        (0..).zip(all).try_for_each(|(place, one)| one.save(to, at + place * Self::SIZE))
    }
}

/// Bytes up to the next multiple of `align`.
pub(super) const fn up(at: usize, align: usize) -> usize {
    (at + align - 1) & !(align - 1)
}

pub(super) const fn larger(one: usize, other: usize) -> usize {
    if one > other { one } else { other }
}

/// A guest handed over more in one call than it may.
#[derive(Debug, thiserror::Error)]
#[error("handed more bytes to the host at once than it may")]
pub(crate) struct TooMuch;

/// A guest pointed at what is not in its memory.
#[derive(Debug, thiserror::Error)]
#[error("contract broken: a text or list that it handed to the host lies outside its memory")]
pub(crate) struct NotThere;

pub(super) fn broken(what: &str) -> Error {
    Error::msg(format!("contract broken: {what}"))
}

/// A guest's memory to read from, and how many bytes may still be copied.
pub(super) struct Source<'a> {
    memory: &'a [u8],
    bytes_left: usize,
}

impl<'a> Source<'a> {
    pub fn new(memory: &'a [u8], bytes_max: usize) -> Self {
        Self { memory, bytes_left: bytes_max }
    }

    pub fn bytes(&self, at: usize, len: usize) -> Result<&'a [u8]> {
        let end = at.checked_add(len).ok_or(NotThere)?;
        Ok(self.memory.get(at..end).ok_or(NotThere)?)
    }

    fn array<const N: usize>(&self, at: usize) -> Result<[u8; N]> {
        let bytes = self.bytes(at, N)?;
        Ok(bytes.try_into().expect("as many bytes as were asked for"))
    }

    /// A value that a pointer of the guest's names.
    pub fn at<T: Load>(&mut self, pointer: u32) -> Result<T> {
        T::load(self, aligned(pointer, T::ALIGN)?)
    }

    /// The bytes of a list of them; they count.
    pub fn many(&mut self, pointer: u32, count: u32) -> Result<&'a [u8]> {
        let bytes = self.bytes(pointer as usize, count as usize)?;
        self.bytes_left = self.bytes_left.checked_sub(bytes.len()).ok_or_else(|| Error::new(TooMuch))?;
        Ok(bytes)
    }

    pub fn text(&mut self, pointer: u32, len: u32) -> Result<&'a str> {
        std::str::from_utf8(self.many(pointer, len)?).map_err(|_| broken("a text is not UTF-8"))
    }
}

fn aligned(pointer: u32, align: usize) -> Result<usize> {
    let at = pointer as usize;
    if at.is_multiple_of(align) { Ok(at) } else { Err(broken("a pointer is not aligned")) }
}

/// A guest's memory to write to.
pub(super) struct Sink<'a, H: 'static> {
    pub store: StoreContextMut<'a, State<H>>,
    parts: Arc<Parts>,
}

impl<'a, H> Sink<'a, H> {
    pub fn new(store: StoreContextMut<'a, State<H>>, parts: Arc<Parts>) -> Self {
        Self { store, parts }
    }

    /// Writes a value to where a pointer of the guest's says.
    pub fn put<T: Save>(&mut self, pointer: u32, value: &T) -> Result<()> {
        value.save(self, aligned(pointer, T::ALIGN)?)
    }

    fn write(&mut self, at: usize, bytes: &[u8]) -> Result<()> {
        self.place(at, bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    fn place(&mut self, at: usize, len: usize) -> Result<&mut [u8]> {
        let memory = self.parts.memory.data_mut(&mut self.store);
        let outside = || broken("the place that it gave the host for an answer lies outside its memory");
        let end = at.checked_add(len).ok_or_else(outside)?;
        memory.get_mut(at..end).ok_or_else(outside)
    }

    /// A fresh piece of the guest's memory. The guest's allocator may call nobody while it is at that. Nothing needs no room:
    /// whoever has no bytes there neither reads nor frees them, in any language.
    fn room(&mut self, align: usize, len: usize) -> Result<u32> {
        if len == 0 {
            return Ok(align as u32);
        }
        let realloc = &self.parts.realloc;
        let len = u32::try_from(len).map_err(|_| broken("a value does not fit into its memory"))?;
        let pointer = alone(&mut self.store, |store| realloc.call(store, (0, 0, align as u32, len)))?;
        self.place(aligned(pointer, align)?, len as usize)?;
        Ok(pointer)
    }

    /// A text's bytes in the guest's memory, and how many.
    pub fn text(&mut self, text: &str) -> Result<(u32, u32)> {
        let pointer = self.room(1, text.len())?;
        self.write(pointer as usize, text.as_bytes())?;
        Ok((pointer, text.len() as u32))
    }

    /// A list's items in the guest's memory, and how many.
    pub fn list<T: Save>(&mut self, items: &[T]) -> Result<(u32, u32)> {
        let pointer = self.room(T::ALIGN, items.len() * T::SIZE)?;
        T::save_all(items, self, pointer as usize)?;
        Ok((pointer, items.len() as u32))
    }

    fn pair(&mut self, at: usize, (pointer, len): (u32, u32)) -> Result<()> {
        pointer.save(self, at)?;
        len.save(self, at + 4)
    }
}

/// Calls a helper of the guest's, which must not ask the host for anything.
pub(super) fn alone<H, R>(
    store: &mut StoreContextMut<'_, State<H>>,
    call: impl FnOnce(StoreContextMut<'_, State<H>>) -> Result<R>,
) -> Result<R> {
    store.data_mut().may_ask = false;
    let done = call(store.as_context_mut());
    store.data_mut().may_ask = true;
    done
}

macro_rules! numbers {
    ($($number:ty)+) => { $(
        impl Laid for $number {
            const SIZE: usize = size_of::<$number>();
            const ALIGN: usize = size_of::<$number>();
        }
        impl Load for $number {
            fn load(from: &mut Source<'_>, at: usize) -> Result<Self> {
                Ok(Self::from_le_bytes(from.array(at)?))
            }
        }
        impl Save for $number {
            fn save<H>(&self, to: &mut Sink<'_, H>, at: usize) -> Result<()> {
                to.write(at, &self.to_le_bytes())
            }
            fn save_all<H>(all: &[Self], to: &mut Sink<'_, H>, at: usize) -> Result<()> {
                let place = to.place(at, size_of_val(all))?;
                // Compiles to one copy.
                let each = place.chunks_exact_mut(size_of::<Self>()).zip(all);
                each.for_each(|(place, number)| place.copy_from_slice(&number.to_le_bytes()));
                Ok(())
            }
        }
    )+ };
}

numbers! { u8 u32 u64 i64 f64 }

impl Laid for bool {
    const SIZE: usize = 1;
    const ALIGN: usize = 1;
}

impl Load for bool {
    fn load(from: &mut Source<'_>, at: usize) -> Result<Self> {
        // As the ABI has it: whatever is not zero is true.
        Ok(u8::load(from, at)? != 0)
    }
}

impl Save for bool {
    fn save<H>(&self, to: &mut Sink<'_, H>, at: usize) -> Result<()> {
        u8::from(*self).save(to, at)
    }
}

impl Laid for () {
    const SIZE: usize = 0;
    const ALIGN: usize = 1;
}

impl Load for () {
    fn load(_: &mut Source<'_>, _: usize) -> Result<Self> {
        Ok(())
    }
}

impl Save for () {
    fn save<H>(&self, _: &mut Sink<'_, H>, _: usize) -> Result<()> {
        Ok(())
    }
}

/// A pointer and a number, for texts and lists.
macro_rules! pairs {
    ($([$($generic:tt)*] $list:ty;)+) => { $(
        impl<$($generic)*> Laid for $list {
            const SIZE: usize = 8;
            const ALIGN: usize = 4;
        }
    )+ };
}

pairs! { [] String; [] &str; [T] Vec<T>; [T] &[T]; }

impl Load for String {
    fn load(from: &mut Source<'_>, at: usize) -> Result<Self> {
        let (pointer, len) = (u32::load(from, at)?, u32::load(from, at + 4)?);
        from.text(pointer, len).map(str::to_owned)
    }
}

impl Save for &str {
    fn save<H>(&self, to: &mut Sink<'_, H>, at: usize) -> Result<()> {
        let text = to.text(self)?;
        to.pair(at, text)
    }
}

impl Save for String {
    fn save<H>(&self, to: &mut Sink<'_, H>, at: usize) -> Result<()> {
        self.as_str().save(to, at)
    }
}

impl<T: Save> Save for &[T] {
    fn save<H>(&self, to: &mut Sink<'_, H>, at: usize) -> Result<()> {
        let list = to.list(self)?;
        to.pair(at, list)
    }
}

impl<T: Save> Save for Vec<T> {
    fn save<H>(&self, to: &mut Sink<'_, H>, at: usize) -> Result<()> {
        self.as_slice().save(to, at)
    }
}

impl<T: Laid> Laid for Option<T> {
    const SIZE: usize = up(up(1, T::ALIGN) + T::SIZE, Self::ALIGN);
    const ALIGN: usize = T::ALIGN;
}

impl<T: Load> Load for Option<T> {
    fn load(from: &mut Source<'_>, at: usize) -> Result<Self> {
        match u8::load(from, at)? {
            0 => Ok(None),
            1 => T::load(from, at + up(1, T::ALIGN)).map(Some),
            _ => Err(broken("an option is neither there nor absent")),
        }
    }
}

impl<T: Save> Save for Option<T> {
    fn save<H>(&self, to: &mut Sink<'_, H>, at: usize) -> Result<()> {
        u8::from(self.is_some()).save(to, at)?;
        self.as_ref().map_or(Ok(()), |value| value.save(to, at + up(1, T::ALIGN)))
    }
}

impl<T: Laid, E: Laid> Laid for std::result::Result<T, E> {
    const SIZE: usize = up(up(1, Self::ALIGN) + larger(T::SIZE, E::SIZE), Self::ALIGN);
    const ALIGN: usize = larger(T::ALIGN, E::ALIGN);
}

impl<T: Load, E: Load> Load for std::result::Result<T, E> {
    fn load(from: &mut Source<'_>, at: usize) -> Result<Self> {
        let payload = at + up(1, Self::ALIGN);
        match u8::load(from, at)? {
            0 => T::load(from, payload).map(Ok),
            1 => E::load(from, payload).map(Err),
            _ => Err(broken("a result is neither good nor bad")),
        }
    }
}

impl<T: Save, E: Save> Save for std::result::Result<T, E> {
    fn save<H>(&self, to: &mut Sink<'_, H>, at: usize) -> Result<()> {
        let payload = at + up(1, Self::ALIGN);
        u8::from(self.is_err()).save(to, at)?;
        match self {
            Ok(value) => value.save(to, payload),
            Err(error) => error.save(to, payload),
        }
    }
}
