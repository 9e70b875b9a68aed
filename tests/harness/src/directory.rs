//! Sources that a test can change while they are in use.

use std::sync::{Arc, Mutex};

use schemas::source::{Source, SourceDirectory};

/// The sources that are registered.
#[derive(Debug)]
pub struct Sources(Mutex<Vec<Arc<Source>>>);

impl Sources {
    /// These, to begin with.
    pub fn new(sources: impl IntoIterator<Item = Arc<Source>>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(sources.into_iter().collect())))
    }

    /// From now on only these.
    pub fn set(&self, sources: impl IntoIterator<Item = Arc<Source>>) {
        *self.0.lock().expect("not poisoned") = sources.into_iter().collect();
    }
}

impl SourceDirectory for Sources {
    fn find(&self, id: &str) -> Option<Arc<Source>> {
        let sources = self.0.lock().expect("not poisoned");
        sources.iter().find(|source| source.id.as_str() == id).map(Arc::clone)
    }
}
