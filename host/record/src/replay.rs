//! Doing it again: a guest is called as it was called, hears what it heard, and must ask what it asked.

use crate::error::{RecordError, TicksMissing};
use crate::reader::Life;
use crate::ticks::TickTape;
use domain::contract::*;
use domain::guest::{Call, ContractBroken, Fault, FaultKind, Guest, GuestHost};
use domain::ids::Digest;
use domain::symbol::{SymbolId, SymbolSpec};
use domain::tape::{Asked, Entry};
use domain::tick::{Bar, Tick, Timeframe};
use domain::time::Time;
use domain::wake::Wake;
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::path::Path;

/// The host of a guest that is done again: it has one answer, the one that was given.
#[derive(Default)]
pub struct ReplayHost {
    now: Time,
    /// What it asked in the call that is being made, in order.
    script: VecDeque<Asked>,
    /// Where it departed from that.
    departed: Option<Departure>,
    /// The ticks that it waits for, of each symbol of which it has said so.
    wakes: HashMap<u32, Wake>,
}

/// What a guest did that the record does not have.
#[derive(Clone, Debug, PartialEq)]
struct Departure {
    recorded: Option<Asked>,
    now: String,
}

/// The first thing that went otherwise than it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Market time.
    pub at: Time,
    /// What the guest was called with.
    pub call: String,
    /// As it is recorded.
    pub recorded: String,
    /// As it is now.
    pub now: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}, called with {}: recorded {}, now {}", self.at, self.call, self.recorded, self.now)
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Ticks handed over.
    pub ticks: u64,
    /// Calls made, those with ticks included.
    pub calls: u64,
    /// Decisions within the time asked for: orders, modifications, cancels, closes, signals, timers.
    pub decisions: u64,
    /// A hash over them and their answers.
    pub digest: Digest,
    /// Market time up to which it was done again and compared; `None` when nothing was.
    pub until: Option<Time>,
    /// Whether the record goes on after the time asked for.
    pub goes_on: bool,
    /// How the life ended, when that was a fault or a gap in the record.
    pub ended: Option<String>,
    /// Ticks that the record names and does not have; nothing was done after those before them.
    pub missing: Option<TicksMissing>,
    /// The first difference; nothing was done after it.
    pub difference: Option<Difference>,
}

/// Does one life again, from its beginning up to `to`, with a guest of the component that lived; `decided` hears of each
/// decision from `from` on, with its time.
///
/// # Errors
/// The record can't be read.
pub fn replay(
    records: &Path,
    life: &Life,
    mut guest: Box<dyn Guest<ReplayHost>>,
    (from, to): (Time, Time),
    mut decided: impl FnMut(Time, &Asked),
) -> Result<Replayed, RecordError> {
    let names = life.beginning.symbols.iter().filter_map(|symbol| life.beginning.table.get(usize::from(symbol.0)));
    let mut tapes = names.map(|spec| TickTape::open(records, life.run, &spec.name)).collect::<Result<Vec<_>, _>>()?;
    let mut run = Again::default();
    let mut rest = life.entries.as_slice();
    // The fault of a batch of which only the last rows are left.
    let mut failed = None;
    while let [entry, after @ ..] = rest {
        let asked = after.iter().take_while(|entry| matches!(entry, Entry::Asked(_))).count();
        let (script, after) = after.split_at(asked);
        let ending = match after {
            [Entry::Failed(fault), Entry::Ticks { .. } | Entry::Gap, ..] => Ending::HereOrLater(fault),
            [Entry::Failed(fault), ..] => Ending::Here(fault),
            _ => failed.map_or(Ending::Returned, Ending::Here),
        };
        rest = after;
        match entry {
            Entry::Called { at, .. } if *at > to => {
                run.later = true;
                break;
            }
            Entry::Called { at, call } => run.call(&mut *guest, *at, &call.as_call(), script, ending),
            &Entry::Ticks { symbol, first, count, skipped } => {
                let Some(tape) = tapes.get_mut(symbol as usize) else { break };
                let last = first + u64::from(count) - 1;
                // A batch may have failed at any of its rows; where it asked something, it had come to the last of them.
                let before_last = ending.fault().filter(|_| script.is_empty()).map_or(Ending::Returned, Ending::HereOrLater);
                let mut over = false;
                let read = tape.range(SymbolId(symbol as u16), first, count, |tick| {
                    over = tick.time > to;
                    if over {
                        return false;
                    }
                    let is_last = tick.sequence == last;
                    let skipped = if tick.sequence == first { skipped } else { 0 };
                    run.ticks += 1;
                    let (script, ending) = if is_last { (script, ending) } else { (&[][..], before_last) };
                    run.call(&mut *guest, tick.time, &Call::Tick { symbol, tick, skipped }, script, ending);
                    run.goes_on()
                });
                run.later |= over;
                if !run.had_all(read)? || over {
                    break;
                }
            }
            &Entry::Passed { symbol, first, count } => {
                // A guest that never said what it waits for is handed every tick.
                let (Some(tape), Some(wake)) = (tapes.get_mut(symbol as usize), guest.host().wakes.get(&symbol).copied()) else { continue };
                let mut over = false;
                let read = tape.range(SymbolId(symbol as u16), first, count, |tick| {
                    over = tick.time > to;
                    if over {
                        return false;
                    }
                    run.until = run.until.max(Some(tick.time));
                    if wake.holds(tick) {
                        run.differ_at(tick.time, shown_tick(tick), "a tick that nobody waited for", "it is waited for");
                    }
                    run.goes_on()
                });
                run.later |= over;
                if !run.had_all(read)? || over {
                    break;
                }
            }
            Entry::Failed(fault) if matches!(rest.first(), Some(Entry::Ticks { .. })) => failed = Some(fault),
            Entry::Failed(fault) => run.ended = Some(fault.to_string()),
            Entry::Gap => run.ended = Some("the record has a hole: more came than it may have, or than the disk could take".into()),
            Entry::Begin(_) | Entry::Asked(_) | Entry::Untold { .. } => {}
        }
        for entry in script {
            if let Entry::Asked(asked) = entry
                && asked.is_decision()
                && guest.host().now >= from
            {
                run.decided(guest.host().now, asked);
                decided(guest.host().now, asked);
            }
        }
        if !run.goes_on() {
            break;
        }
    }
    Ok(run.done())
}

