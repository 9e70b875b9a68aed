//! The program as it is deployed: ingests and processors as separate processes, which are killed and started again.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::services::Held;
use harness::deliveries::SECRET;
use harness::load::sender::{Route, SOURCE};
use harness::program::{Role, run, stderr};
use harness::sender::{Client, STANDARD_SECRET};
use harness::unique;

/// The addresses of the services for a process.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    pub(crate) kafka: String,
    pub(crate) postgres: String,
}

/// What the configurations of all processes have in common.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) replication: usize,
    /// The numbers and URLs of the endpoints.
    pub(crate) endpoints: Vec<(usize, String)>,
    /// Whether deliveries that wait are kept in the database.
    pub(crate) store: bool,
}

/// One process.
pub(crate) struct Member {
    command: &'static str,
    name: String,
    admin: u16,
    listen: u16,
    to: Addresses,
    pub(crate) role: Role,
}

impl Member {
    fn start_role(command: &'static str, name: &str, admin: u16, folder: &Path) -> Role {
        Role::start(&[command, "--config", &format!("{name}.yaml")], folder, name, admin)
    }

    pub(crate) fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.listen)
    }

    /// Stops the process until the returned value is dropped.
    pub(crate) fn hold(&self) -> Held {
        Held::new(vec![self.role.pid()])
    }

    /// Returns the status and text of `/readyz`; `None` without an answer.
    pub(crate) async fn readiness(&self, client: &Client) -> Option<(u16, String)> {
        client.get(&format!("{}/readyz", self.role.admin)).await
    }
}

/// All processes of one trial, and their configurations.
pub(crate) struct Deployment {
    pub(crate) prefix: String,
    folder: PathBuf,
    settings: Settings,
    pub(crate) client: Client,
    pub(crate) ingests: Vec<Member>,
    pub(crate) processors: Vec<Member>,
}

impl Deployment {
    /// Creates topics and tables, not through a proxy.
    pub(crate) fn new(folder: PathBuf, settings: Settings, direct: &Addresses) -> Self {
        let deployment = Self {
            prefix: unique("faults"),
            folder,
            settings,
            client: Client::default(),
            ingests: Vec::new(),
            processors: Vec::new(),
        };
        deployment.write("migrate", direct, 0, 0);
        deployment.migrate();
        deployment
    }

    pub(crate) fn migrate(&self) {
        let output = run(&["migrate", "--config", "migrate.yaml"], &self.folder);
        assert!(output.status.success(), "{}", stderr(&output));
    }

    pub(crate) fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    fn write(&self, name: &str, to: &Addresses, listen: u16, admin: u16) {
        let Settings {
            replication,
            endpoints,
            store,
        } = &self.settings;
        let mut text = format!(
            "logging: {{ format: json, filter: info }}\nadmin: {{ listen: \"127.0.0.1:{admin}\" }}\nevent_log:\n  kafka:\n    \
             brokers: \"{}\"\n    properties: {{ session.timeout.ms: \"6000\", heartbeat.interval.ms: \"2000\" }}\n  \
             topic_prefix: {}\n  partitions: 12\n  replication: {replication}\ningest: {{ listen: \"127.0.0.1:{listen}\" }}\n\
             sources:\n  - {{ id: {SOURCE}, platform: standard, secrets: [{STANDARD_SECRET}] }}\nendpoints:\n",
            to.kafka, self.prefix
        );
        // What hangs for long enough to be parked, and is tried often enough to outlast it.
        let (timeout_ms, attempts) = if *store { (2_000, 60) } else { (15_000, 8) };
        for (number, url) in endpoints {
            let line = writeln!(
                text,
                "  - {{ id: receiver-{number}, url: \"{url}\", secrets: [{SECRET}], timeout_ms: {timeout_ms} }}"
            );
            line.expect("written");
        }
        let end = writeln!(
            text,
            "processor: {{ retry_base_ms: 50, retry_max_ms: 1000, retry_max_attempts: {attempts} }}\nsinks:\n  postgres: {{ url: \"{}\" }}\n  \
             http: {{ allowed_networks: [127.0.0.0/8] }}",
            to.postgres
        );
        end.expect("written");
        if *store {
            let line = writeln!(text, "store: {{ postgres: {{ url: \"{}\" }} }}", to.postgres);
            line.expect("written");
        }
        std::fs::write(self.folder.join(format!("{name}.yaml")), text).expect("written");
    }

    fn member(&self, command: &'static str, name: String, to: &Addresses) -> Member {
        let (listen, admin) = (port(), port());
        self.write(&name, to, listen, admin);
        let role = Member::start_role(command, &name, admin, &self.folder);
        Member {
            command,
            name,
            admin,
            listen,
            to: to.clone(),
            role,
        }
    }

    /// Takes an endpoint out of the configuration of the processors, which read it when they are started again.
    pub(crate) fn remove_endpoint(&mut self, number: usize) {
        self.settings.endpoints.retain(|(endpoint, _)| *endpoint != number);
        for member in &self.processors {
            self.write(&member.name, &member.to, member.listen, member.admin);
        }
    }

    /// Runs a command of operators with the configuration of a processor.
    pub(crate) fn operate(&self, arguments: &[&str]) {
        let config = format!("{}.yaml", self.processors[0].name);
        let output = run(&[arguments, &["--config", &config]].concat(), &self.folder);
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    }

    /// Starts one more ingest.
    pub(crate) fn add_ingest(&mut self, to: &Addresses) {
        let member = self.member("ingest", format!("ingest-{}", self.ingests.len()), to);
        self.ingests.push(member);
    }

    /// Starts one more processor.
    pub(crate) fn add_processor(&mut self, to: &Addresses) {
        let member = self.member("process", format!("process-{}", self.processors.len()), to);
        self.processors.push(member);
    }

    pub(crate) fn members(&mut self) -> impl Iterator<Item = &mut Member> {
        self.ingests.iter_mut().chain(&mut self.processors)
    }

    /// Waits until all are ready.
    pub(crate) async fn ready(&mut self) {
        let client = self.client.clone();
        for member in self.members() {
            member.role.ready(&client).await;
        }
    }

    /// The ingests, each by connections that are kept.
    pub(crate) fn routes(&self) -> Vec<Route> {
        let client = Client::default();
        let route = |member: &Member| Route {
            client: client.clone(),
            base: member.base(),
        };
        self.ingests.iter().map(route).collect()
    }

    /// Starts a process again that has ended.
    pub(crate) fn start(&mut self, which: Which) {
        let folder = self.folder.clone();
        let member = self.get(which);
        member.role = Member::start_role(member.command, &member.name, member.admin, &folder);
    }

    /// The same, and waits until it is ready.
    pub(crate) async fn start_again(&mut self, which: Which) {
        self.start(which);
        let client = self.client.clone();
        self.get(which).role.ready(&client).await;
    }

    pub(crate) fn get(&mut self, which: Which) -> &mut Member {
        match which {
            Which::Ingest(number) => &mut self.ingests[number],
            Which::Processor(number) => &mut self.processors[number],
        }
    }
}

/// One of the processes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Which {
    Ingest(usize),
    Processor(usize),
}

/// Returns a free port that no outgoing connection gets while its server is down: below the kernel's range for these,
/// and below that of `deploy/local/services`.
pub(crate) fn port() -> u16 {
    loop {
        let port = fastrand::u16(10_000..20_000);
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
