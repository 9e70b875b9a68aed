//! Workflows: their sample, their engine, their operators.

use rules::import::Dialect;
use serde_json::{Value, json};

use super::{event, imported, loaded, matches, sample};

#[test]
fn the_sample_workflow_becomes_a_rule_that_matches_its_sample_event() {
    let workflow: Value = serde_json::from_str(include_str!("workflow.json")).expect("JSON");
    let imported = imported(Dialect::Web1on1, &workflow);
    let rules = loaded(&imported);
    let created = |raw: &Value| event("web1on1", "ticket.created", &json!({"ticket": {"id": "1"}, "raw": raw}));
    let mut raw = sample("web1on1/conversation.create");
    assert_eq!(rules.matching(&created(&raw)).len(), 1, "{}", imported.yaml);
    raw["data"]["conversation"]["category"] = json!("New Car");
    assert_eq!(rules.matching(&created(&raw)).len(), 0);
    raw["data"]["conversation"]["category"] = json!({"meta": "Used Car"});
    let walked = rules.matching(&created(&raw)).len();
    assert_eq!(walked, 1, "the path is walked where there is an object");
    raw["organization"] = json!("another");
    assert_eq!(
        rules.matching(&created(&raw)).len(),
        0,
        "it runs in its organizations only"
    );
    assert_eq!((imported.complete(), imported.rules, imported.whole), (false, 1, 0));
    let expected = [
        "Web1on1 workflow 65ef0000aaaa000000000601 \"Roteamento vendas\": carried over in part as `roteamento-vendas`",
        "  not carried over: action \"enqueue\" (name: \"Sales\", channel: \"65ef0000aaaa000000000603\", delay: \"20\"): \
         Forebay routes events, and does nothing in Web1on1",
        "  a workflow does not say when it runs: assumed at \"ticket.created\"",
    ];
    assert_eq!(imported.remarks, expected);
}

/// Compares 300 conditions with the results of json-rules-engine itself (`json-rules-engine.mjs`).
#[test]
fn workflows_match_what_their_own_engine_matches() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("json-rules-engine.json")).expect("JSON");
    let mut matched = 0;
    for case in &cases {
        let imported = imported(Dialect::Web1on1, &json!({"conditions": case["conditions"]}));
        let raw = json!({"organization": "o", "data": {"conversation": case["conversation"]}});
        let event = event("web1on1", "ticket.created", &json!({"ticket": {"id": "1"}, "raw": raw}));
        let (ours, theirs) = (matches(&imported, &event), case["matches"] == true);
        assert!(theirs || !ours, "wider: {case}\n{}", imported.yaml);
        // In the engine, a missing fact is different from everything; in our rules it does not match.
        let complete_facts = case["conversation"].as_object().is_some_and(|facts| facts.len() == 5);
        let paths = case["conditions"].to_string().contains("\"path\"");
        if imported.complete() && complete_facts && !paths {
            assert!(ours == theirs, "narrower: {case}\n{}", imported.yaml);
        }
        matched += usize::from(ours);
    }
    assert!(matched > 50, "{matched} matched: the cases prove little");
}

/// Whether one test holds; `None` if it is not carried over.
fn holds(fact: &str, operator: &str, value: &Value, path: &Value) -> Option<bool> {
    let test = json!({"fact": fact, "operator": operator, "value": value, "path": path});
    let imported = imported(Dialect::Web1on1, &json!([{"id": 1, "conditions": {"all": [test]}}]));
    let conversation = json!({"n": 5, "t": "Used Car", "l": ["a", 1], "o": {"x": [{"y": 2}]}, "z": null});
    let raw = json!({"organization": "o", "data": {"conversation": conversation}});
    let event = event("web1on1", "ticket.created", &json!({"ticket": {"id": "1"}, "raw": raw}));
    let rules = loaded(&imported);
    assert_eq!(
        rules.iter().count(),
        usize::from(imported.complete()),
        "{}",
        imported.yaml
    );
    imported.complete().then(|| matches(&imported, &event))
}

