//! `forebay endpoints list`.

use std::iter;

use schemas::time::Timestamp;
use serde_json::{Value, json};

use super::{load, without_store};
use crate::cli::{EndpointsListArgs, Output};
use crate::deliveries::{Kept, Line, State, overview};
use crate::output::{self, Printer};
use crate::{assemble, config};

/// How many characters of a reason the table shows: it must not make the column so wide that no terminal has room for the others.
/// `--output json` has all of it.
const REASON_MOST: usize = 40;

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
        State::Disabled { since, reason } => format!("disabled at {since}: {}", shortened(reason)),
        State::Paused => "paused".to_owned(),
        State::Failing { since } => format!("failing since {since}"),
        State::Active => "active".to_owned(),
    }
}

/// The beginning of a reason, on one line.
fn shortened(reason: &str) -> String {
    let one_line = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    if one_line.chars().count() <= REASON_MOST {
        return one_line;
    }
    let begin: String = one_line.chars().take(REASON_MOST - 1).collect();
    format!("{}…", begin.trim_end())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn disabled(reason: &str) -> Line {
        Line {
            id: "crm".to_owned(),
            tenant: "acme".to_owned(),
            host: "crm.example.com".to_owned(),
            state: State::Disabled {
                since: Timestamp::parse("2026-03-10T13:36:50Z").expect("a time"),
                reason: reason.to_owned(),
            },
            waiting: None,
            last: None,
        }
    }

    #[test]
    fn a_long_reason_is_cut_in_the_table_and_whole_as_json() {
        let short = "the endpoint answered 410";
        let long = format!(
            "every delivery has failed for five days;\nthe last one: {}",
            "ä".repeat(500)
        );
        let lines = table(&[disabled(short), disabled(&long)]);
        let width = |line: &String| line.chars().count();
        assert!(lines[1].contains(short), "{}", lines[1]);
        assert!(
            lines[2].contains("every delivery has failed for five days… "),
            "{}",
            lines[2]
        );
        assert!(lines.iter().all(|line| width(line) < 160), "{lines:#?}");
        assert_eq!(json(&disabled(&long))["reason"], long);
    }

    #[test]
    fn a_reason_that_just_fits_is_left_alone() {
        let fits = "x".repeat(REASON_MOST);
        assert_eq!(shortened(&fits), fits);
        assert_eq!(shortened(&format!("{fits}x")), format!("{}…", &fits[1..]));
    }
}
