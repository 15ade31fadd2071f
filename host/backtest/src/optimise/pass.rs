//! One pass: a point of the space, run once, and what came of it.

use super::space::Point;
use crate::report::RunReport;
use domain::guest::{Fault, FaultKind};
use serde::Serialize;

/// Bytes kept of a fault's message: a thousand passes may fail with a page of backtrace each.
const MESSAGE_BYTES_MAX: usize = 240;

/// A pass.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pass {
    /// Its number: in a complete search its place in the space, otherwise the order in which it was thought of. The same
    /// however many threads run.
    pub number: u32,
    /// Its parameters, as values of the axes.
    #[serde(skip)]
    pub point: Point,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// How a pass ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It ran to the end.
    Figures(Figures),
    /// The strategy failed, or refused these parameters.
    Fault(PassFault),
}

/// Why a pass has no figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PassFault {
    /// What went wrong.
    pub kind: FaultKind,
    /// When and why, in one line.
    pub message: String,
}

/// What an optimisation keeps of a run. Money in units of the account's currency.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Figures {
    pub balance: f64,
    pub profit: f64,
    pub expected_payoff: f64,
    /// `None` without losses.
    pub profit_factor: Option<f64>,
    /// `None` without a drawdown.
    pub recovery_factor: Option<f64>,
    /// `None` where there is nothing to compute it from.
    pub sharpe: Option<f64>,
    /// What the strategy itself makes of the run.
    pub custom: f64,
    /// Equity, maximal, money.
    pub drawdown: f64,
    /// Equity, maximal, percent of its peak.
    pub drawdown_percent: f64,
    pub trades: u32,
    /// Below 0, or 0 without losses.
    pub average_loss: f64,
}

impl Figures {
    /// Those of a run.
    pub fn of(report: &RunReport) -> Self {
        let statistics = &report.statistics;
        Self {
            balance: report.balance.to_units(),
            profit: statistics.net_profit,
            expected_payoff: statistics.expected_payoff,
            profit_factor: statistics.profit_factor,
            recovery_factor: report.recovery_factor,
            sharpe: report.returns.sharpe,
            custom: report.criterion,
            drawdown: report.equity_drawdown.maximal,
            drawdown_percent: report.equity_drawdown.maximal_percent,
            trades: statistics.trades,
            average_loss: statistics.average_loss,
        }
    }
}

impl PassFault {
    /// A fault with its message in one bounded line.
    pub fn new(kind: FaultKind, message: &str) -> Self {
        let mut line = message.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.len() > MESSAGE_BYTES_MAX {
            line.truncate(line.floor_char_boundary(MESSAGE_BYTES_MAX));
            line.push_str("...");
        }
        Self { kind, message: line }
    }

    /// A guest's fault.
    pub fn of(fault: &Fault, at: Option<domain::time::Time>) -> Self {
        match at {
            Some(at) => Self::new(fault.kind, &format!("at {at}: {}", fault.message)),
            None => Self::new(fault.kind, &fault.message),
        }
    }
}

impl Pass {
    /// Its figures, if it ran to the end.
    pub fn figures(&self) -> Option<&Figures> {
        match &self.outcome {
            Outcome::Figures(figures) => Some(figures),
            Outcome::Fault(_) => None,
        }
    }

    /// Its fault, if it failed.
    pub fn fault(&self) -> Option<&PassFault> {
        match &self.outcome {
            Outcome::Fault(fault) => Some(fault),
            Outcome::Figures(_) => None,
        }
    }
}
