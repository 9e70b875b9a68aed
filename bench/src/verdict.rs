//! What the deliveries at healthy endpoints say: how late each first one was, what came twice, what has not come.

use std::collections::HashMap;
use std::ops::Range;

use hdrhistogram::Histogram;

use crate::receivers::Arrival;

/// The moments at which events were to be sent, at a fixed rate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// That of event 0, in microseconds of the wall clock.
    pub(crate) begin_us: u64,
    /// Events per second.
    pub(crate) rate: u32,
}

impl Plan {
    /// Returns the numbers of the events of these seconds.
    pub(crate) fn numbers(self, seconds: Range<u64>) -> Range<u64> {
        let rate = u64::from(self.rate);
        seconds.start * rate..seconds.end * rate
    }

    fn planned_us(self, number: u64) -> u64 {
        self.begin_us + number * 1_000_000 / u64::from(self.rate)
    }
}

/// When each event first came to each healthy endpoint.
#[derive(Debug)]
pub(crate) struct Verdict {
    plan: Plan,
    healthy: Range<usize>,
    first: HashMap<(usize, u64), u64>,
    /// How many deliveries of an event that an endpoint had already came to it.
    pub(crate) repeats: u64,
}

impl Verdict {
    /// Nothing has come yet.
    pub(crate) fn new(plan: Plan, healthy: Range<usize>) -> Self {
        Self {
            plan,
            healthy,
            first: HashMap::new(),
            repeats: 0,
        }
    }

    /// These have come, in order; those at other endpoints are left out.
    pub(crate) fn add(&mut self, arrivals: &[Arrival]) {
        for arrival in arrivals
            .iter()
            .filter(|arrival| self.healthy.contains(&arrival.endpoint))
        {
            match self.first.entry((arrival.endpoint, arrival.number)) {
                std::collections::hash_map::Entry::Occupied(_) => self.repeats += 1,
                std::collections::hash_map::Entry::Vacant(entry) => {
                    entry.insert(arrival.at_us);
                }
            }
        }
    }

    /// Returns how many of the deliveries of these events have come, and how many there should be.
    pub(crate) fn arrived(&self, numbers: Range<u64>) -> (u64, u64) {
        let expected = (numbers.end - numbers.start) * self.healthy.len() as u64;
        let arrived = self.first.keys().filter(|(_, number)| numbers.contains(number));
        (arrived.count() as u64, expected)
    }

    /// Returns the times from the planned moment of sending to the first arrival, in µs. What has not come by `now_us` counts
    /// as if it came then.
    pub(crate) fn latencies(&self, numbers: Range<u64>, now_us: u64) -> anyhow::Result<Histogram<u64>> {
        let mut latencies = Histogram::<u64>::new(3)?;
        for number in numbers {
            for endpoint in self.healthy.clone() {
                let at = self.first.get(&(endpoint, number)).copied().unwrap_or(now_us);
                latencies.record(at.saturating_sub(self.plan.planned_us(number)).max(1))?;
            }
        }
        Ok(latencies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Plan = Plan {
        begin_us: 1_000_000,
        rate: 10,
    };

    fn arrival(endpoint: usize, number: u64, at_us: u64) -> Arrival {
        Arrival {
            endpoint,
            number,
            at_us,
        }
    }

    #[test]
    fn a_second_delivery_is_a_repeat_and_changes_no_latency() {
        let mut verdict = Verdict::new(PLAN, 1..2);
        verdict.add(&[arrival(1, 0, 1_005_000), arrival(1, 0, 1_900_000)]);
        assert_eq!(verdict.repeats, 1);
        let latencies = verdict.latencies(0..1, 9_000_000).expect("a histogram");
        assert!(latencies.equivalent(latencies.max(), 5_000), "{}", latencies.max());
    }

    #[test]
    fn what_has_not_come_is_missing_and_as_late_as_now() {
        let mut verdict = Verdict::new(PLAN, 1..3);
        verdict.add(&[arrival(1, 3, 1_301_000), arrival(0, 3, 1_301_000)]);
        assert_eq!(verdict.arrived(3..4), (1, 2));
        let latencies = verdict.latencies(3..4, 2_300_000).expect("a histogram");
        assert!(latencies.equivalent(latencies.max(), 1_000_000), "{}", latencies.max());
    }

    #[test]
    fn the_events_of_a_second_are_as_many_as_the_rate() {
        assert_eq!(PLAN.numbers(2..4), 20..40);
    }
}
