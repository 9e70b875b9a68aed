//! A night in a second: a million deliveries that are due behind a target which recovers, while 300 new ones come each second.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::{Admission, Ended, Health, Origin, State, Ticket};

const DUE: u64 = 1_000_000;
const BETWEEN_ARRIVALS: Duration = Duration::from_nanos(3_333_333);
const TAKES: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_millis(250);
const SLOTS: usize = 20;

/// What happened in one second.
#[derive(Debug, Default, Clone, Copy)]
struct Second {
    log: u64,
    backlog: u64,
    parked: u64,
    /// What is left in the backlog at its end.
    left: u64,
    longest_wait: Duration,
}

/// The queue of new deliveries, the backlog, and a target that takes 5 ms for each.
struct Night {
    health: Health,
    now: Instant,
    under_way: VecDeque<(Instant, Ticket)>,
    queue: VecDeque<Instant>,
    left: u64,
    second: Second,
}

impl Night {
    /// Begins what may begin. Returns when to look again at the latest.
    fn serve(&mut self) -> Option<Instant> {
        while self.queue.front().is_some_and(|came| self.now - *came > PATIENCE) {
            self.queue.pop_front();
            self.park();
        }
        let mut wake = self
            .queue
            .front()
            .map(|came| *came + PATIENCE + Duration::from_millis(1));
        let (mut log, mut backlog) = (true, true);
        while log || backlog {
            log = log && !self.queue.is_empty() && self.ask(Origin::Log, &mut wake);
            backlog = backlog && self.left > 0 && self.ask(Origin::Backlog, &mut wake);
        }
        wake
    }

    fn ask(&mut self, origin: Origin, wake: &mut Option<Instant>) -> bool {
        match self.health.admit(origin, SLOTS, self.now) {
            Admission::Go(ticket) => {
                self.under_way.push_back((self.now + TAKES, ticket));
                match origin {
                    Origin::Log => {
                        let waited = self.queue.pop_front().map_or(Duration::ZERO, |came| self.now - came);
                        self.second.longest_wait = self.second.longest_wait.max(waited);
                        self.second.log += 1;
                    }
                    Origin::Backlog => {
                        self.left -= 1;
                        self.second.backlog += 1;
                    }
                }
                true
            }
            Admission::Park => {
                self.queue.pop_front();
                self.park();
                true
            }
            Admission::Wait(time) => {
                *wake = wake.iter().copied().chain(time).min();
                false
            }
        }
    }

    fn park(&mut self) {
        self.left += 1;
        self.second.parked += 1;
    }

    fn end(&mut self, ended: Ended) {
        if let Some((_, ticket)) = self.under_way.pop_front() {
            self.health.ended(ticket, ended, SLOTS, self.now, 0.5);
        }
    }
}

#[test]
fn a_million_due_deliveries_drain_without_a_stampede_and_without_starving_what_is_new() {
    let mut night = Night {
        health: Health::new(),
        now: Instant::now(),
        under_way: VecDeque::new(),
        queue: VecDeque::new(),
        left: DUE,
        second: Second::default(),
    };
    night.serve();
    for _ in 0..5 {
        night.end(Ended::Failed { after: None });
    }
    assert!(night.health.is_broken());
    while !night.under_way.is_empty() {
        night.end(Ended::Failed { after: None });
    }
    night.left = DUE;
    night.second = Second::default();
    // It works from here on, and the probe is due.
    night.health.try_now(night.now);
    let start = night.now;
    let mut curve: Vec<Second> = Vec::new();
    let mut closed = None;
    let mut arrives = start;
    let mut wake = night.serve();
    while night.left > 0 {
        let end = night.under_way.front().map(|(ends, _)| *ends);
        night.now = [Some(arrives), end, wake]
            .into_iter()
            .flatten()
            .min()
            .expect("something is to come")
            .max(night.now);
        while curve.len() < usize::try_from((night.now - start).as_secs()).expect("few seconds") {
            let second = std::mem::take(&mut night.second);
            curve.push(Second {
                left: night.left,
                ..second
            });
        }
        while night.under_way.front().is_some_and(|(ends, _)| *ends <= night.now) {
            night.end(Ended::Delivered);
        }
        if arrives <= night.now {
            arrives += BETWEEN_ARRIVALS;
            if night.health.is_broken() {
                night.park();
            } else {
                night.queue.push_back(night.now);
            }
        }
        if closed.is_none() && night.health.state(night.now) == State::Closed {
            closed = Some(night.now - start);
        }
        wake = night.serve();
        assert!(night.under_way.len() <= SLOTS, "more under way than slots");
        assert!(
            night.now - start < Duration::from_hours(1),
            "it does not drain: {} left",
            night.left
        );
    }
    let took = night.now - start;

    println!("second       log   backlog    parked      left  longest wait of a new one");
    for (index, second) in curve
        .iter()
        .enumerate()
        .filter(|(index, _)| *index < 14 || index % 60 == 0)
    {
        let Second {
            log,
            backlog,
            parked,
            left,
            longest_wait,
        } = second;
        println!("{index:>6} {log:>9} {backlog:>9} {parked:>9} {left:>9}  {longest_wait:?}");
    }
    println!("closed after {closed:?}, drained after {took:?}");

    for (index, second) in curve.iter().take(8).enumerate() {
        // The probe, and one that is late by less than a moment.
        let most = (5 << index) + 1 + (5 << index) / 100;
        assert!(
            second.log + second.backlog <= most,
            "second {index}: {second:?}, at most {most}"
        );
        let share = second.log.min(300);
        assert!(
            share + 2 >= second.backlog.min(300),
            "the new ones get their share in second {index}: {second:?}"
        );
    }
    let closed = closed.expect("it closes");
    assert!(closed <= Duration::from_secs(10), "{closed:?}");
    let full = curve.iter().skip(12).take(curve.len() - 13);
    for second in full {
        assert_eq!(second.parked, 0, "{second:?}");
        assert!(
            second.longest_wait <= TAKES,
            "a new one waits for one attempt at most: {second:?}"
        );
        assert!(
            (1_980..=2_020).contains(&second.backlog),
            "half of the slots, 5 ms each: {second:?}"
        );
    }
    assert!((500..=520).contains(&took.as_secs()), "{took:?}");
}
