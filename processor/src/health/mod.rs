//! The breaker of one target: whether an attempt may begin now, and what its outcome says of the target.
//!
//! ```text
//!            5 failures in a row,                its time has come,
//!            or 16 of the last 20                one attempt
//!   Closed ─────────────────────► Open ◄──────────────────────────────► Probing
//!     ▲                            ▲                 it failed             │ it was delivered
//!     │ all slots in use at        │ 3 failures in a row                   │
//!     │ 1 000/s, or a minute       │                                       │
//!     │ without failure            │                                       │
//!     └────────────────────────── Ramp ◄───────────────────────────────────┘
//! ```
//!
//! A pure state machine: no I/O, and neither clock nor chance of its own. Whoever uses it asks [`Health::admit`] before each
//! attempt, and gives the [`Ticket`] back with the outcome, whatever happens.
//!
//! * `contract`: what is asked and answered
//! * `recent`: the last outcomes, by which it opens
//! * `pause`: how long it stays open
//! * `ramp`: the slow start, so that a target that has just recovered does not get all that is due at once
//! * `turns`: new deliveries and those of the backlog take turns when both ask, so that neither starves

mod contract;
mod pause;
mod ramp;
mod recent;
mod turns;

#[cfg(test)]
mod drain;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod transitions;
#[cfg(test)]
mod world;

use std::time::Duration;

use tokio::time::Instant;

pub(crate) use self::contract::{Admission, Changed, Ended, Origin, State, Ticket};
use self::ramp::Ramp;
use self::recent::Recent;
use self::turns::Turns;

/// How long slots are kept for what is new after some of it has asked.
const LATELY: Duration = Duration::from_secs(1);

/// How long a probe waits after one that could not be made for a lack of this process.
const NOT_TRIED: Duration = Duration::from_secs(1);

/// A state with what belongs to it. `failed` counts the openings since the target last did well: the pauses grow with it.
#[derive(Debug)]
enum Phase {
    Closed(Recent),
    Open { until: Instant, failed: u32 },
    Probing { failed: u32 },
    Ramp { ramp: Ramp, failed: u32 },
}

/// The breaker of one target.
#[derive(Debug)]
pub(crate) struct Health {
    phase: Phase,
    /// How often it has opened.
    opening: u64,
    /// Attempts under way, whenever they began.
    log: usize,
    backlog: usize,
    /// Of these, the attempts that began since it last opened.
    current: usize,
    turns: Turns,
    /// When a delivery from the log asked the last time.
    log_asked: Option<Instant>,
}

impl Health {
    /// Nothing is known: closed.
    pub(crate) fn new() -> Self {
        Self {
            phase: Phase::Closed(Recent::default()),
            opening: 0,
            log: 0,
            backlog: 0,
            current: 0,
            turns: Turns::default(),
            log_asked: None,
        }
    }

    /// Whether an attempt may begin now. `slots`: how many attempts may be under way at once, of both origins together; none
    /// counts as one.
    ///
    /// Only deliveries that are ready to go may ask: who was told to wait is expected to come back, and the other origin
    /// leaves it the next turn for a moment.
    pub(crate) fn admit(&mut self, origin: Origin, slots: usize, now: Instant) -> Admission {
        let slots = slots.max(1);
        self.pass(slots, now);
        if origin == Origin::Log {
            self.log_asked = Some(now);
        }
        let full = self.under_way() >= slots;
        let (limit, not_before) = match &self.phase {
            Phase::Open { until, .. } if now < *until => return not_now(origin, Some(*until)),
            Phase::Open { .. } if full => return not_now(origin, None),
            Phase::Open { failed, .. } => {
                self.phase = Phase::Probing { failed: *failed };
                return self.go(origin);
            }
            Phase::Probing { .. } => return not_now(origin, None),
            Phase::Closed(recent) => (slots, recent.not_before()),
            Phase::Ramp { ramp, .. } => (ramp.window().min(slots), Some(ramp.not_before())),
        };
        if origin == Origin::Backlog && self.backlog >= (slots / 2).max(1) {
            // Half of the slots are kept for what is new, while there is any.
            let kept_until = self.log_asked.map(|asked| asked + LATELY).filter(|until| now < *until);
            if kept_until.is_some() {
                self.turns.withdraw(origin);
                return Admission::Wait(kept_until);
            }
        }
        if full || self.current >= limit {
            self.turns.ask(origin);
            return Admission::Wait(None);
        }
        let not_before = not_before.filter(|time| now < *time);
        if let Some(time) = not_before.or_else(|| self.turns.of_the_other(origin, now)) {
            self.turns.ask(origin);
            return Admission::Wait(Some(time));
        }
        if let Phase::Ramp { ramp, .. } = &mut self.phase {
            ramp.began(now);
        }
        self.go(origin)
    }

