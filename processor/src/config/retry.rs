//! The schedule that a sink may have of its own.

use std::time::Duration;

use schemas::setting::{Findings, Invalid};
use schemas::time::Span;
use serde::Deserialize;

use super::{Config, FACTORS};
use schemas::schedule::{Growth, LONGEST_WAIT, Schedule};

/// When the deliveries of one sink are tried again: the settings `retry` of a sink. What is left out is the worker's.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// One wait after each failed attempt, and one attempt more than there are waits. Excludes the others.
    pub steps: Option<Vec<Span>>,
    /// As `retry_base_ms`.
    pub base: Option<Span>,
    /// As `retry_factor`.
    pub factor: Option<f64>,
    /// As `retry_max_ms`.
    pub max: Option<Span>,
    /// As `retry_max_attempts`.
    pub max_attempts: Option<u32>,
}

/// The most steps that a schedule may have.
const MAX_STEPS: usize = 100;

impl Retry {
    /// Returns the schedule of a sink, in which what is left out is that of its worker; or everything that is wrong.
    pub fn schedule(&self, worker: &Config) -> Result<Schedule, Vec<Invalid>> {
        match &self.steps {
            Some(steps) => self.in_steps(steps),
            None => self.exponential(worker),
        }
    }

    fn exponential(&self, worker: &Config) -> Result<Schedule, Vec<Invalid>> {
        let default = worker.growth();
        let base = self.base.map_or(default.base, Span::duration);
        let growth = Growth {
            base,
            // A base beyond the worker's maximum moves that.
            max: self.max.map_or(default.max.max(base), Span::duration),
            factor: self.factor.unwrap_or(default.factor),
        };
        let max_attempts = self.max_attempts.unwrap_or(worker.retry_max_attempts);
        let mut found = Findings::default();
        if base.is_zero() {
            found.add("base", "is 0: give at least 1ms");
        }
        if growth.max < base {
            found.add("max", "is less than `base`: give at least that");
        }
        if growth.max > LONGEST_WAIT {
            found.add("max", "is more than a day: give at most 24h");
        }
        if !FACTORS.contains(&growth.factor) {
            found.add("factor", format!("is {}: give 1 to 100", growth.factor));
        }
        if max_attempts == 0 {
            found.add("max_attempts", "is 0: give at least 1");
        }
        found.into_value(Some(Schedule::Exponential { growth, max_attempts }))
    }

    fn in_steps(&self, steps: &[Span]) -> Result<Schedule, Vec<Invalid>> {
        let mut found = Findings::default();
        let others = [
            ("base", self.base.is_some()),
            ("factor", self.factor.is_some()),
            ("max", self.max.is_some()),
            ("max_attempts", self.max_attempts.is_some()),
        ];
        for (key, _) in others.into_iter().filter(|(_, given)| *given) {
            found.add(key, "stands beside `steps`, which says all: take one of them out");
        }
        if !(1..=MAX_STEPS).contains(&steps.len()) {
            found.add("steps", format!("has {} waits: give 1 to {MAX_STEPS}", steps.len()));
        }
        let waits: Vec<Duration> = steps.iter().map(|wait| wait.duration()).collect();
        if let Some(at) = waits.iter().position(|wait| wait.is_zero() || *wait > LONGEST_WAIT) {
            found.add("steps", format!("has a wait of {}: give 1ms to 24h each", steps[at]));
        }
        found.into_value(Some(Schedule::Steps(waits)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(json: serde_json::Value) -> Retry {
        serde_json::from_value(json).expect("a `retry`")
    }

    #[test]
    fn a_sink_has_steps_or_the_worker_s_schedule_with_what_it_changes() {
        let worker = Config::default();
        let secs = Duration::from_secs;
        let of = |json| retry(json).schedule(&worker).expect("a schedule");
        assert_eq!(of(serde_json::json!({})), worker.schedule());
        let steps = serde_json::json!({ "steps": ["5s", "5m", "2h"] });
        assert_eq!(of(steps), Schedule::Steps(vec![secs(5), secs(300), secs(7200)]));
        let slower = Schedule::Exponential {
            growth: Growth {
                base: secs(120),
                factor: 3.0,
                max: secs(120),
            },
            max_attempts: 8,
        };
        assert_eq!(of(serde_json::json!({ "base": "2m", "factor": 3 })), slower);
    }

    #[test]
    fn a_schedule_that_cannot_be_kept_names_its_key() {
        for (json, message) in [
            (r#"{"steps":[]}"#, "`steps` has 0 waits: give 1 to 100"),
            (
                r#"{"steps":["1s","25h"]}"#,
                "`steps` has a wait of 25h: give 1ms to 24h each",
            ),
            (r#"{"steps":["0s"]}"#, "`steps` has a wait of 0ms: give 1ms to 24h each"),
            (
                r#"{"steps":["1s"],"max":"1m"}"#,
                "`max` stands beside `steps`, which says all: take one of them out",
            ),
            (r#"{"base":"0ms"}"#, "`base` is 0: give at least 1ms"),
            (r#"{"max":"500ms"}"#, "`max` is less than `base`: give at least that"),
            (r#"{"max":"2d"}"#, "`max` is more than a day: give at most 24h"),
            (r#"{"factor":0.5}"#, "`factor` is 0.5: give 1 to 100"),
            (r#"{"max_attempts":0}"#, "`max_attempts` is 0: give at least 1"),
        ] {
            let retry: Retry = serde_json::from_str(json).expect(json);
            let error = retry.schedule(&Config::default()).expect_err(json);
            assert_eq!(schemas::setting::in_one_line(&error), message);
        }
        let error = serde_json::from_str::<Retry>(r#"{"steps":["5x"]}"#).expect_err("no unit");
        assert!(error.to_string().contains("`5x` is not a span of time"), "{error}");
    }
}
