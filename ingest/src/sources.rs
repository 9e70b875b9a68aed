//! The sources in use: keys hashed in, metric handles looked up, kept for as long as the directory returns the same source.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Mutex, RwLock};
use schemas::name::{SourceId, Tenant};
use schemas::platform::Platform;
use schemas::series::{IDLE, OTHER};
use schemas::setting::in_one_line;
use schemas::source::{Source, SourceDirectory};
use schemas::throttle::LogThrottle;

use crate::authenticate::Verifier;
use crate::metrics::{Metrics, SourceMetrics};

/// A source, ready for use.
#[derive(Debug)]
pub(crate) struct ReadySource {
    pub(crate) settings: Arc<Source>,
    pub(crate) verifier: Verifier,
    pub(crate) metrics: Arc<SourceMetrics>,
    /// For log lines that a sender can cause.
    pub(crate) throttle: Arc<LogThrottle>,
    used: Mutex<Instant>,
}

/// The sources that have been asked for and that the directory still has.
#[derive(Debug)]
pub(crate) struct Sources {
    directory: Arc<dyn SourceDirectory>,
    ready: RwLock<HashMap<SourceId, Arc<ReadySource>>>,
    unknown: Arc<ReadySource>,
    metrics: Metrics,
    /// How many sources may have metrics of their own.
    own_max: usize,
    /// Those of all other sources together.
    other: Arc<SourceMetrics>,
}

impl Sources {
    /// `own_max`: how many sources may have metrics of their own.
    pub(crate) fn new(directory: Arc<dyn SourceDirectory>, metrics: Metrics, own_max: usize) -> Self {
        // Never published from: its verifier lets no one in.
        let name = "unknown";
        let settings = Source {
            max_body_bytes: 0,
            ..Source::new(
                SourceId::new(name).unwrap_or_else(|_| unreachable!("a literal is a valid name")),
                Tenant::new(name).unwrap_or_else(|_| unreachable!("a literal is a valid name")),
                Platform::Standard,
                Vec::new(),
            )
        };
        let unknown = Arc::new(ReadySource {
            settings: Arc::new(settings),
            verifier: Verifier::decoy(),
            // No source can have this name.
            metrics: Arc::new(metrics.of_source("(unknown)")),
            throttle: Arc::default(),
            used: Mutex::new(Instant::now()),
        });
        Self {
            directory,
            ready: RwLock::default(),
            unknown,
            other: Arc::new(metrics.of_source(OTHER)),
            metrics,
            own_max,
        }
    }

    /// Returns the source of that id, or the one that stands for all that do not exist, whose verifier lets no one in.
    pub(crate) fn find(&self, id: &str) -> Arc<ReadySource> {
        let Some(settings) = self.directory.find(id) else {
            return Arc::clone(&self.unknown);
        };
        let ready = self.ready.read();
        match ready.get(&settings.id) {
            Some(source) if Arc::ptr_eq(&source.settings, &settings) => {
                *source.used.lock() = Instant::now();
                Arc::clone(source)
            }
            _ => {
                drop(ready);
                self.make_ready(settings)
            }
        }
    }

    fn make_ready(&self, settings: Arc<Source>) -> Arc<ReadySource> {
        let verifier = Verifier::new(&settings).unwrap_or_else(|invalid| {
            let error = in_one_line(&invalid);
            tracing::error!(source = %settings.id, error, "no one can send to this source");
            Verifier::unusable(error)
        });
        let mut ready = self.ready.write();
        let before = ready.get(&settings.id);
        let source = Arc::new(ReadySource {
            verifier,
            metrics: match before {
                Some(source) => Arc::clone(&source.metrics),
                None if self.has_room(&ready) => Arc::new(self.metrics.of_source(settings.id.as_str())),
                None => Arc::clone(&self.other),
            },
            throttle: before.map_or_else(Arc::default, |source| Arc::clone(&source.throttle)),
            used: Mutex::new(Instant::now()),
            settings,
        });
        ready.insert(source.settings.id.clone(), Arc::clone(&source));
        source
    }

    fn is_counted_alone(&self, source: &ReadySource) -> bool {
        !Arc::ptr_eq(&source.metrics, &self.other)
    }

