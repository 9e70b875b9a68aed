//! The least that delivering can cost: hyper-util's pooling client posts the same bodies with the same headers, each signed anew.
//! Nothing is read from a log, nothing is noted, nobody is guarded against.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use schemas::secret::Secret;
use tokio::task::JoinSet;

use crate::arrival::now_us;

/// Returns the secret of an endpoint, each its own: digits are base64, too.
pub(crate) fn secret(endpoint: usize) -> String {
    format!("whsec_Zm9yZWJheS1iZW5jaC1lbmRwb2ludC1rZXkt{endpoint:08}")
}

/// Attempts at once at an endpoint, as Forebay's default.
const CONCURRENCY: usize = 10;

/// Posts `events` bodies of the file, in turn, to each of the ports.
pub(crate) async fn send(bodies: &Path, events: usize, ports: Vec<u16>) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(bodies).with_context(|| format!("cannot read `{}`", bodies.display()))?;
    let bodies: Vec<(String, Bytes)> = text
        .lines()
        .map(|line| Ok((id(line)?, Bytes::copy_from_slice(line.as_bytes()))))
        .collect::<anyhow::Result<_>>()?;
    ensure!(!bodies.is_empty(), "there are no bodies");
    let bodies = Arc::new(bodies);
    let secret = Secret::from_standard_webhooks(&secret(0)).context("not a secret")?;
    let secret = Arc::new(secret);
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let mut tasks = JoinSet::new();
    for port in ports {
        let next = Arc::new(AtomicUsize::new(0));
        for _ in 0..CONCURRENCY {
            let (next, bodies) = (Arc::clone(&next), Arc::clone(&bodies));
            let (client, secret) = (client.clone(), Arc::clone(&secret));
            tasks.spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= events {
                        return anyhow::Ok(());
                    }
                    let (id, body) = &bodies[number % bodies.len()];
                    let answer = client.request(signed(port, &secret, id, body)?).await?;
                    ensure!(answer.status().is_success(), "answered {}", answer.status());
                    answer.into_body().collect().await?;
                }
            });
        }
    }
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    Ok(())
}

fn signed(port: u16, secret: &Secret, id: &str, body: &Bytes) -> anyhow::Result<Request<Full<Bytes>>> {
    let timestamp = (now_us() / 1_000_000).to_string();
    let signature = sinks::http::signature([secret], id, &timestamp, body);
    Ok(Request::post(format!("http://127.0.0.1:{port}/"))
        .header("content-type", schemas::event::CONTENT_TYPE)
        .header("user-agent", "forebay")
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signature)
        .body(Full::new(body.clone()))?)
}

/// The id of the event in a body.
fn id(body: &str) -> anyhow::Result<String> {
    #[derive(serde::Deserialize)]
    struct Event {
        id: String,
    }
    Ok(serde_json::from_str::<Event>(body)?.id)
}