    /// An attempt has ended. `random` is from 0 to 1, and spreads the probes of several processes. Returns what has changed for
    /// others, if anything.
    #[expect(clippy::needless_pass_by_value, reason = "taken, so that no attempt ends twice")]
    pub(crate) fn ended(
        &mut self,
        ticket: Ticket,
        ended: Ended,
        slots: usize,
        now: Instant,
        random: f64,
    ) -> Option<Changed> {
        let Ticket { origin, opening } = ticket;
        let under_way = match origin {
            Origin::Log => &mut self.log,
            Origin::Backlog => &mut self.backlog,
        };
        *under_way = under_way.saturating_sub(1);
        let slots = slots.max(1);
        self.pass(slots, now);
        if opening != self.opening {
            self.ended_late(ended, now);
            return None;
        }
        self.current = self.current.saturating_sub(1);
        match ended {
            Ended::Delivered => self.delivered(slots, now),
            Ended::Failed { after } => self.failed(after, now, random),
            Ended::NotTried => {
                if let Phase::Probing { failed } = self.phase {
                    let until = now + NOT_TRIED;
                    self.phase = Phase::Open { until, failed };
                }
                None
            }
        }
    }

    /// Whether new deliveries are to go to the backlog without being queued at all: open or probing.
    pub(crate) fn is_broken(&self) -> bool {
        matches!(self.phase, Phase::Open { .. } | Phase::Probing { .. })
    }

    /// Returns when the next probe is due, while it is open.
    pub(crate) fn next_probe(&self) -> Option<Instant> {
        match self.phase {
            Phase::Open { until, .. } => Some(until),
            _ => None,
        }
    }

    /// Something else has shown that it works: another process, an operator. The next who asks probes, so let those who wait
    /// ask again. Does nothing unless it is open.
    pub(crate) fn try_now(&mut self, now: Instant) {
        if let Phase::Open { until, .. } = &mut self.phase {
            *until = now.min(*until);
        }
    }

    /// The state at `now`, for metrics.
    pub(crate) fn state(&self, now: Instant) -> State {
        match &self.phase {
            Phase::Closed(_) => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::Probing { .. } => State::Probing,
            Phase::Ramp { ramp, .. } if ramp.is_quiet(now) => State::Closed,
            Phase::Ramp { .. } => State::Ramp,
        }
    }

    /// Whether nothing is known of it at `now`, and nothing is under way: then it may be forgotten.
    pub(crate) fn is_idle(&self, now: Instant) -> bool {
        let unknown = match &self.phase {
            Phase::Closed(recent) => recent.is_clean(),
            Phase::Ramp { ramp, .. } => ramp.is_quiet(now),
            Phase::Open { .. } | Phase::Probing { .. } => false,
        };
        unknown && self.under_way() == 0
    }

    fn under_way(&self) -> usize {
        self.log + self.backlog
    }

    fn go(&mut self, origin: Origin) -> Admission {
        self.turns.took(origin);
        match origin {
            Origin::Log => self.log += 1,
            Origin::Backlog => self.backlog += 1,
        }
        self.current += 1;
        let opening = self.opening;
        Admission::Go(Ticket { origin, opening })
    }

    /// What the passing of time does.
    fn pass(&mut self, slots: usize, now: Instant) {
        let Phase::Ramp { ramp, failed } = &mut self.phase else {
            return;
        };
        if ramp.pass(now) {
            *failed = failed.saturating_sub(1);
        }
        if ramp.is_over(slots, now) {
            self.phase = Phase::Closed(Recent::default());
        }
    }

    /// An attempt that began before it last opened. The failures of all that was under way come one after the other, as
    /// late as the time-out: none may count against a probe. A success is worth a look.
    fn ended_late(&mut self, ended: Ended, now: Instant) {
        match (&mut self.phase, ended) {
            (Phase::Open { .. }, Ended::Delivered) => self.try_now(now),
            (Phase::Open { until, .. }, Ended::Failed { after: Some(after) }) => {
                *until = pause::asked(after, now).max(*until);
            }
            _ => {}
        }
    }

    fn delivered(&mut self, slots: usize, now: Instant) -> Option<Changed> {
        match &mut self.phase {
            Phase::Closed(recent) => recent.delivered(),
            Phase::Probing { failed } => {
                let ramp = Ramp::new(now);
                self.phase = Phase::Ramp { ramp, failed: *failed };
                return Some(Changed::Recovered);
            }
            Phase::Ramp { ramp, .. } => {
                ramp.delivered(slots);
                self.pass(slots, now);
            }
            Phase::Open { .. } => {}
        }
        None
    }

    fn failed(&mut self, after: Option<Duration>, now: Instant, random: f64) -> Option<Changed> {
        let asked = after.map(|after| pause::asked(after, now));
        let (opens, asked, failed) = match &mut self.phase {
            Phase::Closed(recent) => (recent.failed(asked, now), recent.asked(), 0),
            Phase::Probing { failed } => (true, asked, failed.saturating_add(1)),
            Phase::Ramp { ramp, failed } => (ramp.failed(asked, now), ramp.asked(), failed.saturating_add(1)),
            Phase::Open { .. } => return None,
        };
        if !opens {
            return None;
        }
        let was_broken = self.is_broken();
        let until = pause::until(failed, asked, now, random);
        self.phase = Phase::Open { until, failed };
        self.opening += 1;
        self.current = 0;
        (!was_broken).then_some(Changed::Broken)
    }
}

/// The answer while it is broken.
fn not_now(origin: Origin, until: Option<Instant>) -> Admission {
    match origin {
        Origin::Log => Admission::Park,
        Origin::Backlog => Admission::Wait(until),
    }
}
