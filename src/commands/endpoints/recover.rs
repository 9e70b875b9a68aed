//! `forebay endpoints recover`.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{open, takes_deliveries};
use crate::cli::{EndpointsRecoverArgs, Output};
use crate::config::ConfigError;
use crate::deliveries::{Counts, Recovery};
use crate::output::{self, Printer};

/// How often is said how far it is.
const SAY_EVERY: Duration = Duration::from_secs(1);

/// Adds what the endpoint should have got to its backlog, or only counts it.
pub(super) async fn recover(args: &EndpointsRecoverArgs, out: &mut Printer) -> anyhow::Result<()> {
    if let Some(until) = args.until.filter(|until| *until <= args.since) {
        return Err(ConfigError(format!(
            "`--until` is {until}, and `--since` is {}: nothing is between them",
            args.since
        ))
        .into());
    }
    let (deliveries, endpoint) = open(&args.log, &args.id).await?;
    if !args.dry_run {
        takes_deliveries(&deliveries.kept, &endpoint, "nothing was added").await?;
    }
    let recovery = Recovery {
        since: args.since,
        until: args.until,
        dry_run: args.dry_run,
    };
    let mut said = Instant::now();
    let mut progress = |counts: &Counts| {
        if output::terminal() && said.elapsed() >= SAY_EVERY {
            said = Instant::now();
            output::remark(&format!("{} read, {} to be sent …", counts.read, counts.added));
        }
    };
    let counts = deliveries.recover(&endpoint, recovery, &mut progress).await?;
    deliveries.kept.close().await;
    match args.output {
        Output::Json => out.line(
            &json!({
                "endpoint": endpoint.id,
                "dry_run": args.dry_run,
                "read": counts.read,
                "wanted": counts.wanted,
                "undecided": counts.undecided,
                "delivered": counts.delivered,
                "waiting": counts.waiting,
                "added": counts.added,
            })
            .to_string(),
        ),
        Output::Pretty => out.line(&in_words(endpoint.id.as_str(), &counts, args.dry_run)),
    };
    Ok(())
}

fn in_words(id: &str, counts: &Counts, dry_run: bool) -> String {
    let Counts {
        read,
        wanted,
        undecided,
        delivered,
        waiting,
        added,
    } = counts;
    let events = output::counted(*read, "record");
    let undecided = match undecided {
        0 => String::new(),
        n => format!("; {n} left out, because a rule cannot be evaluated (they are dead letters)"),
    };
    if dry_run {
        return format!(
            "{events} read, {wanted} of them for endpoint `{id}`: {delivered} delivered already (attempt log), {waiting} waiting \
             already, {added} would be added{undecided}; nothing was changed"
        );
    }
    let rest = if *added == 0 {
        String::new()
    } else {
        "; the workers send them, in the order of the log".to_owned()
    };
    format!(
        "{events} read, {wanted} of them for endpoint `{id}`: {delivered} delivered already (attempt log), {waiting} waiting already, \
         {added} added{undecided}{rest}"
    )
}
