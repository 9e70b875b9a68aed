//! Conditions see every body, and an event whose condition cannot be evaluated is not treated as unmatched. In paused
//! time.

use std::sync::Arc;

use crate::stage::sink::{ScriptedSink, each};
use crate::stage::{eventually, value, worker_in};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::memory_log::MemoryLog;
use processor::{Config, WorkerError};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use schemas::record::Record;
use schemas::sink::Outcome;
use tokio_util::sync::CancellationToken;

const VIP: &str = r#"event.data.raw.plan == "vip""#;

fn rules(rules: &[(&str, &str)]) -> String {
    let rule = |(name, when): &(&str, &str)| {
        let when = serde_json::to_string(when).expect("text");
        format!("  - {{ name: {name}, when: {when}, to: [postgres] }}\n")
    };
    let rules: String = rules.iter().map(rule).collect();
    format!("rules:\n{rules}")
}

/// A record of an event with this `data`, and its own key.
fn record(number: u64, data: &str) -> Record {
    Record {
        value: value(number, "x.y", data),
        ..crate::stage::record(number, &format!("key-{number}"))
    }
}

/// What a worker did with events.
struct Results {
    /// The rules that each delivery names, with the event's number and the target.
    delivered: Vec<(i64, String, Vec<String>)>,
    letters: Vec<Record>,
    metrics: String,
}

fn header(letter: &Record, name: &str) -> Option<String> {
    letter.header(name).map(|v| String::from_utf8_lossy(v).into_owned())
}

async fn run_at(sink: ScriptedSink, rules: &str, data: &[&str]) -> Results {
    let sink = Arc::new(sink);
    let log = MemoryLog::new(1);
    for (number, data) in (0..).zip(data) {
        log.append(0, record(number, data));
    }
    let mut registry = Registry::default();
    let shutdown = CancellationToken::new();
    let worker = worker_in(&mut registry, &log, &sink, Some(rules), Config::default());
    let run = tokio::spawn(worker.run(shutdown.clone()));
    let count = i64::try_from(data.len()).expect("few");
    eventually("all is settled", || log.stored(0) == count).await;
    shutdown.cancel();
    run.await.expect("no panic").expect("a clean end");
    let delivered = sink.delivered();
    let mut metrics = String::new();
    encode(&mut metrics, &registry).expect("text");
    Results {
        delivered: delivered.into_iter().map(|d| (d.offset, d.target, d.rules)).collect(),
        letters: log.dead_letters(),
        metrics,
    }
}

async fn run(rules: &str, data: &[&str]) -> Results {
    run_at(ScriptedSink::plain(each(|_, _| Outcome::Delivered)), rules, data).await
}

fn nested(levels: usize) -> String {
    format!("{}1{}", "[".repeat(levels), "]".repeat(levels))
}

