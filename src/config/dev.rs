//! What `forebay dev` and the commands beside it make of a configuration, or of none.

use std::path::Path;

use settings::NoReferences;

use super::{Config, ConfigError, Loaded, load};
use crate::cli::LogArgs;

/// The configuration of `forebay dev` without a file.
pub(crate) const DEV: &str = include_str!("dev.yaml");

/// The configuration of `forebay dev`: a file's or the built-in one, with journal and database in `data`.
pub(crate) fn load_dev(file: Option<&Path>, data: &Path) -> Result<Loaded, ConfigError> {
    let mut loaded = match file {
        Some(file) => load(file)?,
        None => {
            let examined = Loaded::examine(DEV.as_bytes(), "dev.yaml".to_owned(), ".".into(), &NoReferences);
            examined.into_result()?
        }
    };
    let Config { event_log, sinks, .. } = &mut loaded.config;
    if event_log.kafka.is_some() || sinks.postgres.is_some() {
        return Err(ConfigError(format!(
            "{}: `forebay dev` runs on a journal and SQLite; take out `event_log.kafka` and `sinks.postgres`, or use \
             `forebay ingest` and `forebay process`",
            loaded.file
        )));
    }
    // Everything is in one process here, which knows of itself.
    event_log.canary_seconds.get_or_insert(0);
    let unsaid = stream::journal::Config::default().path;
    let journal = event_log.journal.get_or_insert_default();
    if journal.path == unsaid {
        journal.path = data.join("journal");
    }
    let sqlite = sinks.sqlite.get_or_insert_default();
    if sqlite.path.as_os_str().is_empty() {
        sqlite.path = data.join("forebay.db");
    }
    Ok(loaded)
}

/// The configuration of a command that reads the log of a program that may be running: one that names Kafka as it is,
/// everything else as `forebay dev` understands it, whose file names no log.
pub(crate) fn load_any(args: &LogArgs) -> Result<Loaded, ConfigError> {
    match &args.config {
        Some(file) => match load(file)? {
            kafka if kafka.config.event_log.kafka.is_some() => Ok(kafka),
            _ => load_dev(Some(file), &args.data),
        },
        None => load_dev(None, &args.data),
    }
}
