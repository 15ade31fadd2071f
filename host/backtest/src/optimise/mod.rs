//! Runs a strategy many times, with other parameters each time, and says which were best.
//!
//! A [`Space`] holds the combinations, a [`Search`](search::Search) proposes some of them, a [`Job`](job::Job) runs these on all
//! threads and tells the search what they are worth, a [`Campaign`] does so for each window of time and tests the best on the
//! time after it. All passes share one compiled component and one mapped set of ticks; of each pass its parameters and a dozen
//! figures are kept, in memory and, as it ends, in the [`Record`]'s files.
//!
//! What is found follows from the seed, the ticks and the strategy alone: not from the number of threads, nor from how often
//! it was interrupted and gone on with.

mod campaign;
mod criterion;
pub mod ini;
mod job;
mod map;
pub mod monte_carlo;
pub mod page;
mod pass;
mod random;
mod range;
mod record;
mod runner;
pub mod search;
pub mod set_file;
mod space;
pub mod summary;
pub mod text_file;
mod ticks;
pub mod windows;

pub use campaign::{Campaign, Findings, Method, SpanTrial, Tested, WindowFound, ranked};
pub use criterion::{Criterion, complex};
pub use job::{Found, Job, JobError, Trial, Trouble, threads};
pub use pass::{Figures, Outcome, Pass, PassFault};
pub use range::{Given, assignment};
pub use record::{Known, Part, Record, RecordError, header};
pub use runner::{Guests, Runner, Ticks};
pub use search::GeneticOptions;
pub use space::{Axis, Point, Space};
pub use ticks::{TickSet, TickSetError};
