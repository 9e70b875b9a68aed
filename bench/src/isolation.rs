//! Some endpoints fall sick under a steady load: how late are the deliveries at the others?
//!
//! Events are sent at a fixed rate (open loop), and a delivery's latency is the time from the planned moment of sending to its
//! arrival. Each case is one run of its own: calm, then the fault, then all are well again. The figures of the fault stand beside
//! those of the calm before it, in the place of a floor.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::arrival::now_us;
use crate::database::Database;
use crate::deployment::{Deployment, Endpoint, PATIENCE, requests};
use crate::process::Program;
use crate::receiver::Mode;
use crate::receivers::Receivers;
use crate::report::Report;
use crate::verdict::{Plan, Verdict};
use crate::{Setting, load};

/// Seconds of load before anything is measured, while connections are made.
const WARM_UP: u64 = 3;
/// Conversations that the events are of.
const CONVERSATIONS: usize = 500;

/// One run.
#[derive(Debug)]
struct Case {
    endpoints: usize,
    /// How many fall sick, and how; the first ones.
    sick: Vec<(usize, Mode)>,
    rate: u32,
}

impl Case {
    fn all(long: bool) -> Vec<Self> {
        let sick = [Mode::Hang, Mode::Drip, Mode::Refuse, Mode::Fail];
        let ten = |(rate, mode)| Self {
            endpoints: 10,
            sick: vec![(2, mode)],
            rate,
        };
        let mut all: Vec<Self> = [100, 300]
            .into_iter()
            .flat_map(|rate| sick.map(|mode| (rate, mode)))
            .map(ten)
            .collect();
        // 300 events a second are 30 000 deliveries a second, which leave two cores that also run the load and the receivers little
        // idle time: on a busy machine the figures are then those of the machine.
        let rates: &[u32] = if long { &[60, 100, 300] } else { &[60, 100] };
        for rate in rates {
            all.push(Self {
                endpoints: 100,
                sick: vec![(10, Mode::Hang), (10, Mode::Fail)],
                rate: *rate,
            });
        }
        all
    }

    fn name(&self) -> String {
        let sick = self.sick.iter().map(|(count, mode)| format!("{count} {}", mode.name()));
        let sick: Vec<String> = sick.collect();
        format!("isolation {}, {}, {}/s", self.endpoints, sick.join(" + "), self.rate)
    }
}

/// Seconds of the phases of a run.
#[derive(Debug, Clone, Copy)]
struct Phases {
    calm: u64,
    fault: u64,
    settle: u64,
}

pub(crate) async fn measure(setting: &Setting, report: &mut Report) -> anyhow::Result<()> {
    let (calm, fault, settle) = if setting.long { (20, 60, 10) } else { (10, 20, 5) };
    let phases = Phases { calm, fault, settle };
    for case in Case::all(setting.long)
        .into_iter()
        .filter(|case| setting.wants(&case.name()))
    {
        let database = Database::create(&setting.postgres).await?;
        let measured = one(setting, report, &case, phases, &database.url).await;
        database.remove().await?;
        measured?;
    }
    Ok(())
}

