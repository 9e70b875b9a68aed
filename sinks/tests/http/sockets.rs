//! What this process lacks is not the endpoint's fault: descriptors above all. The tests with few of them run in a process of
//! their own, so that no other test's are taken.

use std::fmt::Debug;
use std::fs::File;
use std::process::{Command, Output};
use std::str::FromStr;
use std::time::{Duration, Instant};

use net::client::Client;
use schemas::endpoint::Endpoint;
use schemas::name::EndpointId;
use schemas::sink::{Outcome, Sink as _};
use sinks::http::Config;

use crate::stage::{Stage, conversations, endpoint, local, retry};
use harness::receiver::{Answer, Receiver};

const PORT: &str = "FOREBAY_TEST_PORT";
const ENDPOINTS: &str = "FOREBAY_TEST_ENDPOINTS";
const EVENTS: &str = "FOREBAY_TEST_EVENTS";

/// Runs an ignored test of this file with at most so many descriptors, against the receiver at `port`.
async fn with_descriptors(limit: u32, test: &'static str, port: u16) -> Output {
    let run = move || {
        let program = std::env::current_exe().expect("this program");
        Command::new("sh")
            .args(["-c", r#"ulimit -n "$1"; shift; exec "$@""#, "sh", &limit.to_string()])
            .arg(program)
            .args(["--exact", &format!("sockets::{test}"), "--ignored", "--nocapture"])
            .env(PORT, port.to_string())
            .env(ENDPOINTS, "500")
            .env(EVENTS, "3")
            .output()
            .expect("a shell")
    };
    tokio::task::spawn_blocking(run).await.expect("no panic")
}

fn passed(output: &Output) {
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "so a test passes numbers to the process that it starts"
)]
fn number<N: FromStr<Err: Debug>>(name: &str) -> N {
    let text = std::env::var(name).expect("started by the test beside it");
    text.parse().expect("a number")
}

/// An endpoint at an address of its own, so that its connections serve no other.
fn at(number: usize, host: &str, port: u16) -> Endpoint {
    Endpoint {
        id: EndpointId::new(format!("e{number}")).expect("an id"),
        timeout: Duration::from_secs(20),
        ..endpoint("e", &format!("http://{host}:{port}/hook"))
    }
}

fn everywhere(endpoints: usize, port: u16) -> Vec<Endpoint> {
    let host = |n: usize| format!("127.1.{}.{}", n / 200, n % 200 + 1);
    (0..endpoints).map(|n| at(n, &host(n), port)).collect()
}

fn limited(connections: usize, wait_ms: u64) -> Client {
    let config = Config {
        max_connections: Some(connections),
        connection_wait_ms: wait_ms,
        ..local()
    };
    config.client().expect("a client")
}

/// Why a delivery was not tried.
fn unavailable(outcome: &Outcome) -> &str {
    let Outcome::Unavailable { reason } = outcome else {
        panic!("this was tried: {outcome:?}")
    };
    reason
}

/// The value of a metric without labels.
fn gauge(stage: &Stage, name: &str) -> usize {
    let metrics = stage.metrics();
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = line.unwrap_or_else(|| panic!("no `{name}`: {metrics}"));
    value.parse().expect("a number")
}

async fn delivered_at_last(stage: &Stage, targets: &[&str]) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while stage.deliver(targets).await.iter().any(|o| *o != Outcome::Delivered) {
        assert!(Instant::now() < deadline, "it continues by itself");
    }
}

#[tokio::test]
async fn more_endpoints_than_connections_share_them() {
    const MOST: usize = 64;
    let receiver = Receiver::start_at("0.0.0.0:0", [Answer::Status(200)]).await;
    let endpoints = everywhere(500, receiver.address.port());
    let ids: Vec<String> = endpoints.iter().map(|e| e.id.to_string()).collect();
    let deliveries: Vec<(&str, usize)> = ids.iter().map(String::as_str).zip(0..).collect();
    let batch = conversations(&[&deliveries[..], &deliveries[..]].concat());
    let stage = Stage::with_client(limited(MOST, 30_000), endpoints);
    let delivering = stage.sink.deliver(&batch);
    let mut delivering = std::pin::pin!(delivering);
    let mut most = 0;
    let outcomes = loop {
        let moment = tokio::time::sleep(Duration::from_millis(5));
        tokio::select! {
            outcomes = &mut delivering => break outcomes.expect("available"),
            () = moment => most = most.max(gauge(&stage, "forebay_sinks_http_connections")),
        }
    };
    assert_eq!(outcomes.iter().filter(|o| **o == Outcome::Delivered).count(), 1_000);
    assert_eq!(receiver.seen().len(), 1_000);
    assert_eq!(most, MOST, "as many as may be, and no more");
    assert_eq!(gauge(&stage, "forebay_sinks_http_connections_limit"), MOST);
}

