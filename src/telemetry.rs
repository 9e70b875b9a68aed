//! Logs on standard error: text for people, JSON for machines.

use std::io::IsTerminal as _;

use schemas::setting::Invalid;
use tracing_subscriber::EnvFilter;

use crate::config::{ConfigError, LogFormat, Logging};
use crate::output::{self, Stream};

/// Starts logging. librdkafka and sqlx talk through it too.
pub(crate) fn start(logging: &Logging) -> Result<(), ConfigError> {
    let filter = filter(logging).map_err(|invalid| ConfigError(invalid.to_string()))?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let terminal = std::io::stderr().is_terminal();
    let started = match logging.format {
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
        LogFormat::Auto if !terminal => subscriber.json().flatten_event(true).try_init(),
        LogFormat::Auto | LogFormat::Text => subscriber.with_ansi(output::colour(Stream::Error)).try_init(),
    };
    // Only a second start in one process can fail, and then the first one serves.
    drop(started);
    Ok(())
}

/// Which logs are written.
pub(crate) fn filter(logging: &Logging) -> Result<EnvFilter, Invalid> {
    EnvFilter::try_new(&logging.filter).map_err(|e| {
        let reason = format!("is not valid: {e}; write for example `info,processor=debug`");
        Invalid::new("logging.filter", reason)
    })
}
