//! Sources made ready: keys hashed in, metric handles looked up, kept as long as the directory gives the same source.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use schemas::name::{SourceId, Tenant};
use schemas::platform::Platform;
use schemas::source::{Source, SourceDirectory};

use crate::authenticate::Verifier;
use crate::metrics::{Metrics, SourceMetrics};
use crate::quiet::Quiet;

/// A source, ready for use.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) source: Arc<Source>,
    pub(crate) verifier: Verifier,
    pub(crate) metrics: Arc<SourceMetrics>,
    /// For log lines that a sender can provoke.
    pub(crate) quiet: Arc<Quiet>,
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
            id: SourceId::new(name).unwrap_or_else(|_| unreachable!("a literal is a valid name")),
            tenant: Tenant::new(name).unwrap_or_else(|_| unreachable!("a literal is a valid name")),
            platform: Platform::Standard,
            scheme: None,
            secrets: Vec::new(),
            max_body_bytes: 0,
        };
        let stranger = Arc::new(Known {
            source: Arc::new(source),
            verifier: Verifier::decoy(),
            // No source can have this name.
            metrics: Arc::new(metrics.of_source("(unknown)")),
            quiet: Arc::default(),
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
        let verifier = Verifier::new(source).unwrap_or_else(|error| {
            tracing::error!(target: "ingest", source = %source.id, %error, "nobody can send to this source");
            Verifier::Nobody { problem: error.problem }
        });
        let mut ready = self.ready.write().unwrap_or_else(PoisonError::into_inner);
        let before = ready.get(&source.id);
        let known = Arc::new(Known {
            verifier,
            metrics: before.map_or_else(
                || Arc::new(self.metrics.of_source(source.id.as_str())),
                |known| Arc::clone(&known.metrics),
            ),
            quiet: before.map_or_else(Arc::default, |known| Arc::clone(&known.quiet)),
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
