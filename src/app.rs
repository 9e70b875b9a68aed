//! The roles: what `dev`, `ingest` and `process` run, from start to drained end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use prometheus_client::registry::Registry as Metrics;
use schemas::endpoint::EndpointDirectory;
use schemas::log::{EventLog, LogError, Publish, TopicSpec};
use schemas::name::SinkName;
use schemas::source::SourceDirectory;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::admin::{Admin, Check};
use crate::cli::{DevArgs, LogArgs, ProcessArgs, RoleArgs};
use crate::config::{self, Config, ConfigError, Loaded, Topics};
use crate::workers::{chosen, deliver, sink_check, worker_check, workers};
use crate::{admin, assemble, limits, telemetry};

/// The configuration of `forebay dev` without a file.
pub(crate) const DEV: &str = include_str!("dev.yaml");

/// Everything in one process on local disk.
pub(crate) async fn dev(args: DevArgs) -> anyhow::Result<()> {
    let loaded = load_dev(args.config.as_deref(), &args.data)?;
    run(
        loaded,
        Roles {
            ingest: true,
            process: Some(Vec::new()),
            make_topics: true,
        },
    )
    .await
}

/// The configuration of `forebay dev`: a file's or the built-in one, with journal and database in `data`.
pub(crate) fn load_dev(file: Option<&Path>, data: &Path) -> Result<Loaded, ConfigError> {
    let mut loaded = match file {
        Some(file) => config::load(file)?,
        None => Loaded {
            config: config::parse(DEV, "dev.yaml", std::collections::HashMap::new())?,
            file: "dev.yaml".to_owned(),
            folder: ".".into(),
        },
    };
    let Config { event_log, sinks, .. } = &mut loaded.config;
    if event_log.kafka.is_some() || sinks.postgres.is_some() {
        return Err(ConfigError(format!(
            "{}: `forebay dev` runs on a journal and SQLite; take out `event_log.kafka` and `sinks.postgres`, or use \
             `forebay ingest` and `forebay process`",
            loaded.file
        )));
    }
    // Everything is in one process here, which knows of itself.
    event_log.canary_seconds.get_or_insert(0);
    let unsaid = stream::journal::Config::default().path;
    let journal = event_log.journal.get_or_insert_default();
    if journal.path == unsaid {
        journal.path = data.join("journal");
    }
    let sqlite = sinks.sqlite.get_or_insert_default();
    if sqlite.path.as_os_str().is_empty() {
        sqlite.path = data.join("forebay.db");
    }
    Ok(loaded)
}

/// The configuration of a command that looks into the log of whoever runs: one that names Kafka as it is, everything else as
/// `forebay dev` understands it, whose file names no log.
pub(crate) fn load_any(args: &LogArgs) -> Result<Loaded, ConfigError> {
    match &args.config {
        Some(file) => match config::load(file)? {
            kafka if kafka.config.event_log.kafka.is_some() => Ok(kafka),
            _ => load_dev(Some(file), &args.data),
        },
        None => load_dev(None, &args.data),
    }
}

/// Receives and publishes.
pub(crate) async fn ingest(args: RoleArgs) -> anyhow::Result<()> {
    run(
        config::load(&args.file.config)?,
        Roles {
            ingest: true,
            process: None,
            make_topics: false,
        },
    )
    .await
}

/// Reads and delivers.
pub(crate) async fn process(args: ProcessArgs) -> anyhow::Result<()> {
    let roles = Roles {
        ingest: false,
        process: Some(args.sinks),
        make_topics: false,
    };
    run(config::load(&args.file.config)?, roles).await
}

/// What one process does.
struct Roles {
    ingest: bool,
    /// Delivers to these sinks; to all if empty.
    process: Option<Vec<SinkName>>,
    /// A journal is made on the spot; topics of a cluster are made by `forebay migrate` only.
    make_topics: bool,
}

