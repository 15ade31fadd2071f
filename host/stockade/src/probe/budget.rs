//! What a version's first run may take as a whole.
//!
//! Each call of a guest has its own bound, and a guest decides how many calls there are: sixty-four timers at each of a thousand ticks.
//! So the calls of a probe share one budget, which is looked at before each of them.

use domain::desk::Desk;
use domain::footprint::Footprint;
use domain::guest::{Call, Guest, Outcome, Used};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Fuel of all calls: a thousand ticks of a strategy that takes half of what a tick may, or of an interpreter ten times over.
pub const FUEL_MAX: u64 = 1_000_000_000;
/// Time of all calls.
pub const WALL_MAX: Duration = Duration::from_secs(1);

/// A budget under way, shared by a guest and whoever calls it.
#[derive(Debug)]
pub struct Budget {
    fuel_left: AtomicU64,
    until: Instant,
    given_up: Arc<AtomicBool>,
    /// A call was not made for want of it.
    is_spent: AtomicBool,
}

impl Budget {
    /// One of which `used` is spent already; nothing is left once `given_up` is set.
    pub fn begin(used: Duration, given_up: &Arc<AtomicBool>) -> Arc<Self> {
        let (fuel_left, is_spent) = (AtomicU64::new(FUEL_MAX), AtomicBool::new(false));
        Arc::new(Self { fuel_left, until: Instant::now() + WALL_MAX.saturating_sub(used), given_up: Arc::clone(given_up), is_spent })
    }

    /// Whether a call was not made because nothing was left.
    pub fn is_spent(&self) -> bool {
        self.is_spent.load(Ordering::Relaxed)
    }

    fn allows_a_call(&self) -> bool {
        let allows = self.fuel_left.load(Ordering::Relaxed) > 0 && Instant::now() < self.until && !self.given_up.load(Ordering::Relaxed);
        self.is_spent.fetch_or(!allows, Ordering::Relaxed);
        allows
    }

    fn take(&self, fuel: u64) {
        let left = self.fuel_left.load(Ordering::Relaxed);
        self.fuel_left.store(left.saturating_sub(fuel), Ordering::Relaxed);
    }
}

/// A guest whose calls are made for as long as the budget lasts.
pub struct Budgeted {
    pub guest: Box<dyn Guest<Desk>>,
    pub budget: Arc<Budget>,
}

impl Guest<Desk> for Budgeted {
    fn host(&mut self) -> &mut Desk {
        self.guest.host()
    }

    fn call(&mut self, call: Call<'_>) -> Outcome {
        if !self.budget.allows_a_call() {
            return Outcome::DeadlineExceeded(format!(
                "the {} s and {} fuel of a whole first run were used up",
                WALL_MAX.as_secs(),
                FUEL_MAX
            ));
        }
        let outcome = self.guest.call(call);
        self.budget.take(self.guest.used().fuel_last_call);
        outcome
    }

    fn used(&self) -> Used {
        self.guest.used()
    }

    fn footprint(&mut self, into: &mut Footprint, is_called: bool) {
        self.guest.footprint(into, is_called);
    }
}
