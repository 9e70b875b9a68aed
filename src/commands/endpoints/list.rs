//! `forebay endpoints list`.

use std::iter;

use schemas::time::Timestamp;
use serde_json::{Value, json};

use super::{load, without_store};
use crate::cli::{EndpointsListArgs, Output};
use crate::deliveries::{Kept, Line, State, overview};
use crate::output::{self, Printer};
use crate::{assemble, config};

/// Prints a table of the endpoints, or an object of each.
pub(super) async fn list(args: &EndpointsListArgs, out: &mut Printer) -> anyhow::Result<()> {
    let loaded = load(&args.log, &config::asks_the_store())?;
    // What is wrong with an endpoint is said here, too.
    assemble::registry(&loaded)?;
    let kept = Kept::open(loaded.config.store.as_ref()).await?;
    if kept.is_none() {
        output::remark(&format!(
            "note: only what the configuration says: {}",
            without_store(&loaded)
        ));
    }
    let tenant = args.tenant.as_ref();
    let lines = overview(&loaded.config.endpoints, tenant, kept.as_ref()).await?;
    if let Some(kept) = kept {
        kept.close().await;
    }
    let printed: Vec<String> = match args.output {
        Output::Json => lines.iter().map(|line| json(line).to_string()).collect(),
        Output::Pretty => table(&lines),
    };
    for line in printed {
        if !out.line(&line) {
            break;
        }
    }
    Ok(())
}

fn table(lines: &[Line]) -> Vec<String> {
    let names = [
        "id",
        "tenant",
        "host",
        "state",
        "in line",
        "timed",
        "oldest",
        "next",
        "last attempt",
    ];
    let time = |time: Option<Timestamp>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
    let rows = lines.iter().map(|line| {
        let waiting = line.waiting.as_ref();
        [
            line.id.clone(),
            line.tenant.clone(),
            line.host.clone(),
            in_words(&line.state),
            waiting.map_or(0, |rows| rows.in_line).to_string(),
            waiting.map_or(0, |rows| rows.with_time).to_string(),
            time(waiting.map(|rows| rows.oldest_since)),
            time(waiting.and_then(|rows| rows.next_due)),
            line.last.as_ref().map_or_else(
                || "-".to_owned(),
                |row| {
                    let status = row.status.map_or_else(String::new, |status| format!(" {status}"));
                    format!("{} {}{status}", row.at, row.class)
                },
            ),
        ]
    });
    let rows: Vec<_> = iter::once(names.map(str::to_owned)).chain(rows).collect();
    output::table(&rows)
}

fn in_words(state: &State) -> String {
    match state {
        State::NotEnabled => "not enabled".to_owned(),
        State::Disabled { since, reason } => format!("disabled at {since}: {reason}"),
        State::Paused => "paused".to_owned(),
        State::Failing { since } => format!("failing since {since}"),
        State::Active => "active".to_owned(),
    }
}

fn json(line: &Line) -> Value {
    let (since, reason) = match &line.state {
        State::Disabled { since, reason } => (Some(since), Some(reason)),
        State::Failing { since } => (Some(since), None),
        State::NotEnabled | State::Paused | State::Active => (None, None),
    };
    json!({
        "id": line.id,
        "tenant": line.tenant,
        "host": line.host,
        "state": line.state.as_str(),
        "since": since,
        "reason": reason,
        "waiting": line.waiting.as_ref().map(|rows| json!({
            "in_line": rows.in_line,
            "with_time": rows.with_time,
            "oldest_since": rows.oldest_since,
            "next_due": rows.next_due,
        })),
        "last_attempt": line.last.as_ref().map(|row| json!({
            "at": row.at,
            "event": row.event,
            "number": row.number,
            "class": row.class,
            "status": row.status,
            "reason": row.reason,
        })),
    })
}
