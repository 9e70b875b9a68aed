//! What `forebay dev` and the commands beside it make of a configuration, or of none.

use std::path::Path;

use super::find::{built_in, load_or_built_in};
use super::missing::Missing;
use super::{Config, ConfigError, Loaded, load_with};
use crate::cli::LogArgs;

/// The configuration of `forebay dev` without a file.
pub(crate) const DEV: &str = include_str!("dev.yaml");

/// The configuration of `forebay dev`: a file's or the built-in one, with journal and database in `data`.
pub(crate) fn load_dev(file: Option<&Path>, data: &Path) -> Result<Loaded, ConfigError> {
    let loaded = match file {
        Some(file) => load_with(file, Missing::Refuse)?,
        None => built_in()?,
    };
    on_this_machine(loaded, data)
}

fn on_this_machine(mut loaded: Loaded, data: &Path) -> Result<Loaded, ConfigError> {
    let Config {
        event_log,
        sinks,
        store,
        ..
    } = &mut loaded.config;
    let has_postgres = sinks.postgres.is_some() || store.as_ref().is_some_and(|store| store.postgres.is_some());
    if event_log.kafka.is_some() || has_postgres {
        return Err(ConfigError(format!(
            "{}: `forebay dev` runs on a journal and SQLite; take out `event_log.kafka`, `sinks.postgres` and `store.postgres`, name \
             another configuration with --config, start it in a folder without one, or use `forebay ingest` and `forebay process`",
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
    let store = store.get_or_insert_default().sqlite.get_or_insert_default();
    if store.path.as_os_str().is_empty() {
        store.path = data.join("store.sqlite");
    }
    Ok(loaded)
}

/// The configuration of a command that reads the log of a program that may be running: one that names Kafka as it is,
/// everything else as `forebay dev` understands it, whose file names no log.
pub(crate) fn load_log(args: &LogArgs, missing: Missing<'_>) -> Result<Loaded, ConfigError> {
    let loaded = load_or_built_in(args.given.config.as_deref(), missing)?;
    if loaded.config.event_log.kafka.is_some() {
        return Ok(loaded);
    }
    on_this_machine(loaded, &args.data)
}
