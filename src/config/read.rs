//! From the configuration's file to its values, with every mistake: those of form, and what the checks find in what could be read.

use std::fmt;
use std::path::{Path, PathBuf};

use schemas::secret::Secret;
use schemas::setting::Invalid;
use settings::{Environment, Kind, Place, Unavailable, Variables};

use super::missing::{Filled, Missing};
use super::{Config, ConfigError, Loaded};

/// What came of reading a configuration: what could be read of it, and everything that is wrong.
#[derive(Debug)]
pub(crate) struct Examined {
    /// The configuration without what is wrong; `None` if nothing could be read. Where there are mistakes it is good for further
    /// checks only, whose findings [`Loaded::follows_from_a_mistake`] may say to leave out.
    pub(crate) loaded: Option<Loaded>,
    /// Everything that is wrong, in the order of the file.
    pub(crate) mistakes: Vec<Mistake>,
}

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// The file's name as given.
    pub(crate) file: String,
    /// Where it is written, if that is known.
    pub(crate) place: Option<Place>,
    /// What is wrong and the way out.
    pub(crate) text: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(Place { line, column }) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.text)
    }
}

impl Examined {
    /// The configuration, if nothing is wrong with it.
    pub(super) fn into_result(self) -> Result<Loaded, ConfigError> {
        match self.loaded {
            Some(loaded) if self.mistakes.is_empty() => Ok(loaded),
            _ => Err(in_lines(&self.mistakes)),
        }
    }
}

/// Each in a line of its own.
pub(crate) fn in_lines(mistakes: &[Mistake]) -> ConfigError {
    let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    ConfigError(lines.join("\n"))
}

/// Reads a file, and checks what could be read of it.
pub(crate) fn examine(path: &Path, missing: Missing<'_>) -> Result<Examined, ConfigError> {
    let file = path.display().to_string();
    let content = std::fs::read(path).map_err(|e| {
        ConfigError(format!("cannot read the configuration `{file}`: {e}; name another with --config, or begin with forebay.example.yaml"))
    })?;
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let variables = Filled {
        known: Environment,
        missing,
    };
    let unused = match missing {
        Missing::LeaveIn(unused) => unused,
        Missing::Refuse => &[],
    };
    Ok(Loaded::examine(&content, file, folder, &variables, unused))
}

impl Loaded {
    /// Reads and checks a text; `file` names it in messages, `variables` are what `${NAME}` stands for. Values of what is `unused` may
    /// be wrong, for something may stand in for them.
    pub(super) fn examine(
        content: &[u8],
        file: String,
        folder: PathBuf,
        variables: &dyn Variables,
        unused: &[String],
    ) -> Examined {
        let settings::Read {
            value,
            faults,
            document,
        } = settings::read::<Config>(content, variables);
        let mut mistakes: Vec<Mistake> = faults
            .into_iter()
            .map(|fault| {
                let id = |path: &str| document.text(path).map(str::to_owned);
                let invalid = Invalid::new(fault.path, fault.reason);
                let text = match fault.kind {
                    Kind::Syntax | Kind::Variable => invalid.reason,
                    Kind::Key => format!("{}{}", in_words(&invalid, id), belongs(&invalid)),
                    Kind::Missing | Kind::Value => in_words(&invalid, id),
                };
                Mistake {
                    file: file.clone(),
                    place: fault.place,
                    text,
                }
            })
            .collect();
        let Some(config) = value else {
            return Examined { loaded: None, mistakes };
        };
        let loaded = Self {
            config,
            file,
            folder,
            document,
        };
        // If it has to be corrected anyway, then once: what only some commands need is named too.
        if !mistakes.is_empty() || loaded.config.check().is_err() {
            let found = loaded.config.check_all_but_of(unused).into_iter();
            let found = found
                .filter(|invalid| !loaded.follows_from_a_mistake(&invalid.place))
                .filter(|invalid| !loaded.may_be_allowed(invalid));
            mistakes.extend(found.map(|invalid| loaded.mistake(&invalid)));
        }
        mistakes.sort_by_key(|mistake| mistake.place);
        Examined {
            loaded: Some(loaded),
            mistakes,
        }
    }

    /// Everything that is wrong, a line each, in the order of the file.
    pub(crate) fn refuse(&self, found: &[Invalid]) -> ConfigError {
        let mut mistakes: Vec<Mistake> = found.iter().map(|invalid| self.mistake(invalid)).collect();
        mistakes.sort_by_key(|mistake| mistake.place);
        in_lines(&mistakes)
    }

