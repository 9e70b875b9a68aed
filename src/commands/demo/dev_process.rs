//! `forebay dev` as a process of its own, and what can be asked of it from outside.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use schemas::event::Event;
use schemas::platform::Platform;
use schemas::source::Source;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tokio::net::TcpStream;

use super::ENDPOINT_KEY;
use crate::{assemble, config};

/// `forebay dev` as a process of its own.
pub(super) struct DevProcess {
    child: Child,
    pub(super) folder: std::path::PathBuf,
    port: u16,
    pub(super) admin: u16,
}

impl DevProcess {
    pub(super) async fn start(folder: &Path, endpoint: u16) -> anyhow::Result<Self> {
        let (port, admin) = (free_port()?, free_port()?);
        // The configuration of `forebay dev`, on ports that are free, with the demo's endpoint.
        let yaml = format!(
            "{}admin:\n  listen: 127.0.0.1:{admin}\ningest:\n  listen: 127.0.0.1:{port}\nendpoints:\n  - id: demo\n    \
             url: http://127.0.0.1:{endpoint}/hook\n    secrets: [whsec_{ENDPOINT_KEY}]\n",
            config::DEV
        );
        let file = folder.join("forebay.yaml");
        std::fs::write(&file, yaml)?;
        let log = std::fs::File::create(folder.join("dev.log"))?;
        let lines = log.try_clone()?;
        let child = Command::new(std::env::current_exe()?)
            .arg("dev")
            .arg("--config")
            .arg(&file)
            .arg("--data")
            .arg(folder.join("data"))
            .stdin(Stdio::null())
            .stdout(lines)
            .stderr(log)
            .spawn()
            .context("cannot start `forebay dev`")?;
        let mut dev = Self {
            child,
            folder: folder.to_owned(),
            port,
            admin,
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            if dev.child.try_wait()?.is_some() || Instant::now() > deadline {
                bail!(
                    "`forebay dev` did not start:\n{}",
                    std::fs::read_to_string(folder.join("dev.log"))?
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(dev)
    }

    pub(super) fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(super) fn source(&self, platform: Platform) -> anyhow::Result<Arc<Source>> {
        let loaded = config::load(&self.folder.join("forebay.yaml"))?;
        let registry = assemble::registry(&loaded)?;
        registry
            .sources()
            .find(|s| s.platform == platform)
            .cloned()
            .context("the demo has a source for every platform")
    }

    /// All events of the journal in the order of time, by `forebay tail`.
    pub(super) fn tail(&self) -> anyhow::Result<Vec<Event>> {
        let output = Command::new(std::env::current_exe()?)
            .args(["tail", "--end", "--output", "json", "--config"])
            .arg(self.folder.join("forebay.yaml"))
            .arg("--data")
            .arg(self.folder.join("data"))
            .arg("--config")
            .arg(self.folder.join("forebay.yaml"))
            .stdin(Stdio::null())
            .output()?;
        ensure!(
            output.status.success(),
            "forebay tail: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let lines = output
            .stdout
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        let events = lines.map(|line| Ok(Event::decode(&Bytes::copy_from_slice(line))?));
        let mut events = events.collect::<anyhow::Result<Vec<_>>>()?;
        events.sort_by_key(|event| event.attributes.time);
        Ok(events)
    }

    pub(super) async fn rows(&self) -> anyhow::Result<Vec<(String, i64)>> {
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
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().context("kill(1)")?;
        let status = self.child.wait()?;
        ensure!(status.success(), "`forebay dev` ended with {status}");
        Ok(())
    }
}

impl Drop for DevProcess {
    fn drop(&mut self) {
        // Already ended when all went well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
