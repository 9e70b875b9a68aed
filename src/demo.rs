//! `forebay demo`: the main job once, for real. Starts `forebay dev` as a process of its own, posts signed webhooks of every
//! platform and a forgery of each, and shows what came of them: verdicts, events, rows, and the signed deliveries that an
//! endpoint received and verified. Ends with an error if any of that was not so.

use std::convert::Infallible;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use schemas::event::Event;
use schemas::platform::Platform;
use schemas::source::Source;
use sha2::Sha256;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tokio::net::{TcpListener, TcpStream};

use crate::cli::DemoArgs;
use crate::send::Sender;
use crate::{app, assemble, config, output, samples};

/// The key that the demo's endpoint shares with `forebay dev`.
const ENDPOINT_KEY: &str = "Zm9yZWJheS1kZW1vLWVuZHBvaW50LWtleS0wMDAx";

/// Runs the demo; with `--keep`, until interrupted.
pub(crate) async fn demo(args: DemoArgs) -> anyhow::Result<()> {
    let folder = std::env::temp_dir().join(format!("forebay-demo-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let shown = show(&args, &folder).await;
    if shown.is_ok() {
        drop(std::fs::remove_dir_all(&folder));
    } else {
        output::line(&format!("the files of this run are in {}", folder.display()));
    }
    shown
}

async fn show(args: &DemoArgs, folder: &Path) -> anyhow::Result<()> {
    let endpoint = Endpoint::listen().await?;
    let server = Server::start(folder, endpoint.port).await?;
    output::line(&format!(
        "forebay dev listens on {} (journal and SQLite in {})\n",
        server.base(),
        folder.display()
    ));

    let verdicts = post_everything(&server).await?;
    output::line("\nevents, as `forebay tail` prints them (journal):");
    let events = server.tail(verdicts.events)?;
    for line in &events {
        output::line(&format!("  {line}"));
    }

    let rows = eventually(
        || server.rows(),
        |rows| rows.iter().map(|r| r.1).sum::<i64>() >= i64::from(verdicts.events),
    )
    .await?;
    output::line("\nrows in the table `event` (SQLite):");
    for (event_type, count) in &rows {
        output::line(&format!("  {count:>3}  {event_type}"));
    }

    let received = eventually(
        async || Ok(endpoint.received()),
        |r| r.len() >= verdicts.events as usize,
    )
    .await?;
    let verified = received.iter().filter(|d| d.verified).count();
    output::line(&format!(
        "\ndeliveries to http://127.0.0.1:{}/hook: {} received, {verified} with a signature that verifies; the last one:",
        endpoint.port,
        received.len()
    ));
    if let Some(last) = received.last() {
        output::line(&format!(
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
    ensure!(
        stored == i64::from(verdicts.events),
        "{stored} rows, {} expected",
        verdicts.events
    );
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
    output::line(&format!(
        "\nall as promised: {} webhooks accepted, {} forgeries refused, {} events, each stored once and delivered signed",
        verdicts.accepted, verdicts.refused, verdicts.events
    ));
    if args.keep {
        keep(&server).await?;
    }
    server.stop()
}

/// What the senders were told.
#[derive(Default)]
struct Verdicts {
    accepted: u32,
    refused: u32,
    /// How many events the accepted webhooks make.
    events: u32,
}

/// Posts every sample of every platform, and one forgery of each platform.
async fn post_everything(server: &Server) -> anyhow::Result<Verdicts> {
    let sender = Sender::new(&server.base())?;
    let mut verdicts = Verdicts::default();
    for platform in Platform::ALL {
        let source = server.source(platform)?;
        for (name, body) in samples::of(platform) {
            let status = sender.send(&source, Bytes::from_static(body.as_bytes()), false).await?;
            output::line(&format!("  {platform:<9} {name:<42} {status}"));
            ensure!(status == 200, "{platform} {name} was answered {status}, 200 expected");
            verdicts.accepted += 1;
            verdicts.events += events_of(&source, body)?;
        }
        let (name, body) = samples::of(platform)[0];
        let status = sender.send(&source, Bytes::from_static(body.as_bytes()), true).await?;
        output::line(&format!("  {platform:<9} {:<42} {status}", format!("{name} (forged)")));
        ensure!(status == 401 || status == 404, "a forgery was answered {status}");
        verdicts.refused += 1;
    }
    Ok(verdicts)
}

fn events_of(source: &Source, body: &str) -> anyhow::Result<u32> {
    let received = schemas::time::Timestamp::now();
    let prepared =
        ingest::envelope::Enveloper::default().prepare(source, &http::HeaderMap::new(), body.as_bytes(), received);
    Ok(match prepared {
        ingest::envelope::Prepared::Records(records) => u32::try_from(records.len())?,
        ingest::envelope::Prepared::Ping(_) => 0,
    })
}

async fn keep(server: &Server) -> anyhow::Result<()> {
    let source = server.source(Platform::Digisac)?;
    let secret = source.secrets.first().and_then(|s| s.expose_str()).unwrap_or_default();
    output::line(&format!(
        "\nstill running; Ctrl-C ends it\n  webhooks  {base}/in/<source>\n  metrics   http://127.0.0.1:{admin}/metrics\n  \
         database  {db}\n  try       curl -i {base}/in/digisac/{secret} -d '{{\"event\":\"ticket.created\",\"data\":{{\"id\":\"1\",\"isOpen\":true}}}}'",
        base = server.base(),
        admin = server.admin,
        db = server.folder.join("data/forebay.db").display(),
    ));
    app::told_to_end().await?;
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

/// `forebay dev` as a process of its own.
struct Server {
    child: Child,
    folder: std::path::PathBuf,
    port: u16,
    admin: u16,
}

impl Server {
    async fn start(folder: &Path, endpoint: u16) -> anyhow::Result<Self> {
        let (port, admin) = (free_port()?, free_port()?);
        // The configuration of `forebay dev`, on ports that are free, with the demo's endpoint.
        let yaml = format!(
            "{}admin:\n  listen: 127.0.0.1:{admin}\ningest:\n  listen: 127.0.0.1:{port}\nendpoints:\n  - id: demo\n    \
             url: http://127.0.0.1:{endpoint}/hook\n    secrets: [whsec_{ENDPOINT_KEY}]\n",
            app::DEV
        );
        let file = folder.join("forebay.yaml");
        std::fs::write(&file, yaml)?;
        let log = std::fs::File::create(folder.join("dev.log"))?;
        let child = Command::new(std::env::current_exe()?)
            .arg("dev")
            .arg("--config")
            .arg(&file)
            .arg("--data")
            .arg(folder.join("data"))
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .context("cannot start `forebay dev`")?;
        let mut server = Self {
            child,
            folder: folder.to_owned(),
            port,
            admin,
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            if server.child.try_wait()?.is_some() || Instant::now() > deadline {
                bail!(
                    "`forebay dev` did not start:\n{}",
                    std::fs::read_to_string(folder.join("dev.log"))?
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(server)
    }

    fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn source(&self, platform: Platform) -> anyhow::Result<Arc<Source>> {
        let mut loaded = config::load(&self.folder.join("forebay.yaml"))?;
        let registry = assemble::registry(&mut loaded.config, &loaded.file)?;
        registry
            .sources()
            .find(|s| s.platform == platform)
            .cloned()
            .context("the demo has a source for every platform")
    }

    /// The first `count` events of the journal, by `forebay tail`.
    fn tail(&self, count: u32) -> anyhow::Result<Vec<String>> {
        let output = Command::new(std::env::current_exe()?)
            .args([
                "tail",
                "--from-beginning",
                "--output",
                "pretty",
                "--count",
                &count.to_string(),
                "--data",
            ])
            .arg(self.folder.join("data"))
            .stdin(Stdio::null())
            .output()?;
        ensure!(
            output.status.success(),
            "forebay tail: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(ToOwned::to_owned)
            .collect())
    }

    async fn rows(&self) -> anyhow::Result<Vec<(String, i64)>> {
        let options = SqliteConnectOptions::new()
            .filename(self.folder.join("data/forebay.db"))
            .read_only(true);
        let pool = SqlitePool::connect_with(options).await?;
        let rows = sqlx::query_as("SELECT type, count(*) FROM event GROUP BY type ORDER BY type")
            .fetch_all(&pool)
            .await?;
        pool.close().await;
        Ok(rows)
    }

    /// Ends it as an operator would, and expects it to drain and end well.
    fn stop(mut self) -> anyhow::Result<()> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().context("kill(1)")?;
        let status = self.child.wait()?;
        ensure!(status.success(), "`forebay dev` ended with {status}");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already ended when all went well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// One delivery as the endpoint got it.
#[derive(Clone)]
struct Received {
    id: String,
    event_type: String,
    raw_bytes: usize,
    verified: bool,
}

/// An endpoint as a customer would write it: verifies per Standard Webhooks, answers 200.
struct Endpoint {
    port: u16,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Endpoint {
    async fn listen() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    let service = service_fn(move |request| receive(request, Arc::clone(&kept)));
                    // A connection that breaks shows as a delivery that is missing.
                    drop(
                        hyper::server::conn::http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service)
                            .await,
                    );
                });
            }
        });
        Ok(Self { port, received })
    }

    fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn receive(
    request: Request<Incoming>,
    kept: Arc<Mutex<Vec<Received>>>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let header = |name: &str| {
        parts
            .headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
    };
    let id = header("webhook-id");
    let verified = verify(id, header("webhook-timestamp"), header("webhook-signature"), &body);
    let event = Event::decode(&body);
    kept.lock().unwrap_or_else(PoisonError::into_inner).push(Received {
        id: id.to_owned(),
        event_type: event
            .as_ref()
            .map_or_else(|_| "?".to_owned(), |e| e.event_type().to_string()),
        raw_bytes: event.map_or(0, |e| e.raw().len()),
        verified,
    });
    Ok(Response::new(Empty::new()))
}

/// Standard Webhooks 1.0: any of the space-separated `v1,` signatures over `id.timestamp.body`.
fn verify(id: &str, timestamp: &str, signatures: &str, body: &[u8]) -> bool {
    let key = BASE64.decode(ENDPOINT_KEY).unwrap_or_default();
    signatures
        .split(' ')
        .filter_map(|s| BASE64.decode(s.strip_prefix("v1,")?).ok())
        .any(|signature| {
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else {
                return false;
            };
            for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
                mac.update(part);
            }
            mac.verify_slice(&signature).is_ok()
        })
}