#[tokio::test]
async fn the_wait_for_a_connection_is_not_the_endpoints_time() {
    let slow = Receiver::start([Answer::After(Duration::from_millis(1_500), 200)]).await;
    let quick = Receiver::start([Answer::Status(200)]).await;
    let mut hasty = endpoint("quick", &quick.url());
    hasty.timeout = Duration::from_secs(1);
    let stage = Stage::with_client(limited(1, 10_000), [endpoint("slow", &slow.url()), hasty]);
    let outcomes = stage.deliver(&["slow", "quick", "quick"]).await;
    assert_eq!(outcomes, [Outcome::Delivered, Outcome::Delivered, Outcome::Delivered]);
}

#[tokio::test]
async fn who_gets_no_connection_in_time_was_not_tried_nor_was_who_waited_for_its_slot() {
    let dead = Receiver::start([Answer::Never]).await;
    let alive = Receiver::start([Answer::Status(200)]).await;
    let mut one = endpoint("alive", &alive.url());
    (one.concurrency, one.timeout) = (1, Duration::from_millis(100));
    let mut dead_one = endpoint("dead", &dead.url());
    dead_one.timeout = Duration::from_secs(2);
    let stage = Stage::with_client(limited(1, 300), [dead_one, one]);
    let outcomes = stage.deliver(&["dead", "alive", "alive"]).await;
    assert!(retry(&outcomes[0]).contains("no answer within 2s"), "{outcomes:?}");
    assert!(
        outcomes[1..].iter().all(|o| unavailable(o).contains("connection")),
        "{outcomes:?}"
    );
    assert!(alive.seen().is_empty());
    delivered_at_last(&stage, &["alive"]).await;
}

#[tokio::test]
async fn after_what_was_not_tried_its_conversation_waits() {
    let dead = Receiver::start([Answer::Never]).await;
    let alive = Receiver::start([Answer::Status(200)]).await;
    let mut dead_one = endpoint("dead", &dead.url());
    dead_one.timeout = Duration::from_secs(1);
    let stage = Stage::with_client(limited(1, 200), [dead_one, endpoint("alive", &alive.url())]);
    let batch = conversations(&[("dead", 1), ("alive", 1), ("alive", 1)]);
    let outcomes = stage.sink.deliver(&batch).await.expect("available");
    assert!(unavailable(&outcomes[1]).contains("`max_connections`"), "{outcomes:?}");
    assert_eq!(outcomes[2], Outcome::Held);
}

#[tokio::test]
async fn unused_connections_are_closed_after_a_while() {
    let receiver = Receiver::start([Answer::Status(200)]).await;
    let config = Config {
        pool_idle_seconds: 1,
        ..local()
    };
    let stage = Stage::with_client(config.client().expect("a client"), [endpoint("crm", &receiver.url())]);
    assert_eq!(stage.deliver_one("crm").await, Outcome::Delivered);
    assert_eq!(gauge(&stage, "forebay_sinks_http_connections"), 1, "kept for the next");
    let deadline = Instant::now() + Duration::from_secs(8);
    while gauge(&stage, "forebay_sinks_http_connections") > 0 {
        assert!(Instant::now() < deadline, "it is closed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn more_endpoints_than_descriptors_all_get_their_deliveries() {
    let receiver = Receiver::start_at("0.0.0.0:0", [Answer::After(Duration::from_millis(10), 200)]).await;
    let port = receiver.address.port();
    passed(&with_descriptors(200, "with_few_descriptors", port).await);
    assert_eq!(receiver.seen().len(), 1_500);
}

#[tokio::test]
#[ignore = "runs in a process of its own, started by the test above"]
async fn with_few_descriptors() {
    let endpoints = everywhere(number(ENDPOINTS), number(PORT));
    let ids: Vec<String> = endpoints.iter().map(|e| e.id.to_string()).collect();
    let stage = Stage::new(endpoints);
    for _ in 0..number(EVENTS) {
        let deliveries: Vec<(&str, usize)> = ids.iter().map(String::as_str).zip(0..).collect();
        let outcomes = stage
            .sink
            .deliver(&conversations(&deliveries))
            .await
            .expect("available");
        let others: Vec<&Outcome> = outcomes.iter().filter(|o| **o != Outcome::Delivered).collect();
        assert!(
            others.is_empty(),
            "{} of {}, first: {:?}",
            others.len(),
            outcomes.len(),
            others[0]
        );
    }
}

#[tokio::test]
async fn without_a_descriptor_left_no_attempt_is_made() {
    let receiver = Receiver::start([Answer::Status(200)]).await;
    let port = receiver.address.port();
    passed(&with_descriptors(64, "with_no_descriptor", port).await);
    assert_eq!(receiver.seen().len(), 2);
}

#[tokio::test]
#[ignore = "runs in a process of its own, started by the test above"]
async fn with_no_descriptor() {
    let stage = Stage::new([at(1, "127.0.0.1", number(PORT)), at(2, "localhost", number(PORT))]);
    let taken: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    for outcome in stage.deliver(&["e1", "e2"]).await {
        assert_eq!(
            unavailable(&outcome),
            "out of file descriptors (64 of 64): raise `ulimit -n`"
        );
    }
    let line = r#"forebay_sinks_http_attempts_total{endpoint="e2",class="unavailable"} 1"#;
    assert!(stage.metrics().contains(line), "{}", stage.metrics());
    drop(taken);
    delivered_at_last(&stage, &["e1", "e2"]).await;
}
