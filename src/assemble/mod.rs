//! Builds the rooms from the configuration. The only place that knows them all.

mod event_log;
mod rules;
mod sinks;
mod store;

use std::sync::Arc;

use schemas::source::Scheme;

use crate::config::{ConfigError, Loaded};

pub(crate) use event_log::{event_log, event_log_to_administer, event_log_to_read};
pub(crate) use rules::{rules, rules_for};
pub(crate) use sinks::{AnyOfAll, Configured, Listeners, chosen, databases, heard, sinks};
pub(crate) use store::{Store, store};

/// Sources and endpoints, the sources checked by the room that receives from them.
pub(crate) fn registry(loaded: &Loaded) -> Result<Arc<control::Registry>, ConfigError> {
    loaded
        .config
        .registry()
        .map(Arc::new)
        .map_err(|found| loaded.refuse(&found))
}

/// The same, and the endpoints checked by the guard of the HTTP sink.
pub(crate) fn guarded_registry(loaded: &Loaded) -> Result<Arc<control::Registry>, ConfigError> {
    let registry = loaded.config.guarded_registry();
    registry.map(Arc::new).map_err(|found| loaded.refuse(&found))
}

/// The sources that accept any sender. An explicit choice, which is logged wherever such a source is used.
pub(crate) fn open_sources(registry: &control::Registry) -> Vec<String> {
    let mut open: Vec<String> = registry
        .sources()
        .filter(|source| source.scheme == Some(Scheme::None))
        .map(|source| source.id.to_string())
        .collect();
    open.sort();
    open
}