    /// Whether one more source may have metrics of its own. Asked once for each source that is made ready.
    fn has_room(&self, ready: &HashMap<SourceId, Arc<ReadySource>>) -> bool {
        ready.values().filter(|source| self.is_counted_alone(source)).count() < self.own_max
    }

    /// Forgets the sources that the directory no longer has, and removes their metrics. One that a request still uses is left
    /// to the next call: what that request counts would bring the metrics back.
    pub(crate) fn forget_removed(&self) {
        let removed: Vec<SourceId> = {
            let ready = self.ready.read();
            let ids = ready.keys().filter(|id| self.directory.find(id.as_str()).is_none());
            ids.cloned().collect()
        };
        if !removed.is_empty() {
            self.forget(&removed);
        }
    }

    /// Where some sources are counted together, forgets those that were not used for an hour, and then has each of the others
    /// made ready anew when it is next used, to take the place of one that went.
    pub(crate) fn forget_idle(&self, now: Instant) {
        let (idle, together) = {
            let ready = self.ready.read();
            let together = ready.iter().filter(|(_, source)| !self.is_counted_alone(source));
            let together: Vec<SourceId> = together.map(|(id, _)| id.clone()).collect();
            let is_idle = |source: &ReadySource| now.saturating_duration_since(*source.used.lock()) >= IDLE;
            let idle = ready.iter().filter(|(_, source)| is_idle(source));
            (idle.map(|(id, _)| id.clone()).collect::<Vec<_>>(), together)
        };
        if together.is_empty() {
            return;
        }
        self.forget(&idle);
        if self.has_room(&self.ready.read()) {
            self.forget(&together);
        }
    }

    /// Forgets these and their metrics, if no request uses them.
    fn forget(&self, ids: &[SourceId]) {
        let mut ready = self.ready.write();
        for id in ids {
            // Nothing is lent out under the lock. A request that began before the last change holds the metrics alone.
            let unused = |source: &Arc<ReadySource>| {
                let counted_alone = self.is_counted_alone(source);
                Arc::strong_count(source) == 1 && (!counted_alone || Arc::strong_count(&source.metrics) == 1)
            };
            if ready.get(id).is_some_and(unused) {
                ready.remove(id);
                // Of one that is counted with others there is nothing.
                self.metrics.forget_source(id.as_str());
            }
        }
    }

    /// Whether `source` stands for those that do not exist.
    pub(crate) fn is_unknown(&self, source: &Arc<ReadySource>) -> bool {
        Arc::ptr_eq(source, &self.unknown)
    }
}

#[cfg(test)]
mod tests {
    use harness::directory::Sources as Directory;
    use http::{HeaderMap, HeaderValue};
    use prometheus_client::registry::Registry;
    use schemas::secret::Secret;
    use schemas::source::{Scheme, TokenPlace};
    use schemas::time::Timestamp;

    use super::*;
    use crate::authenticate::{MAX_SECRETS, Matched, Presented};
    use crate::decide::Reason;
    use crate::metrics::EventFamily;

    fn old_source() -> Arc<Directory> {
        Directory::new([with_secret("the-old-secret")])
    }

    fn with_secret(secret: &str) -> Arc<Source> {
        Arc::new(Source {
            id: SourceId::new("s").expect("valid"),
            tenant: Tenant::new("acme").expect("valid"),
            platform: Platform::Chatwoot,
            scheme: Some(Scheme::Token(TokenPlace::Header("x-token".into()))),
            secrets: vec![Secret::new(secret)],
            url_secrets: Vec::new(),
            verify_token: None,
            utc_offset_minutes: None,
            base_path: String::new(),
            max_body_bytes: 1,
        })
    }

    #[test]
    fn a_changed_source_counts_at_once_and_an_unchanged_one_is_kept() {
        let directory = old_source();
        let metrics = Metrics::register(&mut Registry::default());
        let sources = Sources::new(directory.clone(), metrics, 10);
        let lets_in = |source: &ReadySource, token: &'static str| {
            let headers = HeaderMap::from_iter([(
                http::HeaderName::from_static("x-token"),
                HeaderValue::from_static(token),
            )]);
            let request = Presented {
                authority: None,
                path: "",
                headers: &headers,
                path_secret: "",
                query: None,
                body: b"",
            };
            source.verifier.verify(&request, Timestamp::MIN).is_ok()
        };
        let old = sources.find("s");
        assert!(lets_in(&old, "the-old-secret"));
        assert!(Arc::ptr_eq(&old, &sources.find("s")));

