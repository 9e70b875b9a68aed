//! Asks the checks of a process, for `/readyz` and as metrics.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::time::timeout;

use super::Admin;

/// The gauges that show the last answers.
#[derive(Debug)]
pub(super) struct Readiness {
    checks: Family<OfCheck, Gauge>,
    ready: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCheck {
    check: String,
}

/// What `/readyz` answers.
pub(super) struct Answer {
    pub(super) ready: bool,
    pub(super) text: String,
}

impl Readiness {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let readiness = Self {
            checks: Family::default(),
            ready: Gauge::default(),
        };
        registry.register(
            "forebay_check_ok",
            "Whether this condition for readiness is met (1), or is not or gave no answer within 2 seconds (0)",
            readiness.checks.clone(),
        );
        registry.register(
            "forebay_ready",
            "Whether the process is ready, as on /readyz (1), or a check fails or it is draining (0)",
            readiness.ready.clone(),
        );
        readiness
    }

    /// Asks all checks at the same time, sets the gauges, and returns the text. A check that gives no answer within `patience`
    /// is not met.
    pub(super) async fn ask(&self, admin: &Admin, patience: Duration) -> Answer {
        let asked: Vec<_> = admin
            .checks
            .iter()
            .map(|(name, check)| (name, tokio::spawn(timeout(patience, check()))))
            .collect();
        let mut ready = true;
        let mut text = String::new();
        if admin.asked_to_end.is_cancelled() {
            ready = false;
            text.push_str("draining\n");
        }
        for (name, answer) in asked {
            let verdict = match answer.await {
                Ok(Ok(verdict)) => verdict,
                Ok(Err(_elapsed)) => Err(format!("no answer within {} s", patience.as_secs())),
                Err(_) => Err("the check ended by a bug".to_owned()),
            };
            let label = OfCheck { check: name.clone() };
            self.checks.get_or_create(&label).set(i64::from(verdict.is_ok()));
            ready &= verdict.is_ok();
            let verdict = match verdict {
                Ok(None) => "ok".to_owned(),
                Ok(Some(more)) => format!("ok, {more}"),
                Err(reason) => reason,
            };
            text.extend([name.as_str(), ": ", &verdict, "\n"]);
        }
        self.ready.set(i64::from(ready));
        Answer { ready, text }
    }

    /// Makes one series of each metric, for the reference page.
    #[cfg(test)]
    pub(super) fn example(registry: &mut Registry) {
        let readiness = Self::register(registry);
        let check = "example".to_owned();
        drop(readiness.checks.get_or_create(&OfCheck { check }));
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::super::{Check, Verdict};
    use super::*;

    fn check(verdict: Verdict) -> Check {
        Box::new(move || {
            let verdict = verdict.clone();
            Box::pin(async move { verdict })
        })
    }

    #[tokio::test]
    async fn each_check_is_a_line_and_a_gauge_and_one_that_hangs_holds_up_nothing() {
        let mut admin = Admin {
            metrics: Registry::default(),
            checks: vec![
                ("event log".to_owned(), check(Ok(None))),
                ("worker http".to_owned(), check(Ok(Some("12 partitions".to_owned())))),
            ],
            asked_to_end: CancellationToken::new(),
        };
        let readiness = Readiness::register(&mut admin.metrics);
        let answer = readiness.ask(&admin, Duration::from_secs(2)).await;
        assert_eq!(answer.text, "event log: ok\nworker http: ok, 12 partitions\n");
        assert!(answer.ready && readiness.ready.get() == 1);

        let hangs: Check = Box::new(|| Box::pin(std::future::pending()));
        admin.checks.push(("sink postgres".to_owned(), hangs));
        admin
            .checks
            .push(("sink http".to_owned(), check(Err("away".to_owned()))));
        let answer = readiness.ask(&admin, Duration::from_secs(1)).await;
        assert!(!answer.ready);
        let lines: Vec<&str> = answer.text.lines().skip(2).collect();
        assert_eq!(lines, ["sink postgres: no answer within 1 s", "sink http: away"]);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &admin.metrics).expect("text");
        for line in [
            r#"forebay_check_ok{check="event log"} 1"#,
            r#"forebay_check_ok{check="worker http"} 1"#,
            r#"forebay_check_ok{check="sink postgres"} 0"#,
            r#"forebay_check_ok{check="sink http"} 0"#,
            "forebay_ready 0",
        ] {
            assert!(text.contains(&format!("{line}\n")), "{line} is not in\n{text}");
        }

        admin.checks.clear();
        admin.asked_to_end.cancel();
        let answer = readiness.ask(&admin, Duration::from_secs(2)).await;
        assert_eq!((answer.ready, answer.text.as_str()), (false, "draining\n"));
    }
}