#[test]
fn every_operator_is_supported_and_others_are_reported() {
    for (fact, operator, value, expected) in [
        ("conversation.n", "equal", json!(5), Some(true)),
        ("conversation.n", "equal", json!("5"), Some(false)),
        ("conversation.n", "notEqual", json!("5"), Some(true)),
        ("conversation.z", "equal", json!(null), Some(true)),
        ("conversation.n", "in", json!([1, 5.0]), Some(true)),
        ("conversation.n", "notIn", json!([1, 5.0]), Some(false)),
        ("conversation.l", "contains", json!("a"), Some(true)),
        ("conversation.t", "contains", json!("Used"), Some(false)),
        ("conversation.l", "doesNotContain", json!("a"), Some(false)),
        ("conversation.l", "doesNotContain", json!("b"), Some(true)),
        ("conversation.n", "lessThan", json!(5.5), Some(true)),
        ("conversation.n", "lessThanInclusive", json!(5), Some(true)),
        ("conversation.n", "greaterThan", json!(5), Some(false)),
        ("conversation.n", "greaterThanInclusive", json!(-1e9), Some(true)),
        ("conversation.t", "match", json!("^used|Car$"), Some(true)),
        ("conversation.t", "match", json!("^car"), Some(false)),
        ("conversation.missing", "equal", json!("x"), Some(false)),
        ("organization", "equal", json!("o"), Some(true)),
        ("conversation.t", "matches", json!("x"), None),
        ("conversation.t", "match", json!("(?=x)"), None),
        ("conversation.t", "match", json!(["x"]), None),
        ("conversation.t", "match", json!("x{1000}{1000}{1000}"), None),
        ("conversation.t", "match", json!("(x{1000}){1000}"), None),
        ("conversation.t", "equal", json!({"fact": "conversation.n"}), None),
        ("conversation.t", "equal", json!(["x"]), None),
        ("conversation.t", "in", json!("Used Car"), None),
        ("conversation.t", "in", json!([{}]), None),
        ("conversation.n", "lessThan", json!("6"), None),
        ("weather.today", "equal", json!("rain"), None),
        ("contact.name", "equal", json!("Ana"), Some(false)),
        ("", "equal", json!("x"), None),
    ] {
        let found = holds(fact, operator, &value, &json!(null));
        assert_eq!(found, expected, "{fact} {operator} {value}");
    }
}

#[test]
fn paths_of_names_and_numbers_are_followed_and_others_are_reported() {
    for (path, expected) in [
        (json!("$.x[0].y"), Some(true)),
        (json!(".x[0]['y']"), Some(true)),
        (json!("x[1].y"), Some(false)),
        (json!("$..y"), None),
        (json!("$.x[*].y"), None),
        (json!("$.x[?(@.y)]"), None),
        (json!("$['a\"b']"), None),
        (json!("$.x["), None),
        (json!("$.x[99999999999999999999]"), None),
        (json!(7), None),
    ] {
        let found = holds("conversation.o", "equal", &json!(2), &path);
        assert_eq!(found, expected, "{path}");
    }
}

#[test]
fn a_rule_about_a_message_or_a_contact_sees_its_events() {
    let rules = |facts: &[&str]| {
        let tests: Vec<Value> = facts
            .iter()
            .map(|fact| json!({"fact": fact, "operator": "notEqual", "value": "x"}))
            .collect();
        imported(Dialect::Web1on1, &json!({"conditions": {"all": tests}}))
    };
    let chat = sample("web1on1/message.create.contact.chat");
    let message = event(
        "web1on1",
        "message.created",
        &json!({"message": {"id": "1"}, "raw": chat}),
    );
    let card = sample("web1on1/contact.create");
    let contact = event(
        "web1on1",
        "contact.created",
        &json!({"contact": {"id": "1"}, "raw": card}),
    );
    let both = loaded(&rules(&["message.text", "conversation.status"]));
    assert_eq!((both.matching(&message).len(), both.matching(&contact).len()), (1, 0));
    let about_contact = loaded(&rules(&["contact.name"]));
    assert_eq!(
        (
            about_contact.matching(&message).len(),
            about_contact.matching(&contact).len()
        ),
        (0, 1)
    );
    let mixed = rules(&["contact.name", "conversation.status"]);
    assert!(
        !mixed.complete() && loaded(&mixed).iter().next().is_none(),
        "no webhook has both"
    );
}
