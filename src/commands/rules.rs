//! `forebay rules import`: rules of other systems in, our rules out, and on standard error what could not be carried over.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use rules::import::{Dialect, import};
use serde_json::json;

use super::send;
use crate::cli::{Output, RulesArgs, RulesCommand, RulesImportArgs, RulesOf};
use crate::config::ConfigError;
use crate::config::SINKS;
use crate::output;
use crate::output::Printer;

/// Rules were written, and not all of what was in the originals is in them.
#[derive(Debug, thiserror::Error)]
#[error("{lost} of {rules} rules could not be carried over in full: see above")]
pub(crate) struct Incomplete {
    lost: usize,
    rules: usize,
}

#[expect(clippy::unused_async, reason = "every subcommand is called alike")]
pub(crate) async fn rules(args: RulesArgs, out: &mut Printer) -> anyhow::Result<()> {
    match args.command {
        RulesCommand::Import(args) => import_rules(&args, out),
    }
}

fn import_rules(args: &RulesImportArgs, out: &mut Printer) -> anyhow::Result<()> {
    // Which of them are configured is not known here.
    if let Some(unknown) = args.to.iter().find(|sink| !SINKS.contains(&sink.as_str())) {
        let reason = format!(
            "there is no sink `{unknown}`, which --to names; the sinks are {}",
            SINKS.join(", ")
        );
        return Err(ConfigError(reason).into());
    }
    let dialect = match args.from {
        RulesOf::Web1on1 => Dialect::Web1on1,
        RulesOf::Chatwoot => Dialect::Chatwoot,
    };
    let files = args
        .files
        .iter()
        .map(|file| {
            let name = if file == Path::new("-") {
                "standard input".to_owned()
            } else {
                file.display().to_string()
            };
            let text = String::from_utf8(send::read(file)?)
                .map_err(|error| ConfigError(format!("{name} is not UTF-8: {}", error.utf8_error())))?;
            Ok((name, text))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let to: Vec<String> = args.to.iter().map(ToString::to_string).collect();
    let imported = import(dialect, &files, &to).map_err(ConfigError)?;
    match &args.output {
        None => {
            out.line(imported.yaml.trim_end());
        }
        Some(file) => {
            // Rules are edited after they were imported; no one's work is overwritten.
            let written = std::fs::File::create_new(file).and_then(|mut out| out.write_all(imported.yaml.as_bytes()));
            written.with_context(|| {
                format!(
                    "cannot make `{}`; --output names a file that is not there yet",
                    file.display()
                )
            })?;
        }
    }
    let lost = imported.rules - imported.whole;
    match args.report {
        Output::Pretty => imported.remarks.iter().for_each(|remark| output::remark(remark)),
        Output::Json => {
            let (rules, whole, remarks) = (imported.rules, imported.whole, &imported.remarks);
            output::remark(&json!({ "rules": rules, "whole": whole, "lost": lost, "remarks": remarks }).to_string());
        }
    }
    if imported.complete() {
        return Ok(());
    }
    Err(Incomplete {
        lost,
        rules: imported.rules,
    }
    .into())
}
