//! Rules of Web1on1 and Chatwoot are imported: the result is a rules file that loads, matches what the original matches
//! and nothing else, and what is lost is reported.

mod chatwoot;
mod hostile;
#[path = "../support/mod.rs"]
mod support;
mod web1on1;

use rules::Rules;
use rules::import::{Dialect, Imported, import};
use schemas::event::Event;
use serde_json::{Value, json};
use support::BOTH;

fn imported(dialect: Dialect, rules: &Value) -> Imported {
    let files = [("rules.json".to_owned(), rules.to_string())];
    import(dialect, &files, &["postgres".to_owned()]).expect("it is JSON")
}

/// Loads the imported rules.
fn loaded(imported: &Imported) -> Rules {
    let rules = Rules::parse(&imported.yaml, "rules.yaml", &BOTH)
        .unwrap_or_else(|problems| panic!("{problems:?}\n{}", imported.yaml));
    // Rules that are the same on the other platform are the same here, all may be lost, and a text may look like a reference.
    let expected = |reason: &str| {
        let beginnings = ["it has the `when`", "there is no rule", "`${…}` is not replaced"];
        beginnings.iter().any(|beginning| reason.starts_with(beginning))
    };
    let doubts: Vec<_> = rules
        .warnings()
        .iter()
        .filter(|warning| !expected(&warning.reason))
        .collect();
    assert!(doubts.is_empty(), "{doubts:?}\n{}", imported.yaml);
    rules
}

/// Whether one of these rules matches. None may fail: a value of another type than the original expects is no error
/// there.
fn matches(imported: &Imported, event: &Event) -> bool {
    let rules = loaded(imported);
    assert_eq!(rules.failing(event), [], "{}", imported.yaml);
    !rules.matching(event).is_empty()
}

fn event(platform: &str, event_type: &str, data: &Value) -> Event {
    let value = json!({
        "specversion": "1.0", "id": "019cd7f6-f0e0-82b2-9fbf-000000000001", "source": "/acme/s", "type": event_type,
        "subject": "c1", "time": "2026-03-10T13:36:50.912Z", "tenant": "acme", "platform": platform,
        "receivedtime": "2026-03-10T13:36:51.000Z", "partitionkey": "acme/s/k", "rawsha256": "00", "data": data,
    });
    Event::decode(&value.to_string().into()).expect("an event")
}

/// A webhook of a message or a conversation of Chatwoot, normalized as by the adapter.
fn webhook(raw: &Value) -> Event {
    let account = raw["account"]["id"].as_i64().unwrap_or(3);
    if raw["event"] == "message_created" {
        let mut message = json!({
            "id": raw["id"].to_string(),
            "conversation": {"id": format!("{account}/{}", raw["conversation"]["id"])},
            "direction": if raw["message_type"] == "incoming" { "inbound" } else { "outbound" },
            "internal": raw["private"],
        });
        if raw["content"].is_string() {
            message["text"] = raw["content"].clone();
        }
        return event("chatwoot", "message.created", &json!({"message": message, "raw": raw}));
    }
    let status = match raw["status"].as_str().expect("a status") {
        "resolved" => "closed",
        other => other,
    };
    let event_type = match (raw["event"].as_str().expect("a name"), status) {
        ("conversation_created", _) => "ticket.created",
        ("conversation_status_changed", "closed") => "ticket.closed",
        ("conversation_status_changed", "open") => "ticket.reopened",
        _ => "ticket.updated",
    };
    let ticket = json!({"id": format!("{account}/{}", raw["id"]), "status": status});
    event("chatwoot", event_type, &json!({"ticket": ticket, "raw": raw}))
}

fn sample(name: &str) -> Value {
    let path = format!("{}/../schemas/samples/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("the sample")).expect("JSON")
}

/// A rule about messages with these conditions.
fn rule(conditions: &Value) -> Value {
    json!({
        "id": 7, "account_id": 3, "name": "VIP", "event_name": "message_created", "active": true, "conditions": conditions,
        "actions": [{"action_name": "send_webhook_event", "action_params": ["https://crm.example.com/in?key=hunter2"]}],
    })
}

fn condition(key: &str, operator: &str, values: &Value) -> Value {
    json!({"attribute_key": key, "filter_operator": operator, "values": values, "query_operator": null})
}
