//! `forebay ingest` on real Kafka against the floor, for three sizes of body.

use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, ensure};

use crate::body::{self, SECRET, Size};
use crate::process::{Program, free_port, micros_per};
use crate::report::Report;
use crate::{Setting, load};

/// Connections of the closed loop.
const CONNECTIONS: usize = 256;
/// Requests per second of the open loop: well below what two cores can handle, so that latency is not queueing.
const RATE: u32 = 2000;

pub(crate) async fn measure(setting: &Setting, report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (port, admin) = (free_port()?, free_port()?);
    let prefix = format!("bench-{}", uuid::Uuid::new_v4().simple());
    let config = folder.path().join("forebay.yaml");
    std::fs::write(
        &config,
        format!(
            "event_log:\n  kafka: {{ brokers: \"{}\" }}\n  topic_prefix: {prefix}\n  replication: 1\n\
             admin: {{ listen: \"127.0.0.1:{admin}\" }}\ningest: {{ listen: \"127.0.0.1:{port}\" }}\n\
             sources:\n  - {{ id: chatwoot, platform: chatwoot, secrets: [{SECRET}] }}\n",
            setting.kafka
        ),
    )?;
    let config = config.display().to_string();
    let migrated = Command::new(&setting.program)
        .args(["migrate", "--config", &config])
        .output()
        .with_context(|| format!("cannot start `{}`", setting.program.display()))?;
    ensure!(
        migrated.status.success(),
        "{}",
        String::from_utf8_lossy(&migrated.stderr)
    );

    let ingest_log = folder.path().join("ingest.log");
    let ingest = Program::start(&setting.program, &["ingest", "--config", &config], &ingest_log, port).await?;
    let floor_port = free_port()?;
    // The floor publishes to a topic of the same shape.
    let topic = format!("{prefix}.dead-letters");
    let myself = std::env::current_exe()?;
    let floor_args = ["floor", &floor_port.to_string(), &topic, "--kafka", &setting.kafka];
    let floor = Program::start(&myself, &floor_args, &folder.path().join("floor.log"), floor_port).await?;

    for size in Size::ALL {
        let requests: Vec<Vec<u8>> = (0..512)
            .map(|n| body::request("/in/chatwoot", &size.body(n % 64, n)))
            .collect();
        let requests = Arc::new(requests);
        // A warm-up each, then floor and program in turn. The first warm-up is long, because the broker's Java code is
        // compiled meanwhile.
        let warm_up = if matches!(size, Size::Kilobyte) {
            setting.time * 2
        } else {
            setting.time / 5
        };
        load::closed(floor_port, &requests, CONNECTIONS, warm_up).await?;
        load::closed(port, &requests, CONNECTIONS, warm_up).await?;
        let (floor_rate, floor_cpu) = saturate(&floor, floor_port, &requests, setting).await?;
        let (rate, cpu) = saturate(&ingest, port, &requests, setting).await?;
        let floor_latency = load::open(floor_port, &requests, RATE, setting.time).await?;
        let latency = load::open(port, &requests, RATE, setting.time).await?;

        let name = size.name();
        report.add(
            format!("ingest {name}: throughput"),
            rate,
            "requests/s",
            Some(floor_rate),
        );
        report.add(
            format!("ingest {name}: CPU of the server"),
            cpu,
            "µs/request",
            Some(floor_cpu),
        );
        for (quantile, label) in [(0.5, "p50"), (0.99, "p99")] {
            let figure = |h: &hdrhistogram::Histogram<u64>| h.value_at_quantile(quantile) as f64 / 1000.0;
            report.add(
                format!("ingest {name}: {label} at {RATE}/s"),
                figure(&latency),
                "ms",
                Some(figure(&floor_latency)),
            );
        }
    }
    Ok(())
}

/// Requests per second and µs of CPU of the program per request at full load.
async fn saturate(
    program: &Program,
    port: u16,
    requests: &Arc<Vec<Vec<u8>>>,
    setting: &Setting,
) -> anyhow::Result<(f64, f64)> {
    let before = program.cpu()?;
    let done = load::closed(port, requests, CONNECTIONS, setting.time).await?;
    let cpu = program.cpu()?.saturating_sub(before);
    Ok((done as f64 / setting.time.as_secs_f64(), micros_per(cpu, done)))
}
