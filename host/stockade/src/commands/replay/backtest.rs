//! What a backtest makes of the ticks that a live engine had: the same component, parameters, seed, saved state and account, over
//! the recorded market, from the beginning of its life, with orders that take as long as they took.

use super::answered::Answered;
use super::market;
use crate::exit::{Exit, Failure, Outcome};
use backtest::compare::decisions::{Line, write};
use backtest::{Batching, DEADLINE_MS, RunError, RunSetup, run};
use domain::actor::SavedState;
use domain::broker::AccountTerms;
use domain::contract::{AccountView, Param, RunMode};
use domain::desk::Desk;
use domain::guest::GuestFactory as _;
use domain::limits::GuestLimits;
use domain::number::Money;
use domain::risk::RiskLimits;
use domain::symbol::SymbolTable;
use domain::tape::{Entry, Heard};
use domain::time::Time;
use paper::{Delay, VenueOptions};
use record::Life;
use sandbox::{Addresses, Sandbox, SandboxConfig};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// What a life's first calls say of it.
struct Start<'a> {
    params: &'a [Param],
    restored: Option<SavedState>,
    account: &'a AccountView,
    at: Time,
}

/// A backtest over a life's ticks.
pub struct Done {
    /// How many decisions it took.
    pub decisions: u64,
    /// In which of its conditions it is like the life, and in which not; a line each.
    pub conditions: Vec<String>,
}

/// Runs the backtest and writes its decisions to `file`; `None` of a life in which nothing happened.
///
/// # Errors
/// The life never started, its ticks are not there, or the strategy fails.
pub fn decisions(records: &Path, life: &Life, component: &[u8], to: Time, file: &Path) -> Outcome<Option<Done>> {
    if super::nothing_happened(life) {
        return Ok(None);
    }
    let start = start(life)?;
    let refused = |why: String| Failure::new(Exit::Refused, format_args!("the recorded life can't be run as a backtest: {why}"));
    let table = SymbolTable::new(life.beginning.table.clone()).map_err(|error| refused(error.to_string()))?;
    let sandbox = Sandbox::<Desk>::new(SandboxConfig { addresses: Addresses::Wide, ..SandboxConfig::default() })
        .map_err(Failure::of(Exit::Machine))?;
    let loaded = sandbox.load(component).map_err(Failure::of(Exit::Refused))?;
    let description = sandbox.describe(&loaded.digest).map_err(Failure::of(Exit::Refused))?;
    let limits = GuestLimits { deadline_ms: DEADLINE_MS, ..life.beginning.limits };
    let answered = Answered::of(records, life).map_err(super::failure)?;
    // The record of the market goes on after this life.
    let (source, missed) = market::of(records, life, &table, start.at, to.min(answered.until))?;
    let source = source.heard(answered.hearing.clone());
    let out = Arc::new(Mutex::new((BufWriter::new(File::create(file).map_err(|error| Failure::io("create", file, &error))?), Ok(()), 0)));
    let witness = {
        let out = Arc::clone(&out);
        Arc::new(move |decision| {
            let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
            let (file, failed, count) = &mut *out;
            *count += 1;
            if failed.is_ok() {
                *failed = write(file, &Line::from(decision));
            }
        })
    };
    let account = start.account;
    let conditions = conditions(account, &answered, missed);
    let setup = RunSetup {
        symbols: life.beginning.symbols.clone(),
        table,
        description,
        params: start.params.to_vec(),
        restored: start.restored,
        // What came before its start is told row by row.
        start: Time(i64::MIN),
        terms: AccountTerms {
            mode: account.mode,
            currency: account.currency.clone(),
            leverage: account.leverage,
            deposit: Money::from_units(account.balance),
            ..AccountTerms::default()
        },
        risk: RiskLimits::default(),
        venue: VenueOptions { track_equity: false, delay: Delay::Each(Arc::clone(&answered.taken_us)), ..VenueOptions::default() },
        limits,
        seed: life.beginning.seed,
        mode: RunMode::Backtest,
        batching: Batching::Horizon,
        keep_remarks: false,
        witness: Some(witness),
    };
    match run(setup, source, |desk| sandbox.instantiate(&loaded.digest, desk, limits), |_| {}) {
        Ok(_) => {}
        // It had none after its start.
        Err(RunError::NoTicks) => {
            _ = std::fs::remove_file(file);
            return Ok(None);
        }
        Err(error) => return Err(refused(error.to_string().lines().next().unwrap_or_default().to_owned())),
    }
    let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
    let (buffer, failed, count) = &mut *out;
    let written = std::mem::replace(failed, Ok(())).and_then(|()| buffer.flush());
    written.map_err(|error| Failure::io("write", file, &error))?;
    Ok(Some(Done { decisions: *count, conditions }))
}

fn start(life: &Life) -> Outcome<Start<'_>> {
    let mut params: &[Param] = &[];
    let mut restored = None;
    for entry in &life.entries {
        match entry {
            Entry::Called { call: Heard::Init(given), .. } => params = given,
            Entry::Called { call: Heard::Load { schema, state }, .. } => {
                restored = Some(SavedState { schema: *schema, bytes: state.clone() });
            }
            Entry::Called { call: Heard::Start { account, .. }, at } => return Ok(Start { params, restored, account, at: *at }),
            _ => {}
        }
    }
    Err(Failure::new(Exit::NotFound, "the recorded life ended before it began: there is nothing to run a backtest over"))
}

/// What whoever compares the decisions has to know.
fn conditions(account: &AccountView, answered: &Answered, missed: u64) -> Vec<String> {
    let mut lines = vec![answered.to_string()];
    if missed > 0 {
        lines.push(format!(
            "{missed} ticks came while it was starting, paused or too slow, and were not handed to it; nor does the backtest, but for bars \
             that it heard of late"
        ));
    }
    if account.equity != account.balance {
        lines.push("the account had open positions when this life began; the backtest begins without any".to_owned());
    }
    lines.push(
        "not in the record: the market before the host started, but for the bars and ticks that the strategy asked for; limits other than \
         the usual; other engines on the account; and the moment at which the account changed while a tick was being handled; the backtest \
         has none of them"
            .to_owned(),
    );
    lines
}
