//! The life of an engine, and what its faults lead to.
//!
//! ```text
//!            start             loaded               warm               pause
//! defined ----------> starting ------> warming-up ------> running ----------> paused
//!                      ^  ^  |             ^ |               |                 | |
//!                      |  |  |             | |               |      resume     | |
//!                      |  |  |             +-|---------------|-----------------+ |
//!                      |  |  +---------------+---- fault ----+-------------------+
//!                      |  |                        |
//!                      |  |                        v
//!                      |  +------ restart ----- faulted ----- quarantine ----> quarantined
//!                      |                           |                               |
//!                      +--------- start -----------+------------ start ------------+
//!
//! starting, warming-up, running, paused ---- wait ----> waiting ---- restart ----> starting
//! every state but quarantined ---- stop ----> stopped ---- start ----> starting
//! ```
//!
//! - *starting*: a guest is made, takes its saved state and says that it is ready. *warming-up*: it is told what it must hear
//!   before the next tick: news of its orders, and after a pause the bars that closed. *running*: it is fed.
//! - *paused*: it keeps its guest, which hears what becomes of its orders and nothing else, and opens nothing. When it is
//!   resumed, it is told late of every bar of its timeframes that closed meanwhile, in order of time, as far as the host keeps
//!   them; `market.last-gap` tells from where to where ticks are missing, and its next tick says how many were skipped. So what a
//!   strategy makes of bars stays whole, and what it makes of ticks is known to have a hole.
//! - *faulted*: its guest is gone; it starts again from its last saved state, later and later. *quarantined*: it failed too
//!   often for that and waits for a person.
//! - *waiting*: the host has no room for it, or a part of the host that it needs has failed. That is no fault of the engine and
//!   never leads to quarantine: it keeps its turn, and starts by itself when the host can take it.
//! - An order to pause or to go on that comes while it starts, warms up or has failed is kept in mind: it holds as soon as the
//!   engine is there.
//! - A swap of its version ends in the state it began in; a version that fails on trial is a fault with a restart at once,
//!   from the version before and the state that it left.

use crate::contract::words;
use crate::time::{DAY_US, MINUTE_US, SECOND_US, Steady};
use std::collections::VecDeque;

words! {
    /// Where an engine stands.
    EngineState {
        Defined = "defined", Starting = "starting", WarmingUp = "warming-up", Running = "running", Paused = "paused",
        Faulted = "faulted", Waiting = "waiting", Quarantined = "quarantined", Stopped = "stopped",
    }
}

words! {
    /// What happens to an engine.
    EngineEvent {
        Start = "start", Loaded = "loaded", Warm = "warm", Pause = "pause", Resume = "resume",
        Fault = "fault", Wait = "wait", Restart = "restart", Quarantine = "quarantine", Stop = "stop",
    }
}

/// An event that makes no sense in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an engine that is {from} can't {event}{}", self.way_out())]
pub struct NotNow {
    /// The state.
    pub from: EngineState,
    /// The event.
    pub event: EngineEvent,
}

impl NotNow {
    /// What can be done instead.
    fn way_out(&self) -> &'static str {
        use {EngineEvent as E, EngineState as S};
        match (self.from, self.event) {
            (S::Defined | S::Stopped | S::Quarantined, E::Pause | E::Resume | E::Stop) => ": start it first",
            (S::Running, E::Resume) => ": it was not paused",
            _ => "",
        }
    }
}

