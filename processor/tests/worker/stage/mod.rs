//! Workers on an event log in memory, with scripted sinks.

pub(crate) mod sink;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use processor::{Config, Log, Metrics, Worker};
use prometheus_client::registry::Registry;
use rules::Rules;
use schemas::event::Event;
use schemas::name::{GroupName, TopicName};
use schemas::record::{Header, Record};
use schemas::sink::Sink;

use self::sink::ScriptedSink;
use harness::destinations::Takes;
use harness::event::Written;
use harness::memory_log::{MemoryLog, Shared};

pub(crate) fn topic(name: &'static str) -> TopicName {
    TopicName::new(name).expect("valid")
}

/// An event whose id ends in `number`.
pub(crate) fn value(number: u64, event_type: &str, data: &str) -> Bytes {
    let written = Written {
        id: &format!("019cd7f6-f0e0-82b2-9fbf-{number:012}"),
        event_type,
        data,
        ..Written::default()
    };
    written.value()
}

pub(crate) fn event(event_type: &str, data: &str) -> Arc<Event> {
    Arc::new(Event::decode(&value(1, event_type, data)).expect("an event"))
}

pub(crate) fn record(number: u64, key: &str) -> Record {
    Record {
        key: key.to_owned().into(),
        headers: vec![Header {
            name: "ce_id".into(),
            value: number.to_string().into(),
        }],
        value: value(number, "message.created", r#"{"message":{"id":"1"}}"#),
    }
}

/// The number that [`record`] was given.
pub(crate) fn number(record: &Record) -> u64 {
    let id = record.header("ce_id").expect("a header");
    std::str::from_utf8(id).expect("text").parse().expect("a number")
}

pub(crate) fn worker_with(
    log: &Arc<MemoryLog>,
    sink: &Arc<ScriptedSink>,
    rules: Option<&str>,
    config: Config,
) -> Worker {
    worker_in(&mut Registry::default(), log, sink, rules, config)
}

/// A worker whose metrics can be read.
pub(crate) fn worker_in(
    registry: &mut Registry,
    log: &Arc<MemoryLog>,
    sink: &Arc<ScriptedSink>,
    rules: Option<&str>,
    config: Config,
) -> Worker {
    let destinations = Takes {
        sinks: &[sink.name.as_str()],
        argument: sink.named,
    };
    let rules = match rules {
        None => Rules::everything(&destinations),
        Some(text) => Rules::parse(text, "rules.yaml", &destinations).expect("valid rules"),
    };
    let sink = Arc::clone(sink) as Arc<dyn Sink>;
    made(registry, log, sink, rules, config)
}

/// A worker of another sink than a scripted one, which gets everything.
pub(crate) fn worker_of(log: &Arc<MemoryLog>, sink: &Arc<dyn Sink>, config: Config) -> Worker {
    let destinations = Takes {
        sinks: &[sink.name().as_str()],
        argument: false,
    };
    let rules = Rules::everything(&destinations);
    made(&mut Registry::default(), log, Arc::clone(sink), rules, config)
}

fn made(registry: &mut Registry, log: &Arc<MemoryLog>, sink: Arc<dyn Sink>, rules: Rules, config: Config) -> Worker {
    let log = Log {
        reader: Arc::new(Shared(Arc::clone(log))),
        writer: Arc::new(Shared(Arc::clone(log))),
        events: topic("events"),
        dead_letters: topic("dead-letters"),
    };
    let group = GroupName::new("forebay.postgres").expect("valid");
    let metrics = Metrics::register(registry);
    let schedule = config.schedule();
    Worker::new(sink, Arc::new(rules), log, group, config, schedule, metrics).expect("a valid configuration")
}

/// Polls until the condition holds. In paused time this costs nothing.
pub(crate) async fn eventually(what: &str, holds: impl FnMut() -> bool) {
    harness::until(what, Duration::from_secs(1000), holds).await;
}
