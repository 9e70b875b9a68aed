//! Routes: the deliveries of one event by several rules, and that the index over event types changes nothing.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::stage::event;
use crate::stage::sink::{ScriptedSink, each};
use harness::destinations::Takes;
use harness::memory_log::partition;
use processor::Metrics;
use processor::route::Router;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use proptest::prelude::*;
use rules::Rules;
use schemas::record::{Offset, Record, StoredRecord};
use schemas::sink::{Outcome, Sink, Target};

const BOTH: Takes = Takes {
    sinks: &["postgres", "http"],
    argument: false,
};

fn one(when: &str) -> String {
    // A YAML double-quoted scalar is a superset of a JSON string.
    let when = serde_json::to_string(when).expect("text");
    format!("rules:\n  - name: r\n    to: [postgres]\n    when: {when}\n")
}

fn stored(value: &bytes::Bytes) -> Arc<StoredRecord> {
    Arc::new(StoredRecord {
        offset: Offset(1),
        record: Record {
            key: "k".into(),
            headers: vec![],
            value: value.clone(),
        },
    })
}

#[test]
fn several_rules_to_one_target_are_one_delivery_and_absences_are_counted() {
    let yaml = r#"
rules:
  - { name: a, when: 'event.type == "x"', to: [postgres, http] }
  - { name: b, when: 'event.data.raw.missing == 1', to: [postgres] }
  - { name: c, when: "true", to: [postgres, postgres] }
  - { name: d, when: "true", to: [http] }
"#;
    let mut sink = ScriptedSink::plain(each(|_, _| Outcome::Delivered));
    sink.targets = vec![Target::Named("t1".to_owned()), Target::Named("t2".to_owned())];
    let sink: Arc<dyn Sink> = Arc::new(sink);
    let rules = Arc::new(Rules::parse(yaml, "rules.yaml", &BOTH).expect("valid"));
    let mut registry = Registry::default();
    let router = Router::new(Arc::clone(&rules), sink, &Metrics::register(&mut registry));
    let event = event("x", "{}");
    let deliveries = router
        .route(&event, &Arc::new(partition(0)), &stored(event.value()))
        .deliveries;
    let seen: Vec<String> = deliveries
        .iter()
        .map(|d| {
            format!(
                "{} {:?} {}",
                d.target,
                d.rules.iter().map(ToString::to_string).collect::<Vec<_>>(),
                d.attempt
            )
        })
        .collect();
    assert_eq!(seen, [r#"t1 ["a", "c"] 1"#, r#"t2 ["a", "c"] 1"#]);
    assert_eq!(deliveries[0].rules_version, *rules.version());
    let mut text = String::new();
    encode(&mut text, &registry).expect("text");
    for line in [
        r#"forebay_processor_rule_matches_total{sink="postgres",rule="a"} 1"#,
        r#"forebay_processor_rule_matches_total{sink="postgres",rule="c"} 1"#,
        r#"forebay_processor_rule_absent_total{sink="postgres",rule="b"} 1"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

fn condition() -> impl Strategy<Value = String> {
    let types = prop::sample::select(vec!["a", "a.b", "a.b.c", "b", "b.a", ""]);
    let leaf = prop_oneof![
        types.clone().prop_map(|t| format!("event.type == '{t}'")),
        types.clone().prop_map(|t| format!("'{t}' == event.type")),
        types.clone().prop_map(|t| format!("event.type != '{t}'")),
        types.clone().prop_map(|t| format!("event.type.startsWith('{t}')")),
        (types.clone(), types).prop_map(|(a, b)| format!("event.type in ['{a}', '{b}']")),
        Just("event.data.raw.missing == 1".to_owned()),
        Just("event.data.raw.n == 1".to_owned()),
        Just("event.data.raw.n".to_owned()),
        Just("1".to_owned()),
        Just("false".to_owned()),
        Just("true".to_owned()),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            inner.prop_map(|a| format!("!({a})")),
        ]
    })
    .prop_filter("is accepted", |when| {
        Rules::parse(&one(when), "rules.yaml", &BOTH).is_ok()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn the_index_finds_what_plain_evaluation_finds(
        conditions in proptest::collection::vec(condition(), 1..8),
        event_type in prop::sample::select(vec!["a", "a.b", "a.b.c", "a.bb", "b", "b.a", "c"]),
    ) {
        let mut yaml = "rules:\n".to_owned();
        for (i, when) in conditions.iter().enumerate() {
            writeln!(yaml, "  - {{ name: r{i}, when: {}, to: [postgres] }}", serde_json::to_string(when).expect("text"))
                .expect("a string takes everything");
        }
        let sink: Arc<dyn Sink> = Arc::new(ScriptedSink::plain(each(|_, _| Outcome::Delivered)));
        let rules = Arc::new(Rules::parse(&yaml, "rules.yaml", &BOTH).map_err(|p| TestCaseError::fail(p[0].to_string()))?);
        let event = event(event_type, r#"{"raw":{"n":1}}"#);
        let plain: Vec<String> = rules.matching(&event).iter().map(ToString::to_string).collect();
        let mut registry = Registry::default();
        let router = Router::new(Arc::clone(&rules), sink, &Metrics::register(&mut registry));
        let routed: Vec<String> = router
            .route(&event, &Arc::new(partition(0)), &stored(event.value()))
            .deliveries
            .iter()
            .flat_map(|d| d.rules.iter().map(ToString::to_string))
            .collect();
        prop_assert_eq!(plain, routed);
    }
}

#[test]
fn a_rule_that_fails_matters_only_where_no_other_rule_sends_the_event() {
    let fails = "1 / event.data.raw.zero == 1";
    for (conditions, delivered, undecided) in [
        (vec![fails], false, true),
        (vec![fails, "true"], true, false),
        (vec!["true", fails], true, false),
        (vec![fails, "false", "event.data.raw.missing == 1"], false, true),
        (vec!["false", "event.data.raw.missing == 1"], false, false),
    ] {
        let mut yaml = "rules:\n".to_owned();
        for (number, when) in conditions.iter().enumerate() {
            writeln!(yaml, "  - {{ name: r{number}, when: \"{when}\", to: [postgres] }}")
                .expect("a string takes everything");
        }
        let rules = Arc::new(Rules::parse(&yaml, "rules.yaml", &BOTH).expect("valid"));
        let sink: Arc<dyn Sink> = Arc::new(ScriptedSink::plain(each(|_, _| Outcome::Delivered)));
        let router = Router::new(rules, sink, &Metrics::register(&mut Registry::default()));
        let event = event("x", r#"{"raw":{"zero":0}}"#);
        let routed = router.route(&event, &Arc::new(partition(0)), &stored(event.value()));
        assert_eq!(routed.deliveries.len(), usize::from(delivered), "{conditions:?}");
        let reasons: Vec<&str> = routed.undecided.iter().map(|one| one.reason.as_str()).collect();
        assert_eq!(reasons.len(), usize::from(undecided), "{conditions:?}");
        assert!(
            reasons
                .iter()
                .all(|reason| reason.starts_with("rule `r0` cannot be evaluated: ")),
            "{reasons:?}"
        );
    }
}
