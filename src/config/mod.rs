//! The program's configuration: the sum of its stages', read from one YAML file.
//!
//! `${NAME}` in an unquoted value is the environment variable NAME, or the content of the file that `NAME_FILE` names.
//! This is the only place that reads the environment.

mod check;
mod dev;
mod event_log;
mod find;
mod missing;
mod places;
pub(crate) mod schema;
mod sinks;
mod warnings;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use net::client::PROXY_VARIABLES;
use schemas::secret::Secret;
use schemas::setting::Invalid;
use serde::Deserialize;

use crate::yaml;
pub(crate) use dev::{DEV, load_dev, load_log};
pub(crate) use event_log::{EventLogConfig, Topics};
pub(crate) use find::{BUILT_IN, find, load_file, load_or_built_in, url_of};
pub(crate) use missing::{ASKS_THE_SINKS, Missing, READS_THE_LOG};
use places::Places;
pub(crate) use sinks::SinksConfig;
pub(crate) use warnings::Finding;

/// The configuration as the file writes it.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Logs.
    pub(crate) logging: Logging,
    /// Where `/livez`, `/readyz` and `/metrics` are served.
    pub(crate) admin: Admin,
    /// The event log between the stages.
    pub(crate) event_log: EventLogConfig,
    /// Receiving.
    pub(crate) ingest: ingest::Config,
    /// Who may send to us.
    pub(crate) sources: Vec<control::SourceSpec>,
    /// The registered outbound URLs.
    pub(crate) endpoints: Vec<control::EndpointSpec>,
    /// The rules file, relative to this one; without it every event goes to every sink.
    pub(crate) rules_file: Option<PathBuf>,
    /// Reading and retrying.
    pub(crate) processor: processor::Config,
    /// Where events go.
    pub(crate) sinks: SinksConfig,
}

/// Logs, on standard error.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Logging {
    /// How they are written.
    pub(crate) format: LogFormat,
    /// Which ones: `info`, or per module, `info,processor=debug`.
    pub(crate) filter: String,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            format: LogFormat::Auto,
            filter: "info".to_owned(),
        }
    }
}

/// `/livez`, `/readyz`, `/metrics`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Admin {
    /// Address and port; never the public ones.
    pub(crate) listen: String,
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9464".to_owned(),
        }
    }
}

/// A configuration that cannot be used: the whole message, with file, position, reason and way out.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ConfigError(pub(crate) String);

/// A configuration and where it came from.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    /// The file's name as given, for messages.
    pub(crate) file: String,
    /// What relative paths in the file are relative to.
    pub(crate) folder: PathBuf,
    places: Places,
}

/// Reads and parses a file.
pub(crate) fn load(path: &Path) -> Result<Loaded, ConfigError> {
    load_with(path, Missing::Refuse)
}

/// The same, with a choice of what becomes of variables that are not set.
pub(crate) fn load_with(path: &Path, missing: Missing) -> Result<Loaded, ConfigError> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|e| {
        ConfigError(format!("cannot read the configuration `{file}`: {e}; name another with --config, or begin with forebay.example.yaml"))
    })?;
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let mut properties = environment(&text)?;
    missing.fill(&text, &mut properties);
    Loaded::parse(&text, file, folder, properties)
}

impl Loaded {
    /// Parses a text; `file` names it in messages, `properties` are what `${NAME}` stands for.
    fn parse(
        text: &str,
        file: String,
        folder: PathBuf,
        properties: HashMap<String, String>,
    ) -> Result<Self, ConfigError> {
        // An empty file is a configuration without settings.
        let parsed: Option<Config> = yaml::read(text, properties).map_err(|yaml::Unreadable { place, reason }| {
            ConfigError(format!("{}: {reason}", position(&file, place)))
        })?;
        let loaded = Self {
            config: parsed.unwrap_or_default(),
            file,
            folder,
            places: Places::of(text),
        };
        match loaded.config.check() {
            Ok(()) => Ok(loaded),
            // If it has to be corrected anyway, then once.
            Err(found) => Err(loaded.refuse(&loaded.config.check_all().err().unwrap_or(found))),
        }
    }

