//! `forebay sources list`.

use std::iter;
use std::sync::Arc;

use control::connect;
use schemas::source::Source;
use serde_json::Value;

use crate::cli::{Output, SourcesListArgs};
use crate::output::Printer;
use crate::{assemble, config, output};

/// Prints a table of the sources, or an object of each.
pub(super) fn list(args: &SourcesListArgs, out: &mut Printer) -> anyhow::Result<()> {
    let loaded = config::load_or_built_in(
        args.given.config.as_deref(),
        config::Missing::LeaveIn(&config::needs_no_secret()),
    )?;
    let registry = assemble::registry(&loaded)?;
    let mut sources: Vec<&Arc<Source>> = registry.sources().collect();
    sources.sort_by(|a, b| a.id.cmp(&b.id));
    let names = ["id", "tenant", "platform", "scheme", "path"];
    let rows = sources.into_iter().map(|source| {
        [
            source.id.to_string(),
            source.tenant.to_string(),
            source.platform.to_string(),
            connect::proofs(source),
            connect::shown_path(source),
        ]
    });
    let lines: Vec<String> = match args.output {
        Output::Pretty => output::table(&iter::once(names.map(str::to_owned)).chain(rows).collect::<Vec<_>>()),
        Output::Json => rows
            .map(|row| {
                let members = names.into_iter().map(str::to_owned).zip(row.map(Value::String));
                Value::Object(members.collect()).to_string()
            })
            .collect(),
    };
    for line in lines {
        if !out.line(&line) {
            break;
        }
    }
    Ok(())
}
