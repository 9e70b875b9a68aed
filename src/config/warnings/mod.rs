//! What a configuration says that may be meant, and seldom is: nothing is refused for it, `forebay check` prints it, and a start
//! logs it.

mod endpoints;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;

use schemas::secret::Secret;
use schemas::setting::{Findings, Invalid};
use serde::Serialize;

use super::missing::is_unused;
use super::read::Mistake;
use super::{Config, Loaded};
use crate::telemetry;

/// Something that was found in a file, at its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// Left out where it is in no file.
    pub(crate) file: Option<String>,
    pub(crate) line: Option<u64>,
    pub(crate) column: Option<u64>,
    /// The setting, as the message names it.
    pub(crate) key: Option<String>,
    pub(crate) message: String,
}

impl Finding {
    /// Reads `file:line:column: message`, where the text begins so; `file` is the one that may stand there without a line.
    pub(crate) fn parse(text: &str, file: &str) -> Self {
        let whole = || Self {
            file: None,
            line: None,
            column: None,
            key: None,
            message: text.to_owned(),
        };
        let mut finding = match text.split_once(": ") {
            Some((place, message)) if place == file => Self {
                file: Some(file.to_owned()),
                message: message.to_owned(),
                ..whole()
            },
            Some((place, message)) => {
                let mut parts = place.rsplitn(3, ':');
                let mut number = || parts.next().and_then(|part| part.parse::<u64>().ok());
                match (number(), number(), parts.next()) {
                    (Some(column), Some(line), Some(file)) => Self {
                        file: Some(file.to_owned()),
                        line: Some(line),
                        column: Some(column),
                        message: message.to_owned(),
                        ..whole()
                    },
                    _ => whole(),
                }
            }
            None => whole(),
        };
        finding.key = key_of(&finding.message);
        finding
    }

    /// What is doubtful in the rules.
    pub(crate) fn of_rules(warning: &rules::Problem) -> Self {
        let message = warning.text();
        Self {
            file: Some(warning.file.clone()),
            line: warning.line,
            column: warning.line.map(|_| warning.column.unwrap_or(1)),
            key: key_of(&message),
            message,
        }
    }

    /// What is wrong with a configuration, at its place.
    pub(crate) fn of(mistake: Mistake) -> Self {
        let Mistake { file, place, text } = mistake;
        Self {
            file: Some(file),
            line: place.map(|place| place.line),
            column: place.map(|place| place.column),
            key: key_of(&text),
            message: text,
        }
    }

    /// Something that is in no file, such as the state of a service.
    pub(crate) fn elsewhere(message: &str) -> Self {
        Self {
            file: None,
            ..Self::parse(message, "")
        }
    }
}

/// The setting that a message begins with, after ``source `a`: `` as well.
fn key_of(mut message: &str) -> Option<String> {
    for kind in ["source `", "endpoint `", "rule `"] {
        let named = message.strip_prefix(kind).and_then(|rest| rest.split_once("`: "));
        message = named.map_or(message, |(_, rest)| rest);
    }
    let (key, _) = message.strip_prefix('`')?.split_once('`')?;
    Some(key.to_owned())
}

/// As a warning.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}:")?;
            if let (Some(line), Some(column)) = (self.line, self.column) {
                write!(f, "{line}:{column}:")?;
            }
            write!(f, " ")?;
        }
        write!(f, "warning: {}", self.message)
    }
}

impl Loaded {
    /// What may be meant, in the order of the file, but for what is `unused`: another process uses it, or no one, and this one's
    /// configuration may lack it.
    pub(crate) fn warnings(&self, unused: &[String]) -> Vec<Finding> {
        let mut found: Vec<Finding> = self
            .config
            .warnings()
            .iter()
            .filter(|warning| !is_unused(unused, &warning.place))
            .filter(|warning| !self.follows_from_a_mistake(&warning.place))
            // What is said of one section, and may come from a mistake in another.
            .filter(|warning| match warning.place.as_str() {
                "endpoints" => !self.follows_from_a_mistake("sinks"),
                "sinks.http" => !self.follows_from_a_mistake("endpoints") && !self.follows_from_a_mistake("store"),
                _ => true,
            })
            .map(|warning| self.locate(warning))
            .collect();
        found.sort_by_key(|finding| (finding.line, finding.column));
        found
    }

    pub(super) fn locate(&self, warning: &Invalid) -> Finding {
        Finding {
            key: (!warning.place.is_empty()).then(|| warning.place.clone()),
            ..Finding::of(self.mistake(warning))
        }
    }
}

impl Config {
    /// Everything that may be meant, at its place. Nothing is opened, and no service is asked.
    pub(crate) fn warnings(&self) -> Vec<Invalid> {
        let mut found = Findings::default();
        found.warn_within("logging.filter", telemetry::unknown_targets(&self.logging));
        found.warn_within("ingest", self.ingest.warnings());
        found.warn_within("processor", self.processor.warnings());
        for (index, source) in self.sources.iter().enumerate() {
            found.warn_within(&format!("sources[{index}]"), source.warnings());
        }
        let filters = rules::Filters::default();
        for (index, endpoint) in self.endpoints.iter().enumerate() {
            let place = format!("endpoints[{index}]");
            found.warn_within(&place, endpoint.warnings());
            for doubt in endpoint.filter.iter().flat_map(|text| filters.warnings(text)) {
                found.add(format!("{place}.filter"), doubt);
            }
        }
        if let Some(kafka) = &self.event_log.kafka {
            found.warn_within("event_log.kafka", kafka.warnings());
        }
        if let Some(postgres) = &self.sinks.postgres {
            found.warn_within("sinks.postgres", postgres.warnings());
        }
        if let Some(store) = &self.store {
            found.warn_within("store", store.warnings());
        }
        self.missing(&mut found);
        self.limits(&mut found);
        self.shared_secrets(&mut found);
        self.similar_ids(&mut found);
        endpoints::check(self, &mut found);
        found.into_warnings()
    }

