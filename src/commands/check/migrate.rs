//! `forebay migrate`: makes topics and tables, and says what it made, changed or found.

use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use database::Migrated;
use database::postgres::Waits;
use schemas::log::{LogError, TopicSpec, TopicState};
use schemas::setting::within;
use tracing::warn;

use super::sql;
use crate::cli::MigrateArgs;
use crate::config::{self, ConfigError, EventLogConfig};
use crate::output::{self, Printer};
use crate::{assemble, telemetry};

/// How long an event log that cannot be reached is left alone.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// How often is said that it is waited for.
const SAY_AGAIN: Duration = Duration::from_mins(1);

/// Makes or updates topics and tables; with `--dry-run`, says what it would do.
pub(crate) async fn migrate(args: MigrateArgs, out: &mut Printer) -> anyhow::Result<()> {
    let loaded = config::load_file(&args.file, &config::makes_topics_and_tables())?;
    telemetry::start(&loaded.config.logging)?;
    let deadline = Instant::now() + args.wait.duration();
    let (event_log, sinks) = (&loaded.config.event_log, &loaded.config.sinks);
    let store = loaded.config.store.as_ref().filter(|store| store.postgres.is_some());
    if event_log.kafka.is_none() && event_log.journal.is_none() && sinks.postgres.is_none() && store.is_none() {
        return Err(ConfigError(format!(
            "{}: neither `event_log` nor `sinks.postgres` nor `store.postgres` is set: there is nothing to migrate",
            loaded.file
        ))
        .into());
    }
    if let Some(postgres) = &sinks.postgres {
        let checked = postgres.check();
        checked.map_err(|found| loaded.refuse(&within("sinks.postgres", found)))?;
    }
    if let Some(store) = store {
        let checked = store.check();
        checked.map_err(|found| loaded.refuse(&within("store", found)))?;
    }
    if args.print || args.grants.is_some() {
        return sql::print(&args, sinks.postgres.as_ref(), store, out).await;
    }
    if event_log.kafka.is_some() || event_log.journal.is_some() {
        topics(event_log, args.dry_run, deadline, out).await?;
    }
    let waits = || Waits {
        lock: args.lock_wait.duration(),
        all: deadline.saturating_duration_since(Instant::now()),
    };
    if let Some(postgres) = &sinks.postgres {
        let migrated = if args.dry_run {
            sinks::postgres::pending(postgres).await
        } else {
            sinks::postgres::migrate_within(postgres, waits()).await
        };
        let migrated = migrated.map_err(|error| anyhow!("`sinks.postgres`: {error}"))?;
        tables("postgres", migrated, args.dry_run, out);
    }
    if let Some(store) = store {
        let migrated = if args.dry_run {
            store::pending(store).await
        } else {
            store::migrate(store, waits()).await
        };
        let migrated = migrated.map_err(|error| anyhow!("`store.postgres`: {error}"))?;
        if let Some(migrated) = migrated {
            tables("store", migrated, args.dry_run, out);
        }
    }
    Ok(())
}

async fn topics(event_log: &EventLogConfig, dry_run: bool, deadline: Instant, out: &mut Printer) -> anyhow::Result<()> {
    let specs = event_log.topic_specs()?;
    let journal = event_log.journal.as_ref().map(|journal| journal.path.as_path());
    if dry_run && journal.is_some_and(|path| !path.exists()) {
        // To open it would make it.
        let states = specs.iter().map(TopicState::missing).collect::<Vec<_>>();
        return show(&specs, &states, "would be made", out);
    }
    let log = if dry_run {
        assemble::event_log_to_read(event_log).await?
    } else {
        assemble::event_log_to_administer(event_log).await?
    };
    if dry_run {
        let before = log.compare_topics(&specs).await.context("event log")?;
        return show(&specs, &before, "would be made", out);
    }
    let before = available(deadline, async || log.compare_topics(&specs).await).await?;
    available(deadline, async || log.ensure_topics(&specs).await).await?;
    show(&specs, &before, "made", out)
}

/// Asks the log until it answers, or the time is up: it may be starting beside this process.
async fn available<T>(deadline: Instant, asked: impl AsyncFn() -> Result<T, LogError>) -> anyhow::Result<T> {
    let mut said: Option<Instant> = None;
    loop {
        let answer = asked().await;
        let now = Instant::now();
        match answer {
            Err(LogError::Unavailable(error)) if now + TRY_AGAIN < deadline => {
                if said.is_none_or(|said| now.duration_since(said) >= SAY_AGAIN) {
                    said = Some(now);
                    let left = deadline.saturating_duration_since(now).as_secs();
                    warn!(error, "waiting for the event log; trying for {left} s more");
                }
                tokio::time::sleep(TRY_AGAIN).await;
            }
            answer => return answer.context("event log"),
        }
    }
}

/// Prints what became of each topic, and fails with what is wrong with those that exist.
fn show(specs: &[TopicSpec], states: &[TopicState], made: &str, out: &mut Printer) -> anyhow::Result<()> {
    for (spec, state) in specs.iter().zip(states) {
        let name = &state.name;
        match state.partitions {
            None => out.line(&format!(
                "topic {name}: {made}, {}",
                output::counted(spec.partitions, "partition")
            )),
            Some(count) => out.line(&format!(
                "topic {name}: is there already, {}",
                output::counted(count, "partition")
            )),
        };
        for remark in &state.remarks {
            output::remark(&format!("warning: {remark}"));
        }
    }
    let problems: Vec<&str> = states
        .iter()
        .flat_map(|state| &state.problems)
        .map(String::as_str)
        .collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(LogError::Misconfigured(problems.join("; "))).context("event log")
    }
}

/// Prints what became of the tables of `whom`.
fn tables(whom: &str, migrated: Migrated, dry_run: bool, out: &mut Printer) {
    let applied = if dry_run { "would be applied" } else { "applied" };
    out.line(&match migrated {
        Migrated {
            missing: 0,
            newer: None,
        } => format!("{whom}: up to date"),
        Migrated {
            missing: 0,
            newer: Some(version),
        } => format!("{whom}: newer than this version, and fits it: has migration {version} of a newer `forebay`"),
        Migrated { missing, .. } => format!("{whom}: {} {applied}", output::counted(missing, "migration")),
    });
}
