//! Automation rules: their triggers, their operators, and their SQL.

use rules::import::Dialect;
use serde_json::{Value, json};

use super::{condition, imported, loaded, matches, rule, sample, webhook};

/// Compares 300 rules with PostgreSQL's results for Chatwoot's own SQL (`chatwoot.py`).
#[test]
fn automation_rules_match_what_their_own_sql_matches() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("chatwoot.json")).expect("JSON");
    let mut matched = 0;
    for case in &cases {
        let mut rule = rule(&case["conditions"]);
        rule["event_name"] = case["event_name"].clone();
        let imported = imported(Dialect::Chatwoot, &rule);
        let event = webhook(&case["raw"]);
        let (ours, theirs) = (matches(&imported, &event), case["matches"] == true);
        assert!(theirs || !ours, "wider: {case}\n{}", imported.yaml);
        // A remark says that a missing custom attribute does not count as different from a value.
        let mut remarks = imported.remarks.iter();
        let remarked = remarks.any(|remark| remark.contains("does not match not_equal_to"));
        if imported.complete() && !remarked {
            assert!(ours == theirs, "narrower: {case}\n{}", imported.yaml);
        }
        matched += usize::from(ours);
    }
    assert!(matched > 100, "{matched} matched: the cases prove little");
}

#[test]
fn a_rule_with_a_webhook_is_carried_over_whole_and_its_address_is_reported_without_its_query() {
    let conditions = json!([condition("content", "contains", &json!(["bom dia"]))]);
    let imported = imported(Dialect::Chatwoot, &rule(&conditions));
    assert!(imported.complete(), "{:?}", imported.remarks);
    let rules = loaded(&imported);
    assert_eq!(rules.iter().map(|r| r.to[0].to_string()).collect::<Vec<_>>(), ["http"]);
    let event = webhook(&sample("chatwoot/message_created.incoming"));
    assert_eq!(rules.matching(&event).len(), 1);
    let remarks = imported.remarks.join("\n");
    assert!(
        remarks.contains("https://crm.example.com/in") && !remarks.contains("hunter2"),
        "{remarks}"
    );
    assert!(!imported.yaml.contains("hunter2"));
}

/// Whether a condition holds for the extended sample message; `None` if it is not carried over.
fn holds(condition: &Value) -> Option<bool> {
    let imported = imported(Dialect::Chatwoot, &rule(&json!([condition])));
    let rules = loaded(&imported);
    assert_eq!(
        rules.iter().count(),
        usize::from(imported.complete()),
        "{}",
        imported.yaml
    );
    imported.complete().then(|| matches(&imported, &webhook(&rich())))
}

fn rich() -> Value {
    let mut raw = sample("chatwoot/message_created.incoming");
    let conversation = &mut raw["conversation"];
    conversation["labels"] = json!(["vip", "a\"b"]);
    conversation["meta"]["assignee"] = json!({"id": 4, "type": "user"});
    conversation["meta"]["assignee_type"] = json!("User");
    conversation["additional_attributes"] = json!({"referer": "https://shop.example.com/a_b"});
    conversation["custom_attributes"] = json!({"plan": "Gold", "seats": 7, "my key": true, "nothing": null});
    raw
}

