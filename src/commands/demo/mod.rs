//! `forebay demo`: the main job once, for real. Starts `forebay dev` as a process of its own, posts signed webhooks of every
//! platform and a forgery of each, and shows what came of them: verdicts, events, rows, and the signed deliveries that an
//! endpoint received and verified. Ends with an error if any of that was not so.

mod dev_process;
mod endpoint;

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use bytes::Bytes;
use schemas::id::HashHalf;
use schemas::name::SourceId;
use schemas::platform::Platform;
use schemas::source::INGEST_PREFIX;

use super::samples;
use crate::cli::DemoArgs;
use crate::commands::send::Sender;
use crate::output::Printer;
use crate::roles;
use dev_process::DevProcess;
use endpoint::Endpoint;

/// The key that the demo's endpoint shares with `forebay dev`.
const ENDPOINT_KEY: &str = "Zm9yZWJheS1kZW1vLWVuZHBvaW50LWtleS0wMDAx";

/// Runs the demo; with `--keep`, until interrupted.
pub(crate) async fn demo(args: DemoArgs, out: &mut Printer) -> anyhow::Result<()> {
    let folder = std::env::temp_dir().join(format!("forebay-demo-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let shown = show(&args, &folder, out).await;
    if shown.is_ok() {
        drop(std::fs::remove_dir_all(&folder));
    } else {
        out.line(&format!("the files of this run are in {}", folder.display()));
    }
    shown
}

async fn show(args: &DemoArgs, folder: &Path, out: &mut Printer) -> anyhow::Result<()> {
    let endpoint = Endpoint::listen().await?;
    let dev = DevProcess::start(folder, endpoint.port).await?;
    out.line(&format!(
        "forebay dev listens on {} (journal and SQLite in {})\n",
        dev.base(),
        folder.display()
    ));

    let verdicts = post_everything(&dev, out).await?;
    out.line("\nevents, as `forebay tail` prints them (journal):");
    let events = dev.tail(verdicts.events)?;
    for line in &events {
        out.line(&format!("  {line}"));
    }

    let expected_rows = i64::try_from(verdicts.rows.len())?;
    let rows = eventually(
        || dev.rows(),
        |rows| rows.iter().map(|r| r.1).sum::<i64>() >= expected_rows,
    )
    .await?;
    out.line("\nrows in the table `event` (SQLite):");
    for (event_type, count) in &rows {
        out.line(&format!("  {count:>3}  {event_type}"));
    }

    let received = eventually(
        async || Ok(endpoint.received()),
        |r| r.len() >= verdicts.events as usize,
    )
    .await?;
    let verified = received.iter().filter(|d| d.verified).count();
    out.line(&format!(
        "\ndeliveries to http://127.0.0.1:{}/hook: {} received, {verified} with a signature that verifies; the last one:",
        endpoint.port,
        received.len()
    ));
    if let Some(last) = received.last() {
        out.line(&format!(
            "  webhook-id: {}\n  type: {}\n  raw: {} bytes",
            last.id, last.event_type, last.raw_bytes
        ));
    }

    let stored: i64 = rows.iter().map(|row| row.1).sum();
    ensure!(
        events.len() == verdicts.events as usize,
        "{} events in the log, {} expected",
        events.len(),
        verdicts.events
    );
    ensure!(stored == expected_rows, "{stored} rows, {expected_rows} expected");
    ensure!(
        verified == received.len(),
        "{} deliveries without a valid signature",
        received.len() - verified
    );
    ensure!(
        received.len() == verdicts.events as usize,
        "{} deliveries, {} expected",
        received.len(),
        verdicts.events
    );
    out.line(&format!(
        "\nall as promised: {} webhooks accepted, {} forgeries refused, {} events, {stored} of them different ones, each of these stored once, and all delivered signed",
        verdicts.accepted, verdicts.refused, verdicts.events
    ));
    if args.keep {
        keep(&dev, out).await?;
    }
    dev.stop()
}

/// The responses that the senders got.
#[derive(Default)]
struct Verdicts {
    accepted: u32,
    refused: u32,
    /// How many events the accepted webhooks make.
    events: u32,
    /// What distinguishes them, whenever they are received: two samples may be of the same event.
    rows: HashSet<(SourceId, HashHalf)>,
}

/// How many samples of each platform the demo posts.
const SAMPLES: usize = 3;

/// Posts samples of every platform, and one forgery of each.
async fn post_everything(dev: &DevProcess, out: &mut Printer) -> anyhow::Result<Verdicts> {
    let sender = Sender::new(&dev.base())?;
    let mut verdicts = Verdicts::default();
    for platform in Platform::ALL {
        let source = dev.source(platform)?;
        for sample in samples::some(&source, SAMPLES)? {
            let (name, headers) = (sample.name, sample.headers()?);
            let status = sender
                .send(&source, Bytes::from_static(sample.body), &headers, false)
                .await?;
            out.line(&format!("  {platform:<14} {name:<42} {status}"));
            ensure!(status == 200, "{platform} {name} was answered {status}, 200 expected");
            verdicts.accepted += 1;
            let events = sample.events(&source)?;
            verdicts.events += u32::try_from(events.len())?;
            verdicts
                .rows
                .extend(events.iter().map(|event| (source.id.clone(), event.id().hash_half())));
        }
        let sample = samples::first(&source)?;
        let status = sender
            .send(&source, Bytes::from_static(sample.body), &sample.headers()?, true)
            .await?;
        out.line(&format!(
            "  {platform:<14} {:<42} {status}",
            format!("{} (forged)", sample.name)
        ));
        ensure!(status == 401 || status == 404, "a forgery was answered {status}");
        verdicts.refused += 1;
    }
    Ok(verdicts)
}

async fn keep(dev: &DevProcess, out: &mut Printer) -> anyhow::Result<()> {
    let source = dev.source(Platform::Digisac)?;
    let secret = source.secrets.first().and_then(|s| s.expose_str()).unwrap_or_default();
    out.line(&format!(
        "\nstill running; Ctrl-C ends it\n  webhooks  {base}{INGEST_PREFIX}<source>\n  metrics   http://127.0.0.1:{admin}/metrics\n  \
         database  {db}\n  try       curl -i {base}{path}/{secret} -d '{{\"event\":\"ticket.created\",\"data\":{{\"id\":\"1\",\"isOpen\":true}}}}'",
        base = dev.base(),
        path = source.path(),
        admin = dev.admin,
        db = dev.folder.join("data/forebay.db").display(),
    ));
    roles::asked_to_end().await?;
    Ok(())
}

/// Asks until the answer is enough, for at most 30 s; then the last answer stands.
async fn eventually<T>(
    mut ask: impl AsyncFnMut() -> anyhow::Result<T>,
    enough: impl Fn(&T) -> bool,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let answer = ask().await?;
        if enough(&answer) || Instant::now() > deadline {
            return Ok(answer);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
