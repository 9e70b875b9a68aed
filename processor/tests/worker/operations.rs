//! Operational events: published whatever becomes of the log meanwhile, and read beside the events.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness::memory_log::{MemoryLog, Shared};
use harness::publish_log::{Mode, TestLog};
use processor::operations::{OperationsMetrics, Publishing, WithOperations, publisher};
use processor::{Config, Log, Metrics, Worker};
use prometheus_client::registry::Registry;
use rules::Rules;
use schemas::BoxFuture;
use schemas::endpoint::{Endpoint, EndpointDirectory};
use schemas::event::Event;
use schemas::log::{Consumer, LogError, Membership, Subscribe, Subscription};
use schemas::name::{EndpointId, GroupName, SinkName, Tenant};
use schemas::operations::{Operations, TargetChange, TargetChanged};
use schemas::record::{Record, header};
use schemas::secret::Secret;
use schemas::sink::{Outcome, Sink};
use schemas::time::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::stage::sink::{ScriptedSink, each};
use crate::stage::{eventually, record, topic};
use harness::destinations::Takes;

const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug)]
struct Endpoints(Arc<[Arc<Endpoint>]>);

impl EndpointDirectory for Endpoints {
    fn endpoints(&self) -> Arc<[Arc<Endpoint>]> {
        Arc::clone(&self.0)
    }
}

fn endpoints() -> Arc<dyn EndpointDirectory> {
    let of = |(id, tenant): (&'static str, &'static str)| {
        Arc::new(Endpoint::new(
            EndpointId::new(id).expect("valid"),
            Tenant::new(tenant).expect("valid"),
            "https://crm.example.com/".parse().expect("a URL"),
            vec![Secret::new("a-key-that-is-long-enough")],
        ))
    };
    Arc::new(Endpoints([("crm", "acme"), ("erp", "globex")].map(of).into()))
}

fn failing(target: &str, version: i64) -> TargetChanged {
    TargetChanged {
        sink: SinkName::new("http").expect("valid"),
        target: target.to_owned(),
        at: Timestamp::parse("2026-03-10T13:36:50.912Z").expect("valid"),
        change: TargetChange::Failing {
            reason: "timed out".to_owned(),
        },
        version,
    }
}

/// A publisher on that log, with its metrics.
fn on(log: &Arc<TestLog>) -> (Arc<dyn Operations>, Publishing, Registry) {
    let mut registry = Registry::default();
    let metrics = OperationsMetrics::register(&mut registry);
    let (operations, publishing) = publisher(Arc::clone(log) as _, topic("operations"), endpoints(), metrics);
    (operations, publishing, registry)
}

/// The value of a series of `forebay_operations_…`.
fn value(registry: &Registry, series: &str) -> u64 {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).expect("text");
    let begin = format!("forebay_operations_{series} ");
    let value = text.lines().find_map(|line| line.strip_prefix(&begin));
    value
        .unwrap_or_else(|| panic!("no {begin}in {text}"))
        .parse()
        .expect("a number")
}