#[test]
fn every_operator_is_supported_and_others_are_reported() {
    for (key, operator, values, expected) in [
        ("status", "equal_to", json!(["open"]), Some(true)),
        ("status", "not_equal_to", json!(["open", "pending"]), Some(false)),
        ("status", "equal_to", json!(["all"]), Some(true)),
        ("status", "contains", json!(["open"]), None),
        ("status", "equal_to", json!(["opened"]), None),
        ("priority", "not_equal_to", json!(["urgent"]), Some(false)),
        ("assignee_id", "equal_to", json!([4]), Some(true)),
        ("assignee_id", "equal_to", json!(["4"]), Some(true)),
        ("assignee_id", "not_equal_to", json!([4, 5]), Some(false)),
        ("assignee_id", "equal_to", json!(["me"]), None),
        ("assignee_id", "is_present", json!([]), Some(true)),
        ("assignee_id", "is_not_present", json!([]), Some(false)),
        ("team_id", "is_not_present", json!([]), Some(true)),
        ("team_id", "not_equal_to", json!([1]), Some(false)),
        ("inbox_id", "equal_to", json!([5]), Some(true)),
        ("display_id", "equal_to", json!([128]), Some(true)),
        ("display_id", "is_not_present", json!([]), None),
        ("labels", "equal_to", json!(["a\"b"]), Some(true)),
        ("labels", "not_equal_to", json!(["vip"]), Some(true)),
        ("labels", "is_present", json!([]), Some(true)),
        ("labels", "is_not_present", json!([]), Some(false)),
        ("labels", "contains", json!(["vip"]), None),
        ("referer", "contains", json!(["SHOP.example"]), Some(true)),
        ("referer", "contains", json!(["aXb"]), Some(false)),
        ("referer", "contains", json!(["a_b", "%.com/%_%_"]), Some(true)),
        ("referer", "does_not_contain", json!(["x%y"]), Some(true)),
        ("browser_language", "not_equal_to", json!(["en"]), Some(false)),
        ("created_at", "is_greater_than", json!(["2026-03-10"]), Some(true)),
        ("created_at", "is_less_than", json!(["2026-03-10"]), Some(false)),
        ("created_at", "is_less_than", json!(["soon"]), None),
        ("created_at", "days_before", json!(["3"]), None),
        ("name", "equal_to", json!(["Ana Exemplo"]), Some(true)),
        ("name", "equal_to", json!(["ana exemplo"]), Some(false)),
        ("phone_number", "starts_with", json!(["+55"]), Some(true)),
        ("phone_number", "starts_with", json!(["+1"]), Some(false)),
        ("email", "does_not_contain", json!(["@"]), Some(false)),
        ("blocked", "equal_to", json!([false]), Some(true)),
        ("blocked", "not_equal_to", json!(["false"]), Some(false)),
        ("message_type", "equal_to", json!(["incoming"]), Some(true)),
        ("private_note", "equal_to", json!([true]), Some(false)),
        ("sender_id", "equal_to", json!([41]), Some(true)),
        ("sender_type", "equal_to", json!(["Contact"]), None),
        ("content", "equal_to", json!(["OLÁ, BOM DIA"]), Some(true)),
        ("content", "not_equal_to", json!(["olá"]), Some(true)),
        ("content", "contains", json!("BOM"), Some(true)),
        ("content", "does_not_contain", json!(["bom", "x"]), Some(false)),
        ("content", "starts_with", json!(["olá"]), Some(true)),
        ("content", "contains", json!([5]), None),
        ("content", "contains", json!([]), None),
        ("content", "contains", json!({"a": 1}), None),
        ("content", "contains", json!(["x\\"]), Some(false)),
        ("content", "resembles", json!(["x"]), None),
        ("campaign_id", "is_present", json!([]), None),
        ("company_name", "equal_to", json!(["x"]), None),
        (
            "status",
            "attribute_changed",
            json!({"from": ["open"], "to": ["resolved"]}),
            None,
        ),
    ] {
        let found = holds(&condition(key, operator, &values));
        assert_eq!(found, expected, "{key} {operator} {values}");
    }
    // A bot has the number 4, too, and is not an assignee in Chatwoot.
    let mut raw = rich();
    raw["conversation"]["meta"]["assignee_type"] = json!("AgentBot");
    let conditions = json!([condition("assignee_id", "equal_to", &json!([4]))]);
    let imported = imported(Dialect::Chatwoot, &rule(&conditions));
    assert_eq!(loaded(&imported).matching(&webhook(&raw)).len(), 0);
}

#[test]
fn custom_attributes_are_compared_by_what_they_hold() {
    for (key, operator, values, expected) in [
        ("plan", "equal_to", json!(["gold"]), Some(true)),
        ("plan", "not_equal_to", json!(["GOLD", "x"]), Some(false)),
        ("plan", "contains", json!(["OL"]), Some(true)),
        ("seats", "equal_to", json!(["7"]), Some(true)),
        ("seats", "is_greater_than", json!(["6.5"]), Some(true)),
        ("seats", "is_less_than", json!([7]), Some(false)),
        ("seats", "is_less_than", json!(["2026-01-01"]), None),
        ("my key", "equal_to", json!([true]), Some(true)),
        ("my key", "is_present", json!([]), Some(true)),
        ("nothing", "is_present", json!([]), Some(false)),
        ("nothing", "is_not_present", json!([]), Some(true)),
        ("a\"]\n", "is_not_present", json!([]), Some(true)),
        ("plan", "days_before", json!(["1"]), None),
        ("plan", "equal_to", json!([null]), None),
    ] {
        let mut condition = condition(key, operator, &values);
        condition["custom_attribute_type"] = json!("conversation_attribute");
        assert_eq!(holds(&condition), expected, "{key} {operator} {values}");
    }
}

