//! A target and who asks for it, on a clock that the tests move. Each answer is held against what must always hold.

use std::time::Duration;

use tokio::time::Instant;

use super::{Admission, Changed, Ended, Health, Origin, State, Ticket};

pub(super) const BOTH: [Origin; 2] = [Origin::Log, Origin::Backlog];

/// An attempt under way.
#[derive(Debug)]
pub(super) struct Attempt {
    ticket: Ticket,
    pub(super) origin: Origin,
    /// It began while the breaker was open.
    probe: bool,
    /// How often the breaker had opened.
    opening: u64,
    ends: Instant,
}

/// An answer without the ticket, which the world keeps.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Go,
    Park,
    Wait(Option<Instant>),
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) health: Health,
    pub(super) slots: usize,
    pub(super) start: Instant,
    pub(super) now: Instant,
    pub(super) under_way: Vec<Attempt>,
    pub(super) begun: Vec<(Duration, Origin)>,
    /// When a delivery from the log asked the last time.
    log_asked: Option<Instant>,
    openings: u64,
}

impl World {
    pub(super) fn new(slots: usize) -> Self {
        let now = Instant::now();
        Self {
            health: Health::new(),
            slots,
            start: now,
            now,
            under_way: Vec::new(),
            begun: Vec::new(),
            log_asked: None,
            openings: 0,
        }
    }

    pub(super) fn state(&self) -> State {
        self.health.state(self.now)
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    pub(super) fn count(&self, origin: Origin) -> usize {
        self.under_way.iter().filter(|attempt| attempt.origin == origin).count()
    }

    /// Asks for an attempt that takes `takes`.
    pub(super) fn ask(&mut self, origin: Origin, takes: Duration) -> Answer {
        let was_broken = self.health.is_broken();
        if origin == Origin::Log {
            self.log_asked = Some(self.now);
        }
        match self.health.admit(origin, self.slots, self.now) {
            Admission::Go(ticket) => {
                assert!(self.under_way.len() < self.slots, "more under way than slots");
                self.under_way.push(Attempt {
                    ticket,
                    origin,
                    probe: was_broken,
                    opening: self.openings,
                    ends: self.now + takes,
                });
                self.begun.push((self.now - self.start, origin));
                if was_broken {
                    assert_eq!(self.state(), State::Probing, "an attempt while it is broken is a probe");
                    assert_eq!(
                        self.under_way.iter().filter(|attempt| attempt.probe).count(),
                        1,
                        "one probe"
                    );
                } else if origin == Origin::Backlog
                    && self.log_asked.is_some_and(|at| self.now < at + Duration::from_secs(1))
                {
                    assert!(
                        self.count(origin) <= (self.slots / 2).max(1),
                        "the backlog has half of the slots"
                    );
                }
                Answer::Go
            }
            Admission::Park => {
                assert_eq!(origin, Origin::Log, "what is in the backlog cannot be parked");
                assert!(self.health.is_broken(), "parked at a target that works");
                Answer::Park
            }
            Admission::Wait(until) => {
                assert!(
                    !(was_broken && origin == Origin::Log),
                    "what is new waits for a broken target"
                );
                match until {
                    Some(until) => assert!(until > self.now, "it is told to ask again at once"),
                    None => assert!(!self.under_way.is_empty(), "nothing will ever wake it"),
                }
                Answer::Wait(until)
            }
        }
    }

    pub(super) fn end(&mut self, index: usize, ended: Ended, random: f64) -> Option<Changed> {
        let attempt = self.under_way.remove(index);
        let (was, late) = (self.health.is_broken(), attempt.opening != self.openings);
        let probing = self.state() == State::Probing;
        let changed = self.health.ended(attempt.ticket, ended, self.slots, self.now, random);
        let is = self.health.is_broken();
        let expected = match (was, is) {
            (false, true) => Some(Changed::Broken),
            (true, false) => Some(Changed::Recovered),
            _ => None,
        };
        assert_eq!(changed, expected, "others learn each change, and nothing else");
        if late {
            assert_eq!(
                (was, probing),
                (is, self.state() == State::Probing),
                "a late outcome decided"
            );
        }
        if is && (!was || (probing && matches!(ended, Ended::Failed { .. }) && !late)) {
            self.openings += 1;
        }
        changed
    }

    /// Each of `asking` always has something to deliver, and asks when it is due and when an attempt has ended. Each attempt
    /// takes `takes` and ends as `ends` says. Until it has gone on for `time`, or until `stop`.
    pub(super) fn drive(
        &mut self,
        asking: &[Origin],
        time: Duration,
        takes: Duration,
        ends: Ended,
        stop: impl Fn(&Self) -> bool,
    ) {
        let until = self.now + time;
        while self.now < until && !stop(self) {
            let mut wake = self.under_way.iter().map(|attempt| attempt.ends).min();
            loop {
                let mut gone = false;
                for origin in asking {
                    let ask_again = match self.ask(*origin, takes) {
                        Answer::Go => {
                            gone = true;
                            Some(self.now + takes)
                        }
                        // The next new delivery comes.
                        Answer::Park => Some(self.now + Duration::from_millis(250)),
                        Answer::Wait(time) => time,
                    };
                    wake = wake.into_iter().chain(ask_again).min();
                }
                if !gone {
                    break;
                }
            }
            self.now = wake.expect("something is to come").max(self.now);
            while let Some(index) = self.under_way.iter().position(|attempt| attempt.ends <= self.now) {
                self.end(index, ends, 0.5);
            }
        }
    }
}
