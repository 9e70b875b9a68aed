//! `forebay normalize`: bodies in, canonical events out, one JSON line each. No server, no signature.

use std::path::PathBuf;

use ingest::envelope::{Enveloper, Prepared};
use schemas::name::SourceId;
use schemas::source::{Scheme, Source};
use schemas::time::Timestamp;

use super::{samples, send};
use crate::cli::NormalizeArgs;
use crate::output;
use crate::output::Printer;

/// Prints the events of each body, in order.
#[expect(clippy::unused_async, reason = "every subcommand is called alike")]
pub(crate) async fn normalize(args: NormalizeArgs, out: &mut Printer) -> anyhow::Result<()> {
    let id = match args.source {
        Some(id) => id,
        None => SourceId::new(args.platform.as_str())?,
    };
    let source = Source {
        scheme: Some(Scheme::None),
        ..Source::new(id, args.tenant, args.platform, Vec::new())
    };
    let files = if args.files.is_empty() {
        vec![PathBuf::from("-")]
    } else {
        args.files
    };
    let headers = samples::headers(args.headers.iter().map(String::as_str))?;
    let enveloper = Enveloper::default();
    for file in files {
        let body = send::read(&file)?;
        match enveloper.prepare(&source, &headers, &body, Timestamp::now()) {
            Prepared::Records(records) => {
                for record in records {
                    if !out.line(&output::json_line(&record.value)) {
                        return Ok(());
                    }
                }
            }
            Prepared::Reply(_) => {
                output::remark(&format!(
                    "{}: a test call of the platform: it is answered, and makes no event",
                    file.display()
                ));
            }
        }
    }
    Ok(())
}