#[test]
fn each_trigger_sees_its_own_events_of_its_own_account_only() {
    let samples = [
        "message_created.incoming",
        "conversation_created",
        "conversation_updated.assignee",
        "conversation_status_changed.reopened",
        "conversation_status_changed.resolved",
    ];
    let triggers = [
        "message_created",
        "conversation_created",
        "conversation_updated",
        "conversation_opened",
        "conversation_resolved",
    ];
    for (trigger, expected) in triggers.into_iter().zip(samples) {
        let mut rule = rule(&json!([]));
        rule["event_name"] = json!(trigger);
        let ours = loaded(&imported(Dialect::Chatwoot, &rule));
        rule["account_id"] = json!(30);
        let others = loaded(&imported(Dialect::Chatwoot, &rule));
        let mut seen = Vec::new();
        for name in samples {
            let mut raw = sample(&format!("chatwoot/{name}"));
            if !ours.matching(&webhook(&raw)).is_empty() {
                seen.push(name);
            }
            assert!(others.matching(&webhook(&raw)).is_empty(), "{name}: another account");
            raw["performed_by"] = json!({"type": "automation_rule", "id": 1});
            assert!(ours.matching(&webhook(&raw)).is_empty(), "{name}: an automation did it");
        }
        assert_eq!(seen, [expected], "{trigger}");
    }
    let mut unknown = rule(&json!([]));
    unknown["event_name"] = json!("message_edited");
    let imported = imported(Dialect::Chatwoot, &unknown);
    assert!(
        !imported.complete() && loaded(&imported).iter().next().is_none(),
        "{}",
        imported.yaml
    );
}

#[test]
fn a_change_of_an_attribute_is_read_from_the_webhook() {
    let changed = |operator: &str, inbox: i64| {
        let values = json!({"from": ["open"], "to": ["resolved", "snoozed"]});
        let mut first = condition("status", "attribute_changed", &values);
        first["query_operator"] = json!(operator);
        let mut rule = rule(&json!([first, condition("inbox_id", "equal_to", &json!([inbox]))]));
        rule["event_name"] = json!("conversation_updated");
        imported(Dialect::Chatwoot, &rule)
    };
    let mut raw = sample("chatwoot/conversation_updated.assignee");
    raw["changed_attributes"] = json!([
        {"assignee_id": {"previous_value": 1, "current_value": 2}},
        {"status": {"previous_value": "open", "current_value": "resolved"}},
    ]);
    let both = loaded(&changed("AND", 5));
    assert_eq!(both.matching(&webhook(&raw)).len(), 1);
    assert_eq!(loaded(&changed("AND", 6)).matching(&webhook(&raw)).len(), 0);
    raw["changed_attributes"][1]["status"]["previous_value"] = json!("pending");
    assert_eq!(both.matching(&webhook(&raw)).len(), 0);
    raw["changed_attributes"] = json!(null);
    assert_eq!(both.matching(&webhook(&raw)).len(), 0);
    assert!(!changed("OR", 5).complete(), "Chatwoot ignores one of the two");
}

#[test]
fn and_binds_closer_than_or_and_a_chain_that_chatwoot_cannot_run_is_refused() {
    let yes = || condition("status", "equal_to", &json!(["open"]));
    let no = || condition("status", "equal_to", &json!(["snoozed"]));
    let chain = |mut conditions: Vec<Value>, operators: &[&str]| {
        for (condition, operator) in conditions.iter_mut().zip(operators) {
            condition["query_operator"] = json!(operator);
        }
        let imported = imported(Dialect::Chatwoot, &rule(&json!(conditions)));
        let event = webhook(&sample("chatwoot/message_created.incoming"));
        (imported.complete(), loaded(&imported).matching(&event).len())
    };
    // From left to right it would be (yes OR yes) AND no.
    assert_eq!(chain(vec![yes(), yes(), no()], &["OR", "and"]), (true, 1));
    assert_eq!(chain(vec![no(), yes(), yes()], &["AND", "or"]), (true, 1));
    assert_eq!(chain(vec![no(), yes(), no()], &["or", "AND"]), (true, 0));
    assert_eq!(chain(vec![yes(), yes()], &["", ""]), (false, 0));
    assert_eq!(chain(vec![yes(), yes()], &["XOR"]), (false, 0));
    let as_in_their_documents = chain(vec![yes()], &["AND"]);
    assert_eq!(as_in_their_documents, (true, 1));
}
