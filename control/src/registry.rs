//! The checked snapshot of sources and endpoints.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use schemas::endpoint::{Endpoint, EndpointDirectory, Filter};
use schemas::setting::{Findings, Invalid, within};
use schemas::source::{Source, SourceDirectory};
use schemas::spec::{EndpointSpec, SourceSpec};

/// What the rooms that will use sources and endpoints object to. Each answers by the place within the one that it is given.
pub struct Checks<'c> {
    /// Whether a source can authenticate: the room that receives.
    pub source: &'c dyn Fn(&Source) -> Result<(), Vec<Invalid>>,
    /// Whether an endpoint that is enabled may be posted to: the room that sends.
    pub endpoint: &'c dyn Fn(&Endpoint) -> Result<(), Vec<Invalid>>,
    /// The filter that a condition makes, or everything that is wrong with it: the room that knows conditions. The place of what is
    /// wrong is empty: it is the whole condition.
    pub filter: &'c dyn Fn(&str) -> MadeFilter,
}

/// The filter that a condition makes, or everything that is wrong with it.
pub type MadeFilter = Result<Arc<dyn Filter>, Vec<Invalid>>;

impl fmt::Debug for Checks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Checks")
    }
}

/// Sources and endpoints as they were written, checked.
#[derive(Debug)]
pub struct Registry {
    sources: HashMap<String, Arc<Source>>,
    endpoints: Arc<[Arc<Endpoint>]>,
}

impl Registry {
    /// Checks everything and returns all that is wrong, at places such as `sources[3].auth.template`. `max_body_bytes` holds for
    /// sources without a limit of their own.
    pub fn new(
        sources: Vec<SourceSpec>,
        endpoints: Vec<EndpointSpec>,
        max_body_bytes: usize,
        checks: &Checks<'_>,
    ) -> Result<Self, Vec<Invalid>> {
        let mut found = Findings::default();
        let mut by_id = HashMap::new();
        for (index, spec) in sources.into_iter().enumerate() {
            let place = format!("sources[{index}]");
            let id = spec.id.to_string();
            let built = spec.build(max_body_bytes);
            let checked = built.and_then(|source| (checks.source)(&source).map(|()| source));
            let source = checked.map_err(|invalid| found.add_within(&place, Err(invalid))).ok();
            // One that is wrong has its id all the same.
            if by_id.insert(id, source.map(Arc::new)).is_some() {
                found.add(format!("{place}.id"), TWICE);
            }
        }

        let mut enabled = Vec::new();
        let mut ids = HashSet::new();
        for (index, spec) in endpoints.into_iter().enumerate() {
            let place = format!("endpoints[{index}]");
            if !ids.insert(spec.id.clone()) {
                found.add(format!("{place}.id"), TWICE);
            }
            let is_enabled = spec.enabled;
            let check = |endpoint: Endpoint| {
                if is_enabled {
                    (checks.endpoint)(&endpoint).map(|()| Some(endpoint))
                } else {
                    Ok(None)
                }
            };
            let filter = spec.filter.as_deref().map(checks.filter).transpose();
            let filter = filter.map_err(|invalid| within("filter", invalid));
            let filter = filter.map_err(|invalid| found.add_within(&place, Err(invalid)));
            let filter = filter.ok().flatten();
            let built = spec.build().map(|endpoint| Endpoint { filter, ..endpoint });
            match built.and_then(check) {
                Ok(endpoint) => enabled.extend(endpoint.map(Arc::new)),
                Err(invalid) => found.add_within(&place, Err(invalid)),
            }
        }
        found.into_result()?;
        let sources = by_id.into_iter().filter_map(|(id, source)| Some((id, source?)));
        Ok(Self {
            sources: sources.collect(),
            endpoints: enabled.into(),
        })
    }

    /// The same, with the path that ingest expects in front of the sources' own.
    #[must_use]
    pub fn with_base_path(mut self, base_path: &str) -> Self {
        for source in self.sources.values_mut() {
            base_path.clone_into(&mut Arc::make_mut(source).base_path);
        }
        self
    }

    /// All sources, in no order.
    pub fn sources(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.sources.values()
    }
}

const TWICE: &str = "is taken by another one above: every one needs an id of its own";

impl SourceDirectory for Registry {
    fn find(&self, id: &str) -> Option<Arc<Source>> {
        self.sources.get(id).cloned()
    }
}

