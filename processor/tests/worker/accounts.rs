//! Every record that a worker has read is settled, in flight, or given back: the counters say so at every moment.

use std::sync::Arc;
use std::time::Duration;

use harness::memory_log::MemoryLog;
use processor::Config;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use schemas::canary;
use schemas::name::SinkName;
use schemas::record::Record;
use schemas::sink::{Outcome, Unavailable};
use schemas::time::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::stage::sink::{ScriptedSink, each, rejected, retry};
use crate::stage::{eventually, record, worker_in};

const RULES: &str = "
rules:
  - {name: some, when: 'event.id.endsWith(\"9\") == false', to: [postgres]}
";

/// The value of a metric without regard to what else its labels say; 0 if it has no series.
fn value(registry: &Registry, name: &str) -> u64 {
    let mut text = String::new();
    encode(&mut text, registry).expect("text");
    let lines = text
        .lines()
        .filter(|line| line.starts_with(&format!("forebay_processor_{name}")));
    let values = lines.map(|line| {
        line.rsplit(' ')
            .next()
            .expect("a value")
            .parse::<f64>()
            .expect("a number")
    });
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small counts")]
    let sum = values.sum::<f64>() as u64;
    sum
}

fn assert_balanced(registry: &Registry, when: &str) {
    let [read, settled, given_back, in_flight] =
        ["events_total", "settled_total", "given_back_total", "in_flight_records"].map(|name| value(registry, name));
    assert_eq!(
        read,
        settled + given_back + in_flight,
        "{when}: {settled} {given_back} {in_flight}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_read_is_settled_in_flight_or_given_back() {
    for apart in [false, true] {
        // Of twenty: two go nowhere, one is rejected, one delivered at the second attempt, two wait for hours.
        let mut sink = ScriptedSink::plain(each(|n, attempt| match n {
            1 => rejected(),
            2 if attempt == 1 => retry(),
            3 | 4 => Outcome::Retry {
                after: Some(Duration::from_hours(2)),
                reason: "later".to_owned(),
            },
            _ => Outcome::Delivered,
        }));
        sink.apart = apart;
        let sink = Arc::new(sink);
        let log = MemoryLog::new(1);
        log.append(0, canary::record(Timestamp::now()));
        (0..20).for_each(|n| log.append(0, record(n, &format!("key-{n}"))));
        let broken = Record {
            value: "no event".into(),
            ..record(0, "key")
        };
        log.append(0, broken);
        let mut registry = Registry::default();
        let config = Config {
            retry_after_max_ms: 7_200_000,
            ..Config::default()
        };
        let shutdown = CancellationToken::new();
        let run = tokio::spawn(worker_in(&mut registry, &log, &sink, Some(RULES), config).run(shutdown.clone()));
        eventually("all but two are settled", || value(&registry, "settled_total") == 19).await;
        eventually("the gauge follows", || value(&registry, "in_flight_records") == 2).await;
        assert_balanced(&registry, "while it runs");
        for (outcome, count) in [("delivered", 15), ("dead_letter", 2), ("nowhere", 2)] {
            let name = format!(r#"settled_total{{sink="postgres",outcome="{outcome}"}}"#);
            assert_eq!(value(&registry, &name), count, "{outcome}, apart {apart}");
        }
        log.revoke(&[0]).await;
        assert_eq!(value(&registry, "given_back_total"), 2);
        assert_balanced(&registry, "after the partition is revoked");
        shutdown.cancel();
        run.await.expect("no panic").expect("a clean end");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_read_while_the_sink_is_away_is_in_flight() {
    let sink = ScriptedSink::new(|_| {
        Err(Unavailable {
            sink: SinkName::new("postgres").expect("valid"),
            reason: "the test is away".to_owned(),
        })
    });
    let log = MemoryLog::new(1);
    log.append(0, record(0, "key"));
    let mut registry = Registry::default();
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(worker_in(&mut registry, &log, &sink, None, Config::default()).run(shutdown.clone()));
    eventually("the sink was asked", || value(&registry, "unavailable_total") > 0).await;
    log.append(0, record(1, "another"));
    eventually("the next one is read", || value(&registry, "events_total") == 2).await;
    assert_balanced(&registry, "while the sink is away");
    shutdown.cancel();
    run.await.expect("no panic").expect("a clean end");
}
