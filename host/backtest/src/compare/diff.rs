//! Two files of decisions side by side: where they first differ, and how much.

use super::decisions::{Decisions, Line};
use domain::contract::OrderKind;
use domain::tape::Asked;
use domain::time::Time;
use serde::Serialize;
use std::io::BufRead;

/// What a comparison of decisions found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DecisionsDiff {
    /// Decisions of each side.
    pub counts: [u64; 2],
    /// Those of each side that were denied.
    pub denied: [u64; 2],
    /// Decisions up to the first difference.
    pub same: u64,
    /// Decisions that both have at the same market time and alike, whatever came before them.
    pub alike: u64,
    /// The first difference.
    pub first: Option<FirstDifference>,
}

/// Where two runs part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FirstDifference {
    /// Market time of the earlier of the two.
    pub at: String,
    /// Lines of the files; `None` where one has ended.
    pub lines: [Option<u64>; 2],
    /// What each decided, in words.
    pub decisions: [Option<String>; 2],
}

/// Compares what two files decide.
///
/// # Errors
/// A line can't be read; says of which file, 0 or 1.
pub fn diff<A: BufRead, B: BufRead>(a: A, b: B) -> Result<DecisionsDiff, (usize, String)> {
    let (mut a, mut b) = (Decisions::new(a), Decisions::new(b));
    let mut found = DecisionsDiff::default();
    let (mut left, mut right) = (a.read_next().map_err(|why| (0, why))?, b.read_next().map_err(|why| (1, why))?);
    loop {
        let order = match (&left, &right) {
            (None, None) => return Ok(found),
            (Some((_, one)), Some((_, other))) if one == other => {
                found.same += u64::from(found.first.is_none());
                found.alike += 1;
                std::cmp::Ordering::Equal
            }
            (one, other) => {
                if found.first.is_none() {
                    found.first = Some(first(one.as_ref(), other.as_ref()));
                }
                match (one, other) {
                    (Some((_, one)), Some((_, other))) => one.at.cmp(&other.at),
                    (Some(_), None) => std::cmp::Ordering::Less,
                    _ => std::cmp::Ordering::Greater,
                }
            }
        };
        // After a difference the one that is behind in time catches up, so that what is alike again is seen.
        if order.is_le()
            && let Some((_, line)) = left.take()
        {
            found.count(0, &line);
            left = a.read_next().map_err(|why| (0, why))?;
        }
        if order.is_ge()
            && let Some((_, line)) = right.take()
        {
            found.count(1, &line);
            right = b.read_next().map_err(|why| (1, why))?;
        }
    }
}

impl DecisionsDiff {
    /// Whether both decided the same.
    pub fn is_same(&self) -> bool {
        self.first.is_none()
    }

    fn count(&mut self, side: usize, line: &Line) {
        self.counts[side] += 1;
        self.denied[side] += u64::from(denial(&line.asked).is_some());
    }
}

fn first(a: Option<&(u64, Line)>, b: Option<&(u64, Line)>) -> FirstDifference {
    let at = a.into_iter().chain(b).map(|(_, line)| line.at).min().unwrap_or(Time(0));
    let words = |side: Option<&(u64, Line)>| side.map(|(_, line)| words(line));
    FirstDifference { at: at.to_string(), lines: [a.map(|one| one.0), b.map(|one| one.0)], decisions: [words(a), words(b)] }
}

fn denial(asked: &Asked) -> Option<domain::contract::DenyCode> {
    match asked {
        Asked::Submit { answer, .. } | Asked::Close { answer, .. } => answer.err(),
        Asked::ModifyOrder { answer, .. } | Asked::ModifyPosition { answer, .. } | Asked::Cancel { answer, .. } => answer.err(),
        _ => None,
    }
}

/// A decision in a line for people.
fn words(line: &Line) -> String {
    let price = |name: &str, price: Option<f64>| price.map_or(String::new(), |price| format!(" {name} {price}"));
    let asked = match &line.asked {
        Asked::Submit { order, .. } => {
            let at = if order.kind == OrderKind::Market { String::new() } else { price("at", order.price) };
            let stops = [price("limit", order.stop_limit_price), price("sl", order.stop_loss), price("tp", order.take_profit)].concat();
            let of = order.position.map_or(String::new(), |id| format!(" of position {id}"));
            let tag = if order.tag.is_empty() { String::new() } else { format!(" {:?}", order.tag) };
            let only = if order.reduce_only { " reduce-only" } else { "" };
            format!("{} {} {} lots of symbol {}{at}{stops}{of}{only}{tag}", order.side, order.kind, order.volume, order.symbol)
        }
        Asked::ModifyOrder { id, price: to, stop_loss, take_profit, .. } => {
            format!("modify order {id}{}{}{}", price("at", *to), price("sl", *stop_loss), price("tp", *take_profit))
        }
        Asked::ModifyPosition { id, stop_loss, take_profit, .. } => {
            format!("modify position {id}{}{}", price("sl", *stop_loss), price("tp", *take_profit))
        }
        Asked::Cancel { id, .. } => format!("cancel order {id}"),
        Asked::Close { id, volume, .. } => format!("close position {id}{}", price("lots", *volume)),
        other => format!("{other:?}"),
    };
    let answer = denial(&line.asked).map_or(String::new(), |code| format!(": denied {code}"));
    format!("{} {asked}{answer}", line.at)
}
