//! The roles: what `dev`, `ingest` and `process` run, from start to drained end.
//!
//! All start alike, each in its own file: build everything out of the configuration, bind the port, log its address, spawn the
//! tasks, and drain when the process is asked to end. Ports are bound before anything is waited for, so that one that is in use shows at once.

mod admin;
mod dev;
mod event_log;
mod ingest;
mod lifetime;
mod process;
mod store;
mod workers;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry as Metrics;
use schemas::log::{EventLog, TopicSpec};
use schemas::name::SinkName;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::admin::{Check, process::register as register_process_metrics};
use crate::certificates::Expiry;
use crate::cli::{ProcessArgs, RoleArgs};
use crate::config::{self, Loaded, Topics, Unused};
use crate::{assemble, limits, telemetry};

pub(crate) use dev::dev;
use lifetime::Ending;
pub(crate) use lifetime::{CutOff, asked_to_end};

/// Receives and publishes.
pub(crate) async fn ingest(args: RoleArgs) -> anyhow::Result<()> {
    let unused = config::receives();
    let loaded = config::load_file(&args.file, &unused)?;
    let roles = Roles {
        ingest: true,
        process: None,
        unused,
        make_topics: false,
        dev: None,
    };
    run(loaded, roles).await
}

/// Reads and delivers.
pub(crate) async fn process(args: ProcessArgs) -> anyhow::Result<()> {
    let unused = config::delivers_to(&args.sinks);
    let loaded = config::load_file(&args.file, &unused)?;
    let roles = Roles {
        ingest: false,
        process: Some(args.sinks),
        unused,
        make_topics: false,
        dev: None,
    };
    run(loaded, roles).await
}

/// What one process does.
struct Roles {
    ingest: bool,
    /// Delivers to these sinks; to all if empty.
    process: Option<Vec<SinkName>>,
    /// What of the configuration another process uses.
    unused: Unused,
    /// A journal is created at start; topics of a cluster are created by `forebay migrate` only.
    make_topics: bool,
    /// What `forebay dev` has beside its roles.
    dev: Option<Arc<dev::Dev>>,
}

/// What the roles of one process share.
struct Base {
    loaded: Loaded,
    registry: Arc<control::Registry>,
    topics: Topics,
    specs: Vec<TopicSpec>,
    log: Arc<dyn EventLog>,
    /// Cancelled when the log is available and its topics are as specified.
    log_ready: CancellationToken,
    /// What is cancelled when the process is asked to end.
    ending: Ending,
    /// Cancelled when the drain begins.
    shutdown: CancellationToken,
    metrics: Metrics,
    checks: Vec<(String, Check)>,
    tasks: JoinSet<anyhow::Result<()>>,
    dev: Option<Arc<dev::Dev>>,
}

impl Base {
    async fn build(loaded: Loaded, unused: &[String], dev: Option<Arc<dev::Dev>>) -> anyhow::Result<Self> {
        telemetry::start(&loaded.config.logging)?;
        for warning in loaded
            .warnings(unused)
            .into_iter()
            .chain(loaded.ending_certificates(unused))
        {
            warn!("{warning}");
        }
        limits::raise_descriptors();
        let registry = assemble::guarded_registry(&loaded)?;
        let mut metrics = Metrics::default();
        register_process_metrics(&mut metrics);
        let expiry = Expiry::register(&mut metrics);
        let certificates = loaded.config.certificate_files(unused);
        expiry.measure(&certificates);
        let event_log = &loaded.config.event_log;
        let ending = Ending::new();
        let mut tasks = JoinSet::new();
        let measured = expiry.keep(certificates, ending.shutdown.clone());
        tasks.spawn(async move {
            measured.await;
            Ok(())
        });
        Ok(Self {
            topics: event_log.topics()?,
            specs: event_log.topic_specs()?,
            log: assemble::event_log(event_log, &mut metrics).await?,
            log_ready: CancellationToken::new(),
            shutdown: ending.shutdown.clone(),
            ending,
            registry,
            loaded,
            metrics,
            checks: Vec::new(),
            tasks,
            dev,
        })
    }

    /// What an address is chosen with: `forebay dev` has flags, and often no file.
    fn key(&self, key: &'static str, flag: &'static str) -> &'static str {
        match (&self.dev, self.loaded.file == config::BUILT_IN) {
            (Some(_), true) => flag,
            _ => key,
        }
    }
}

async fn run(loaded: Loaded, roles: Roles) -> anyhow::Result<()> {
    let mut base = Base::build(loaded, &roles.unused, roles.dev.clone()).await?;
    if roles.process.is_none() {
        // Only workers write and read operational events: ingest needs no right to this topic, nor that it exists.
        let operations = base.topics.operations.clone();
        base.specs.retain(|spec| spec.name != operations);
    }
    // Ingest opens no sink.
    let process = match &roles.process {
        Some(wanted) => Some(process::Process::build(&mut base, wanted).await?),
        None => None,
    };

    let ingest = roles.ingest.then(|| ingest::Ingest::build(&mut base)).transpose()?;

    let admin = admin::bind(&base).await?;
    let ingest = match ingest {
        Some(ingest) => Some(ingest.bind(&base).await?),
        None => None,
    };

    let ending = base.ending.clone();
    let delay = Duration::from_millis(base.loaded.config.ingest.shutdown_delay_ms);
    let delay = if roles.ingest { delay } else { Duration::ZERO };
    // What belongs to a terminal ends with it; a service only logs a hangup.
    let hangup_ends = roles.dev.is_some() && lifetime::in_terminal();
    let signals = tokio::spawn(ending.clone().on_signals(delay, hangup_ends));

    event_log::prepare(&mut base, roles.make_topics).await?;
    if let (Some(dev), Some(ingest)) = (&base.dev, &ingest) {
        dev.banner(&base, ingest.address()?, admin.address()?);
        dev.obey(&base);
    }
    if let Some(ingest) = ingest {
        ingest.spawn(&mut base);
    }
    if let Some(process) = process {
        process.spawn(&mut base);
    }
    let admin = admin.spawn(&mut base);

    let (tasks, log, shutdown) = (base.tasks, base.log, base.shutdown);
    let drained = async move {
        let result = lifetime::supervise(tasks, &shutdown).await;
        if let Err(error) = log.flush(Duration::from_secs(5)).await {
            warn!(%error, "the event log was not flushed");
        }
        admin.end().await?;
        result
    };
    let result = tokio::select! {
        result = drained => result,
        () = ending.cut_off() => return Err(CutOff.into()),
    };
    signals.abort();
    info!("stopped");
    result
}
