//! What `forebay check` has found, and how it is printed: lines for people, or one JSON object.

use serde::Serialize;

use crate::cli::Output;
use crate::config::{ConfigError, Finding};
use crate::output::{self, Printer};

/// Everything that one run has found.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    file: String,
    ok: bool,
    pub(super) sources: usize,
    pub(super) endpoints: usize,
    /// `None` without a file of rules: then everything goes to every sink.
    pub(super) rules: Option<usize>,
    pub(super) sinks: Vec<String>,
    pub(super) errors: Vec<Finding>,
    pub(super) warnings: Vec<Finding>,
}

impl Report {
    pub(super) fn new(file: String) -> Self {
        Self {
            file,
            ..Self::default()
        }
    }

    /// Prints what was found, and returns how the command ends.
    pub(super) fn finish(
        mut self,
        result: anyhow::Result<()>,
        deny_warnings: bool,
        how: Output,
        out: &mut Printer,
    ) -> anyhow::Result<()> {
        let count = output::counted(self.warnings.len(), "warning");
        let result = match result {
            Ok(()) if deny_warnings && !self.warnings.is_empty() => {
                Err(ConfigError(format!("{}: {count}, and --deny-warnings is given", self.file)).into())
            }
            result => result,
        };
        match how {
            Output::Pretty => {
                for warning in &self.warnings {
                    output::remark(&warning.to_string());
                }
                if !self.warnings.is_empty() {
                    output::remark(&count);
                }
            }
            Output::Json => {
                self.ok = result.is_ok();
                let text = result.as_ref().err().map(output::in_words);
                // What the services answered stands there one by one already.
                if self.errors.is_empty() {
                    let lines = text.iter().flat_map(|text| text.lines());
                    self.errors = lines.map(|line| Finding::parse(line, &self.file)).collect();
                }
                let json = serde_json::to_string(&self).unwrap_or_else(|_| unreachable!("text and numbers serialize"));
                out.line(&json);
            }
        }
        result
    }
}