    /// Everything that is wrong, a line each, in the order of the file.
    pub(crate) fn refuse(&self, found: &[Invalid]) -> ConfigError {
        let mut lines: Vec<_> = found
            .iter()
            .map(|invalid| (self.places.find(&invalid.place), self.in_words(invalid)))
            .collect();
        lines.sort_by_key(|(place, _)| *place);
        let lines: Vec<String> = lines
            .into_iter()
            .map(|(place, text)| format!("{}: {text}", position(&self.file, place)))
            .collect();
        ConfigError(lines.join("\n"))
    }

    /// A source or an endpoint is called by its id, not by its number.
    fn in_words(&self, invalid: &Invalid) -> String {
        let Config { sources, endpoints, .. } = &self.config;
        let element = |list: &str| {
            let (index, rest) = invalid.place.strip_prefix(list)?.strip_prefix('[')?.split_once(']')?;
            Some((index.parse::<usize>().ok()?, rest.trim_start_matches('.')))
        };
        let source =
            element("sources").and_then(|(index, rest)| Some(("source", sources.get(index)?.id.as_str(), rest)));
        let endpoint = || {
            let (index, rest) = element("endpoints")?;
            Some(("endpoint", endpoints.get(index)?.id.as_str(), rest))
        };
        match source.or_else(endpoint) {
            Some((kind, id, rest)) => format!("{kind} `{id}`: {}", Invalid::new(rest, invalid.reason.as_str())),
            None => invalid.to_string(),
        }
    }
}

/// The file, and the line and column where they are known.
fn position(file: &str, place: Option<(u64, u64)>) -> String {
    match place {
        Some((line, column)) => format!("{file}:{line}:{column}"),
        None => file.to_owned(),
    }
}

/// Those environment variables that `text` refers to, with `NAME_FILE` read where `NAME` is not set.
fn environment(text: &str) -> Result<HashMap<String, String>, ConfigError> {
    let mut properties: HashMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| text.contains(name.strip_suffix("_FILE").unwrap_or(name)))
        .collect();
    let files: Vec<(String, String)> = properties
        .iter()
        .filter_map(|(name, path)| Some((name.strip_suffix("_FILE")?.to_owned(), path.clone())))
        .filter(|(name, _)| !properties.contains_key(name) && text.contains(&format!("${{{name}")))
        .collect();
    for (name, path) in files {
        let content = std::fs::read_to_string(&path).map_err(|e| {
            ConfigError(format!(
                "cannot read `{path}`, named by the environment variable {name}_FILE: {e}"
            ))
        })?;
        properties.insert(name, content.trim_end_matches(['\r', '\n']).to_owned());
    }
    Ok(properties)
}

/// A secret from the environment variable `name`, or from the file that `name`_FILE names.
pub(crate) fn secret_from_environment(name: &str) -> Result<Option<Secret>, ConfigError> {
    let file = format!("{name}_FILE");
    if let Some(value) = std::env::var_os(name) {
        let value = value.into_string();
        let value = value.map_err(|_| ConfigError(format!("the environment variable {name} is not UTF-8")))?;
        return Ok(Some(Secret::new(value.trim_end_matches(['\r', '\n']))));
    }
    let Some(path) = std::env::var_os(&file).map(PathBuf::from) else {
        return Ok(None);
    };
    let content = std::fs::read_to_string(&path).map_err(|e| {
        ConfigError(format!(
            "cannot read `{}`, named by the environment variable {file}: {e}",
            path.display()
        ))
    })?;
    Ok(Some(Secret::new(content.trim_end_matches(['\r', '\n']))))
}

/// Those of the variables that name a proxy which are set, and not to nothing.
pub(crate) fn proxy_variables() -> Vec<&'static str> {
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    PROXY_VARIABLES.into_iter().filter(is_set).collect()
}

#[cfg(test)]
mod tests;