fn versions(records: &[Record]) -> Vec<i64> {
    let version = |record: &Record| {
        let event = Event::decode(&record.value).expect("an event");
        let data: serde_json::Value = serde_json::from_str(event.data()).expect("JSON");
        data["endpoint"]["version"].as_i64().expect("a number")
    };
    records.iter().map(version).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_reported_while_the_log_is_down_is_published_in_order_when_it_is_back() {
    let log = Arc::new(TestLog::new(Mode::Down));
    let (operations, publishing, registry) = on(&log);
    let run = tokio::spawn(publishing.run(CancellationToken::new(), PATIENCE));
    for version in 1..=3 {
        operations.report(failing("crm", version));
    }
    eventually("it was tried some times", || log.handed_over().len() > 5).await;
    assert_eq!(
        (value(&registry, "waiting"), value(&registry, "published_total")),
        (3, 0)
    );

    log.set(Mode::Acknowledge);
    eventually("all are published", || log.durable_in("operations").len() == 3).await;
    assert_eq!(versions(&log.durable()), [1, 2, 3]);
    assert_eq!(
        (value(&registry, "waiting"), value(&registry, "published_total")),
        (0, 3)
    );

    drop(operations);
    run.await
        .expect("it ends, since no one is left who could report anything");
}

#[tokio::test(start_paused = true)]
async fn the_same_change_found_twice_is_one_event_of_the_endpoints_tenant() {
    let log = Arc::new(TestLog::new(Mode::Acknowledge));
    let (operations, publishing, _) = on(&log);
    for changed in [
        failing("crm", 7),
        failing("crm", 7),
        failing("crm", 8),
        failing("erp", 7),
    ] {
        operations.report(changed);
        tokio::time::advance(Duration::from_secs(3)).await;
    }
    drop(operations);
    publishing.run(CancellationToken::new(), PATIENCE).await;
    let records = log.durable_in("operations");
    let ids: Vec<_> = records.iter().map(|record| record.header(header::CE_ID)).collect();
    assert_eq!(ids[0], ids[1]);
    assert!(ids[1] != ids[2] && ids[1] != ids[3] && ids[2] != ids[3], "{ids:?}");
    let sources: Vec<_> = records.iter().map(|record| record.header(header::CE_SOURCE)).collect();
    let (acme, globex) = (Some(&b"/acme/forebay"[..]), Some(&b"/globex/forebay"[..]));
    assert_eq!(sources, [acme, acme, acme, globex]);
}

#[tokio::test(start_paused = true)]
async fn a_report_never_waits_and_what_is_too_much_is_counted() {
    let log = Arc::new(TestLog::new(Mode::Hold));
    let (operations, publishing, registry) = on(&log);
    for version in 0..10_002 {
        operations.report(failing("crm", version));
    }
    operations.report(failing("no-endpoint", 1));
    assert_eq!(value(&registry, "dropped_total{reason=\"queue_full\"}"), 2);
    assert_eq!(value(&registry, "dropped_total{reason=\"unknown_endpoint\"}"), 1);
    log.set(Mode::Acknowledge);
    drop(operations);
    publishing.run(CancellationToken::new(), PATIENCE).await;
    assert_eq!(log.durable_in("operations").len(), 10_000);
}

#[tokio::test(start_paused = true)]
async fn at_the_end_what_the_log_takes_in_time_is_published_and_the_rest_counted() {
    let log = Arc::new(TestLog::new(Mode::Acknowledge));
    let (operations, publishing, registry) = on(&log);
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(publishing.run(shutdown.clone(), PATIENCE));
    shutdown.cancel();
    operations.report(failing("crm", 1));
    eventually("published during the drain", || log.durable().len() == 1).await;
    log.set(Mode::Down);
    operations.report(failing("crm", 2));
    operations.report(failing("crm", 3));
    run.await
        .expect("it ends though the log is down, and though someone could report more");
    operations.report(failing("crm", 4));
    assert_eq!(value(&registry, "dropped_total{reason=\"ended\"}"), 3);
    assert_eq!(
        (value(&registry, "waiting"), value(&registry, "published_total")),
        (0, 1)
    );
}

/// A log of two topics, which keeps who subscribed to what.
#[derive(Debug)]
struct TwoTopics {
    events: Shared,
    operations: Shared,
    asked: Mutex<Vec<(String, String)>>,
}

impl Subscribe for TwoTopics {
    fn subscribe(&self, subscription: Subscription) -> BoxFuture<'_, Result<Box<dyn Consumer>, LogError>> {
        let Membership::Group(group) = &subscription.membership else {
            panic!("{subscription:?}")
        };
        let asked = (subscription.topic.to_string(), group.to_string());
        self.asked.lock().expect("no panic").push(asked);
        match subscription.topic.as_str() {
            "events" => self.events.subscribe(subscription),
            "operations" => self.operations.subscribe(subscription),
            _ => panic!("{subscription:?}"),
        }
    }
}

/// A worker of both topics that takes everything.
struct Stage {
    events: Arc<MemoryLog>,
    operations: Arc<MemoryLog>,
    log: Arc<TwoTopics>,
    sink: Arc<ScriptedSink>,
    registry: Registry,
    worker: Worker,
}