/// Bodies that each contain `"plan":"vip"`, and something that is hard to parse.
fn hard_bodies() -> Vec<(&'static str, String)> {
    let media = |bytes: usize| format!(r#"{{"plan":"vip","media":"{}"}}"#, "A".repeat(bytes));
    let deep = |levels: usize| format!(r#"{{"deep":{},"plan":"vip"}}"#, nested(levels));
    let number = |number: &str| format!(r#"{{"n":[{number}],"plan":"vip"}}"#);
    vec![
        ("300 KB", media(300_000)),
        ("2 MB", media(2_000_000)),
        ("140 levels", deep(140)),
        ("5000 levels", deep(5_000)),
        ("1e400", number("1e400")),
        ("-1e400", number("-1e400")),
        ("a number of 5000 digits", number(&"9".repeat(5_000))),
        ("half an emoji", r#"{"text":"\ud83d","plan":"vip"}"#.to_owned()),
        ("half an emoji in a name", r#"{"\ude00":1,"plan":"vip"}"#.to_owned()),
        ("a name twice", r#"{"plan":"free","plan":"vip"}"#.to_owned()),
        ("an escaped name", r#"{"\u0070lan":"v\u0069p"}"#.to_owned()),
        ("white space", "\n{ \"plan\" :\t\"vip\" }\r\n".to_owned()),
        ("100 000 members", {
            let members: Vec<String> = (0..100_000).map(|n| format!(r#""{n}":{{}},"#)).collect();
            format!(r#"{{{}"plan":"vip"}}"#, members.concat())
        }),
    ]
}

/// As ingest keeps a body that is nested deeper than its parsers allow.
#[tokio::test(start_paused = true)]
async fn a_condition_sees_json_that_is_kept_as_bytes() {
    for levels in [140, 5_000] {
        let body = STANDARD.encode(format!(r#"{{"deep":{},"plan":"vip"}}"#, nested(levels)));
        let data = format!(r#"{{"unmapped":{{"reason":"too deep"}},"raw_base64":"{body}"}}"#);
        let results = run(&rules(&[("vip", VIP)]), &[&data]).await;
        assert_eq!(
            (results.delivered.len(), results.letters.len()),
            (1, 0),
            "{levels} levels"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_condition_sees_the_body_however_large_deep_or_odd_it_is() {
    let mut blind = Vec::new();
    for (name, body) in hard_bodies() {
        let results = run(&rules(&[("vip", VIP)]), &[&format!(r#"{{"raw":{body}}}"#)]).await;
        if results.delivered.len() != 1 {
            blind.push((name, results.delivered.len(), results.letters.len()));
        }
    }
    assert!(blind.is_empty(), "delivered, dead letters: {blind:?}");
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_cannot_be_evaluated_makes_a_dead_letter_that_names_the_rule() {
    let rules = rules(&[("ratio", "event.data.raw.a / event.data.raw.b > 1")]);
    let results = run(
        &rules,
        &[
            r#"{"raw":{"a":4,"b":2}}"#,
            r#"{"raw":{"a":4,"b":0}}"#,
            r#"{"raw":{"a":1}}"#,
        ],
    )
    .await;
    assert_eq!(results.delivered, [(0, "-".to_owned(), vec!["ratio".to_owned()])]);
    assert_eq!(results.letters.len(), 1, "the third has no `b`, which is no error");
    let letter = &results.letters[0];
    assert_eq!(letter.value, record(1, r#"{"raw":{"a":4,"b":0}}"#).value, "as it was");
    assert_eq!(
        header(letter, "fb_reason").as_deref(),
        Some("rule `ratio` cannot be evaluated: division by zero")
    );
    assert_eq!(header(letter, "fb_attempts").as_deref(), Some("0"));
    assert_eq!(header(letter, "fb_rules_version").map(|v| v.len()), Some(12));
}

#[tokio::test(start_paused = true)]
async fn what_another_rule_sends_is_delivered_once_and_only_the_rest_is_a_dead_letter() {
    let divide = "1 / event.data.raw.zero == 1";
    let data = [r#"{"raw":{"zero":0}}"#];
    // The sink has one target for all: it gets the event, and nothing is lost.
    let both = run(&rules(&[("bad", divide), ("good", "true")]), &data).await;
    assert_eq!(both.delivered, [(0, "-".to_owned(), vec!["good".to_owned()])]);
    assert!(both.letters.is_empty());
    assert!(
        both.metrics
            .contains(r#"rule_errors_total{sink="postgres",rule="bad"} 1"#),
        "{}",
        both.metrics
    );

    let text = "event.data.raw.zero.startsWith('x')";
    let failed = run(&rules(&[("a", divide), ("b", text), ("c", "false")]), &data).await;
    assert!(failed.delivered.is_empty());
    assert_eq!(failed.letters.len(), 1, "one for the target, and not one for each rule");
    let letter = &failed.letters[0];
    assert_eq!(header(letter, "fb_rules").as_deref(), Some("a,b"));
    assert_eq!(
        header(letter, "fb_reason").as_deref(),
        Some(
            "rule `a` cannot be evaluated: division by zero; rule `b` cannot be evaluated: `startsWith` does not take int, string"
        )
    );

    // The sink has no target for it, so nothing could be lost.
    let mut unwanted = ScriptedSink::plain(each(|_, _| Outcome::Delivered));
    unwanted.targets = vec![];
    let unwanted = run_at(unwanted, &rules(&[("bad", divide)]), &data).await;
    assert!(unwanted.delivered.is_empty() && unwanted.letters.is_empty());
    assert!(
        unwanted
            .metrics
            .contains(r#"rule_errors_total{sink="postgres",rule="bad"} 1"#)
    );
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_names_the_target_that_did_not_get_the_event() {
    const RULES: &str = "rules:\n  - { name: bad, when: '1 / event.data.raw.zero == 1', to: [postgres, 'postgres:crm'] }\n  \
                         - { name: good, when: 'true', to: ['postgres:crm'] }\n";
    let mut sink = ScriptedSink::plain(each(|_, _| Outcome::Delivered));
    sink.named = true;
    let results = run_at(sink, RULES, &[r#"{"raw":{"zero":0}}"#]).await;
    assert_eq!(results.delivered, [(0, "crm".to_owned(), vec!["good".to_owned()])]);
    let targets: Vec<_> = results
        .letters
        .iter()
        .map(|letter| header(letter, "fb_target"))
        .collect();
    assert_eq!(targets, [Some("all".to_owned())]);
    assert_eq!(header(&results.letters[0], "fb_rules").as_deref(), Some("bad"));
}

/// Returns the error that a worker with this window ends with over these events (`None` if it settles them all), and
/// the number of dead letters.
async fn end(rules: &str, data: &[&str]) -> (Option<WorkerError>, usize) {
    let sink = ScriptedSink::new(each(|_, _| Outcome::Delivered));
    let log = MemoryLog::new(1);
    for (number, data) in (0..).zip(data) {
        log.append(0, record(number, data));
    }
    let config = Config {
        valve_window: 50,
        ..Config::default()
    };
    let shutdown = CancellationToken::new();
    let run = worker_in(&mut Registry::default(), &log, &sink, Some(rules), config).run(shutdown.clone());
    let mut run = tokio::spawn(run);
    let count = i64::try_from(data.len()).expect("few");
    let settled = eventually("all is settled", || log.stored(0) == count);
    tokio::select! {
        ended = &mut run => (ended.expect("no panic").err(), log.dead_letters().len()),
        () = settled => {
            shutdown.cancel();
            run.await.expect("no panic").expect("a clean end");
            (None, log.dead_letters().len())
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_valve_stops_a_worker_that_can_route_nearly_nothing_and_no_other() {
    let divide = "1 / event.data.raw.n == 1";
    let bad = vec![r#"{"raw":{"n":0}}"#; 500];
    let (ended, letters) = end(&rules(&[("bad", divide), ("never", "false")]), &bad).await;
    let text = ended.expect("the valve").to_string();
    assert!(
        text.contains("failed 50 of the last 50") && text.contains("rule `bad` cannot be evaluated"),
        "{text}"
    );
    assert!(letters < 50, "and that before everything is a dead letter: {letters}");

    // One event in ten is bad and no rule matches the others: they were routed, to nowhere.
    let mut some = vec![r#"{"raw":{"n":7}}"#; 1_000];
    some.iter_mut().step_by(10).for_each(|data| *data = bad[0]);
    let (ended, letters) = end(&rules(&[("bad", divide)]), &some).await;
    assert!(ended.is_none(), "{ended:?}");
    assert_eq!(letters, 100);

    // A bad rule is no reason to stop what another sends to another target.
    let both = "rules:\n  - { name: bad, when: '1 / event.data.raw.n == 1', to: [postgres] }\n  \
                - { name: good, when: 'true', to: [postgres] }\n";
    let (ended, letters) = end(both, &bad).await;
    assert!(ended.is_none() && letters == 0, "{ended:?} {letters}");
}