    /// What a check found, with its place and without what is secret.
    pub(crate) fn mistake(&self, invalid: &Invalid) -> Mistake {
        let Config { sources, endpoints, .. } = &self.config;
        let id = |path: &str| {
            let (list, index) = path.strip_suffix("].id")?.split_once('[')?;
            let index: usize = index.parse().ok()?;
            match list {
                "sources" => Some(sources.get(index)?.id.to_string()),
                "endpoints" => Some(endpoints.get(index)?.id.to_string()),
                _ => None,
            }
        };
        let reason = self.document.without_hidden(&invalid.place, &invalid.reason);
        Mistake {
            file: self.file.clone(),
            place: self.document.place(&invalid.place),
            text: in_words(&Invalid::new(invalid.place.as_str(), reason), id),
        }
    }

    /// Whether what a check finds at `place` may only be there because something could not be read: the setting itself, what it is a
    /// part of, or an element of the list. For the whole of a section ask for its name, as `sinks`.
    pub(crate) fn follows_from_a_mistake(&self, place: &str) -> bool {
        let is_in = |inner: &str, outer: &str| {
            let rest = inner.strip_prefix(outer);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let outer = |path: &str| {
            path.rfind(['.', '['])
                .and_then(|end| path.get(..end))
                .unwrap_or("")
                .to_owned()
        };
        let taken = self.document.taken_out();
        taken
            .iter()
            .any(|taken| taken.is_empty() || is_in(place, taken) || outer(taken) == place)
    }

    /// Whether the URL of an endpoint is refused for what could not be read of the settings that would allow it.
    fn may_be_allowed(&self, invalid: &Invalid) -> bool {
        ["allowed_ports", "allowed_networks", "allowed_hosts", "allow_plain_http"]
            .iter()
            .any(|key| invalid.reason.contains(key) && self.follows_from_a_mistake(&format!("sinks.http.{key}")))
    }
}

/// Where a setting belongs that stands in a section that does not have it, as the end of a message.
fn belongs(unknown: &Invalid) -> String {
    let key = unknown.place.rsplit('.').next().unwrap_or_default();
    if unknown.reason.contains("did you mean") {
        return String::new();
    }
    let home = match key {
        "kafka" | "journal" | "topic_prefix" | "partitions" | "replication" | "retention_hours" => "under `event_log`",
        "brokers" | "properties" => "under `event_log.kafka`",
        "http" | "topic" => "under `sinks`",
        "postgres" | "sqlite" => "under `sinks` or `store`",
        "attempts" => "under `store`",
        "retention_days" => "under `store.attempts`",
        "allowed_networks" | "allowed_hosts" | "allowed_ports" | "allow_plain_http" => "under `sinks.http`",
        "admin" | "endpoints" | "event_log" | "ingest" | "logging" | "processor" | "rules_file" | "sinks"
        | "sources" | "store" => "in no section, but at the beginning of a line",
        _ => return String::new(),
    };
    format!("; `{key}` belongs {home}")
}

/// A source or an endpoint is called by its id, which `id` returns by its path, and not by its number.
fn in_words(invalid: &Invalid, id: impl Fn(&str) -> Option<String>) -> String {
    let element = |list: &str, kind: &'static str| {
        let (index, rest) = invalid.place.strip_prefix(list)?.strip_prefix('[')?.split_once(']')?;
        let id = id(&format!("{list}[{index}].id"))?;
        Some((kind, id, rest.trim_start_matches('.')))
    };
    match element("sources", "source").or_else(|| element("endpoints", "endpoint")) {
        Some((kind, id, "")) => format!("{kind} `{id}` {}", invalid.reason),
        Some((kind, id, rest)) => format!("{kind} `{id}`: {}", Invalid::new(rest, invalid.reason.as_str())),
        None => invalid.to_string(),
    }
}

/// A secret from the environment variable `name`, or from the file that `name`_FILE names, by the rules of `${NAME}`. Line breaks
/// at its end are taken off, wherever it comes from.
pub(crate) fn secret_from_environment(name: &str) -> Result<Option<Secret>, ConfigError> {
    let value = Environment
        .value(name)
        .map_err(|Unavailable(reason)| ConfigError(reason))?;
    Ok(value.map(|value| Secret::new(value.trim_end_matches(['\r', '\n']))))
}
