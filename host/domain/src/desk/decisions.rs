//! A hash over everything a guest decided: two runs decided the same when it is the same. And, for whoever wants to see
//! them, the decisions themselves.

use crate::contract::{AskedOrder, DenyCode, Side};
use crate::ids::Digest;
use crate::time::Time;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::sync::Arc;

/// One thing a guest asked for, with the answer it got.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Market time.
    pub at: Time,
    /// What it asked for.
    pub asked: Asked,
    /// The order's number (of a modification or a cancel: the one that was named; of a signal or a timer 0), or why it was denied.
    pub answer: Result<u64, DenyCode>,
}

impl Decision {
    /// The number of the order that it placed.
    pub fn placed(&self) -> Option<u64> {
        matches!(self.asked, Asked::Submit(_) | Asked::Close { .. }).then_some(self.answer.ok()).flatten()
    }
}

/// What a guest can ask for, as it asked.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Asked {
    Submit(AskedOrder),
    ModifyOrder {
        id: u64,
        price: Option<f64>,
        stop_loss: Option<f64>,
        take_profit: Option<f64>,
    },
    ModifyPosition {
        id: u64,
        stop_loss: Option<f64>,
        take_profit: Option<f64>,
    },
    Cancel {
        id: u64,
    },
    Close {
        id: u64,
        volume: Option<f64>,
    },
    /// What it thinks, and does not ask for.
    Signal {
        symbol: u32,
        side: Option<Side>,
        confidence: f64,
        reason: String,
    },
    SetTimer {
        id: u32,
        at: i64,
        every: Option<u64>,
    },
    ClearTimer {
        id: u32,
    },
}

/// Hears of every decision, in order.
pub type Witness = Arc<dyn Fn(Decision) + Send + Sync>;

/// Counts decisions and chains them into one hash, answers included.
#[derive(Clone)]
pub struct Decisions {
    /// `None` where they are only counted.
    hash: Option<Sha256>,
    asked: u64,
    /// How often with which code.
    denied: Vec<(DenyCode, u64)>,
    witness: Option<Witness>,
    /// Whether that hears of signals and timers, too.
    hears_all: bool,
}

impl Default for Decisions {
    fn default() -> Self {
        Self { hash: Some(Sha256::new()), asked: 0, denied: Vec::new(), witness: None, hears_all: false }
    }
}

impl fmt::Debug for Decisions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} decisions, {} denied, sha256 {}", self.asked, self.denied(), self.digest())
    }
}

/// One decision as bytes: a letter, the time and the arguments, little endian, options with a leading 0 or 1.
struct Line(Vec<u8>);

impl Line {
    fn new(letter: u8, now: Time) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.push(letter);
        bytes.extend(now.0.to_le_bytes());
        Self(bytes)
    }
    fn word(mut self, value: u64) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }
    fn number(self, value: f64) -> Self {
        self.word(value.to_bits())
    }
    fn option(mut self, value: Option<u64>) -> Self {
        self.0.push(u8::from(value.is_some()));
        self.word(value.unwrap_or(0))
    }
    fn price(self, value: Option<f64>) -> Self {
        self.option(value.map(f64::to_bits))
    }
}

impl Decisions {
    /// The hash over all decisions so far; all zeros where they are only counted.
    pub fn digest(&self) -> Digest {
        self.hash.clone().map_or(Digest([0; 32]), |hash| Digest(hash.finalize().into()))
    }

    /// From now on they are counted and not chained, for whoever wants no hash: it costs a twentieth of a run that trades much.
    pub(super) fn only_count(&mut self) {
        self.hash = None;
    }

    /// How often the guest asked for an order, a modification, a cancel or a close.
    pub fn asked(&self) -> u64 {
        self.asked
    }

    /// How many of these were denied.
    pub fn denied(&self) -> u64 {
        self.denied.iter().map(|(_, times)| times).sum()
    }

    /// The same by code, in the order in which they first came.
    pub fn denied_by_code(&self) -> &[(DenyCode, u64)] {
        &self.denied
    }

    /// From now on `witness` hears of every decision, of signals and timers only if it hears all.
    pub(super) fn watch(&mut self, witness: Option<Witness>, hears_all: bool) {
        (self.witness, self.hears_all) = (witness, hears_all);
    }

    /// Tells a witness that hears all of a signal or a timer.
    pub(super) fn tell_other(&self, at: Time, asked: impl FnOnce() -> Asked) {
        if self.hears_all {
            self.tell(at, asked, Ok(0));
        }
    }

    /// Tells the witness, where there is one: without, what was asked for is not even copied.
    fn tell(&self, at: Time, asked: impl FnOnce() -> Asked, answer: Result<u64, DenyCode>) {
        if let Some(witness) = &self.witness {
            witness(Decision { at, asked: asked(), answer });
        }
    }

    fn note(&mut self, line: Line, answer: Result<u64, DenyCode>) {
        self.asked += 1;
        let line = match answer {
            Ok(id) => line.word(0).word(id),
            Err(code) => {
                match self.denied.iter_mut().find(|(known, _)| *known == code) {
                    Some((_, times)) => *times += 1,
                    None => self.denied.push((code, 1)),
                }
                line.word(1).word(code as u64)
            }
        };
        if let Some(hash) = &mut self.hash {
            hash.update((line.0.len() as u64).to_le_bytes());
            hash.update(line.0);
        }
    }

    pub(super) fn submit(&mut self, now: Time, order: &AskedOrder, answer: Result<u64, DenyCode>) {
        let mut line =
            Line::new(b's', now).word(u64::from(order.symbol)).word(order.side as u64).word(order.kind as u64).number(order.volume);
        line = line.price(order.price).price(order.stop_limit_price).price(order.stop_loss).price(order.take_profit);
        line = line.word(order.filling as u64).option(order.deviation.map(u64::from)).option(order.expires.map(|time| time as u64));
        line = line.option(order.position).word(u64::from(order.reduce_only));
        line.0.extend(order.tag.as_bytes());
        self.note(line, answer);
        self.tell(now, || Asked::Submit(order.clone()), answer);
    }

    pub(super) fn modify(&mut self, now: Time, letter: u8, id: u64, prices: [Option<f64>; 3], answer: Result<(), DenyCode>) {
        let line = prices.into_iter().fold(Line::new(letter, now).word(id), Line::price);
        self.note(line, answer.map(|()| id));
        let [price, stop_loss, take_profit] = prices;
        let asked = || match letter {
            b'm' => Asked::ModifyOrder { id, price, stop_loss, take_profit },
            _ => Asked::ModifyPosition { id, stop_loss, take_profit },
        };
        self.tell(now, asked, answer.map(|()| id));
    }

    pub(super) fn cancel(&mut self, now: Time, id: u64, answer: Result<(), DenyCode>) {
        self.note(Line::new(b'x', now).word(id), answer.map(|()| id));
        self.tell(now, || Asked::Cancel { id }, answer.map(|()| id));
    }

    pub(super) fn close(&mut self, now: Time, id: u64, volume: Option<f64>, answer: Result<u64, DenyCode>) {
        self.note(Line::new(b'c', now).word(id).price(volume), answer);
        self.tell(now, || Asked::Close { id, volume }, answer);
    }
}
