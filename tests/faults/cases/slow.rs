//! Services that answer, but slowly.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::deployment::Which;
use crate::trial::{Setup, Trial};
use harness::load::judge::Evidence;
use harness::load::ledger::{EventState, Ledger};

/// Graceful restarts of the only processor: where it begins to read must not depend on how long the answers take.
async fn restarts(phase: &'static str, kafka_ms: u64, postgres_ms: u64, least: usize) {
    let setup = Setup {
        processors: 1,
        proxied_processors: true,
        ..Setup::default()
    };
    let mut trial = Trial::begin(phase, setup).await;
    trial.load().await;
    trial.slow_kafka(Duration::from_millis(kafka_ms));
    trial.postgres_proxy.slow(Duration::from_millis(postgres_ms));
    while trial.goes_on(least) {
        trial.restart(Which::Processor(0)).await;
        trial.accept_more(trial.plan.short_or_long(300, 2500)).await;
    }
    trial.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_processor_restarted_behind_a_very_slow_broker_skips_nothing() {
    restarts("restarts, Kafka RTT 600 ms, PG 150 ms", 600, 150, 1).await;
}

#[ignore = "long: `./run faults`"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_processor_restarted_behind_a_slow_broker_and_a_slow_database_skips_nothing() {
    restarts("restarts, Kafka RTT 100 ms, PG 150 ms", 100, 150, 3).await;
}

const SLOW_LINK_RATE: u32 = 200;
const WINDOW_MS: i64 = 5000;

/// Twelve partitions, one ingest, and a broker that is 100 ms away: the latency must not bound the rate.
#[ignore = "long: `./run faults`"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_events_a_second_pass_a_link_of_100_ms() {
    let setup = Setup {
        ingests: 1,
        processors: 1,
        proxied_ingests: true,
        ..Setup::default()
    };
    let mut trial = Trial::begin("slow link, Kafka RTT 100 ms", setup).await;
    trial.slow_kafka(Duration::from_millis(100));
    // So many keys that the next event of a key never waits for the one before.
    trial.ledger = Arc::new(Ledger::new(2000));
    // The first event waits for connections and metadata, whatever the rate.
    trial.load_blindly(10);
    trial.accept_more(20).await;
    trial.unload().await;
    trial.load_blindly(SLOW_LINK_RATE);
    trial.last(trial.plan.short_or_long(10, 60)).await;
    trial.unload().await;
    trial.drain().await;
    let evidence = trial.evidence().await;
    let windows = windows(&evidence, trial.loaded_ms.0);
    let refused = evidence.book.not_accepted.len();
    let planned = evidence.book.entries.len();
    // One in a hundred is allowed, because this harness, the brokers and other tests share the machine.
    let complaints = if refused * 100 > planned {
        vec![format!(
            "{refused} attempts for {planned} events were not accepted: {windows}"
        )]
    } else {
        Vec::new()
    };
    trial.conclude(&evidence, complaints, windows).await;
}

/// Counts the events of each five seconds by their planned time, and the attempts by the time of the answer.
fn windows(evidence: &Evidence, began_ms: i64) -> Value {
    let mut windows: Vec<(usize, usize, Vec<i64>)> = Vec::new();
    let mut at = |ms: i64| {
        let index = usize::try_from((ms - began_ms).max(0) / WINDOW_MS).expect("small");
        if windows.len() <= index {
            windows.resize_with(index + 1, Default::default);
        }
        index
    };
    let mut planned = Vec::new();
    for entry in &evidence.book.entries {
        planned.push((at(entry.planned_ms), entry));
    }
    let refused: Vec<usize> = evidence.book.not_accepted.iter().map(|(ms, _)| at(*ms)).collect();
    for (index, entry) in planned {
        windows[index].0 += 1;
        if let EventState::Accepted { at_ms } = entry.state {
            windows[index].2.push(at_ms - entry.planned_ms);
        }
    }
    for index in refused {
        windows[index].1 += 1;
    }
    let mut out = Vec::new();
    for (index, (planned, refused, mut latencies)) in windows.into_iter().enumerate() {
        latencies.sort_unstable();
        let quantile =
            |percent: usize| latencies.get((latencies.len() * percent / 100).min(latencies.len().max(1) - 1));
        out.push(json!({
            "from_s": index * 5,
            "planned": planned,
            "accepted": latencies.len(),
            "attempts_not_accepted": refused,
            "p50_ms": quantile(50),
            "p99_ms": quantile(99),
            "max_ms": latencies.last(),
        }));
    }
    Value::Array(out)
}
