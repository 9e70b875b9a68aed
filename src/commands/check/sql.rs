//! `forebay migrate --print` and `--grants`: what an owner of tables runs by hand. Standard output is SQL and nothing else.

use anyhow::anyhow;
use database::SetupError;
use sinks::postgres::{self, For, Which};

use crate::cli::{MigrateArgs, Only, Whom};
use crate::config::ConfigError;
use crate::output::Printer;

/// Prints the statements for each database that the configuration and the arguments name.
pub(super) async fn print(
    args: &MigrateArgs,
    sink: Option<&postgres::Config>,
    store: Option<&store::Config>,
    out: &mut Printer,
) -> anyhow::Result<()> {
    let sink = sink.filter(|_| args.only != Some(Only::Store));
    let store = store.filter(|_| args.only != Some(Only::Postgres));
    if sink.is_none() && store.is_none() {
        return Err(ConfigError(
            "neither `sinks.postgres` nor `store.postgres` is set, or --only leaves it out: there is no SQL".to_owned(),
        )
        .into());
    }
    let different = matches!((sink, store.and_then(|store| store.postgres.as_ref())),
        (Some(sink), Some(store)) if sink.url.expose_str() != store.url.expose_str());
    if different {
        return Err(ConfigError(
            "`sinks.postgres.url` and `store.postgres.url` are not the same, and one script cannot be for both: add `--only postgres` or \
             `--only store`"
                .to_owned(),
        )
        .into());
    }
    if let Some(role) = &args.grants {
        if role.is_empty() || role.contains('\0') {
            return Err(ConfigError("--grants is no name of a role".to_owned()).into());
        }
        return grants(role, args.whom, sink, store, out);
    }
    script(args, sink, store, out).await
}

fn grants(
    role: &str,
    whom: Whom,
    sink: Option<&postgres::Config>,
    store: Option<&store::Config>,
    out: &mut Printer,
) -> anyhow::Result<()> {
    let mut all = vec![];
    if let Some(sink) = sink {
        let whom = match whom {
            Whom::Process => For::Process,
            Whom::Reader => For::Reader,
        };
        let of_sink = postgres::grants(sink, role, whom);
        all.extend(of_sink.map_err(|error| anyhow!("`sinks.postgres`: {error}"))?);
    }
    if let Some(store) = store {
        let of_store = store::grants(store, role, whom == Whom::Reader);
        all.extend(of_store.map_err(|error| anyhow!("`store.postgres`: {error}"))?);
    }
    for statement in all {
        out.line(&statement);
    }
    Ok(())
}

async fn script(
    args: &MigrateArgs,
    sink: Option<&postgres::Config>,
    store: Option<&store::Config>,
    out: &mut Printer,
) -> anyhow::Result<()> {
    let which = if args.all { Which::All } else { Which::Missing };
    let lock = args.lock_wait.duration();
    let mut parts = vec![];
    if let Some(sink) = sink {
        let part = postgres::script(sink, which, lock).await;
        parts.extend(part.map_err(|error| of("sinks.postgres", &error))?);
    }
    if let Some(store) = store {
        let part = store::script(store, which, lock).await;
        parts.extend(part.map_err(|error| of("store.postgres", &error))?);
    }
    if parts.is_empty() {
        out.line("-- Nothing is to be done: the database has all migrations of this version.");
        return Ok(());
    }
    out.line(&format!(
        "-- Tables of forebay {}. Run as their owner: psql -X -f FILE. Each transaction is whole or leaves no trace.\n\\set ON_ERROR_STOP on",
        env!("CARGO_PKG_VERSION")
    ));
    for part in parts {
        out.line(part.trim_end());
    }
    Ok(())
}

fn of(section: &str, error: &SetupError) -> anyhow::Error {
    match error {
        SetupError::Unavailable(reason) => anyhow!(
            "`{section}`: {reason}; with --all no server is asked, and the SQL is for a database without any of it"
        ),
        SetupError::Misconfigured(reason) => anyhow!("`{section}`: {reason}"),
    }
}
