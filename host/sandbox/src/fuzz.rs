//! What reads strangers' bytes, shown to `host/fuzz`.
#![allow(missing_docs, reason = "for fuzz targets alone")]

/// # Errors
/// The component is refused, in words.
pub fn check(component: &[u8]) -> Result<(), String> {
    crate::check::check(component).map(drop)
}

pub fn are_plain(shim: &[u8], fixups: &[u8]) -> bool {
    crate::direct::are_plain(shim, fixups)
}

pub fn answer(said: &[u8]) {
    crate::compile::read_answer(said);
}