impl EndpointDirectory for Registry {
    fn endpoints(&self) -> Arc<[Arc<Endpoint>]> {
        Arc::clone(&self.endpoints)
    }
}

#[cfg(test)]
mod tests {
    use schemas::event::Event;
    use serde_json::{Value, from_value, json};

    use super::*;

    const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[derive(Debug)]
    struct Everything;

    impl Filter for Everything {
        fn matches(&self, _: &Event) -> Result<bool, String> {
            Ok(true)
        }
    }

    fn load(sources: Value, endpoints: Value, checks: &Checks<'_>) -> Result<Registry, Vec<String>> {
        let sources = from_value(sources).expect("specs");
        let endpoints = from_value(endpoints).expect("specs");
        let registry = Registry::new(sources, endpoints, 1000, checks);
        registry.map_err(|found| found.iter().map(Invalid::to_string).collect())
    }

    const NO_OBJECTION: Checks<'static> = Checks {
        source: &|_| Ok(()),
        endpoint: &|_| Ok(()),
        filter: &|_| Ok(Arc::new(Everything)),
    };

    #[test]
    fn sources_and_endpoints_are_found() {
        let registry = load(
            json!([{"id": "a", "platform": "chatwoot", "secrets": ["s3cret-s3cret"]}]),
            json!([
                {"id": "crm", "url": "https://example.com/hooks", "events": ["ticket.*"], "filter": "true", "secrets": [KEY]},
                {"id": "off", "enabled": false, "url": "https://example.com/off", "secrets": [KEY]},
            ]),
            &NO_OBJECTION,
        )
        .expect("a valid registry");
        let source = registry.find("a").expect("registered");
        assert_eq!((source.tenant.as_str(), source.max_body_bytes), ("default", 1000));
        assert!(registry.find("b").is_none());
        assert_eq!(source.path(), "/in/a");
        assert_eq!(registry.endpoints().len(), 1, "one that is switched off gets nothing");
        assert!(registry.endpoints()[0].filter.is_some());
        let registry = registry.with_base_path("/hooks");
        assert_eq!(registry.find("a").expect("registered").path(), "/hooks/in/a");
    }

    #[test]
    fn everything_that_is_wrong_is_returned_by_its_place_in_the_lists() {
        let found = load(
            json!([
                {"id": "a", "platform": "digisac"},
                {"id": "b", "platform": "standard", "secrets": ["x"], "auth": {"scheme": "token"}},
                {"id": "a", "platform": "digisac", "secrets": ["s3cret-s3cret"]},
            ]),
            json!([
                {"id": "e", "url": "nowhere", "secrets": []},
                {"id": "e", "url": "https://x.example", "secrets": ["x"], "enabled": false},
            ]),
            &NO_OBJECTION,
        )
        .expect_err("much is wrong");
        let places: Vec<&str> = found
            .iter()
            .map(|text| text.split('`').nth(1).expect("a place"))
            .collect();
        assert_eq!(
            places,
            [
                "sources[0].secrets",
                "sources[1].auth",
                "sources[2].id",
                "endpoints[0].url",
                "endpoints[0].secrets",
                "endpoints[1].id",
                "endpoints[1].secrets[0]",
            ]
        );
    }

    #[test]
    fn the_rooms_that_use_them_are_asked_and_their_objections_have_a_place() {
        let no = |place: &str| Err(within("", vec![Invalid::new(place, "will not do")]));
        let checks = Checks {
            source: &|source| {
                if source.id.as_str() == "a" {
                    Ok(())
                } else {
                    no("secrets[0]")
                }
            },
            endpoint: &|_| no("url"),
            filter: &|text| Err(vec![Invalid::new("", format!("is `{text}`, which will not do"))]),
        };
        let source = |id: &str| json!({"id": id, "platform": "chatwoot", "secrets": ["s3cret-s3cret"]});
        let endpoint = |id: &str, enabled: bool| json!({"id": id, "url": "https://x.example", "secrets": [KEY], "enabled": enabled});
        let mut filtered = endpoint("filtered", false);
        filtered["filter"] = json!("x");
        let found = load(
            json!([source("a"), source("b")]),
            json!([endpoint("off", false), endpoint("on", true), filtered]),
            &checks,
        );
        assert_eq!(
            found.expect_err("three objections"),
            [
                "`sources[1].secrets[0]` will not do",
                "`endpoints[1].url` will not do",
                "`endpoints[2].filter` is `x`, which will not do"
            ]
        );
    }
}