/// Whether a call ended the guest's life, as is recorded.
#[derive(Clone, Copy)]
enum Ending<'a> {
    /// No: it returned.
    Returned,
    /// It failed, or returned and a later row of the same batch failed.
    HereOrLater(&'a Fault),
    /// Yes.
    Here(&'a Fault),
}

impl<'a> Ending<'a> {
    fn fault(self) -> Option<&'a Fault> {
        match self {
            Self::Returned => None,
            Self::HereOrLater(fault) | Self::Here(fault) => Some(fault),
        }
    }
}

/// Whether it is a fault of handling a batch, which cannot occur tick by tick: one against its rules, or of the fuel and memory that all
/// of its rows had together. A trap has the same function's name in its backtrace, but is the strategy's.
fn is_of_batch(fault: &Fault) -> bool {
    let rules = ["contract broken: on-ticks", "contract broken: market.at"];
    let of_all_rows = matches!(fault.kind, FaultKind::OutOfFuel | FaultKind::OutOfMemory);
    rules.iter().any(|rule| fault.message.starts_with(rule)) || (of_all_rows && fault.message.contains("on-ticks"))
}

/// Whether whoever is called the same way must fail the same way. A flood is ended by its host, for what was asked.
fn comes_again(fault: &Fault) -> bool {
    fault.kind.is_its_own() && fault.kind != FaultKind::Flooding && !is_of_batch(fault)
}

#[derive(Default)]
struct Again {
    hash: Sha256,
    ticks: u64,
    calls: u64,
    decisions: u64,
    until: Option<Time>,
    /// What was done ended before what was not asked for.
    later: bool,
    ended: Option<String>,
    missing: Option<TicksMissing>,
    difference: Option<Difference>,
}

