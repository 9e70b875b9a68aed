//! `forebay endpoints test`.

use std::time::Duration;

use anyhow::bail;
use schemas::attempt::Attempt;
use schemas::sink::Outcome;
use serde_json::{Value, json};

use super::load;
use crate::cli::{EndpointsTestArgs, Output};
use crate::deliveries::{self, Tested};
use crate::output::Printer;
use crate::{assemble, config};

/// So much of an answer is shown to people, characters.
const SHOWN: usize = 200;

/// Posts a test event, says what came of it, and fails unless it was taken.
pub(super) async fn test(args: &EndpointsTestArgs, out: &mut Printer) -> anyhow::Result<()> {
    let loaded = load(&args.log, &config::posts_alone())?;
    let registry = assemble::registry(&loaded)?;
    let endpoint = deliveries::find(&loaded, &*registry, args.id.as_str())?;
    let topic = loaded.config.event_log.topics()?.events;
    let tested = deliveries::test(&loaded, topic, &endpoint, &args.event_type).await?;
    let host = deliveries::host(endpoint.url.as_str());
    let lines = match args.output {
        Output::Json => vec![json(args.id.as_str(), &host, &tested).to_string()],
        Output::Pretty => in_lines(args.id.as_str(), &host, &tested),
    };
    for line in lines {
        out.line(&line);
    }
    match tested.verdict() {
        None => Ok(()),
        Some(verdict) => bail!("{verdict}"),
    }
}

fn in_lines(id: &str, host: &str, tested: &Tested) -> Vec<String> {
    let event = &tested.event;
    let mut lines = vec![format!(
        "POST to endpoint `{id}` at {host}: {} {}, {} bytes",
        event.event_type(),
        event.id(),
        tested.body().len()
    )];
    let Some(attempt) = &tested.attempt else {
        lines.push("nothing was sent".to_owned());
        return lines;
    };
    if let Value::Object(headers) = headers(attempt) {
        let header = |(name, value): (&String, &Value)| format!("    {name}: {}", value.as_str().unwrap_or_default());
        lines.extend(headers.iter().map(header));
        lines.push("    (the signature and what proves who we are were sent, and are not shown)".to_owned());
    }
    let status = attempt
        .status
        .map_or("no answer".to_owned(), |status| format!("status {status}"));
    let ms =
        |time: Option<Duration>| time.map_or("-".to_owned(), |time| format!("{:.1} ms", time.as_secs_f64() * 1000.0));
    lines.push(format!(
        "{}: {status}; connection {}, first byte {}, total {}",
        attempt.class,
        ms(attempt.connect),
        ms(attempt.first_byte),
        ms(Some(attempt.total))
    ));
    if let Some(answer) = &attempt.answer {
        let shown: String = answer.chars().take(SHOWN).map(printable).collect();
        lines.push(format!("answer: {shown}"));
    }
    lines
}

/// What a receiver answers must not move the cursor of a terminal.
fn printable(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

fn headers(attempt: &Attempt) -> Value {
    let headers = attempt.request_headers.as_deref();
    headers
        .and_then(|json| serde_json::from_str(json).ok())
        .unwrap_or_default()
}

fn json(id: &str, host: &str, tested: &Tested) -> Value {
    let attempt = tested.attempt.as_ref();
    let ms = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1000.0);
    json!({
        "endpoint": id,
        "host": host,
        "event": { "id": tested.event.id(), "type": tested.event.event_type(), "bytes": tested.body().len() },
        "request_headers": attempt.map(headers),
        "delivered": tested.outcome == Outcome::Delivered,
        "class": attempt.map(|attempt| attempt.class),
        "status": attempt.and_then(|attempt| attempt.status),
        "connect_ms": ms(attempt.and_then(|attempt| attempt.connect)),
        "first_byte_ms": ms(attempt.and_then(|attempt| attempt.first_byte)),
        "total_ms": ms(attempt.map(|attempt| attempt.total)),
        "answer": attempt.and_then(|attempt| attempt.answer.clone()),
        "verdict": tested.verdict(),
    })
}