    /// Whole sections that are empty, so that nothing comes in or nothing goes out.
    fn missing(&self, found: &mut Findings) {
        let sinks = &self.sinks;
        if self.sources.is_empty() {
            found.add("sources", "is empty: every webhook is answered 404");
        }
        let none = sinks.http.is_none() && sinks.postgres.is_none() && sinks.sqlite.is_none() && sinks.topic.is_none();
        // Without a log it is for `forebay dev`, which brings a database.
        let dev = self.event_log.kafka.is_none() && self.event_log.journal.is_none();
        if none && !dev {
            found.add("sinks", "names no sink: events stay in the event log, and go nowhere");
        }
        if !self.endpoints.is_empty() && sinks.http.is_none() {
            found.add(
                "endpoints",
                "are not posted to without the sink: write `http: {}` under `sinks`",
            );
        }
        if sinks.http.is_some() && !self.endpoints.iter().any(|endpoint| endpoint.enabled) {
            let which = if self.endpoints.is_empty() {
                "no endpoint is named"
            } else {
                "every endpoint is switched off"
            };
            found.add("sinks.http", format!("posts nothing: {which} under `endpoints`"));
        }
        let posts = sinks.http.is_some() && self.endpoints.iter().any(|endpoint| endpoint.enabled);
        if posts && self.store.is_none() && !dev {
            let reason = "keeps deliveries that wait in memory: they hold up the progress of their partition, and after a restart what \
                          follows them is delivered again; name a database for them, as in `store: { postgres: { url: … } }`";
            found.add("sinks.http", reason);
        }
        if self.event_log.kafka.is_some() && self.event_log.canary_seconds == Some(0) {
            let reason = "is 0: a sink that stands still while nothing comes in is not noticed; leave it out for every 10 seconds";
            found.add("event_log.canary_seconds", reason);
        }
    }

    /// Bodies that are accepted, but never fit into a record.
    fn limits(&self, found: &mut Findings) {
        let record = self.event_log.max_record_bytes;
        let too_large = |limit: usize| u64::try_from(limit).unwrap_or(u64::MAX) > u64::from(record);
        let reason = |limit: usize| {
            format!(
                "is {limit}, more than `event_log.max_record_bytes` ({record}): a larger body is answered 413 all the same"
            )
        };
        if too_large(self.ingest.max_body_bytes) {
            found.add("ingest.max_body_bytes", reason(self.ingest.max_body_bytes));
        }
        for (index, source) in self.sources.iter().enumerate() {
            if let Some(limit) = source.max_body_bytes.filter(|limit| too_large(*limit)) {
                found.add(format!("sources[{index}].max_body_bytes"), reason(limit));
            }
        }
    }

    /// One secret in two sources or endpoints: whoever has it can speak for both. A source and an endpoint of one id are meant to be
    /// one party, such as that of `forebay smoke-test`.
    fn shared_secrets(&self, found: &mut Findings) {
        let sources = self.sources.iter().enumerate().map(|(index, source)| {
            let urls = placed("url_secrets", &source.url_secrets);
            let all: Vec<_> = placed("secrets", &source.secrets).chain(urls).collect();
            (format!("sources[{index}]"), format!("source `{}`", source.id), all)
        });
        let endpoints = self.endpoints.iter().enumerate().map(|(index, endpoint)| {
            let secrets = endpoint.secrets.iter().map(|spec| &spec.secret);
            let all: Vec<_> = placed("secrets", secrets).collect();
            (
                format!("endpoints[{index}]"),
                format!("endpoint `{}`", endpoint.id),
                all,
            )
        });
        let mut seen: HashMap<&[u8], (String, String)> = HashMap::new();
        for (place, name, secrets) in sources.chain(endpoints) {
            for (secret, at) in secrets {
                match seen.get(secret.expose()) {
                    // Within one it has been told.
                    Some((owner, _)) if *owner == place => {}
                    Some((_, other)) if is_one_party(other, &name) => {}
                    Some((_, other)) => {
                        let reason = format!("is also that of {other}: give each one of its own");
                        found.add(format!("{place}.{at}"), reason);
                    }
                    None => {
                        seen.insert(secret.expose(), (place.clone(), name.clone()));
                    }
                }
            }
        }
    }

    fn similar_ids(&self, found: &mut Findings) {
        let sources: Vec<&str> = self.sources.iter().map(|source| source.id.as_str()).collect();
        let endpoints: Vec<&str> = self.endpoints.iter().map(|endpoint| endpoint.id.as_str()).collect();
        for (list, ids) in [("sources", sources), ("endpoints", endpoints)] {
            for (index, id) in ids.iter().enumerate() {
                let similar = |other: &&&str| other != &id && other.eq_ignore_ascii_case(id);
                if let Some(other) = ids.iter().take(index).find(similar) {
                    let reason = format!("differs from `{other}` in upper and lower case only: they are two");
                    found.add(format!("{list}[{index}].id"), reason);
                }
            }
        }
    }
}

/// Whether these are a source and an endpoint of the same id.
fn is_one_party(source: &str, endpoint: &str) -> bool {
    let id = source.strip_prefix("source ");
    id.is_some() && id == endpoint.strip_prefix("endpoint ")
}

/// Secrets, each with its place in the list of this name.
fn placed<'s>(
    list: &'static str,
    secrets: impl IntoIterator<Item = &'s Secret>,
) -> impl Iterator<Item = (&'s Secret, String)> {
    secrets
        .into_iter()
        .zip((0..).map(move |number| format!("{list}[{number}]")))
}
