//! The server in its own process.

use std::io::{BufRead as _, BufReader, IsTerminal as _, Read as _, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use harness::directory::Sources;
use ingest::{Config, Ingest, serve};
use prometheus_client::registry::Registry;
use schemas::BoxFuture;
use schemas::log::{LogError, Publish, PublishError};
use schemas::name::{SourceId, Tenant, TopicName};
use schemas::platform::Platform;
use schemas::record::{Offset, Partition, Position, Record};
use schemas::secret::Secret;
use schemas::source::Source;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const READY: &str = "listening on ";

/// The one source.
pub(crate) fn source() -> Source {
    Source::new(
        SourceId::new("chatwoot").expect("valid"),
        Tenant::new("acme").expect("valid"),
        Platform::Chatwoot,
        vec![Secret::new("cw-secret-exemplo")],
    )
}

/// A running server; it ends with its input, which this holds.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    child: Child,
    _input: ChildStdin,
}

impl Server {
    pub(crate) fn start(budget_bytes: usize) -> Self {
        let program = std::env::current_exe().expect("this test");
        let mut child = Command::new(program)
            .args(["--exact", "serves", "--ignored", "--nocapture"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut input = child.stdin.take().expect("piped");
        writeln!(input, "{budget_bytes}").expect("it reads");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let address = lines
            .find_map(|line| {
                line.expect("text")
                    .split_once(READY)
                    .map(|(_, address)| address.to_owned())
            })
            .expect("it listens");
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            address: address.parse().expect("an address"),
            _input: input,
            child,
        }
    }

    /// What it takes now.
    pub(crate) fn resident_bytes(&self) -> usize {
        self.status("VmRSS:")
    }

    /// The most that it ever took.
    pub(crate) fn peak_bytes(&self) -> usize {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
        let kibibytes: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kibibytes * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// The child's whole life. Does nothing unless it was started as a child.
pub(crate) fn serve_until_input_ends() {
    let mut budget = String::new();
    if !std::io::stdin().is_terminal() {
        std::io::stdin().read_line(&mut budget).expect("an input");
    }
    let Ok(max_buffered_bytes) = budget.trim().parse() else {
        return;
    };
    let config = Config {
        max_buffered_bytes,
        ..Config::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let directory = Sources::new([Arc::new(source())]);
        let topic = TopicName::new("forebay.events").expect("valid");
        let ingest = Ingest::new(config, directory, Arc::new(Copying), topic, &mut Registry::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        println!("{READY}{}", listener.local_addr().expect("bound"));
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(serve(ingest.expect("good settings"), listener, shutdown));
        let end = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        end.await.expect("no panic").expect("an input");
        serving.abort();
    });
}

/// Does with memory what Kafka's producer does: queues a copy of its own until the acknowledgement comes.
#[derive(Debug)]
struct Copying;

impl Publish for Copying {
    fn publish<'a>(&'a self, topic: &'a TopicName, record: Record) -> BoxFuture<'a, Result<Position, PublishError>> {
        Box::pin(async move {
            let copy = record.value.to_vec();
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert_eq!(copy.len(), record.value.len());
            Ok(Position {
                partition: Partition {
                    topic: topic.clone(),
                    index: 0,
                },
                offset: Offset(0),
            })
        })
    }

    fn publish_to<'a>(
        &'a self,
        partition: &'a Partition,
        record: Record,
    ) -> BoxFuture<'a, Result<Position, PublishError>> {
        self.publish(&partition.topic, record)
    }

    fn ready<'a>(&'a self, _: &'a TopicName) -> BoxFuture<'a, Result<(), LogError>> {
        Box::pin(async { Ok(()) })
    }

    fn answers<'a>(&'a self, topic: &'a TopicName) -> BoxFuture<'a, Result<(), LogError>> {
        self.ready(topic)
    }

    fn flush(&self, _: Duration) -> BoxFuture<'_, Result<(), LogError>> {
        Box::pin(async { Ok(()) })
    }
}