async fn one(setting: &Setting, report: &mut Report, case: &Case, phases: Phases, store: &str) -> anyhow::Result<()> {
    let mut receivers = Receivers::start(case.endpoints)?;
    let registered: Vec<Endpoint> = receivers.ports.iter().copied().map(Endpoint::of_load).collect();
    let deployment = Deployment::new(setting, &registered, Some(store), None)?;
    let _ingest = deployment.ingest().await?;
    let process = deployment.process().await?;
    deployment.admin.ready(PATIENCE).await?;
    receivers.note()?;

    let seconds = WARM_UP + phases.calm + phases.fault;
    let events = usize::try_from(u64::from(case.rate) * seconds)?;
    let requests = Arc::new(requests(events, CONVERSATIONS));
    let begin = load::open_begin();
    let plan = Plan {
        begin_us: now_us() + micros(begin.saturating_duration_since(Instant::now())),
        rate: case.rate,
    };
    let (port, rate) = (deployment.port, case.rate);
    let sending =
        tokio::spawn(async move { load::open_from(begin, port, &requests, rate, Duration::from_secs(seconds)).await });
    let at = |second: u64| tokio::time::sleep_until((begin + Duration::from_secs(second)).into());

    at(WARM_UP).await;
    let warm = Usage::of(&process)?;
    at(WARM_UP + phases.calm).await;
    let calm = Usage::of(&process)?;
    let mut first = 0;
    for (count, mode) in &case.sick {
        receivers.set(first, *count, *mode)?;
        first += count;
    }
    at(seconds).await;
    let fault = Usage::of(&process)?;
    let mut verdict = Verdict::new(plan, first..case.endpoints);
    // What was planned last is on its way.
    tokio::time::sleep(Duration::from_millis(100)).await;
    verdict.add(&receivers.arrivals()?);
    let faulty = plan.numbers(WARM_UP + phases.calm..seconds);
    let (by_the_end, expected) = verdict.arrived(faulty.clone());
    receivers.set(0, case.endpoints, Mode::Well)?;
    sending.await??;
    tokio::time::sleep(Duration::from_secs(phases.settle)).await;
    verdict.add(&receivers.arrivals()?);
    let metrics = deployment.admin.metrics().await?;

    let name = case.name();
    let now = now_us();
    // The fault begins within the last second of the calm's last deliveries.
    let before = verdict.latencies(plan.numbers(WARM_UP..WARM_UP + phases.calm - 1), now)?;
    let during = verdict.latencies(faulty.clone(), now)?;
    for (quantile, label) in [(0.5, "p50"), (0.99, "p99")] {
        let figure = |h: &hdrhistogram::Histogram<u64>| h.value_at_quantile(quantile) as f64 / 1000.0;
        let floor = Some(figure(&before));
        report.add(
            format!("{name}: {label}, beside the calm"),
            figure(&during),
            "ms",
            floor,
        );
    }
    let mut by_second = Vec::new();
    for second in WARM_UP + phases.calm..seconds {
        let latencies = verdict.latencies(plan.numbers(second..second + 1), now)?;
        by_second.push(latencies.value_at_quantile(0.99) as f64 / 1000.0);
    }
    let calm_p99 = Some(before.value_at_quantile(0.99) as f64 / 1000.0);
    report.add(format!("{name}: p99, first second"), by_second[0], "ms", calm_p99);
    let worst = by_second.iter().copied().fold(0.0, f64::max);
    report.add(format!("{name}: p99, worst second"), worst, "ms", calm_p99);
    let missing = verdict.arrived(faulty);
    report.add(
        format!("{name}: there by the end"),
        by_the_end as f64,
        "deliveries",
        Some(expected as f64),
    );
    report.add(
        format!("{name}: not there at the end"),
        (missing.1 - missing.0) as f64,
        "deliveries",
        None,
    );
    report.add(format!("{name}: repeats"), verdict.repeats as f64, "deliveries", None);
    let dead = metrics.sum("forebay_processor_dead_letters_total");
    report.add(format!("{name}: dead letters"), dead, "deliveries", None);
    report.add(
        format!("{name}: memory"),
        fault.resident_mb,
        "MB",
        Some(calm.resident_mb),
    );
    let parked = metrics.sum("forebay_processor_parked_total");
    report.add(format!("{name}: parked"), parked, "deliveries", None);
    let share = |from: &Usage, to: &Usage, seconds: u64| (to.cpu_ms - from.cpu_ms) / seconds as f64 / 10.0;
    report.add(
        format!("{name}: CPU"),
        share(&calm, &fault, phases.fault),
        "% of a core",
        Some(share(&warm, &calm, phases.calm)),
    );
    Ok(())
}

/// What a process had used by a moment.
#[derive(Debug)]
struct Usage {
    resident_mb: f64,
    cpu_ms: f64,
}

impl Usage {
    fn of(process: &Program) -> anyhow::Result<Self> {
        Ok(Self {
            resident_mb: process.resident_mb()?,
            cpu_ms: process.cpu()?.as_secs_f64() * 1000.0,
        })
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
