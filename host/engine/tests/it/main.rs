//! The host with scripted guests, a scripted broker, a journal in memory and a clock that is moved by hand.

// As everyone else calls it.
extern crate stockade_engine as engine;

mod allocations;
mod backlog;
mod hostile;
mod keeping;
mod lane;
mod late;
mod life;
mod moving;
mod neighbours;
mod orders;
mod quotas;
mod recording;
mod recovery;
mod room;
mod seen;
mod shadow;
mod simulation;
mod starting;
mod support;
mod swap;
mod waiting;