impl EngineState {
    /// The state after `event`. Starting what runs and stopping what is stopped change nothing; a start does not end a pause.
    ///
    /// # Errors
    /// The event makes no sense in this state.
    pub fn after(self, event: EngineEvent) -> Result<Self, NotNow> {
        use {EngineEvent as E, EngineState as S};
        match (self, event) {
            (S::Defined | S::Stopped | S::Quarantined | S::Faulted, E::Start) => Ok(S::Starting),
            (S::Starting | S::WarmingUp | S::Running | S::Paused | S::Waiting, E::Start) => Ok(self),
            (S::Starting, E::Loaded) => Ok(S::WarmingUp),
            (S::WarmingUp, E::Warm) => Ok(S::Running),
            (S::Running | S::Paused, E::Pause) => Ok(S::Paused),
            (S::Paused, E::Resume) => Ok(S::WarmingUp),
            (S::Running, E::Resume) => Ok(S::Running),
            // Whoever runs the engine keeps it in mind until it is there.
            (S::Starting | S::WarmingUp | S::Faulted | S::Waiting, E::Pause | E::Resume) => Ok(self),
            (S::Starting | S::WarmingUp | S::Running | S::Paused, E::Fault) => Ok(S::Faulted),
            (S::Starting | S::WarmingUp | S::Running | S::Paused, E::Wait) => Ok(S::Waiting),
            (S::Faulted | S::Waiting, E::Restart) => Ok(S::Starting),
            (S::Faulted, E::Quarantine) => Ok(S::Quarantined),
            (S::Quarantined, E::Stop) => Ok(S::Quarantined),
            (_, E::Stop) => Ok(S::Stopped),
            (from, event) => Err(NotNow { from, event }),
        }
    }

    /// Whether it has a guest, or is about to have one.
    pub fn has_guest(self) -> bool {
        matches!(self, Self::Starting | Self::WarmingUp | Self::Running | Self::Paused)
    }

    /// Whether its version must be ready: it has a guest, or will have one again by itself.
    pub fn needs_version(self) -> bool {
        self.has_guest() || matches!(self, Self::Faulted | Self::Waiting)
    }

    /// Whether it has a guest that is fed.
    pub fn is_fed(self) -> bool {
        matches!(self, Self::Running)
    }
}

/// At this many faults within this time an engine is quarantined: one that fails at once, and one that fails now and then for ever.
const QUARANTINES: [(usize, i64); 2] = [(3, 10 * MINUTE_US), (10, DAY_US)];
/// Delay before the first restart; doubled with each fault of a day.
const RESTART_DELAY_US: i64 = SECOND_US;

/// How long an engine waits before it looks again whether the host can take it: doubled each time, up to the other. Memory comes
/// free without anybody telling; half a minute costs nothing and is soon enough.
const WAIT_US: [i64; 2] = [SECOND_US, 30 * SECOND_US];
/// Who has not waited for so long waits as for the first time.
const WAITS_REMEMBERED_US: i64 = 5 * MINUTE_US;

/// What to do after a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Start again from the last saved state, this many microseconds later.
    RestartIn(i64),
    /// Leave it until a person starts it.
    Quarantine {
        /// It had this many faults,
        faults: usize,
        /// within this many minutes.
        minutes: i64,
    },
}

/// Remembers an engine's faults of a day.
#[derive(Clone, Debug, Default)]
pub struct Supervisor {
    faults: VecDeque<Steady>,
    /// How often it has waited for the host lately, and until when.
    waits: u32,
    waited_until: Steady,
}

impl Supervisor {
    /// Notes a fault at `now` and decides.
    pub fn fault(&mut self, now: Steady) -> Verdict {
        self.faults.retain(|at| now.since_us(*at) < DAY_US);
        self.faults.push_back(now);
        let of_last = |window_us: i64| self.faults.iter().filter(|at| now.since_us(**at) < window_us).count();
        match QUARANTINES.iter().find(|(faults, window_us)| of_last(*window_us) >= *faults) {
            Some(&(faults, window_us)) => Verdict::Quarantine { faults, minutes: window_us / MINUTE_US },
            None => Verdict::RestartIn(RESTART_DELAY_US << (self.faults.len() - 1)),
        }
    }

    /// The host can't take the engine at `now`. Says when to look again, and counts nothing against the engine.
    pub fn wait(&mut self, now: Steady) -> Steady {
        if now.since_us(self.waited_until) >= WAITS_REMEMBERED_US {
            self.waits = 0;
        }
        let delay_us = (WAIT_US[0] << self.waits.min(16)).min(WAIT_US[1]);
        self.waits += 1;
        self.waited_until = now.plus_us(delay_us);
        self.waited_until
    }

