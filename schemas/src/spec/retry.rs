//! When deliveries are tried again, as it is written: the settings `retry` of a sink and of an endpoint.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schedule::{FACTORS, Growth, LONGEST_WAIT, Schedule};
use crate::setting::{Findings, Invalid};
use crate::time::Span;

/// When deliveries are tried again, in one of two forms: `steps`, or waits that grow. What is left out of the second is that of
/// whom it is a part of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// One wait after each failed attempt, and one attempt more than there are waits. Excludes the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<Span>>,
    /// The longest wait before the second attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Span>,
    /// The factor by which the longest wait grows with each attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// The longest wait before any attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<Span>,
    /// How many attempts there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
}

/// The most steps that a schedule may have.
const MAX_STEPS: usize = 100;

impl Retry {
    /// How the waits of an endpoint grow where its `retry` leaves that out, and how many attempts there are.
    pub(super) const OF_ENDPOINTS: (Growth, u32) = (
        Growth {
            base: Duration::from_secs(1),
            factor: 2.0,
            max: Duration::from_mins(1),
        },
        8,
    );

    /// Returns the schedule, in which what is left out is `default` and `max_attempts`; or everything that is wrong.
    pub fn schedule(&self, default: Growth, max_attempts: u32) -> Result<Schedule, Vec<Invalid>> {
        match &self.steps {
            Some(steps) => self.in_steps(steps),
            None => self.exponential(default, max_attempts),
        }
    }

    fn exponential(&self, default: Growth, max_attempts: u32) -> Result<Schedule, Vec<Invalid>> {
        let base = self.base.map_or(default.base, Span::duration);
        let growth = Growth {
            base,
            // A base beyond the default's maximum moves that.
            max: self.max.map_or(default.max.max(base), Span::duration),
            factor: self.factor.unwrap_or(default.factor),
        };
        let max_attempts = self.max_attempts.unwrap_or(max_attempts);
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

    fn schedule(retry: &Retry) -> Result<Schedule, Vec<Invalid>> {
        let (growth, max_attempts) = Retry::OF_ENDPOINTS;
        retry.schedule(growth, max_attempts)
    }

    #[test]
    fn there_are_steps_or_the_default_with_what_is_changed() {
        let secs = Duration::from_secs;
        let of = |json| schedule(&retry(json)).expect("a schedule");
        let (growth, max_attempts) = Retry::OF_ENDPOINTS;
        assert_eq!(
            of(serde_json::json!({})),
            Schedule::Exponential { growth, max_attempts }
        );
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
            let error = schedule(&retry).expect_err(json);
            assert_eq!(crate::setting::in_one_line(&error), message);
        }
        let error = serde_json::from_str::<Retry>(r#"{"steps":["5x"]}"#).expect_err("no unit");
        assert!(error.to_string().contains("`5x` is not a span of time"), "{error}");
    }
}