        directory.set(Some(with_secret("the-new-secret")));
        let new = sources.find("s");
        assert!(lets_in(&new, "the-new-secret") && !lets_in(&new, "the-old-secret"));
        assert!(Arc::ptr_eq(&old.metrics, &new.metrics), "it counts on");
    }

    #[test]
    fn a_removed_source_is_forgotten_with_its_metrics_once_no_request_uses_it() {
        let directory = old_source();
        let mut registry = Registry::default();
        let sources = Sources::new(directory.clone(), Metrics::register(&mut registry), 10);
        let metrics = || {
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, &registry).expect("a string takes everything");
            text
        };
        let old = sources.find("s");
        directory.set(Some(with_secret("the-new-secret")));
        let new = sources.find("s");
        sources.forget_removed();
        assert!(metrics().contains(r#"source="s""#), "it is not removed");

        directory.set(None);
        assert!(sources.is_unknown(&sources.find("s")));
        drop(new);
        sources.forget_removed();
        assert!(
            metrics().contains(r#"source="s""#),
            "a request that began before the change uses it"
        );
        for reason in Reason::ALL {
            old.metrics.refused(*reason);
        }
        for family in EventFamily::ALL {
            old.metrics.published(*family);
        }
        for number in 0..MAX_SECRETS {
            old.metrics.verified(Matched {
                secret: Some(number),
                url_secret: Some(number),
            });
        }
        drop(old);
        sources.forget_removed();
        assert!(!metrics().contains(r#"source="s""#), "{}", metrics());
        assert!(metrics().contains(r#"source="(unknown)""#));

        directory.set(Some(with_secret("the-new-secret")));
        sources.find("s").metrics.received.inc();
        assert!(
            metrics().contains(r#"received_total{source="s"} 1"#),
            "it counts anew: {}",
            metrics()
        );
    }

    #[test]
    fn so_many_sources_have_metrics_of_their_own_and_an_idle_one_makes_room() {
        let named = |id: &'static str| {
            let id = SourceId::new(id).expect("valid");
            Arc::new(Source {
                id,
                ..Source::clone(&with_secret("the-secret"))
            })
        };
        let mut registry = Registry::default();
        let directory = Directory::new(["a", "b", "c"].map(named));
        let sources = Sources::new(directory, Metrics::register(&mut registry), 2);
        let received = |id: &str| {
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, &registry).expect("a string takes everything");
            let line = format!(r#"forebay_ingest_received_total{{source="{id}"}} "#);
            text.lines().find_map(|l| l.strip_prefix(&line)).map(str::to_owned)
        };
        for id in ["a", "b", "c", "c"] {
            sources.find(id).metrics.received.inc();
        }
        assert_eq!(
            [received("a"), received("b"), received("c")],
            [Some("1".into()), Some("1".into()), None]
        );
        assert_eq!(received(OTHER).as_deref(), Some("2"));
        sources.forget_idle(Instant::now());
        assert_eq!(received("a").as_deref(), Some("1"), "nothing is idle");

        let now = Instant::now();
        let later = now + IDLE;
        for id in ["a", "c"] {
            *sources.ready.read()[&SourceId::new(id).expect("valid")].used.lock() = later;
        }
        sources.forget_idle(later);
        assert_eq!([received("a").as_deref(), received("b").as_deref()], [Some("1"), None]);
        sources.find("c").metrics.received.inc();
        assert_eq!(received("c").as_deref(), Some("1"), "it has the place of b");
        sources.find("b").metrics.received.inc();
        assert_eq!(received(OTHER).as_deref(), Some("3"));
    }

    #[test]
    fn an_id_of_no_source_is_unknown_and_lets_no_one_in() {
        let sources = Sources::new(old_source(), Metrics::register(&mut Registry::default()), 10);
        for id in ["", "S", "unknown", "(unknown)"] {
            let source = sources.find(id);
            assert!(sources.is_unknown(&source), "{id}");
            assert!(!source.verifier.verify_path("") && !source.verifier.verify_path("unknown"));
        }
    }
}
