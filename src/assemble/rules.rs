//! The rules, read from their file.

use std::path::Path;
use std::sync::Arc;

use super::Configured;
use crate::config::{ConfigError, Loaded};

/// The rules, checked against what they may send to.
pub(crate) fn rules(loaded: &Loaded, destinations: &Configured<'_>) -> Result<Arc<::rules::Rules>, ConfigError> {
    let Some(file) = &loaded.config.rules_file else {
        return Ok(Arc::new(::rules::Rules::everything(destinations)));
    };
    let path = loaded.folder.join(file);
    let shown = path.display().to_string();
    let text = read(&path, &loaded.file)?;
    let rules = ::rules::Rules::parse(&text, &shown, destinations).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        ConfigError(lines.join("\n"))
    })?;
    Ok(Arc::new(rules))
}

fn read(path: &Path, file: &str) -> Result<String, ConfigError> {
    std::fs::read_to_string(path)
        .map_err(|e| ConfigError(format!("{file}: `rules_file`: cannot read `{}`: {e}", path.display())))
}
