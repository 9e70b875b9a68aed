//! The program's configuration: the sum of its stages', read from one YAML file.
//!
//! `${NAME}` in an unquoted value is the environment variable NAME, or the content of the file that `NAME_FILE` names.
//! This is the only place that reads the environment.

mod dev;
mod event_log;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use schemas::secret::Secret;
use serde::Deserialize;

use crate::yaml;
pub(crate) use dev::{DEV, load_any, load_dev};
pub(crate) use event_log::{EventLogConfig, Topics};

/// The configuration as the file writes it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Logs.
    pub(crate) logging: Logging,
    /// The port for operators.
    pub(crate) admin: Admin,
    /// The event log between the stages.
    pub(crate) event_log: EventLogConfig,
    /// Receiving.
    pub(crate) ingest: ingest::Config,
    /// Who may send to us.
    pub(crate) sources: Vec<control::SourceConfig>,
    /// The filter of log lines.
    pub(crate) endpoints: Vec<control::EndpointConfig>,
    /// The rules file, relative to this one; without it every event goes to every sink.
    pub(crate) rules_file: Option<PathBuf>,
    /// Reading and retrying.
    pub(crate) processor: processor::Config,
    /// Where events go.
    pub(crate) sinks: SinksConfig,
}

impl Config {
    /// Finds what cannot be run with in the settings that no stage checks by itself; and checks what can be checked of the
    /// others before they are built.
    fn check(&self) -> Result<(), String> {
        check_address("admin.listen", &self.admin.listen)?;
        check_address("ingest.listen", &self.ingest.listen)?;
        self.ingest.check().map_err(|e| e.to_string())?;
        self.processor.check().map_err(|e| format!("`processor`: {e}"))?;
        self.event_log.check()?;
        self.check_receipts()
    }

    /// A replay finds the receipts of everything that the log still has, or it stores events without a time of their own
    /// a second time.
    fn check_receipts(&self) -> Result<(), String> {
        let kept = self.event_log.retention_hours * 3600;
        let (postgres, sqlite) = (self.sinks.postgres.as_ref(), self.sinks.sqlite.as_ref());
        let remembered = [
            ("postgres", postgres.map(|p| p.receipt_retention_seconds)),
            ("sqlite", sqlite.map(|s| s.receipt_retention_seconds)),
        ];
        for (sink, seconds) in remembered {
            if let Some(seconds) = seconds.filter(|seconds| u64::from(*seconds) < kept) {
                return Err(format!(
                    "`sinks.{sink}.receipt_retention_seconds` is {seconds}, but `event_log.retention_hours` keeps events for \
                     {kept} seconds: give at least that"
                ));
            }
        }
        Ok(())
    }
}

/// Whether the address can be listened on, as far as its form shows.
fn check_address(key: &str, address: &str) -> Result<(), String> {
    let parts = address.rsplit_once(':');
    match parts.filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()) {
        Some(_) => Ok(()),
        None => Err(format!(
            "`{key}` is `{address}`: write address and port, as in 127.0.0.1:8080"
        )),
    }
}

/// Logs, on standard error.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Logging {
    /// How they are written.
    pub(crate) format: LogFormat,
    /// Which ones: `info`, or per module, `info,processor=debug`.
    pub(crate) filter: String,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
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
#[derive(Debug, Deserialize)]
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

/// Where events go. A sink that is named here runs; rules decide what it gets.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SinksConfig {
    pub(crate) postgres: Option<sinks::postgres::Config>,
    pub(crate) sqlite: Option<sinks::sqlite::Config>,
    pub(crate) http: Option<sinks::http::Config>,
    pub(crate) topic: Option<sinks::topic::Config>,
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
}

/// Reads and parses a file.
pub(crate) fn load(path: &Path) -> Result<Loaded, ConfigError> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|e| {
        ConfigError(format!("cannot read the configuration `{file}`: {e}; name another with --config, or begin with forebay.example.yaml"))
    })?;
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    Ok(Loaded {
        config: parse(&text, &file, environment(&text)?)?,
        file,
        folder,
    })
}

/// Parses a text; `file` names it in messages, `properties` are what `${NAME}` stands for.
pub(crate) fn parse(text: &str, file: &str, properties: HashMap<String, String>) -> Result<Config, ConfigError> {
    // An empty file is a configuration without settings.
    let parsed: Option<Config> = yaml::read(text, properties).map_err(|yaml::Unreadable { place, reason }| {
        let place = place.map_or(String::new(), |(line, column)| format!(":{line}:{column}"));
        ConfigError(format!("{file}{place}: {reason}"))
    })?;
    let config = parsed.unwrap_or_default();
    config
        .check()
        .map_err(|reason| ConfigError(format!("{file}: {reason}")))?;
    Ok(config)
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

/// Several problems of one file in one message, a line each.
pub(crate) fn problems(file: &str, problems: &[control::Problem]) -> ConfigError {
    let mut text = String::new();
    for problem in problems {
        let separator = if text.is_empty() { "" } else { "\n" };
        // Writing to a String cannot fail.
        write!(
            text,
            "{separator}{file}:{}:{}: {}",
            problem.line, problem.column, problem.message
        )
        .unwrap_or_default();
    }
    ConfigError(text)
}

#[cfg(test)]
mod tests;
