//! The role `dev`: everything in one process on local disk, which says on standard output what it does. At the start it prints what
//! is needed to use it (`banner`), then a line for each webhook and each delivery (`lines`). With `--forward-to` it delivers to
//! the developer's own server (`forward`), again on a key (`keys`).

mod banner;
mod forward;
mod keys;
mod lines;
mod state;
mod watched;
mod words;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use schemas::attempt::AttemptLog;
use schemas::setting::within;
use schemas::sink::Sink;

use super::workers::SinkWorker;
use super::{Base, Roles, run};
use crate::cli::DevArgs;
use crate::commands::tail::Wanted;
use crate::config::{self, ConfigError, Loaded, Logging};
use crate::output;
use banner::Facts;
use forward::Forward;
use lines::Lines;
use watched::Watched;

/// Where the data lies if nothing else is said.
const USUAL_DATA: &str = "forebay-data";

/// What is logged if nothing else is said: not what the lines say already.
const FILTER: &str = "warn,ingest::handler=error,processor::troubles::targets=error";

/// What `forebay dev` has beside its roles.
#[derive(Debug)]
pub(super) struct Dev {
    lines: Arc<Lines>,
    forward: Option<Forward>,
    /// The file of the configuration; none for the built-in one.
    file: Option<String>,
    data: String,
    flags: Flags,
}

/// What other commands have to be told in order to meet this process.
#[derive(Debug, Clone, Default)]
struct Flags {
    /// For every command.
    config: String,
    /// For those that read the data.
    data: String,
    /// For `forebay send`.
    url: String,
}

/// Runs everything in one process on local disk.
pub(crate) async fn dev(args: DevArgs) -> anyhow::Result<()> {
    let file = config::find(args.config.as_deref())?;
    let mut loaded = config::load_dev(file.as_deref(), &args.data)?;
    apply(&args, &mut loaded)?;
    let dev = Dev::new(&args, file.as_deref(), &mut loaded).await?;
    let roles = Roles {
        ingest: true,
        process: Some(Vec::new()),
        unused: Vec::new(),
        make_topics: true,
        dev: Some(Arc::new(dev)),
    };
    run(loaded, roles).await
}

/// What the command line says goes before the file.
fn apply(args: &DevArgs, loaded: &mut Loaded) -> Result<(), ConfigError> {
    let config = &mut loaded.config;
    if let Some(listen) = &args.listen {
        config.ingest.listen.clone_from(listen);
    }
    if let Some(admin) = &args.admin {
        config.admin.listen.clone_from(admin);
    }
    let said = config.logging.filter != Logging::default().filter;
    if !said && !args.verbose {
        FILTER.clone_into(&mut config.logging.filter);
    }
    // Those of a file are checked already.
    let ports = config.check_ports();
    ports.map_err(|reason| ConfigError(format!("--listen or --admin: `admin.listen` {reason}")))
}

impl Dev {
    async fn new(args: &DevArgs, file: Option<&Path>, loaded: &mut Loaded) -> anyhow::Result<Self> {
        let data = args.data.display().to_string();
        let flag =
            |name: &str, value: Option<String>| value.map_or(String::new(), |value| format!(" --{name} {value}"));
        let flags = Flags {
            config: flag("config", args.config.as_ref().map(|file| file.display().to_string())),
            data: flag("data", (data != USUAL_DATA).then(|| data.clone())),
            url: flag("url", args.listen.is_some().then(|| loaded.base_url())),
        };
        let forward = match args.forward_to.as_slice() {
            [] => None,
            urls => {
                let wanted = Wanted::new(args.events.clone(), "--events")?;
                for warning in &wanted.warnings {
                    output::remark(warning);
                }
                Some(Forward::new(urls, &wanted.patterns, &args.data, loaded).await?)
            }
        };
        let names = forward.as_ref().map(Forward::names).unwrap_or_default();
        let verify = format!("{}{}", flags.data, flags.config);
        Ok(Self {
            lines: Arc::new(Lines::new(args.quiet, &args.data, verify, names)),
            forward,
            file: file.map(|file| file.display().to_string()),
            data,
            flags,
        })
    }

    /// Is told of every request and of every attempt.
    pub(super) fn lines(&self) -> Arc<Lines> {
        Arc::clone(&self.lines)
    }

    /// The sinks, whose deliveries are printed.
    pub(super) fn watch(&self, sinks: Vec<Arc<dyn Sink>>, loaded: &Loaded) -> anyhow::Result<Vec<Arc<dyn Sink>>> {
        let watch = |sink: Arc<dyn Sink>| {
            let schedule = loaded.config.schedule_of(sink.name());
            let schedule = schedule.map_err(|found| loaded.refuse(&found))?;
            Ok(Arc::new(Watched::new(sink, self.lines(), schedule)) as Arc<dyn Sink>)
        };
        sinks.into_iter().map(watch).collect()
    }

    /// The worker that delivers to the URLs of `--forward-to`.
    pub(super) fn forwarding(
        &self,
        base: &Base,
        attempts: Option<Arc<dyn AttemptLog>>,
    ) -> anyhow::Result<Option<SinkWorker>> {
        let Some(forward) = &self.forward else {
            return Ok(None);
        };
        let sink = forward.sink(base, self.lines(), attempts);
        let sink = sink.map_err(|found| base.loaded.refuse(&within("sinks.http", found)))?;
        Forward::worker(self.watch(vec![sink], &base.loaded)?, base)
    }

    /// Prints what is needed to use this process.
    pub(super) fn banner(&self, base: &Base, ingest: SocketAddr, admin: SocketAddr) {
        let mut sources: Vec<_> = base.registry.sources().map(Arc::as_ref).collect();
        sources.sort_by(|a, b| a.id.cmp(&b.id));
        let facts = Facts {
            file: self.file.as_deref(),
            data: &self.data,
            base: config::url_of(&ingest.to_string()),
            admin: config::url_of(&admin.to_string()),
            sources,
            forward: self.forward.as_ref().map(|forward| (forward.urls(), forward.secret())),
            flags: &self.flags,
            keys: keys::are_read(),
        };
        output::for_people(&banner::of(&facts));
    }

    /// Obeys what is typed, until the process ends.
    pub(super) fn obey(&self, base: &Base) {
        keys::obey(self.lines(), base.shutdown.clone());
    }
}