fn stage() -> Stage {
    let (events, operations) = (MemoryLog::new(2), MemoryLog::of(topic("operations"), 1));
    let log = Arc::new(TwoTopics {
        events: Shared(Arc::clone(&events)),
        operations: Shared(Arc::clone(&operations)),
        asked: Mutex::default(),
    });
    let sink = ScriptedSink::new(each(|_, _| Outcome::Delivered));
    let mut registry = Registry::default();
    let name = |name: &'static str| GroupName::new(name).expect("valid");
    let reader = WithOperations::new(
        Arc::clone(&log) as _,
        topic("operations"),
        name("forebay.postgres.operations"),
    );
    let takes = Takes {
        sinks: &["postgres"],
        argument: false,
    };
    let worker = Worker::new(
        Arc::clone(&sink) as Arc<dyn Sink>,
        Arc::new(Rules::everything(&takes)),
        Log {
            reader: Arc::new(reader),
            writer: Arc::new(Shared(Arc::clone(&events))),
            events: topic("events"),
            dead_letters: topic("dead-letters"),
        },
        name("forebay.postgres"),
        Config::default(),
        Config::default().schedule(),
        Metrics::register(&mut registry),
    );
    Stage {
        worker: worker.expect("a valid configuration"),
        events,
        operations,
        log,
        sink,
        registry,
    }
}

fn exposed(registry: &Registry) -> String {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).expect("text");
    text
}

#[tokio::test(start_paused = true)]
async fn a_worker_delivers_the_events_of_both_topics_each_with_its_own_progress() {
    let stage = stage();
    for number in 0..3 {
        stage.events.append(0, record(number, "a"));
        stage.operations.append(0, record(10 + number, "b"));
    }
    stage.operations.append(0, record(13, "b"));
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(stage.worker.run(shutdown.clone()));
    eventually("both are settled", || {
        stage.events.stored(0) == 3 && stage.operations.stored(0) == 4
    })
    .await;
    assert_eq!(stage.sink.delivered().len(), 7);
    let asked = stage.log.asked.lock().expect("no panic").clone();
    let pair = |topic: &str, group: &str| (topic.to_owned(), group.to_owned());
    assert_eq!(
        asked,
        [
            pair("events", "forebay.postgres"),
            pair("operations", "forebay.postgres.operations")
        ]
    );

    let lag = r#"forebay_processor_lag_records{sink="postgres",topic="operations",partition="0"} 0"#;
    eventually("the lag of both is shown", || exposed(&stage.registry).contains(lag)).await;
    let shown = exposed(&stage.registry);
    assert!(
        shown.contains(r#"lag_records{sink="postgres",topic="events",partition="0"} 0"#),
        "{shown}"
    );
    // No one writes canaries to the operational events, and their partition is none of the events.
    assert_eq!(
        shown.matches("forebay_processor_canary_age_seconds{").count(),
        2,
        "{shown}"
    );
    assert!(
        shown.contains(r#"forebay_processor_partitions{sink="postgres"} 2.0"#),
        "{shown}"
    );
    let status = stage.worker.status().snapshot();
    assert_eq!((status.assigned.len(), status.canaries.len()), (3, 2));
    shutdown.cancel();
    run.await.expect("no panic").expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn operational_events_that_cannot_be_read_hold_up_no_event_and_are_tried_again() {
    let stage = stage();
    let refused = "no right to group forebay.postgres.operations";
    stage
        .operations
        .fail_joining(LogError::Misconfigured(refused.to_owned()));
    stage.operations.append(0, record(1, "b"));
    stage.events.append(0, record(2, "a"));
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(stage.worker.run(shutdown.clone()));
    eventually("the event is settled", || stage.events.stored(0) == 1).await;
    assert_eq!(stage.operations.stored(0), 0);
    eventually("it was tried again", || stage.operations.stored(0) == 1).await;

    stage.operations.break_consumer();
    stage.operations.append(0, record(3, "b"));
    stage.events.append(0, record(4, "a"));
    eventually("the event is settled", || stage.events.stored(0) == 2).await;
    eventually("the topic was joined again", || stage.operations.stored(0) == 2).await;
    assert!(stage.worker.status().snapshot().joined);
    assert!(!run.is_finished());
    shutdown.cancel();
    run.await.expect("no panic").expect("a clean end");
    assert_eq!(stage.sink.delivered().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_has_lost_the_events_has_not_joined_though_it_holds_the_operational_ones() {
    let stage = stage();
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(stage.worker.run(shutdown.clone()));
    let status = stage.worker.status();
    eventually("all are held", || status.snapshot().assigned.len() == 3).await;
    assert!(status.snapshot().joined);
    stage.events.lose(0);
    stage.events.lose(1);
    eventually("it has lost them", || !status.snapshot().joined).await;
    assert_eq!(status.snapshot().assigned.len(), 1);
    stage.events.assign(&[0, 1]);
    eventually("it has them again", || status.snapshot().joined).await;
    shutdown.cancel();
    run.await.expect("no panic").expect("a clean end");
}