    /// A person has looked: forget what was.
    pub fn forgive(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarts_come_later_and_later_until_the_third_fault_quarantines() {
        let mut supervisor = Supervisor::default();
        assert_eq!(supervisor.fault(Steady(0)), Verdict::RestartIn(SECOND_US));
        assert_eq!(supervisor.fault(Steady(5)), Verdict::RestartIn(2 * SECOND_US));
        assert_eq!(supervisor.fault(Steady(10)), Verdict::Quarantine { faults: 3, minutes: 10 });
        supervisor.forgive();
        assert_eq!(supervisor.fault(Steady(11)), Verdict::RestartIn(SECOND_US));
        assert_eq!(supervisor.fault(Steady(11 + DAY_US)), Verdict::RestartIn(SECOND_US), "old faults are forgotten");
    }

    #[test]
    fn one_that_fails_now_and_then_for_ever_is_quarantined_as_well() {
        let mut supervisor = Supervisor::default();
        let verdicts: Vec<Verdict> = (1..=10).map(|fault| supervisor.fault(Steady(fault * 17 * MINUTE_US))).collect();
        let delay = |fault: i64| SECOND_US << (fault - 1);
        assert!((1..).zip(&verdicts[..9]).all(|(fault, verdict)| *verdict == Verdict::RestartIn(delay(fault))), "{verdicts:?}");
        assert_eq!(verdicts[9], Verdict::Quarantine { faults: 10, minutes: 24 * 60 });
    }

    #[test]
    fn one_that_waits_for_room_looks_again_within_half_a_minute_for_ever_and_is_never_quarantined() {
        let mut supervisor = Supervisor::default();
        let mut now = Steady(0);
        let delays: Vec<i64> = std::iter::repeat_with(|| {
            let due = supervisor.wait(now);
            std::mem::replace(&mut now, due).since_us(due) / -SECOND_US
        })
        .take(100)
        .collect();
        assert_eq!((&delays[..5], delays[99]), (&[1, 2, 4, 8, 16][..], 30));
        assert_eq!(supervisor.fault(now), Verdict::RestartIn(SECOND_US), "its first own fault");
        now = now.plus_us(5 * MINUTE_US);
        assert_eq!(supervisor.wait(now), now.plus_us(SECOND_US), "that is long ago");
        use EngineState::Waiting;
        assert!(Waiting.after(EngineEvent::Quarantine).is_err() && Waiting.after(EngineEvent::Fault).is_err());
        assert!(Waiting.needs_version() && !Waiting.has_guest());
    }

    #[test]
    fn start_and_stop_may_be_repeated() {
        use EngineEvent::*;
        for (events, expected) in [
            (&[Start, Loaded, Warm, Start][..], EngineState::Running),
            (&[Start, Loaded, Warm, Stop, Stop], EngineState::Stopped),
            (&[Start, Fault, Quarantine, Stop], EngineState::Quarantined),
            (&[Start, Fault, Restart, Loaded, Warm], EngineState::Running),
            (&[Start, Loaded, Warm, Pause, Pause, Resume, Resume, Warm, Resume], EngineState::Running),
            (&[Start, Loaded, Warm, Pause, Start], EngineState::Paused),
            (&[Start, Pause, Loaded, Warm], EngineState::Running),
            (&[Start, Wait, Start, Restart, Loaded, Warm], EngineState::Running),
            (&[Start, Wait, Pause, Stop], EngineState::Stopped),
        ] {
            let state = events.iter().try_fold(EngineState::Defined, |state, &event| state.after(event));
            assert_eq!(state, Ok(expected), "{events:?}");
        }
        for (state, event) in EngineState::ALL.iter().flat_map(|&state| [Start, Stop].map(|event| (state, event))) {
            let once = state.after(event).unwrap();
            assert_eq!(once.after(event), Ok(once), "{event} twice, when {state}");
        }
        assert!(EngineState::Quarantined.after(Restart).is_err(), "only a person starts a quarantined engine");
    }
}
