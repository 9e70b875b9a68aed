//! `forebay endpoints`: how the endpoints are, and what an operator does about one.

mod enable;
mod list;
mod recover;
mod resend;
mod test;

use std::sync::Arc;

use schemas::endpoint::Endpoint;
use schemas::name::EndpointId;

use crate::cli::{EndpointsArgs, EndpointsCommand, LogArgs};
use crate::config::{self, ConfigError, Loaded, Missing};
use crate::deliveries::{self, Deliveries, Kept};
use crate::output::{self, Printer};
use crate::{assemble, telemetry};

/// Runs one of the subcommands.
pub(crate) async fn endpoints(args: EndpointsArgs, out: &mut Printer) -> anyhow::Result<()> {
    match args.command {
        EndpointsCommand::List(args) => list::list(&args, out).await,
        EndpointsCommand::Test(args) => Box::pin(test::test(&args, out)).await,
        EndpointsCommand::Resend(args) => Box::pin(resend::resend(&args, out)).await,
        EndpointsCommand::Recover(args) => Box::pin(recover::recover(&args, out)).await,
        EndpointsCommand::Enable(args) => enable::enable(&args, out).await,
    }
}

/// The configuration, with warnings alone in the logs.
fn load(args: &LogArgs, unused: &[String]) -> anyhow::Result<Loaded> {
    let loaded = config::load_log(args, Missing::LeaveIn(unused))?;
    telemetry::start(&config::Logging {
        filter: "warn".to_owned(),
        format: loaded.config.logging.format,
    })?;
    Ok(loaded)
}

/// The store; an error that says what to write where there is none.
async fn kept(loaded: &Loaded) -> anyhow::Result<Kept> {
    let checked = loaded.config.check_store();
    checked.map_err(|found| loaded.refuse(&found))?;
    let kept = Kept::open(loaded.config.store.as_ref()).await?;
    Ok(kept.ok_or_else(|| ConfigError(without_store(loaded)))?)
}

/// What is missing without a store, and what to write.
fn without_store(loaded: &Loaded) -> String {
    let sqlite = loaded.config.store.as_ref().and_then(|store| store.sqlite.as_ref());
    match sqlite {
        Some(sqlite) => format!(
            "there is no store at `{}`: `forebay dev` makes it; run this where that runs, or name its folder with --data",
            sqlite.path.display()
        ),
        None => format!(
            "{}: there is no `store`, so deliveries wait in the memory of `forebay process`, and no attempt is noted: write `store: {{ \
             postgres: {{ url: … }} }}`, run `forebay migrate`, and restart what delivers",
            loaded.file
        ),
    }
}

/// What sending again needs, and the endpoint.
async fn open(args: &LogArgs, id: &EndpointId) -> anyhow::Result<(Deliveries, Arc<Endpoint>)> {
    let loaded = load(args, &config::asks_the_store())?;
    let registry = assemble::registry(&loaded)?;
    let endpoint = deliveries::find(&loaded, &*registry, id.as_str())?;
    let kept = kept(&loaded).await?;
    Ok((Deliveries::open(&loaded, kept, registry).await?, endpoint))
}

/// Refuses what would be in vain, and says what else keeps the endpoint from getting anything soon.
async fn takes_deliveries(kept: &Kept, endpoint: &Endpoint, nothing: &str) -> anyhow::Result<()> {
    let id = &endpoint.id;
    if let Some(disabled) = kept.disabled(endpoint).await? {
        anyhow::bail!(
            "endpoint `{id}` is disabled since {}: {}; {nothing}: let it get deliveries again first, with `forebay endpoints enable {id}`",
            disabled.at,
            disabled.reason
        );
    }
    if endpoint.paused {
        output::remark(&format!(
            "note: endpoint `{id}` is paused: nothing goes out until `paused: true` is taken out of the configuration"
        ));
    }
    Ok(())
}
