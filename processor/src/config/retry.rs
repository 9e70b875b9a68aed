//! The schedule that a sink may have of its own.

use std::time::Duration;

use schemas::time::Span;
use serde::Deserialize;

use super::{Config, FACTORS, InvalidConfig, invalid};
use crate::failure::schedule::{Growth, LONGEST_WAIT, Schedule};

/// When the deliveries of one sink are tried again: the settings `retry` of a sink. What is left out is the worker's.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
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
    /// Checks all values and returns the schedule of a sink; what is left out is that of its worker.
    pub fn schedule(&self, worker: &Config) -> Result<Schedule, InvalidConfig> {
        let (default, attempts) = (worker.growth(), worker.retry_max_attempts);
        let Some(steps) = &self.steps else {
            let base = self.base.map_or(default.base, Span::duration);
            // A base beyond the worker's maximum moves that.
            let max = self.max.map_or(default.max.max(base), Span::duration);
            let factor = self.factor.unwrap_or(default.factor);
            let max_attempts = self.max_attempts.unwrap_or(attempts);
            if base.is_zero() {
                return invalid("base", "is 0: give at least 1ms".to_owned());
            }
            if max < base {
                return invalid("max", "is less than `base`: give at least that".to_owned());
            }
            if max > LONGEST_WAIT {
                return invalid("max", "is more than a day: give at most 24h".to_owned());
            }
            if !FACTORS.contains(&factor) {
                return invalid("factor", format!("is {factor}: give 1 to 100"));
            }
            if max_attempts == 0 {
                return invalid("max_attempts", "is 0: give at least 1".to_owned());
            }
            let growth = Growth { base, factor, max };
            return Ok(Schedule::Exponential { growth, max_attempts });
        };
        let others = [
            ("base", self.base.is_some()),
            ("factor", self.factor.is_some()),
            ("max", self.max.is_some()),
            ("max_attempts", self.max_attempts.is_some()),
        ];
        if let Some((key, _)) = others.into_iter().find(|(_, given)| *given) {
            return invalid(
                key,
                "stands beside `steps`, which says all: take one of them out".to_owned(),
            );
        }
        if !(1..=MAX_STEPS).contains(&steps.len()) {
            return invalid("steps", format!("has {} waits: give 1 to {MAX_STEPS}", steps.len()));
        }
        let waits: Vec<Duration> = steps.iter().map(|wait| wait.duration()).collect();
        match waits.iter().position(|wait| wait.is_zero() || *wait > LONGEST_WAIT) {
            Some(place) => invalid("steps", format!("has a wait of {}: give 1ms to 24h each", steps[place])),
            None => Ok(Schedule::Steps(waits)),
        }
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
            assert_eq!(error.to_string(), message);
        }
        let error = serde_json::from_str::<Retry>(r#"{"steps":["5x"]}"#).expect_err("no unit");
        assert!(error.to_string().contains("`5x` is not a span of time"), "{error}");
    }
}
