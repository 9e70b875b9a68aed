//! 10 000 endpoints beside 10: how long the start takes, how much memory it needs, and what an event for one of them costs.

use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::Setting;
use crate::deployment::{Deployment, Endpoint, PATIENCE, TENANT};
use crate::process::micros_per;
use crate::receivers::Receivers;
use crate::report::Report;

const FEW: usize = 10;
const MANY: usize = 10_000;
const EVENTS: usize = 30_000;
/// Sends everything to one endpoint.
const RULES: &str = "rules:\n  - { name: one, when: \"true\", to: [\"http:e3\"] }\n";

/// How an event finds its endpoint.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// All endpoints are of its tenant, and a rule names the one.
    Rule,
    /// Each endpoint is of a tenant of its own.
    Tenant,
}

/// What was measured with a number of endpoints.
#[derive(Debug)]
struct Figures {
    start_ms: f64,
    resident_mb: f64,
    /// µs of the process for each event.
    cpu: f64,
}

pub(crate) async fn measure(setting: &Setting, report: &mut Report) -> anyhow::Result<()> {
    for way in [Way::Rule, Way::Tenant] {
        let name = match way {
            Way::Rule => "many, 10 000 beside 10, by rule",
            Way::Tenant => "many, 10 000 beside 10, by tenant",
        };
        if !setting.wants(name) {
            continue;
        }
        let few = one(setting, way, FEW).await?;
        let many = one(setting, way, MANY).await?;
        report.add(format!("{name}: start"), many.start_ms, "ms", Some(few.start_ms));
        report.add(
            format!("{name}: memory when ready"),
            many.resident_mb,
            "MB",
            Some(few.resident_mb),
        );
        report.add(format!("{name}: CPU"), many.cpu, "µs/event", Some(few.cpu));
    }
    Ok(())
}

async fn one(setting: &Setting, way: Way, endpoints: usize) -> anyhow::Result<Figures> {
    let mut receivers = Receivers::start(1)?;
    let port = receivers.ports[0];
    let of = |number: usize| Endpoint {
        tenant: match way {
            Way::Tenant if number != 3 => format!("tenant-{number}"),
            Way::Tenant | Way::Rule => TENANT.to_owned(),
        },
        // Nothing is sent to the others.
        port: if number == 3 { port } else { 9 },
    };
    let registered: Vec<Endpoint> = (0..endpoints).map(of).collect();
    let rules = match way {
        Way::Rule => Some(RULES),
        Way::Tenant => None,
    };
    let deployment = Deployment::new(setting, &registered, None, rules)?;
    // Without events, so that memory and time are those of the start alone.
    let begin = Instant::now();
    let process = deployment.process_quick()?;
    deployment.admin.ready(PATIENCE).await?;
    let start_ms = begin.elapsed().as_secs_f64() * 1000.0;
    let resident_mb = process.resident_mb()?;
    drop(process);

    deployment.lay_in(EVENTS).await?;
    let process = deployment.process().await?;
    let total = EVENTS as u64;
    let mut from = None;
    let begin = Instant::now();
    loop {
        let (count, cpu) = (receivers.count()?, process.cpu()?);
        if from.is_none() && count >= total / 10 {
            from = Some((count, cpu));
        }
        if let Some((first, before)) = from.filter(|_| count >= total) {
            return Ok(Figures {
                start_ms,
                resident_mb,
                cpu: micros_per(cpu.saturating_sub(before), count - first),
            });
        }
        ensure!(begin.elapsed() < PATIENCE, "{count} of {total} deliveries have come");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
