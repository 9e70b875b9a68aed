//! `forebay normalize`: bodies in, canonical events out. No server, no signature.

use std::path::PathBuf;

use anyhow::Context as _;
use http::HeaderMap;
use ingest::envelope::{Enveloper, Prepared};
use schemas::event::Event;
use schemas::name::SourceId;
use schemas::platform::{OwnTypes, Platform};
use schemas::record::Record;
use schemas::source::{Scheme, Source};
use schemas::time::Timestamp;

use super::pretty::{self, Layout};
use super::{samples, send};
use crate::cli::{NormalizeArgs, Output};
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
    let format = args.output.unwrap_or_else(super::for_reader);
    let layout = Layout::of_output();
    for file in files {
        let body = send::read(&file)?;
        let name = if file.as_os_str() == "-" {
            "standard input".to_owned()
        } else {
            file.display().to_string()
        };
        match enveloper.prepare(&source, &headers, &body, Timestamp::now()) {
            Prepared::Records(records) => {
                for record in &records {
                    for line in lines(record, format, layout).with_context(|| name.clone())? {
                        if !out.line(&line) {
                            return Ok(());
                        }
                    }
                }
                if let Some(reason) = unmapped(&records) {
                    output::remark(&doubt(&name, &source, &reason, &headers, &body));
                }
            }
            Prepared::Reply(_) => {
                output::remark(&format!(
                    "{name}: a test call of the platform: it is answered, and makes no event"
                ));
            }
        }
    }
    Ok(())
}

fn lines(record: &Record, format: Output, layout: Layout) -> anyhow::Result<Vec<String>> {
    if format == Output::Json {
        return Ok(vec![output::json_line(&record.value).into_owned()]);
    }
    let event = Event::decode(&record.value)?;
    let mut lines = vec![pretty::of_event(&event, None, None, layout)];
    lines.extend(pretty::members(&event, layout));
    Ok(lines)
}

/// Why nothing of a body was mapped; `None` if something was.
fn unmapped(records: &[Record]) -> Option<String> {
    let mut reason = None;
    for record in records {
        let event = Event::decode(&record.value).ok()?;
        if event.event_type().as_str() != "unmapped" {
            return None;
        }
        let data: serde_json::Value = serde_json::from_str(event.data()).unwrap_or_default();
        let said = data.pointer("/unmapped/reason").and_then(serde_json::Value::as_str);
        reason = reason.or_else(|| said.map(str::to_owned));
    }
    reason
}

/// What to say about a body of which nothing was mapped: it may be another platform's.
fn doubt(name: &str, source: &Source, reason: &str, headers: &HeaderMap, body: &[u8]) -> String {
    let asked = source.platform;
    let question = format!("{name}: unmapped ({reason}): is this a body of {asked}?");
    // Those with any types take any body for one of theirs.
    let others = Platform::ALL
        .into_iter()
        .filter(|other| *other != asked && other.own_types() != Some(OwnTypes::Any));
    let fitting: Vec<String> = others
        .filter(|other| maps(*other, headers, body))
        .map(|other| other.to_string())
        .collect();
    match fitting.as_slice() {
        [] => question,
        fitting => format!("{question} It looks like {}", fitting.join(" or ")),
    }
}

/// Whether a platform's adapter knows all of the body.
fn maps(platform: Platform, headers: &HeaderMap, body: &[u8]) -> bool {
    let becomes = samples::any_source(platform).and_then(|source| samples::becomes(&source, headers, body));
    // A type of our own, not one that the sender names.
    let is_ours = |event: &Event| schemas::data::is_defined(event.event_type().as_str());
    becomes.is_ok_and(|events| samples::is_mapped(&events) && events.iter().all(is_ours))
}