impl Again {
    fn call(&mut self, guest: &mut dyn Guest<ReplayHost>, at: Time, call: &Call<'_>, script: &[Entry], ending: Ending<'_>) {
        let host = guest.host();
        host.now = host.now.max(at);
        host.script = script.iter().filter_map(|entry| if let Entry::Asked(asked) = entry { Some(asked.clone()) } else { None }).collect();
        let now = host.now;
        self.calls += 1;
        self.until = Some(now);
        let outcome = guest.call(call.clone()).into_reply();
        let host = guest.host();
        let mut differ = |recorded: String, now_is: String| {
            self.difference = Some(Difference { at: now, call: shown(call), recorded, now: now_is });
        };
        let departed = host.departed.take();
        // A question that broke the contract had no answer to write down, and what is not its own end, or a batch's, did not keep it
        // this time.
        let cut_off = |fault: &&Fault| !fault.kind.is_its_own() || fault.message.contains("contract broken") || is_of_batch(fault);
        let cut_off = ending.fault().filter(cut_off);
        if let (Some(Departure { recorded: None, .. }), Some(fault)) = (&departed, cut_off) {
            self.ended = Some(fault.to_string());
        } else if let Some(departed) = departed {
            let recorded = departed.recorded.map_or_else(|| "nothing more".to_owned(), |asked| format!("{asked:?}"));
            differ(recorded, departed.now);
        } else if let Some(left) = host.script.pop_front() {
            differ(format!("{left:?}"), outcome.map_or_else(|fault| fault.to_string(), |_| "nothing more".into()));
        } else if let Err(now_failed) = outcome {
            match ending.fault() {
                // Whoever is not cut off this time goes on, perhaps to an end of its own.
                Some(recorded) if recorded.kind == now_failed.kind || !recorded.kind.is_its_own() => {
                    self.ended = Some(recorded.to_string())
                }
                Some(recorded) => differ(recorded.to_string(), now_failed.to_string()),
                None => differ("no fault".into(), now_failed.to_string()),
            }
        } else if let Ending::Here(fault) = ending {
            if comes_again(fault) {
                differ(fault.to_string(), "no fault".into());
            } else {
                self.ended = Some(fault.to_string());
            }
        }
    }

    fn differ_at(&mut self, at: Time, call: String, recorded: &str, now: &str) {
        self.difference = Some(Difference { at, call, recorded: recorded.to_owned(), now: now.to_owned() });
    }

