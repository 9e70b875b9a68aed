//! Sources made ready: keys hashed in, metric handles looked up, kept as long as the directory gives the same source.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use schemas::name::{SourceId, Tenant};
use schemas::platform::Platform;
use schemas::setting::in_one_line;
use schemas::source::{Source, SourceDirectory};

use crate::authenticate::Verifier;
use crate::metrics::{Metrics, SourceMetrics};
use net::throttle::Throttle;

/// A source, ready for use.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) source: Arc<Source>,
    pub(crate) verifier: Verifier,
    pub(crate) metrics: Arc<SourceMetrics>,
    /// For log lines that a sender can provoke.
    pub(crate) throttle: Arc<Throttle>,
}

/// All sources seen so far. Their number is bounded by those that were ever configured.
#[derive(Debug)]
pub(crate) struct Sources {
    directory: Arc<dyn SourceDirectory>,
    ready: RwLock<HashMap<SourceId, Arc<Known>>>,
    stranger: Arc<Known>,
    metrics: Metrics,
}

impl Sources {
    pub(crate) fn new(directory: Arc<dyn SourceDirectory>, metrics: Metrics) -> Self {
        // Never published from: its verifier lets nobody in.
        let name = "unknown";
        let source = Source {
            max_body_bytes: 0,
            ..Source::new(
                SourceId::new(name).unwrap_or_else(|_| unreachable!("a literal is a valid name")),
                Tenant::new(name).unwrap_or_else(|_| unreachable!("a literal is a valid name")),
                Platform::Standard,
                Vec::new(),
            )
        };
        let stranger = Arc::new(Known {
            source: Arc::new(source),
            verifier: Verifier::decoy(),
            // No source can have this name.
            metrics: Arc::new(metrics.of_source("(unknown)")),
            throttle: Arc::default(),
        });
        Self {
            directory,
            ready: RwLock::default(),
            stranger,
            metrics,
        }
    }

    /// The source of that id; or one that stands for all that are not there, whose verifier lets nobody in.
    pub(crate) fn find(&self, id: &str) -> Arc<Known> {
        let Some(source) = self.directory.find(id) else {
            return Arc::clone(&self.stranger);
        };
        let ready = self.ready.read().unwrap_or_else(PoisonError::into_inner);
        match ready.get(&source.id) {
            Some(known) if Arc::ptr_eq(&known.source, &source) => Arc::clone(known),
            _ => {
                drop(ready);
                self.make_ready(&source)
            }
        }
    }

    fn make_ready(&self, source: &Arc<Source>) -> Arc<Known> {
        let verifier = Verifier::new(source).unwrap_or_else(|invalid| {
            let error = in_one_line(&invalid);
            tracing::error!(target: "ingest", source = %source.id, error, "nobody can send to this source");
            Verifier::nobody(error)
        });
        let mut ready = self.ready.write().unwrap_or_else(PoisonError::into_inner);
        let before = ready.get(&source.id);
        let known = Arc::new(Known {
            verifier,
            metrics: before.map_or_else(
                || Arc::new(self.metrics.of_source(source.id.as_str())),
                |known| Arc::clone(&known.metrics),
            ),
            throttle: before.map_or_else(Arc::default, |known| Arc::clone(&known.throttle)),
            source: Arc::clone(source),
        });
        ready.insert(source.id.clone(), Arc::clone(&known));
        known
    }

    /// Whether `known` stands for the sources that are not there.
    pub(crate) fn is_stranger(&self, known: &Arc<Known>) -> bool {
        Arc::ptr_eq(known, &self.stranger)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use http::{HeaderMap, HeaderValue};
    use prometheus_client::registry::Registry;
    use schemas::secret::Secret;
    use schemas::source::{Scheme, TokenPlace};
    use schemas::time::Timestamp;

    use super::*;
    use crate::authenticate::Presented;

    #[derive(Debug)]
    struct Changing(Mutex<Arc<Source>>);

    impl SourceDirectory for Changing {
        fn find(&self, id: &str) -> Option<Arc<Source>> {
            let source = self.0.lock().expect("not poisoned");
            (source.id.as_str() == id).then(|| Arc::clone(&source))
        }
    }

    fn with_secret(secret: &str) -> Arc<Source> {
        Arc::new(Source {
            scheme: Some(Scheme::Token(TokenPlace::Header("x-token".into()))),
            ..Source::new(
                SourceId::new("s").expect("valid"),
                Tenant::new("acme").expect("valid"),
                Platform::Chatwoot,
                vec![Secret::new(secret)],
            )
        })
    }

    #[test]
    fn a_changed_source_counts_at_once_and_an_unchanged_one_is_kept() {
        let directory = Arc::new(Changing(Mutex::new(with_secret("the-old-secret"))));
        let metrics = Metrics::register(&mut Registry::default());
        let sources = Sources::new(directory.clone(), metrics);
        let lets_in = |known: &Known, token: &'static str| {
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
            known.verifier.verify(&request, Timestamp::MIN).is_ok()
        };
        let old = sources.find("s");
        assert!(lets_in(&old, "the-old-secret"));
        assert!(Arc::ptr_eq(&old, &sources.find("s")));

        *directory.0.lock().expect("not poisoned") = with_secret("the-new-secret");
        let new = sources.find("s");
        assert!(lets_in(&new, "the-new-secret") && !lets_in(&new, "the-old-secret"));
        assert!(Arc::ptr_eq(&old.metrics, &new.metrics), "it counts on");
    }

    #[test]
    fn who_is_not_there_is_a_stranger_that_lets_nobody_in() {
        let directory = Arc::new(Changing(Mutex::new(with_secret("the-old-secret"))));
        let sources = Sources::new(directory, Metrics::register(&mut Registry::default()));
        for id in ["", "S", "unknown", "(unknown)"] {
            let known = sources.find(id);
            assert!(sources.is_stranger(&known), "{id}");
            assert!(!known.verifier.verify_path("") && !known.verifier.verify_path("unknown"));
        }
    }
}
