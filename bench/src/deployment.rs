//! `forebay ingest` and `forebay process` with the sink `http`, on topics of their own of the real Kafka.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::admin::Admin;
use crate::body::{self, SECRET, Size};
use crate::post;
use crate::process::{Program, free_port};
use crate::{Setting, load};

/// Connections of the load that lays events into the log.
const CONNECTIONS: usize = 64;

/// One endpoint of the configuration.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// The tenant whose events it gets.
    pub(crate) tenant: String,
    /// Its port of the loopback.
    pub(crate) port: u16,
}

impl Endpoint {
    /// One of the tenant that the events of the load are of.
    pub(crate) fn of_load(port: u16) -> Self {
        let tenant = TENANT.to_owned();
        Self { tenant, port }
    }
}

/// The tenant that the events of the load are of.
pub(crate) const TENANT: &str = "bench";

/// Two configurations, of the same topics.
#[derive(Debug)]
pub(crate) struct Deployment {
    program: PathBuf,
    folder: tempfile::TempDir,
    /// Where ingest listens.
    pub(crate) port: u16,
    /// The operators' port of `process`.
    pub(crate) admin: Admin,
}

impl Deployment {
    /// Writes them, and makes the topics and tables. The endpoints are called `e0`, `e1` and so on. `store` is the URL of the
    /// database of the sink `http`; `rules` are those of its rules file, without which every event goes to all endpoints.
    pub(crate) fn new(
        setting: &Setting,
        endpoints: &[Endpoint],
        store: Option<&str>,
        rules: Option<&str>,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (port, admin) = (free_port()?, free_port()?);
        let mut common = format!(
            "event_log:\n  kafka: {{ brokers: \"{}\" }}\n  topic_prefix: bench-{}\n  replication: 1\n\
             ingest: {{ listen: \"127.0.0.1:{port}\" }}\n\
             sources:\n  - {{ id: chatwoot, platform: chatwoot, tenant: {TENANT}, secrets: [{SECRET}] }}\n\
             sinks:\n  http: {{ allowed_networks: [127.0.0.0/8] }}\n\
             endpoints:\n",
            setting.kafka,
            uuid::Uuid::new_v4().simple()
        );
        for (number, Endpoint { tenant, port }) in endpoints.iter().enumerate() {
            writeln!(
                common,
                "  - {{ id: e{number}, tenant: {tenant}, url: \"http://127.0.0.1:{port}/\", secrets: [{}] }}",
                post::secret(number)
            )?;
        }
        if let Some(url) = store {
            writeln!(common, "store: {{ postgres: {{ url: \"{url}\" }} }}")?;
        }
        if let Some(rules) = rules {
            std::fs::write(folder.path().join("rules.yaml"), rules)?;
            writeln!(common, "rules_file: rules.yaml")?;
        }
        for (role, admin) in [("ingest", free_port()?), ("process", admin)] {
            let text = format!("admin: {{ listen: \"127.0.0.1:{admin}\" }}\n{common}");
            std::fs::write(folder.path().join(format!("{role}.yaml")), text)?;
        }
        let made = Self {
            program: setting.program.clone(),
            folder,
            port,
            admin: Admin(admin),
        };
        made.migrate()?;
        Ok(made)
    }

    fn migrate(&self) -> anyhow::Result<()> {
        let migrated = Command::new(&self.program)
            .args(["migrate", "--config", &self.config("process")])
            .output()
            .with_context(|| format!("cannot start `{}`", self.program.display()))?;
        ensure!(
            migrated.status.success(),
            "{}",
            String::from_utf8_lossy(&migrated.stderr)
        );
        Ok(())
    }

    fn config(&self, role: &str) -> String {
        self.folder.path().join(format!("{role}.yaml")).display().to_string()
    }

    /// Starts ingest.
    pub(crate) async fn ingest(&self) -> anyhow::Result<Program> {
        self.start("ingest", self.port).await
    }

    /// Starts `process`, which may not be ready yet when it answers: see [`Admin::ready`].
    pub(crate) async fn process(&self) -> anyhow::Result<Program> {
        self.start("process", self.admin.0).await
    }

    /// The same, without waiting for anything.
    pub(crate) fn process_quick(&self) -> anyhow::Result<Program> {
        let log = self.folder.path().join("process.log");
        Program::spawn(&self.program, &["process", "--config", &self.config("process")], &log)
    }

    async fn start(&self, role: &str, port: u16) -> anyhow::Result<Program> {
        let log = self.folder.path().join(format!("{role}.log"));
        Program::start(&self.program, &[role, "--config", &self.config(role)], &log, port).await
    }

    /// Returns what `process` has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("process.log")).unwrap_or_default()
    }

    /// Lays so many events into the log, numbered from 0, of conversations in turn.
    pub(crate) async fn lay_in(&self, events: usize) -> anyhow::Result<()> {
        let ingest = self.ingest().await?;
        let requests = Arc::new(requests(events, 64));
        let accepted = load::closed_once(self.port, &requests, CONNECTIONS).await?;
        ensure!(
            accepted == requests.len() as u64,
            "{accepted} of {events} were accepted"
        );
        drop(ingest);
        Ok(())
    }
}

/// Returns so many requests, numbered from 0, of so many conversations in turn.
pub(crate) fn requests(events: usize, conversations: usize) -> Vec<Vec<u8>> {
    let one = |n: usize| body::request("/in/chatwoot", &Size::Chatwoot.body(n % conversations, n));
    (0..events).map(one).collect()
}

/// How long anything may take before it counts as stuck.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);
