//! A hash over everything a guest decided: two runs decided the same when it is the same. And, for whoever wants to see
//! them, the decisions themselves.

use crate::contract::{AskedOrder, DenyCode, Side};
use crate::ids::Digest;
use crate::time::Time;
use sha2::{Digest as _, Sha256};
use smallvec::SmallVec;
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

/// One decision as bytes, as few as there are, since each has its price: the answer, a letter, the time and the arguments, little endian,
/// choices as one byte, options with a leading 0 or 1 and nothing after a 0. Most fit into one block of the hash.
#[derive(Default)]
struct Line(SmallVec<[u8; 128]>);

impl Line {
    fn begin(&mut self, letter: u8, now: Time) -> &mut Self {
        self.choice(letter).bytes(&now.0.to_le_bytes())
    }
    #[inline]
    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }
    fn choice(&mut self, one: u8) -> &mut Self {
        self.bytes(&[one])
    }
    fn word(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }
    fn number(&mut self, value: f64) -> &mut Self {
        self.word(value.to_bits())
    }
    fn option(&mut self, value: Option<u64>) -> &mut Self {
        match value {
            Some(value) => self.choice(1).word(value),
            None => self.choice(0),
        }
    }
    fn price(&mut self, value: Option<f64>) -> &mut Self {
        self.option(value.map(f64::to_bits))
    }
}

impl Decisions {
    /// The hash over all decisions so far; all zeros where they are only counted.
    pub fn digest(&self) -> Digest {
        self.hash.clone().map_or(Digest([0; 32]), |hash| Digest(hash.finalize().into()))
    }

    /// From now on they are counted and not chained, for whoever wants no hash: it has a share in the cost of an order.
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

    /// Counts a decision and, unless they are only counted, chains its line.
    fn note(&mut self, answer: Result<u64, DenyCode>, write: impl FnOnce(&mut Line)) {
        self.asked += 1;
        if let Err(code) = answer {
            match self.denied.iter_mut().find(|(known, _)| *known == code) {
                Some((_, times)) => *times += 1,
                None => self.denied.push((code, 1)),
            }
        }
        let Some(hash) = &mut self.hash else { return };
        let mut line = Line::default();
        // The answer comes first: a text without a length of its own may only be the last.
        match answer {
            Ok(id) => line.choice(0).word(id),
            Err(code) => line.choice(1).choice(code as u8),
        };
        write(&mut line);
        // Its length goes first, so that no two chains of decisions are the same bytes.
        hash.update((line.0.len() as u32).to_le_bytes());
        hash.update(line.0);
    }

    pub(super) fn submit(&mut self, now: Time, order: &AskedOrder, answer: Result<u64, DenyCode>) {
        self.note(answer, |line| {
            line.begin(b's', now).bytes(&order.symbol.to_le_bytes()).choice(order.side as u8).choice(order.kind as u8);
            line.number(order.volume).price(order.price).price(order.stop_limit_price).price(order.stop_loss).price(order.take_profit);
            line.choice(order.filling as u8).option(order.deviation.map(u64::from)).option(order.expires.map(|time| time as u64));
            line.option(order.position).choice(u8::from(order.reduce_only)).bytes(order.tag.as_bytes());
        });
        self.tell(now, || Asked::Submit(order.clone()), answer);
    }

    pub(super) fn modify(&mut self, now: Time, letter: u8, id: u64, prices: [Option<f64>; 3], answer: Result<(), DenyCode>) {
        let answer = answer.map(|()| id);
        self.note(answer, |line| {
            line.begin(letter, now).word(id);
            prices.into_iter().for_each(|price| _ = line.price(price));
        });
        let [price, stop_loss, take_profit] = prices;
        let asked = || match letter {
            b'm' => Asked::ModifyOrder { id, price, stop_loss, take_profit },
            _ => Asked::ModifyPosition { id, stop_loss, take_profit },
        };
        self.tell(now, asked, answer);
    }

    pub(super) fn cancel(&mut self, now: Time, id: u64, answer: Result<(), DenyCode>) {
        let answer = answer.map(|()| id);
        self.note(answer, |line| _ = line.begin(b'x', now).word(id));
        self.tell(now, || Asked::Cancel { id }, answer);
    }

    pub(super) fn close(&mut self, now: Time, id: u64, volume: Option<f64>, answer: Result<u64, DenyCode>) {
        self.note(answer, |line| _ = line.begin(b'c', now).word(id).price(volume));
        self.tell(now, || Asked::Close { id, volume }, answer);
    }
}
