//! `forebay endpoints resend`.

use anyhow::{Context as _, bail};
use serde_json::json;
use store::attempts::Row;

use super::{open, takes_deliveries};
use crate::cli::{EndpointsResendArgs, Output};
use crate::deliveries::Resent;
use crate::output::Printer;

/// What an attempt that went through is called.
const DELIVERED: &str = "delivered";

/// Adds one event to the backlog of the endpoint, due now; with `--wait` says what came of it, and fails unless it was delivered.
pub(super) async fn resend(args: &EndpointsResendArgs, out: &mut Printer) -> anyhow::Result<()> {
    let (deliveries, endpoint) = open(&args.log, &args.id).await?;
    takes_deliveries(&deliveries.kept, &endpoint, "nothing is sent").await?;
    let found = match (&args.position, args.event) {
        (Some(position), _) => deliveries.at(position).await?,
        (None, id) => deliveries.find(id.context("an event or a position is given")?).await?,
    };
    let resent = deliveries.resend(&endpoint, found).await?;
    let id = &endpoint.id;
    if args.output == Output::Pretty {
        out.line(&format!(
            "event {} ({}, {}) waits for endpoint `{id}`: the workers send it in its turn",
            resent.event, resent.event_type, resent.position
        ));
    }
    let attempt = match args.wait {
        Some(wait) => deliveries.attempted(&resent, wait.duration()).await?,
        None => None,
    };
    deliveries.kept.close().await;
    match (args.output, &attempt) {
        (Output::Json, _) => drop(out.line(&json(id.as_str(), &resent, attempt.as_ref()))),
        (Output::Pretty, Some(row)) => drop(out.line(&in_words(row))),
        (Output::Pretty, None) => {}
    }
    match (args.wait, attempt) {
        (Some(wait), None) => bail!(
            "it was not tried within {wait}, or the attempt is not noted yet; it waits on: `forebay endpoints list` shows how the \
             endpoint is, and a `forebay process` or `forebay dev` must be running"
        ),
        (_, Some(row)) if row.class != DELIVERED => {
            bail!("the attempt failed; it waits for the next one, unless it was the last")
        }
        _ => Ok(()),
    }
}

fn in_words(row: &Row) -> String {
    let status = row
        .status
        .map_or_else(String::new, |status| format!(", status {status}"));
    let reason = row
        .reason
        .as_ref()
        .map_or_else(String::new, |reason| format!(": {reason}"));
    format!(
        "attempt {} at {}: {}{status}, {} ms{reason}",
        row.number,
        row.at,
        row.class,
        row.total.as_millis()
    )
}

fn json(endpoint: &str, resent: &Resent, attempt: Option<&Row>) -> String {
    let attempt = attempt.map(|row| {
        json!({
            "at": row.at,
            "number": row.number,
            "class": row.class,
            "status": row.status,
            "total_ms": row.total.as_secs_f64() * 1000.0,
            "reason": row.reason,
            "answer": row.answer,
        })
    });
    json!({
        "endpoint": endpoint,
        "event": resent.event,
        "type": resent.event_type,
        "position": resent.position,
        "attempt": attempt,
    })
    .to_string()
}
