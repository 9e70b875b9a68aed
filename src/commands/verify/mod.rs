//! `forebay verify`: whether a captured request passes, and if not, exactly why.

mod captured;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use http::Method;
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use ingest::normalize::Reply;
use ingest::{Captured, Step, Verdict};
use net::server::HEADERS;
use schemas::source::{Source, SourceDirectory as _};
use schemas::time::Timestamp;

use super::send;
use crate::cli::VerifyArgs;
use crate::config::{ConfigError, Missing};
use crate::output::Printer;
use crate::{assemble, config, refused};

/// Judges one captured request and says why; fails unless it passes.
#[expect(clippy::unused_async, reason = "every subcommand is called alike")]
pub(crate) async fn verify(args: VerifyArgs, out: &mut Printer) -> anyhow::Result<()> {
    let file = file(&args)?;
    let (captured, remark) = captured::read(&send::read(&file)?).with_context(|| format!("`{}`", file.display()))?;
    let loaded = config::load_or_built_in(args.config.as_deref(), Missing::Refuse)?;
    let registry = assemble::registry(&loaded)?;
    let id = args
        .source
        .as_ref()
        .map_or_else(|| captured.source_id(), |id| id.as_str());
    let source = registry.find(id).ok_or_else(|| {
        ConfigError(format!(
            "{} has no source `{id}`, which {}; name one with --source",
            loaded.file,
            if args.source.is_some() {
                "--source names"
            } else {
                "the path of the request names"
            }
        ))
    })?;
    let all: Vec<Arc<Source>> = registry.sources().cloned().collect();
    let now = args.at.unwrap_or_else(Timestamp::now);
    let explanation = ingest::explain(&source, &all, &captured, now);

    out.line(&format!(
        "source {} ({}): {}",
        source.id, source.platform, explanation.scheme
    ));
    if let Some(why) = refused_by_the_connection(&captured, &explanation.verdict, loaded.config.ingest.max_header_bytes)
    {
        out.line(&format!("does not pass: {why}"));
        bail!("the request does not pass");
    }
    let passes = match &explanation.verdict {
        Verdict::Accepted {
            secret: Some(index),
            url_secret,
        } => {
            let besides = url_secret.map_or(String::new(), |index| {
                format!(", and in the path number {} of `url_secrets`", index + 1)
            });
            out.line(&format!("passes, with secret number {}{besides}", index + 1));
            true
        }
        Verdict::Accepted { secret: None, .. } => {
            out.line("passes: this source asks for no proof");
            true
        }
        Verdict::Replied(reply) => {
            out.line(&format!(
                "passes: a handshake or test call, answered {}",
                in_words(reply)
            ));
            true
        }
        Verdict::Refused { reason, detail } => {
            out.line(&format!(
                "does not pass: {} ({reason}): {detail}",
                reason.status().as_u16()
            ));
            false
        }
    };
    for finding in remark.map(str::to_owned).iter().chain(&explanation.findings) {
        out.line(&format!("- {finding}"));
    }
    ensure!(passes, "the request does not pass");
    Ok(())
}

/// The file to read: the one that is named, or that of a request that `forebay dev` refused.
fn file(args: &VerifyArgs) -> Result<PathBuf, ConfigError> {
    let named = args.file.as_deref().filter(|file| !file.exists());
    let numbered = named.and_then(|file| file.to_str()?.strip_prefix('#')?.parse().ok());
    let Some(number) = args.refused.or(numbered) else {
        return Ok(args.file.clone().unwrap_or_default());
    };
    let file = refused::path(&args.data, number);
    if file.exists() {
        return Ok(file);
    }
    Err(ConfigError(format!(
        "there is no refused request {number} in {}: `forebay dev` keeps the last 100, and --data names its folder",
        args.data.display()
    )))
}

/// What the server answers while it still reads, and so before the proof: a head that is too large, a body that ends early.
fn refused_by_the_connection(captured: &Captured, verdict: &Verdict, max_header_bytes: usize) -> Option<String> {
    let line = captured.method.as_str().len() + captured.target.len() + " ".len() + " HTTP/1.1\r\n\r\n".len();
    let header = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + ": \r\n".len();
    let head = line + captured.headers.iter().map(header).sum::<usize>();
    if head > max_header_bytes {
        return Some(format!(
            "431: the head has {head} bytes, and `ingest.max_header_bytes` is {max_header_bytes}"
        ));
    }
    let headers = captured.headers.len();
    if headers > HEADERS {
        return Some(format!(
            "431: the request has {headers} headers, and at most {HEADERS} are read"
        ));
    }
    let refused_by_the_head = matches!(verdict, Verdict::Refused { reason, .. } if reason.step() == Step::Head);
    let decided_by_the_head = refused_by_the_head || captured.method != Method::POST;
    let length = captured
        .headers
        .get(CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse::<usize>()
        .ok()?;
    let come = captured.body.len();
    (come < length && !decided_by_the_head).then(|| {
        format!(
            "408: the capture has {come} of the {length} bytes that Content-Length announces, and ingest would wait for the rest"
        )
    })
}

fn in_words(reply: &Reply) -> String {
    match reply {
        Reply::Empty => "200 without a body".to_owned(),
        Reply::Text(text) => format!("200 with a text of {} bytes", text.len()),
        Reply::Json(_) => "200 with JSON".to_owned(),
        Reply::Headers(headers) => {
            let names: Vec<_> = headers.iter().map(|(name, _)| format!("`{name}`")).collect();
            format!("200 with {}", names.join(", "))
        }
    }
}