async fn run(mut loaded: Loaded, roles: Roles) -> anyhow::Result<()> {
    telemetry::start(&loaded.config.logging)?;
    limits::raise_descriptors();
    let registry = assemble::registry(&mut loaded.config, &loaded.file)?;
    let mut metrics = Metrics::default();
    let config = &loaded.config;
    assemble::check_endpoints(&registry, &config.sinks, &loaded.file)?;
    let topics = config.event_log.topics()?;
    let specs = config.event_log.topic_specs()?;
    let log = assemble::event_log(&config.event_log, &mut metrics).await?;
    // Ingest knows no sink: a fault of one is nothing to it.
    let workers = match &roles.process {
        None => Vec::new(),
        Some(wanted) => {
            let endpoints: Arc<dyn EndpointDirectory> = Arc::clone(&registry) as _;
            let destinations = assemble::Configured {
                sinks: &config.sinks,
                topics: &topics,
                endpoints: &*registry,
            };
            let rules = assemble::rules(&loaded, &destinations)?;
            let sinks = assemble::sinks(&config.sinks, &topics, &log, endpoints, &mut metrics).await?;
            workers(&loaded, chosen(&sinks, wanted)?, &rules, &log, &topics, &mut metrics)?
        }
    };

    // Ports first: that one is in use shows at once, not after the services behind have been waited for.
    let admin_listener = bind(&config.admin.listen, "admin.listen").await?;
    let shutdown = CancellationToken::new();
    let mut checks: Vec<(String, Check)> = vec![("event log".to_owned(), log_check(&log, &topics, &roles))];
    let mut tasks: JoinSet<anyhow::Result<()>> = JoinSet::new();

    let log_ready = CancellationToken::new();
    let listener = if roles.ingest {
        Some(bind(&config.ingest.listen, "ingest.listen").await?)
    } else {
        None
    };
    if roles.make_topics {
        prepare_log(&log, &specs, true, &log_ready, &shutdown).await?;
    } else {
        // It may still be away, which is waited for while webhooks are answered 503; or not be as it should, which ends
        // the program.
        let (log, shutdown, log_ready) = (Arc::clone(&log), shutdown.clone(), log_ready.clone());
        tasks.spawn(async move { prepare_log(&log, &specs, false, &log_ready, &shutdown).await });
    }

    if let Some(listener) = listener {
        for source in assemble::open_sources(&registry) {
            warn!(
                source,
                "this source has `scheme: none`: whoever knows its URL can send to it"
            );
        }
        info!(address = %listener.local_addr()?, sources = registry.sources().count(), "receiving webhooks");
        let directory: Arc<dyn SourceDirectory> = Arc::clone(&registry) as _;
        let ingest = ingest::Ingest::new(
            config.ingest.clone(),
            directory,
            Arc::clone(&log) as Arc<dyn Publish>,
            topics.events.clone(),
            &mut metrics,
        )
        .map_err(|e| ConfigError(format!("`ingest`: {e}")))?;
        let (log, events, partitions) = (Arc::clone(&log), topics.events.clone(), config.event_log.partitions);
        let canaries = config.event_log.canary_interval();
        let ended = shutdown.clone();
        tasks.spawn(async move {
            ingest::send_canaries(log, events, partitions, canaries, ended).await;
            Ok(())
        });
        let shutdown = shutdown.clone();
        tasks.spawn(async move {
            let drained = ingest::serve(ingest, listener, shutdown).await;
            if drained.webhooks_unfinished + drained.connections_cut_off > 0 {
                warn!(
                    ?drained,
                    "the drain of ingest ran out of time; nothing unfinished was answered 2xx"
                );
            }
            Ok(())
        });
    }

    for (sink, worker) in &workers {
        checks.push((format!("sink {}", sink.name()), sink_check(sink)));
        checks.push((
            format!("worker {}", sink.name()),
            worker_check(worker.status(), config.event_log.canary_interval()),
        ));
    }
    if !workers.is_empty() {
        tasks.spawn(deliver(workers, log_ready, shutdown.clone()));
    }

    let ended = CancellationToken::new();
    let admin = Admin {
        metrics,
        checks,
        shutdown: shutdown.clone(),
    };
    let admin_task = tokio::spawn(admin::serve(admin, admin_listener, ended.clone()));
    let signals = tokio::spawn(stop_on_signal(shutdown.clone()));

    let result = supervise(tasks, &shutdown).await;
    if let Err(error) = log.flush(Duration::from_secs(5)).await {
        warn!(%error, "the event log was not flushed");
    }
    ended.cancel();
    signals.abort();
    admin_task.await.context("admin port")??;
    info!("stopped");
    result
}

/// Waits for all tasks. The first that fails stops the others; they still drain.
async fn supervise(mut tasks: JoinSet<anyhow::Result<()>>, shutdown: &CancellationToken) -> anyhow::Result<()> {
    let mut result = Ok(());
    while let Some(ended) = tasks.join_next().await {
        let ended = ended
            .context("a task of the program ended by a bug")
            .and_then(|inner| inner);
        if let Err(error) = ended {
            shutdown.cancel();
            if result.is_ok() {
                result = Err(error);
            } else {
                error!(error = format!("{error:#}"), "another task failed");
            }
        }
    }
    result
}

async fn bind(address: &str, key: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; choose another address in `{key}`"))
}

async fn stop_on_signal(shutdown: CancellationToken) -> std::io::Result<()> {
    told_to_end().await?;
    info!("stopping: what is under way is finished first");
    shutdown.cancel();
    Ok(())
}

/// Waits for SIGTERM or Ctrl-C.
pub(crate) async fn told_to_end() -> std::io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Waits until the log is there and its topics are as specified.
async fn prepare_log(
    log: &Arc<dyn EventLog>,
    specs: &[TopicSpec],
    make: bool,
    ready: &CancellationToken,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let mut told = false;
    loop {
        let outcome = if make {
            log.ensure_topics(specs).await
        } else {
            log.check_topics(specs).await
        };
        match outcome {
            Ok(()) => {
                if told {
                    info!("the event log is there");
                }
                ready.cancel();
                return Ok(());
            }
            Err(LogError::Unavailable(reason)) => {
                if !told {
                    warn!(reason, "the event log is not there yet; trying again until it is");
                    told = true;
                }
            }
            Err(error) => return Err(error).context("event log"),
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            () = shutdown.cancelled() => return Ok(()),
        }
    }
}

/// Whether the log takes what this process writes: events, or dead letters.
fn log_check(log: &Arc<dyn EventLog>, topics: &Topics, roles: &Roles) -> Check {
    let log = Arc::clone(log);
    let topic = if roles.ingest {
        &topics.events
    } else {
        &topics.dead_letters
    };
    let topic = topic.clone();
    Box::new(move || {
        let (log, topic) = (Arc::clone(&log), topic.clone());
        Box::pin(async move { log.ready(&topic).await.map_err(|e| e.to_string()) })
    })
}
