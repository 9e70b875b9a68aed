//! `forebay verify`: whether a captured request passes, and if not, exactly why.

mod captured;

use std::iter;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use http::Method;
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use ingest::normalize::Reply;
use ingest::{Captured, Explanation, Step, Verdict};
use net::server::HEADERS;
use schemas::source::{INGEST_PREFIX, Source, SourceDirectory as _};
use schemas::time::Timestamp;
use serde_json::json;

use super::send;
use crate::cli::{Output, VerifyArgs};
use crate::config::{ConfigError, Loaded, Missing};
use crate::output::{self, Printer};
use crate::{assemble, config, refused};

/// What is said about a request.
struct Judgement {
    passes: bool,
    /// What ingest would answer.
    status: u16,
    /// What stands before the verdict in a sentence.
    join: &'static str,
    /// The verdict in words; of what passes, how.
    verdict: String,
    /// Why it does not pass, and what else was found.
    findings: Vec<String>,
}

/// Judges one captured request and says why; fails unless it passes. What cannot be judged at all is an error of usage.
#[expect(clippy::unused_async, reason = "every subcommand is called alike")]
pub(crate) async fn verify(args: VerifyArgs, out: &mut Printer) -> anyhow::Result<()> {
    let unreadable = |error: anyhow::Error| ConfigError(output::in_words(&error));
    let file = file(&args)?;
    let bytes = send::read(&file).map_err(unreadable)?;
    let read = captured::read(&bytes).with_context(|| format!("`{}`", file.display()));
    let (captured, remark) = read.map_err(unreadable)?;
    let loaded = config::load_or_built_in(args.given.config.as_deref(), Missing::Refuse)?;
    let registry = assemble::registry(&loaded)?;
    let base_path = loaded.config.ingest.base_path.as_str();
    let id = args
        .source
        .as_ref()
        .map_or_else(|| captured.source_id(base_path), |id| id.as_str());
    if id.is_empty() {
        bail!(ConfigError(format!(
            "the path of the request is not one of ours, which begin with `{base_path}{INGEST_PREFIX}`: name a source with --source"
        )));
    }
    let all: Vec<Arc<Source>> = registry.sources().cloned().collect();
    let source = registry.find(id).ok_or_else(|| no_source(id, &args, &loaded, &all))?;
    let now = args.at.unwrap_or_else(Timestamp::now);
    let explanation = ingest::explain(&source, &all, &captured, now);

    let max_header_bytes = loaded.config.ingest.max_header_bytes;
    let judgement = match refused_by_the_connection(&captured, &explanation.verdict, max_header_bytes) {
        Some((status, why)) => Judgement {
            passes: false,
            status,
            join: ": ",
            verdict: why,
            findings: Vec::new(),
        },
        None => Judgement::of(&explanation, remark),
    };
    match args.output {
        Output::Pretty => judgement.print(&source, &explanation.scheme, out),
        Output::Json => {
            let reasons: Vec<&String> = iter::once(&judgement.verdict).chain(&judgement.findings).collect();
            let object = json!({
                "passes": judgement.passes,
                "status": judgement.status,
                "source": source.id.as_str(),
                "platform": source.platform.as_str(),
                "scheme": explanation.scheme,
                "reasons": reasons,
            });
            out.line(&object.to_string());
        }
    }
    ensure!(judgement.passes, "the request does not pass");
    Ok(())
}

impl Judgement {
    fn of(explanation: &Explanation, remark: Option<&str>) -> Self {
        let (passes, status, join, verdict) = match &explanation.verdict {
            Verdict::Accepted {
                secret: Some(index),
                url_secret,
            } => {
                let besides = url_secret.map_or(String::new(), |index| {
                    format!(", and in the path number {} of `url_secrets`", index + 1)
                });
                (true, 200, ", ", format!("with secret number {}{besides}", index + 1))
            }
            Verdict::Accepted { secret: None, .. } => (true, 200, ": ", "this source asks for no proof".to_owned()),
            Verdict::Replied(reply) => (
                true,
                200,
                ": ",
                format!("a handshake or test call, answered {}", in_words(reply)),
            ),
            Verdict::Refused { reason, detail } => {
                (false, reason.status().as_u16(), " ", format!("({reason}): {detail}"))
            }
        };
        Self {
            passes,
            status,
            join,
            verdict,
            findings: remark
                .map(str::to_owned)
                .into_iter()
                .chain(explanation.findings.clone())
                .collect(),
        }
    }

    fn print(&self, source: &Source, scheme: &str, out: &mut Printer) {
        out.line(&format!("source {} ({}): {scheme}", source.id, source.platform));
        let Self {
            status, join, verdict, ..
        } = self;
        out.line(&if self.passes {
            format!("passes{join}{verdict}")
        } else {
            format!("does not pass: {status}{join}{verdict}")
        });
        for finding in &self.findings {
            out.line(&format!("- {finding}"));
        }
    }
}

/// The source is not there: which ones are.
fn no_source(id: &str, args: &VerifyArgs, loaded: &Loaded, all: &[Arc<Source>]) -> ConfigError {
    let named = if args.source.is_some() {
        String::new()
    } else {
        ", which the path of the request names,".to_owned()
    };
    let place = if loaded.file == config::BUILT_IN {
        "the built-in sources of `forebay dev`"
    } else {
        loaded.file.as_str()
    };
    let mut ids: Vec<&str> = all.iter().map(|source| source.id.as_str()).collect();
    ids.sort_unstable();
    let there = match ids.as_slice() {
        [] => "there are none".to_owned(),
        ids => format!("there are: {}", ids.join(", ")),
    };
    ConfigError(format!(
        "there is no source `{id}`{named} in {place}; {there}; name one with --source"
    ))
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
fn refused_by_the_connection(captured: &Captured, verdict: &Verdict, max_header_bytes: usize) -> Option<(u16, String)> {
    let line = captured.method.as_str().len() + captured.target.len() + " ".len() + " HTTP/1.1\r\n\r\n".len();
    let header = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + ": \r\n".len();
    let head = line + captured.headers.iter().map(header).sum::<usize>();
    if head > max_header_bytes {
        let why = format!("the head has {head} bytes, and `ingest.max_header_bytes` is {max_header_bytes}");
        return Some((431, why));
    }
    let headers = captured.headers.len();
    if headers > HEADERS {
        return Some((
            431,
            format!("the request has {headers} headers, and at most {HEADERS} are read"),
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
        let why = format!(
            "the capture has {come} of the {length} bytes that Content-Length announces, and ingest would wait for the rest"
        );
        (408, why)
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
