//! `forebay sources list`.

use std::sync::Arc;

use control::connect;
use schemas::source::Source;

use crate::cli::ConfigArg;
use crate::output::Printer;
use crate::{assemble, config, output};

/// Prints a table of the sources.
pub(super) fn list(args: &ConfigArg, out: &mut Printer) -> anyhow::Result<()> {
    let loaded = config::load_or_built_in(args.config.as_deref(), config::READS_THE_LOG)?;
    let registry = assemble::registry(&loaded)?;
    let mut sources: Vec<&Arc<Source>> = registry.sources().collect();
    sources.sort_by(|a, b| a.id.cmp(&b.id));
    let mut rows = vec![["id", "tenant", "platform", "scheme", "path"].map(str::to_owned)];
    rows.extend(sources.into_iter().map(|source| {
        [
            source.id.to_string(),
            source.tenant.to_string(),
            source.platform.to_string(),
            connect::proofs(source),
            connect::shown_path(source),
        ]
    }));
    for line in output::table(&rows) {
        if !out.line(&line) {
            break;
        }
    }
    Ok(())
}
