//! Deliveries of events that lie in the log already: one event to 1, 10 and 100 endpoints that answer at once, with and without a
//! store, beside hyper-util's client with the same bodies (`post`).
//!
//! Rates and times are those between the tenth and the last delivery in a hundred, so that neither the start of a process nor its
//! first connections count.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

use crate::Setting;
use crate::database::{Database, spent};
use crate::deployment::{Deployment, Endpoint, PATIENCE};
use crate::process::{Program, micros_per};
use crate::receivers::Receivers;
use crate::report::Report;

/// Endpoints of each event, and how many events.
const SIZES: [(usize, usize); 3] = [(1, 40_000), (10, 8_000), (100, 800)];

/// What one process that delivers has cost.
#[derive(Debug, Clone, Copy)]
struct Figures {
    per_second: f64,
    /// µs of the process for each delivery.
    cpu: f64,
    /// The same of the receivers.
    receivers: f64,
}

pub(crate) async fn measure(setting: &Setting, report: &mut Report) -> anyhow::Result<()> {
    for (endpoints, events) in SIZES {
        for stored in [false, true] {
            if !setting.wants(&name(endpoints, stored)) {
                continue;
            }
            let database = if stored {
                Some(Database::create(&setting.postgres).await?)
            } else {
                None
            };
            let measured = one(setting, report, endpoints, events, database.as_ref()).await;
            if let Some(database) = database {
                database.remove().await?;
            }
            measured?;
        }
    }
    Ok(())
}

fn name(endpoints: usize, stored: bool) -> String {
    let with = if stored { "with a store" } else { "no store" };
    format!("fan-out 1 to {endpoints}, {with}")
}

async fn one(
    setting: &Setting,
    report: &mut Report,
    endpoints: usize,
    events: usize,
    database: Option<&Database>,
) -> anyhow::Result<()> {
    let mut receivers = Receivers::start(endpoints)?;
    let registered: Vec<Endpoint> = receivers.ports.iter().copied().map(Endpoint::of_load).collect();
    let store = database.map(|database| database.url.as_str());
    let deployment = Deployment::new(setting, &registered, store, None)?;
    deployment.lay_in(events).await?;

    let total = (endpoints * events) as u64;
    let mut process = deployment.process().await?;
    let before = match database {
        Some(database) => Some((database.cpu().await?, process.cpu()?)),
        None => None,
    };
    let figures = watch(&mut process, &mut receivers, total).await?;
    let mut all_in = None;
    if let Some((database, (server, ours))) = database.zip(before) {
        written(&deployment, total).await?;
        let server = micros_per(spent(&server, &database.cpu().await?), total);
        let ours = micros_per(process.cpu()?.saturating_sub(ours), total);
        let parked = deployment.admin.metrics().await?.sum("forebay_processor_parked_total");
        all_in = Some((ours, server, parked));
    }
    let peak = process.peak_mb()?;
    drop(process);

    // The floor: as many again, of the bodies that have come.
    let folder = tempfile::tempdir()?;
    let bodies = folder.path().join("bodies");
    std::fs::write(&bodies, receivers.bodies()?.join("\n"))?;
    let mut args = vec!["post".to_owned(), bodies.display().to_string(), events.to_string()];
    args.extend(receivers.ports.iter().map(u16::to_string));
    args.extend(["--kafka".to_owned(), setting.kafka.clone()]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut floor = Program::spawn(&std::env::current_exe()?, &args, &folder.path().join("floor.log"))?;
    let floor = watch(&mut floor, &mut receivers, total).await?;

    let case = name(endpoints, database.is_some());
    let name = |what: &str| format!("{case}: {what}");
    report.add(
        name("deliveries"),
        figures.per_second,
        "deliveries/s",
        Some(floor.per_second),
    );
    report.add(name("CPU"), figures.cpu, "µs/delivery", Some(floor.cpu));
    if let Some((ours, server, parked)) = all_in {
        // From the start of the process until every attempt is written.
        report.add(name("CPU until written"), ours, "µs/delivery", Some(floor.cpu));
        report.add(name("CPU with PostgreSQL"), ours + server, "µs/delivery", None);
        // Of endpoints that answer at once: what went through the backlog all the same.
        report.add(name("parked"), parked, "deliveries", None);
    }
    report.add(
        name("CPU of the receivers"),
        figures.receivers,
        "µs/delivery",
        Some(floor.receivers),
    );
    report.add(name("memory at most"), peak, "MB", None);
    Ok(())
}

/// Waits until `total` more deliveries have come, and returns what they cost between a tenth of them and the last.
async fn watch(process: &mut Program, receivers: &mut Receivers, total: u64) -> anyhow::Result<Figures> {
    let first = receivers.count()?;
    let from = reach(process, receivers, first + total / 10).await?;
    let last = reach(process, receivers, first + total).await?;
    let count = last.count - from.count;
    Ok(Figures {
        per_second: count as f64 / last.at.duration_since(from.at).as_secs_f64(),
        cpu: micros_per(last.cpu.saturating_sub(from.cpu), count),
        receivers: micros_per(last.receivers.saturating_sub(from.receivers), count),
    })
}

/// Where things stood at one moment.
#[derive(Debug)]
struct Moment {
    at: Instant,
    count: u64,
    cpu: Duration,
    receivers: Duration,
}

async fn reach(process: &mut Program, receivers: &mut Receivers, count: u64) -> anyhow::Result<Moment> {
    let begin = Instant::now();
    loop {
        let moment = Moment {
            count: receivers.count()?,
            at: Instant::now(),
            cpu: process.cpu()?,
            receivers: receivers.cpu()?,
        };
        if moment.count >= count {
            return Ok(moment);
        }
        // One that has done all it had to do may be gone before its last delivery is counted.
        if let Some(status) = process.ended()? {
            ensure!(status.success(), "a process that delivers has ended with {status}");
        }
        if begin.elapsed() > PATIENCE {
            bail!("{} of {count} deliveries have come within {PATIENCE:?}", moment.count);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until the attempt log has written so many attempts, or has dropped some.
async fn written(deployment: &Deployment, total: u64) -> anyhow::Result<()> {
    let begin = Instant::now();
    loop {
        let metrics = deployment.admin.metrics().await?;
        let written = metrics.sum("forebay_attempt_log_written_total");
        let dropped = metrics.sum("forebay_attempt_log_dropped_total");
        ensure!(
            dropped == 0.0,
            "{dropped} attempts were dropped, not written:\n{}",
            deployment.log()
        );
        if written >= total as f64 {
            return Ok(());
        }
        ensure!(begin.elapsed() < PATIENCE, "{written} of {total} attempts are written");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