    /// Whether all ticks of a range were there; those that are missing end it.
    fn had_all(&mut self, read: Result<(), RecordError>) -> Result<bool, RecordError> {
        match read {
            Ok(()) => Ok(true),
            Err(RecordError::TicksMissing(missing)) => {
                self.missing = Some(missing);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn goes_on(&self) -> bool {
        self.difference.is_none() && self.ended.is_none()
    }

    fn decided(&mut self, now: Time, asked: &Asked) {
        self.decisions += 1;
        let bytes = postcard::to_allocvec(&(now, asked)).expect("a decision has no type that can't be written");
        self.hash.update((bytes.len() as u64).to_le_bytes());
        self.hash.update(bytes);
    }

    fn done(self) -> Replayed {
        Replayed {
            ticks: self.ticks,
            calls: self.calls,
            decisions: self.decisions,
            digest: Digest(self.hash.finalize().into()),
            until: self.until,
            goes_on: self.later,
            ended: self.ended,
            missing: self.missing,
            difference: self.difference,
        }
    }
}

/// A call in a few words.
fn shown(call: &Call<'_>) -> String {
    match call {
        Call::Tick { tick, .. } => shown_tick(tick),
        Call::Init(_) => "init".into(),
        Call::Load { state, .. } => format!("load ({} bytes)", state.len()),
        Call::Start { .. } => "on-start".into(),
        Call::Save => "save".into(),
        other => format!("{other:?}"),
    }
}

fn shown_tick(tick: &Tick) -> String {
    format!("tick {} ({}/{})", tick.sequence, tick.bid, tick.ask)
}

impl ReplayHost {
    /// The recorded answer, when the guest asks what it asked then.
    fn answer<T>(&mut self, now: impl FnOnce() -> String, matching: impl FnOnce(&Asked) -> Option<T>) -> Option<T> {
        if self.departed.is_some() {
            return None;
        }
        let recorded = self.script.pop_front();
        let answer = recorded.as_ref().and_then(matching);
        if answer.is_none() {
            self.departed = Some(Departure { recorded, now: now() });
        }
        answer
    }

    fn departed() -> ContractBroken {
        ContractBroken("the replay has departed from the record".into())
    }
}

/// Same bits: a NaN is the same as itself.
fn same(a: Option<f64>, b: Option<f64>) -> bool {
    a.map(f64::to_bits) == b.map(f64::to_bits)
}

fn same_order(a: &AskedOrder, b: &AskedOrder) -> bool {
    let bits = |order: &AskedOrder| {
        [Some(order.volume), order.price, order.stop_limit_price, order.stop_loss, order.take_profit].map(|value| value.map(f64::to_bits))
    };
    let plain = |order: &AskedOrder| AskedOrder {
        volume: 0.0,
        price: None,
        stop_limit_price: None,
        stop_loss: None,
        take_profit: None,
        ..order.clone()
    };
    bits(a) == bits(b) && plain(a) == plain(b)
}

impl GuestHost for ReplayHost {
    fn submit(&mut self, asked: AskedOrder) -> Result<u64, DenyCode> {
        self.answer(
            || format!("Submit {asked:?}"),
            |recorded| match recorded {
                Asked::Submit { order, answer } if same_order(order, &asked) => Some(*answer),
                _ => None,
            },
        )
        .unwrap_or(Err(DenyCode::Invalid))
    }

    fn modify_order(&mut self, id: u64, price: Option<f64>, stop_loss: Option<f64>, take_profit: Option<f64>) -> Result<(), DenyCode> {
        let now = || format!("ModifyOrder {{ id: {id}, price: {price:?}, stop_loss: {stop_loss:?}, take_profit: {take_profit:?} }}");
        self.answer(now, |recorded| match recorded {
            Asked::ModifyOrder { id: i, price: p, stop_loss: s, take_profit: t, answer }
                if *i == id && same(*p, price) && same(*s, stop_loss) && same(*t, take_profit) =>
            {
                Some(*answer)
            }
            _ => None,
        })
        .unwrap_or(Err(DenyCode::Invalid))
    }

    fn modify_position(&mut self, id: u64, stop_loss: Option<f64>, take_profit: Option<f64>) -> Result<(), DenyCode> {
        let now = || format!("ModifyPosition {{ id: {id}, stop_loss: {stop_loss:?}, take_profit: {take_profit:?} }}");
        self.answer(now, |recorded| match recorded {
            Asked::ModifyPosition { id: i, stop_loss: s, take_profit: t, answer }
                if *i == id && same(*s, stop_loss) && same(*t, take_profit) =>
            {
                Some(*answer)
            }
            _ => None,
        })
        .unwrap_or(Err(DenyCode::Invalid))
    }

    fn cancel(&mut self, id: u64) -> Result<(), DenyCode> {
        self.answer(
            || format!("Cancel {{ id: {id} }}"),
            |recorded| match recorded {
                Asked::Cancel { id: i, answer } if *i == id => Some(*answer),
                _ => None,
            },
        )
        .unwrap_or(Err(DenyCode::Invalid))
    }

    fn close(&mut self, id: u64, volume: Option<f64>) -> Result<u64, DenyCode> {
        self.answer(
            || format!("Close {{ id: {id}, volume: {volume:?} }}"),
            |recorded| match recorded {
                Asked::Close { id: i, volume: v, answer } if *i == id && same(*v, volume) => Some(*answer),
                _ => None,
            },
        )
        .unwrap_or(Err(DenyCode::Invalid))
    }

    fn orders(&mut self) -> Vec<SeenOrder> {
        let rows = self.answer(|| "Orders".into(), |recorded| if let Asked::Orders(rows) = recorded { Some(rows.clone()) } else { None });
        rows.unwrap_or_default()
    }

    fn positions(&mut self) -> Vec<SeenPosition> {
        let rows =
            self.answer(|| "Positions".into(), |recorded| if let Asked::Positions(rows) = recorded { Some(rows.clone()) } else { None });
        rows.unwrap_or_default()
    }

    fn account(&mut self) -> AccountView {
        let view = self.answer(|| "Account".into(), |recorded| if let Asked::Account(view) = recorded { Some(view.clone()) } else { None });
        view.unwrap_or_else(|| AccountView {
            mode: AccountMode::Netting,
            currency: String::new(),
            leverage: 1,
            balance: 0.0,
            equity: 0.0,
            margin: 0.0,
            margin_free: 0.0,
        })
    }

    fn spec(&mut self, symbol: u32) -> Result<(SymbolSpec, f64), ContractBroken> {
        self.answer(
            || format!("Spec {{ symbol: {symbol} }}"),
            |recorded| match recorded {
                Asked::Spec { symbol: s, answer } if *s == symbol => Some(answer.clone()),
                _ => None,
            },
        )
        .ok_or_else(Self::departed)
    }

    fn bars(&mut self, symbol: u32, timeframe: Timeframe, count: u32) -> Result<Vec<Bar>, ContractBroken> {
        self.answer(
            || format!("Bars {{ symbol: {symbol}, timeframe: {timeframe:?}, count: {count} }}"),
            |recorded| match recorded {
                Asked::Bars { symbol: s, timeframe: t, count: c, answer } if (*s, *t, *c) == (symbol, timeframe, count) => {
                    Some(answer.clone())
                }
                _ => None,
            },
        )
        .ok_or_else(Self::departed)
    }

    fn ticks(&mut self, symbol: u32, count: u32) -> Result<Vec<Tick>, ContractBroken> {
        self.answer(
            || format!("Ticks {{ symbol: {symbol}, count: {count} }}"),
            |recorded| match recorded {
                Asked::Ticks { symbol: s, count: c, answer } if (*s, *c) == (symbol, count) => Some(answer.clone()),
                _ => None,
            },
        )
        .ok_or_else(Self::departed)
    }

    fn last_gap(&mut self, symbol: u32) -> Result<Option<Gap>, ContractBroken> {
        self.answer(
            || format!("LastGap {{ symbol: {symbol} }}"),
            |recorded| match recorded {
                Asked::LastGap { symbol: s, answer } if *s == symbol => Some(*answer),
                _ => None,
            },
        )
        .ok_or_else(Self::departed)
    }

    fn now(&mut self) -> i64 {
        self.now.0
    }

    fn at(&mut self, _: u32) -> Result<(), ContractBroken> {
        Err(ContractBroken("market.at outside of on-ticks".into()))
    }

    fn random(&mut self) -> u64 {
        self.answer(|| "Random".into(), |recorded| if let Asked::Random(value) = recorded { Some(*value) } else { None })
            .unwrap_or_default()
    }

    fn log(&mut self, _: LogLevel, _: &str) {}

    fn signal(&mut self, symbol: u32, side: Option<Side>, confidence: f64, reason: &str) -> Result<(), ContractBroken> {
        let now = || format!("Signal {{ symbol: {symbol}, side: {side:?}, confidence: {confidence}, reason: {reason:?} }}");
        self.answer(now, |recorded| match recorded {
            Asked::Signal { symbol: s, side: d, confidence: c, reason: r }
                if *s == symbol && *d == side && c.to_bits() == confidence.to_bits() && r == reason =>
            {
                Some(())
            }
            _ => None,
        })
        .ok_or_else(Self::departed)
    }

    fn plot(&mut self, _: &str, _: f64) {}

    fn set_timer(&mut self, id: u32, at: i64, every: Option<u64>) -> Result<(), ContractBroken> {
        self.answer(
            || format!("SetTimer {{ id: {id}, at: {at}, every: {every:?} }}"),
            |recorded| match recorded {
                Asked::SetTimer { id: i, at: a, every: e } if (*i, *a, *e) == (id, at, every) => Some(()),
                _ => None,
            },
        )
        .ok_or_else(Self::departed)
    }

    fn clear_timer(&mut self, id: u32) {
        self.answer(
            || format!("ClearTimer({id})"),
            |recorded| match recorded {
                Asked::ClearTimer(i) if *i == id => Some(()),
                _ => None,
            },
        );
    }

    fn set_wake(&mut self, symbol: u32, wake: Wake) -> Result<(), ContractBroken> {
        // Only what was news is recorded.
        if self.wakes.insert(symbol, wake).unwrap_or(Wake::EVERY_TICK).is_same(&wake) {
            return Ok(());
        }
        self.answer(
            || format!("SetWake {{ symbol: {symbol}, wake: {wake:?} }}"),
            |recorded| match recorded {
                Asked::SetWake { symbol: s, wake: w } if *s == symbol && w.is_same(&wake) => Some(()),
                _ => None,
            },
        )
        .ok_or_else(Self::departed)
    }

    fn budget(&mut self) -> Budget {
        let seen = self.answer(
            || "Budget".into(),
            |recorded| match recorded {
                Asked::Budget { orders, log_bytes } => Some((*orders, *log_bytes)),
                _ => None,
            },
        );
        let (orders, log_bytes) = seen.unwrap_or_default();
        Budget { fuel: 0, memory_bytes: 0, orders, log_bytes }
    }
}

#[cfg(test)]
mod tests;
