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
use schemas::event::Event;
use schemas::id::HashHalf;
use schemas::name::SourceId;
use schemas::platform::Platform;
use schemas::source::INGEST_PREFIX;

use super::pretty::{self, Layout};
use super::samples;
use crate::cli::DemoArgs;
use crate::commands::send::Sender;
use crate::output::{self, Printer, Stream};
use crate::roles;
use dev_process::DevProcess;
use endpoint::{Endpoint, Received};

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
    out.line(&format!("forebay dev listens on {}", dev.base()));
    let verdicts = post_everything(&dev, args.verbose, out).await?;
    let expected_rows = i64::try_from(verdicts.rows.len())?;
    let events = dev.tail()?;
    let rows = eventually(
        || dev.rows(),
        |rows| rows.iter().map(|r| r.1).sum::<i64>() >= expected_rows,
    )
    .await?;
    let received = eventually(
        async || Ok(endpoint.received()),
        |r| r.len() >= verdicts.events as usize,
    )
    .await?;
    if args.verbose {
        print_details(&events, &rows, &received, out);
    }

    let stored: i64 = rows.iter().map(|row| row.1).sum();
    let verified = received.iter().filter(|d| d.verified).count();
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
    for line in [
        format!(
            "\nall as promised: {} webhooks accepted, {} forgeries refused",
            verdicts.accepted, verdicts.refused
        ),
        format!("  {} events in the log, as `forebay tail` prints them", events.len()),
        format!("  {stored} different ones, each stored once in the table `event` of SQLite"),
        format!("  {verified} deliveries to an endpoint, each with a signature that verifies"),
    ] {
        out.line(&line);
    }
    if args.keep {
        keep(&dev, out).await?;
    }
    dev.stop()
}

/// What `--verbose` shows of what came of the webhooks.
fn print_details(events: &[Event], rows: &[(String, i64)], received: &[Received], out: &mut Printer) {
    let layout = Layout {
        columns: Some(78),
        colour: output::colour(Stream::Output),
    };
    out.line("\nevents (journal):");
    for event in events {
        out.line(&format!("  {}", pretty::of_event(event, None, None, layout)));
    }
    out.line("\nrows in the table `event` (SQLite):");
    for (event_type, count) in rows {
        out.line(&format!("  {count:>3}  {event_type}"));
    }
    if let Some(last) = received.last() {
        out.line(&format!(
            "\nthe last delivery:\n  webhook-id: {}\n  type: {}\n  raw: {} bytes",
            last.id, last.event_type, last.raw_bytes
        ));
    }
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

/// Posts samples of every platform, and one forgery of each; prints a line for each platform, or for each webhook.
async fn post_everything(dev: &DevProcess, verbose: bool, out: &mut Printer) -> anyhow::Result<Verdicts> {
    let sender = Sender::new(&dev.base())?;
    let mut verdicts = Verdicts::default();
    for platform in Platform::ALL {
        let source = dev.source(platform)?;
        let samples = samples::some(&source, SAMPLES)?;
        let mut print = |name: &str, status: u16| {
            if verbose {
                out.line(&format!("  {platform:<14} {name:<48} {status}"));
            }
        };
        for sample in &samples {
            let (name, headers) = (sample.name, sample.headers()?);
            let status = sender
                .send(&source, Bytes::from_static(sample.body), &headers, false)
                .await?;
            print(name, status);
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
        print(&format!("{} (forged)", sample.name), status);
        ensure!(status == 401 || status == 404, "a forgery was answered {status}");
        verdicts.refused += 1;
        if !verbose {
            let accepted = samples.len();
            out.line(&format!("  {platform:<14} {accepted} accepted, 1 forgery refused"));
        }
    }
    Ok(verdicts)
}

async fn keep(dev: &DevProcess, out: &mut Printer) -> anyhow::Result<()> {
    let source = dev.source(Platform::Digisac)?;
    let secret = source.secrets.first().and_then(|s| s.expose_str()).unwrap_or_default();
    // As it was called: it may be on no path.
    let program = std::env::args().next().unwrap_or_else(|| "forebay".to_owned());
    let (base, folder) = (dev.base(), dev.folder.display());
    let config = format!("--config {folder}/forebay.yaml");
    for line in [
        "\nstill running; Ctrl-C ends it".to_owned(),
        format!("  webhooks  {base}{INGEST_PREFIX}<source>"),
        format!("  metrics   http://127.0.0.1:{}/metrics", dev.admin),
        format!("  database  {folder}/data/forebay.db"),
        "\nin another terminal, from this folder:".to_owned(),
        format!("  {program} tail \\\n    {config} \\\n    --data {folder}/data"),
        format!("  {program} send chatwoot --url {base} \\\n    {config}"),
        format!(
            "  curl -i {base}{}/{secret} \\\n    -d '{{\"event\":\"ticket.created\",\"data\":{{\"id\":\"1\",\"isOpen\":true}}}}'",
            source.path()
        ),
    ] {
        out.line(&line);
    }
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
