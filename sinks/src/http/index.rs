//! Which endpoints of a tenant want an event, found by its type, so that an event for one of ten thousand costs what it costs with
//! ten.

use std::collections::HashMap;
use std::sync::Arc;

use schemas::endpoint::EventTypePattern;
use schemas::name::EventType;

use super::endpoints::ReadyEndpoint;

/// The endpoints of one tenant, in the order of the directory. Lists hold places in it.
#[derive(Debug, Default)]
pub(super) struct Index {
    endpoints: Vec<Arc<ReadyEndpoint>>,
    /// Those that want every type.
    all: Vec<usize>,
    /// Those that want this type, or this family of types: by what stands before the `*`, with its dot.
    exact: HashMap<String, Vec<usize>>,
    families: HashMap<String, Vec<usize>>,
}

impl Index {
    pub(super) fn add(&mut self, ready: Arc<ReadyEndpoint>) {
        let place = self.endpoints.len();
        let events = &ready.endpoint.events;
        if events.is_empty() {
            self.all.push(place);
        }
        for pattern in events {
            match pattern {
                EventTypePattern::Exact(exact) => self.exact.entry(exact.to_string()).or_default().push(place),
                EventTypePattern::Prefix(prefix) if prefix.is_empty() => self.all.push(place),
                EventTypePattern::Prefix(prefix) => self.families.entry(prefix.clone()).or_default().push(place),
            }
        }
        self.endpoints.push(ready);
    }

    /// Those that want events of this type, whatever their filters say.
    pub(super) fn wanting(&self, event_type: &EventType) -> impl Iterator<Item = &Arc<ReadyEndpoint>> {
        let name = event_type.as_str();
        let mut places = self.all.clone();
        places.extend(self.exact.get(name).into_iter().flatten());
        for (dot, _) in name.match_indices('.') {
            places.extend(self.families.get(&name[..=dot]).into_iter().flatten());
        }
        // One that wants it for two reasons gets it once.
        places.sort_unstable();
        places.dedup();
        places.into_iter().filter_map(|place| self.endpoints.get(place))
    }
}
