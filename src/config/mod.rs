//! The program's configuration: the sum of its stages', read from one YAML file.
//!
//! `${NAME}` is the environment variable NAME, or the content of the file that `NAME_FILE` names.
//! No other module reads the environment, but for `output`, which asks it for colours and width (`NO_COLOR`, `TERM`, `COLUMNS`).

mod certificates;
mod check;
mod dev;
mod event_log;
mod find;
mod missing;
mod read;
pub(crate) mod schema;
mod sinks;
mod warnings;

use std::path::{Path, PathBuf};

use net::client::PROXY_VARIABLES;
use serde::Deserialize;
use settings::Document;

pub(crate) use dev::{DEV, load_dev, load_log};
pub(crate) use event_log::{EventLogConfig, Topics};
pub(crate) use find::{BUILT_IN, file_of, find, load_file, load_or_built_in, url_of};
pub(crate) use missing::{
    Missing, Unused, asks_the_databases, asks_the_sinks, asks_the_store, delivers_to, makes_topics_and_tables,
    needs_no_secret, posts_alone, posts_and_looks, receives,
};
pub(crate) use read::{Examined, examine, in_lines, secret_from_environment};
pub(crate) use sinks::{SINKS, SinksConfig};
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
    /// The database in which deliveries to endpoints wait, and in which every attempt is noted; without it they wait in memory.
    pub(crate) store: Option<store::Config>,
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
    /// Where each setting is written.
    document: Document,
}

/// Reads and checks a file.
pub(crate) fn load(path: &Path) -> Result<Loaded, ConfigError> {
    load_with(path, Missing::Refuse)
}

/// The same, with a choice of what becomes of variables that are not set.
pub(crate) fn load_with(path: &Path, missing: Missing<'_>) -> Result<Loaded, ConfigError> {
    examine(path, missing)?.into_result()
}

/// Those of the variables that name a proxy which are set, and not to nothing.
pub(crate) fn proxy_variables() -> Vec<&'static str> {
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    PROXY_VARIABLES.into_iter().filter(is_set).collect()
}

#[cfg(test)]
mod tests;
