//! Runs passes: the same run as `stockade backtest`, with nothing kept but its figures.

use super::job::Trouble;
use super::pass::{Figures, PassFault};
use super::windows::Span;
use crate::confirm::{ReadsAhead, confirm};
use crate::report::{MissingBars, RunReport};
use crate::run::{Batching, DEADLINE_MS, RunError, RunSetup, located, run};
use crate::source::Source;
use domain::contract::{Param, RunMode};
use domain::desk::{Desk, Witness};
use domain::guest::{Fault, Guest};
use domain::limits::GuestLimits;
use domain::time::Time;
use market::StoreError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Gives the ticks with `from <= time < to`.
pub type Ticks<'a> = dyn Fn(Time, Time) -> Result<Source, StoreError> + Sync + 'a;
/// Makes a strategy around its desk, within limits.
pub type Guests<'a> = dyn Fn(Desk, GuestLimits) -> Result<Box<dyn Guest<Desk>>, Fault> + Sync + 'a;

/// What all passes share.
pub struct Runner<'a> {
    setup: RunSetup,
    ticks: &'a Ticks<'a>,
    guests: &'a Guests<'a>,
    warm_up_us: i64,
    stop: &'a AtomicBool,
    missing_bars: Mutex<Vec<MissingBars>>,
}

impl<'a> Runner<'a> {
    /// Passes of `setup`, which differ in parameters and time. `warm_up_us` before its time, ticks only warm up.
    pub fn new(setup: RunSetup, ticks: &'a Ticks<'a>, guests: &'a Guests<'a>, warm_up_us: i64, stop: &'a AtomicBool) -> Self {
        let mut setup = RunSetup { mode: RunMode::Optimisation, keep_remarks: false, witness: None, ..setup };
        setup.limits.deadline_ms = DEADLINE_MS;
        Self { setup, ticks, guests, warm_up_us, stop, missing_bars: Mutex::default() }
    }

    /// The bars that were missing before the start of the pass that lacked most.
    pub fn missing_bars(&self) -> Vec<MissingBars> {
        self.missing_bars.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note_missing(&self, missing: &[MissingBars]) {
        let lacked = |bars: &[MissingBars]| bars.iter().map(|bars| bars.wanted - bars.there).sum::<usize>();
        if !missing.is_empty() {
            let mut most = self.missing_bars.lock().unwrap_or_else(PoisonError::into_inner);
            if lacked(missing) > lacked(&most) {
                *most = missing.to_vec();
            }
        }
    }

    /// The figures of a run. Days without a tick give those of an account that did not trade.
    ///
    /// # Errors
    /// As [`Trouble`] says.
    pub fn figures(&self, params: &[Param], span: Span) -> Result<Figures, Trouble> {
        // Of a pass nobody wants the hash over its decisions.
        let counted = |mut desk: Desk, limits: GuestLimits| {
            desk.only_count_decisions();
            (self.guests)(desk, limits)
        };
        match self.run(params, span, self.setup.batching.clone(), None, &counted)? {
            Some(report) => Ok(Figures::of(&report)),
            None => Ok(Figures { balance: self.setup.terms.deposit.to_units(), ..Figures::default() }),
        }
    }

    /// All of a run; `None` for days without a tick.
    ///
    /// # Errors
    /// As [`Trouble`] says.
    pub fn report(&self, params: &[Param], span: Span) -> Result<Option<RunReport>, Trouble> {
        self.run(params, span, self.setup.batching.clone(), None, self.guests)
    }

    /// Runs a pass again with other batches: `Some` of a strategy that then decides otherwise.
    ///
    /// # Errors
    /// As [`Trouble`] says.
    pub fn reads_ahead(&self, params: &[Param], span: Span) -> Result<Option<ReadsAhead>, Trouble> {
        let Some(report) = self.report(params, span)? else { return Ok(None) };
        let again = |batching, witness| {
            let ticks_gone = || Trouble::Host("the ticks that were there are gone".to_owned());
            self.run(params, span, batching, witness, self.guests)?.ok_or_else(ticks_gone)
        };
        confirm(&report, again).map(Result::err)
    }

    fn run(
        &self,
        params: &[Param],
        span: Span,
        batching: Batching,
        witness: Option<Witness>,
        guests: &Guests<'_>,
    ) -> Result<Option<RunReport>, Trouble> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Trouble::Stopped);
        }
        let once = |batching, witness| {
            let source = (self.ticks)(span.start().plus_us(-self.warm_up_us), span.stop())?;
            let setup = RunSetup { params: params.to_vec(), start: span.start(), batching, witness, ..self.setup.clone() };
            let limits = setup.limits;
            run(setup, source, |desk| guests(desk, limits), |_| ())
        };
        let ended = once(batching, witness).map_err(|error| located(error, |batching| once(batching, None)));
        // What ran while it was told to stop may have seen the ticks end early.
        if self.stop.load(Ordering::Relaxed) {
            return Err(Trouble::Stopped);
        }
        match ended {
            Ok(report) => {
                self.note_missing(&report.missing_bars);
                Ok(Some(report))
            }
            Err(RunError::NoTicks) => Ok(None),
            Err(RunError::Ticks(error)) => Err(Trouble::Host(error.to_string())),
            // Within a batch in which it does not come again its time is not known, and a wrong one helps nobody.
            Err(RunError::Strategy { at, fault, batch, .. }) => Err(Trouble::Fault(PassFault::of(&fault, batch.is_none().then_some(at)))),
        }
    }
}
