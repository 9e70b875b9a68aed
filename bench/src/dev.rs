//! `forebay dev` end to end: from the planned start of a request to the arrival of its signed delivery at an endpoint.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpListener;

use crate::body::{self, SECRET, Size};
use crate::process::{Program, free_port, micros_per};
use crate::report::Report;
use crate::{Setting, arrival, load};

/// Requests per second of the open loop.
const RATE: u32 = 500;

type Arrivals = Arc<Mutex<HashMap<u64, Instant>>>;

pub(crate) async fn measure(setting: &Setting, report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (port, admin) = (free_port()?, free_port()?);
    let arrivals: Arrivals = Arrivals::default();
    let endpoint = receive(Arc::clone(&arrivals)).await?;
    let config = folder.path().join("forebay.yaml");
    std::fs::write(
        &config,
        format!(
            "admin: {{ listen: \"127.0.0.1:{admin}\" }}\ningest: {{ listen: \"127.0.0.1:{port}\" }}\n\
             sources:\n  - {{ id: chatwoot, platform: chatwoot, secrets: [{SECRET}] }}\n\
             endpoints:\n  - {{ id: bench, url: \"http://127.0.0.1:{endpoint}/\", concurrency: 64, \
             secrets: [whsec_Zm9yZWJheS1iZW5jaC1lbmRwb2ludC1rZXktMDE=] }}\n\
             sinks:\n  sqlite: {{}}\n  http: {{ allowed_networks: [127.0.0.0/8] }}\n"
        ),
    )?;
    let data = folder.path().join("data").display().to_string();
    let args = [
        "dev",
        "--quiet",
        "--config",
        &config.display().to_string(),
        "--data",
        &data,
    ];
    let dev = Program::start(&setting.program, &args, &folder.path().join("dev.log"), port).await?;

    // As fast as it accepts, and until everything has been delivered and stored.
    let requests: Vec<Vec<u8>> = (0..60_000)
        .map(|n| body::request("/in/chatwoot", &Size::Chatwoot.body(n % 64, n)))
        .collect();
    let total = requests.len() as u64;
    let requests = Arc::new(requests);
    let (before, begin) = (dev.cpu()?, Instant::now());
    let accepted = load::closed_once(port, &requests, 64).await?;
    let accepting = begin.elapsed();
    ensure!(accepted == total, "{accepted} of {total} were accepted");
    wait(&arrivals, requests.len()).await?;
    let elapsed = begin.elapsed().as_secs_f64();
    report.add(
        "dev 2.3 KB: accepted",
        total as f64 / accepting.as_secs_f64(),
        "requests/s",
        None,
    );
    report.add(
        "dev 2.3 KB: accepted to delivered and stored",
        total as f64 / elapsed,
        "events/s",
        None,
    );
    report.add(
        "dev 2.3 KB: CPU, all in",
        micros_per(dev.cpu()?.saturating_sub(before), total),
        "µs/event",
        None,
    );

    // At a fixed rate, from the planned start to the arrival.
    let first = requests.len();
    let count = usize::try_from(u64::from(RATE) * setting.time.as_secs())?;
    let requests: Vec<Vec<u8>> = (0..count)
        .map(|n| body::request("/in/chatwoot", &Size::Chatwoot.body(n % 64, first + n)))
        .collect();
    let begin = load::open_begin();
    load::open_from(begin, port, &Arc::new(requests), RATE, setting.time).await?;
    wait(&arrivals, first + count).await?;
    let arrivals = arrivals.lock();
    let mut latencies = Histogram::<u64>::new(3)?;
    for number in 0..count as u64 {
        let arrived = arrivals[&(first as u64 + number)];
        let latency = arrived.saturating_duration_since(load::planned(begin, number, RATE));
        latencies.record(u64::try_from(latency.as_micros())?.max(1))?;
    }
    for (quantile, label) in [(0.5, "p50"), (0.99, "p99")] {
        let figure = latencies.value_at_quantile(quantile) as f64 / 1000.0;
        report.add(
            format!("dev 2.3 KB: {label} to the endpoint at {RATE}/s"),
            figure,
            "ms",
            None,
        );
    }
    Ok(())
}

async fn wait(arrivals: &Arrivals, count: usize) -> anyhow::Result<()> {
    for _ in 0..1200 {
        if arrivals.lock().len() >= count {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("not all of {count} events were delivered within a minute")
}

/// Starts an endpoint that records when each message number first arrived.
async fn receive(arrivals: Arrivals) -> anyhow::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let arrivals = Arc::clone(&arrivals);
            tokio::spawn(async move {
                let service = service_fn(move |request| note(request, Arc::clone(&arrivals)));
                drop(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await,
                );
            });
        }
    });
    Ok(port)
}

async fn note(request: Request<Incoming>, arrivals: Arrivals) -> Result<Response<Empty<Bytes>>, Infallible> {
    let arrived = Instant::now();
    let body = request
        .into_body()
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    if let Some(number) = arrival::number(&body) {
        arrivals.lock().entry(number).or_insert(arrived);
    }
    Ok(Response::new(Empty::new()))
}
