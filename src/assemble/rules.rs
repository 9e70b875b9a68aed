//! The rules, read from their file.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use schemas::name::SinkName;
use schemas::setting::Invalid;
use schemas::sink::Destinations;

use super::sinks::{Configured, Part};
use crate::config::{ConfigError, Loaded};

/// The rules of a process that delivers to the sinks that are `wanted`; to all if none is. `own` are those sinks.
pub(crate) fn rules_for(
    loaded: &Loaded,
    own: Configured<'_>,
    wanted: &[SinkName],
) -> Result<Arc<::rules::Rules>, ConfigError> {
    // Without a file everything goes to each sink.
    if wanted.is_empty() || loaded.config.rules_file.is_none() {
        rules(loaded, &own)
    } else {
        rules(loaded, &Part(own))
    }
}

/// The rules, checked against what they may send to.
pub(crate) fn rules(
    loaded: &Loaded,
    destinations: &(dyn Destinations + Sync),
) -> Result<Arc<::rules::Rules>, ConfigError> {
    let Some(file) = &loaded.config.rules_file else {
        return Ok(Arc::new(::rules::Rules::everything(destinations)));
    };
    let path = loaded.folder.join(file);
    let shown = path.display().to_string();
    let refuse = |reason: String| loaded.refuse(&[Invalid::new("rules_file", reason)]);
    if path == Path::new(&loaded.file) {
        return Err(refuse(format!(
            "names `{shown}`, which is the configuration: rules are in a file of their own"
        )));
    }
    let text = std::fs::read_to_string(&path).map_err(|e| {
        refuse(match e.kind() {
            ErrorKind::InvalidData => format!("names `{shown}`, which is not UTF-8: save it as UTF-8"),
            ErrorKind::NotFound if file.is_relative() => {
                format!("names `{shown}`, which cannot be read: {e}; a relative path begins at the folder of the configuration")
            }
            _ => format!("names `{shown}`, which cannot be read: {e}"),
        })
    })?;
    let rules = ::rules::Rules::parse(&text, &shown, destinations).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        ConfigError(lines.join("\n"))
    })?;
    Ok(Arc::new(rules))
}
