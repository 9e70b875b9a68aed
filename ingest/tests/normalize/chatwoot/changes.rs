//! What an event says is what changed, whatever the body shows: it is built late, perhaps several changes later.

use ingest::normalize::NewEvent;
use schemas::data::{Data, DeliveryStatus};
use schemas::platform::Platform;
use serde_json::{Value, json};

use crate::{one, sample};

/// What the event's id is made of.
fn id(event: &NewEvent<'_>) -> String {
    format!("{:?} {:?}", event.identity, event.time)
}

fn id_of(body: &str) -> String {
    id(&one(Platform::Chatwoot, body))
}

fn ticket(body: &str) -> Value {
    let (name, ticket) = one(Platform::Chatwoot, body).data.to_member().expect("data");
    assert_eq!(name, "ticket", "{body}");
    serde_json::from_str(&ticket).expect("a ticket is JSON")
}

/// A body that shows how the conversation stands at last, with these changes.
fn changed(event: &str, changes: &Value) -> String {
    let mut body: Value = serde_json::from_str(&sample(Platform::Chatwoot, "conversation_updated.burst.1_label.json"))
        .expect("a sample is JSON");
    body["event"] = json!(event);
    body["changed_attributes"] = changes.clone();
    body.to_string()
}

fn change(name: &str, previous: &Value, current: &Value, at: Option<&str>) -> Value {
    let mut changes = vec![json!({ name: { "previous_value": previous, "current_value": current } })];
    if let Some(at) = at {
        changes.push(json!({ "updated_at": { "previous_value": null, "current_value": at } }));
    }
    json!(changes)
}

#[test]
fn changes_in_a_burst_are_each_what_changed_when_it_did() {
    for (name, event_type, time, status, previous, changed) in [
        (
            "conversation_updated.burst.1_label",
            "ticket.updated",
            "13:36:51.100",
            "open",
            None,
            "label_list",
        ),
        (
            "conversation_updated.burst.2_assignee",
            "ticket.transferred",
            "13:36:52.200",
            "open",
            None,
            "assignee_id",
        ),
        (
            "conversation_updated.burst.3_priority",
            "ticket.updated",
            "13:36:53.250",
            "open",
            None,
            "priority",
        ),
        (
            "conversation_updated.assignee_of_before",
            "ticket.transferred",
            "13:36:52.900",
            "open",
            None,
            "assignee_id",
        ),
        (
            "conversation_status_changed.flip.1_pending",
            "ticket.updated",
            "13:36:54.500",
            "pending",
            Some("open"),
            "status",
        ),
        (
            "conversation_status_changed.flip.2_open",
            "ticket.updated",
            "13:36:55.750",
            "open",
            Some("pending"),
            "status",
        ),
    ] {
        let body = sample(Platform::Chatwoot, &format!("{name}.json"));
        let event = one(Platform::Chatwoot, &body);
        assert_eq!(event.data.event_type().as_str(), event_type, "{name}");
        let expected = format!("2026-03-10T{time}Z");
        assert_eq!(event.time.map(|time| time.to_string()), Some(expected), "{name}");
        let ticket = ticket(&body);
        assert_eq!(ticket["status"], status, "{name}");
        assert_eq!(ticket["previous_status"].as_str(), previous, "{name}");
        assert_eq!(ticket["changed"], json!([changed, "updated_at"]), "{name}");
    }
}

#[test]
fn two_changes_are_two_events() {
    const STATUS: &str = "conversation_status_changed";
    const UPDATED: &str = "conversation_updated";
    let all = [
        // Closed and opened again within a second, with the moment and without; and once more.
        (STATUS, "status", json!("open"), json!("resolved"), "54.100"),
        (STATUS, "status", json!("resolved"), json!("open"), "54.900"),
        (STATUS, "status", json!("open"), json!("resolved"), "54.950"),
        (STATUS, "status", json!("open"), json!("resolved"), ""),
        (STATUS, "status", json!("resolved"), json!("open"), ""),
        (STATUS, "status", json!("open"), json!("pending"), ""),
        (STATUS, "status", json!("pending"), json!("open"), ""),
        (STATUS, "status", json!("snoozed"), json!("open"), ""),
        // A, B, A.
        (UPDATED, "assignee_id", json!(7), json!(8), "54.000"),
        (UPDATED, "assignee_id", json!(8), json!(7), "54.100"),
        (UPDATED, "assignee_id", json!(7), json!(8), "54.200"),
        // Put on, taken off, put on.
        (UPDATED, "label_list", json!([]), json!(["vip"]), "54.000"),
        (UPDATED, "label_list", json!(["vip"]), json!([]), "54.100"),
        (UPDATED, "label_list", json!([]), json!(["vip"]), "54.200"),
        // Of one moment.
        (UPDATED, "priority", json!(null), json!("high"), "59.000"),
        (UPDATED, "priority", json!("high"), json!(null), "59.000"),
        (UPDATED, "priority", json!(null), json!("low"), "59.000"),
        (UPDATED, "team_id", json!(null), json!(2), "59.000"),
        (UPDATED, "status", json!("open"), json!("resolved"), "59.000"),
        (STATUS, "status", json!("open"), json!("resolved"), "59.000"),
    ];
    let id = |(event, name, from, to, second): &(&str, &str, Value, Value, &str)| {
        let at = (!second.is_empty()).then(|| format!("2026-03-10T13:36:{second}Z"));
        id_of(&changed(event, &change(name, from, to, at.as_deref())))
    };
    let mut ids: Vec<_> = all.iter().map(id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all.len(), "{ids:#?}");
}

#[test]
fn a_body_that_is_built_later_is_the_same_event() {
    let later = json!({
        "labels": ["vip", "novo"], "status": "resolved", "priority": null, "unread_count": 4, "updated_at": 1_773_150_999.5,
        "last_activity_at": 1_773_150_999, "waiting_since": 1_773_150_990, "messages": [{"id": 4999, "account_id": 3}],
        "meta": {"sender": {"id": 9, "name": "Ana E."}, "assignee": {"id": 8, "name": "Outro", "type": "user"}},
        "name": "Ana E.", "phone_number": "+5511900000088", "email": "outra@example.com", "content": "outro texto",
        "content_attributes": {"deleted": true}, "source_id": "3EB0FIELD0000000A999",
    });
    for name in [
        "conversation_updated.burst.1_label",
        "conversation_updated.burst.2_assignee",
        "conversation_updated.burst.3_priority",
        "conversation_updated.assignee",
        "conversation_status_changed.flip.1_pending",
        "conversation_status_changed.flip.2_open",
        "conversation_created",
        "contact_created",
        "contact_updated",
        "contact_updated.blocked",
        "message_created.incoming",
        "message_created.outgoing",
        "message_updated.status_on_top",
        "message_updated.changes.edited",
    ] {
        let body = sample(Platform::Chatwoot, &format!("{name}.json"));
        let mut built_later: Value = serde_json::from_str(&body).expect("a sample is JSON");
        let shown = built_later.as_object_mut().expect("a body is an object");
        for (member, value) in later.as_object().expect("members") {
            if let Some(shown) = shown.get_mut(member) {
                *shown = value.clone();
            }
        }
        assert_eq!(id_of(&built_later.to_string()), id_of(&body), "{name}");
    }
}

#[test]
fn a_change_is_one_event_over_all_hooks() {
    let moment = "2026-03-10T13:36:54.500Z";
    let closing = change("status", &json!("pending"), &json!("resolved"), Some(moment));
    let to_a_bot = r#"{"event":"conversation_resolved","id":128,"account":{"id":3},"status":"resolved","updated_at":1773149814.500987}"#;
    let unsaid = r#"{"event":"conversation_status_changed","id":128,"account":{"id":3},"status":"resolved",
        "changed_attributes":null,"updated_at":1773149814.5}"#;
    let flip = sample(Platform::Chatwoot, "conversation_status_changed.flip.1_pending.json");
    let flip_to_a_bot = sample(Platform::Chatwoot, "agent_bot.conversation_status_changed.pending.json");
    for (first, second) in [
        (changed("conversation_status_changed", &closing), to_a_bot.to_owned()),
        (to_a_bot.to_owned(), unsaid.to_owned()),
        (flip, flip_to_a_bot),
    ] {
        assert_eq!(id_of(&first), id_of(&second), "{first}");
    }
}

#[test]
fn a_ticket_is_as_the_change_left_it() {
    let shown = json!({ "id": "7", "kind": "agent", "name": "Agente Um" });
    for (name, current, member, expected) in [
        ("assignee_id", json!(7), "assignee", shown.clone()),
        // The name shown is another one's.
        (
            "assignee_id",
            json!(8),
            "assignee",
            json!({ "id": "8", "kind": "agent" }),
        ),
        ("assignee_id", json!(null), "assignee", json!(null)),
        (
            "assignee_agent_bot_id",
            json!(7),
            "assignee",
            json!({ "id": "7", "kind": "bot" }),
        ),
        ("priority", json!("low"), "assignee", shown),
        ("priority", json!("low"), "priority", json!("low")),
        ("priority", json!(null), "priority", json!(null)),
        ("team_id", json!(2), "team", json!("2")),
        ("team_id", json!(null), "team", json!(null)),
        ("label_list", json!(["a", "b"]), "labels", json!(["a", "b"])),
        ("label_list", json!([]), "labels", json!(null)),
        ("status", json!("snoozed"), "status", json!("snoozed")),
    ] {
        let changes = change(name, &json!(null), &current, None);
        let ticket = ticket(&changed("conversation_updated", &changes));
        assert_eq!(ticket[member], expected, "{name} {current}");
    }
    let named = sample(Platform::Chatwoot, "conversation_updated.assignee.json");
    assert_eq!(ticket(&named)["team"], "vendas");
}

#[test]
fn a_pair_of_values_is_a_change_too() {
    let at = "2026-03-10T13:36:54.500Z";
    let pair = json!({ "status": ["open", "snoozed"], "updated_at": [null, at] });
    let pair = changed("conversation_status_changed", &pair);
    let objects = change("status", &json!("open"), &json!("snoozed"), Some(at));
    let ticket = ticket(&pair);
    assert_eq!(
        (&ticket["status"], &ticket["previous_status"]),
        (&json!("snoozed"), &json!("open"))
    );
    assert_eq!(id_of(&pair), id_of(&changed("conversation_status_changed", &objects)));
}

#[test]
fn white_space_makes_no_other_change() {
    let reported = changed(
        "conversation_updated",
        &change("label_list", &json!([]), &json!(["a b", "c\" d"]), None),
    );
    let spaced = reported.replace(r#"["a b","c\" d"]"#, "[ \"a b\",\n \"c\\\" d\" ]");
    assert_ne!(reported, spaced);
    assert_eq!(id_of(&reported), id_of(&spaced));
    assert_ne!(id_of(&reported), id_of(&reported.replace("a b", "ab")));
    assert_ne!(id_of(&reported), id_of(&reported.replace(r#"c\" d"#, r#"c\"d"#)));
}

#[test]
fn a_message_got_as_far_as_the_change_says_and_was_edited_or_deleted_by_its_own_change() {
    for (name, event_type, time) in [
        ("message_updated.status_on_top", "message.status", "13:36:58.120"),
        ("message_updated.status_on_top.read", "message.status", "13:37:20.480"),
        (
            "message_updated.changes.read_before_deleted",
            "message.status",
            "13:38:30.000",
        ),
        ("message_updated.changes.edited", "message.updated", "13:38:00.010"),
        ("message_updated.changes.deleted", "message.deleted", "13:39:00.020"),
    ] {
        let body = sample(Platform::Chatwoot, &format!("{name}.json"));
        let event = one(Platform::Chatwoot, &body);
        assert_eq!(event.data.event_type().as_str(), event_type, "{name}");
        let expected = format!("2026-03-10T{time}Z");
        assert_eq!(event.time.map(|time| time.to_string()), Some(expected), "{name}");
    }
    let body = sample(Platform::Chatwoot, "message_updated.status_on_top.json");
    let built_later = body.replace(r#""status": "delivered""#, r#""status": "read""#);
    assert_ne!(body, built_later);
    for body in [body.as_str(), &built_later] {
        match one(Platform::Chatwoot, body).data {
            Data::MessageStatus(reported) => assert_eq!(reported.status, DeliveryStatus::Delivered),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(id_of(&body), id_of(&built_later));
    let read = sample(Platform::Chatwoot, "message_updated.status_on_top.read.json");
    assert_ne!(id_of(&body), id_of(&read));
    let edited = sample(Platform::Chatwoot, "message_updated.changes.edited.json");
    match one(Platform::Chatwoot, &edited).data {
        Data::MessageUpdated(message) => assert_eq!(message.text.as_deref(), Some("Oi, tudo bem?")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn updates_of_a_message_that_do_not_say_what_changed_differ_in_what_can_be_updated() {
    let body = sample(Platform::Chatwoot, "message_updated.transcribed.json");
    for (from, to, same) in [
        ("pode ser amanhã às nove", "pode ser amanhã às dez", false),
        (
            r#""source_id": "3EB0A1B2C3D4E5F60002""#,
            r#""source_id": "3EB0A1B2C3D4E5F60009""#,
            false,
        ),
        (r#""unread_count": 1,"#, r#""unread_count": 7,"#, true),
    ] {
        let other = body.replace(from, to);
        assert_ne!(other, body, "{from}");
        assert_eq!(id_of(&other) == id_of(&body), same, "{from}");
    }
}

#[test]
fn a_contact_is_as_the_change_left_them() {
    let body = sample(Platform::Chatwoot, "contact_updated.phone.json");
    let event = one(Platform::Chatwoot, &body);
    let Data::ContactUpdated(contact) = &event.data else {
        panic!("{event:?}")
    };
    assert_eq!(contact.phone.as_deref(), Some("+5511900000002"));
    assert_eq!(
        event.time.map(|time| time.to_string()).as_deref(),
        Some("2026-03-10T13:45:10.000Z")
    );
}

#[test]
fn whoever_took_a_message_back_is_named() {
    let body = sample(Platform::Chatwoot, "message_updated.changes.deleted.json");
    for (performed_by, expected) in [
        (json!({"type": "user", "id": 7}), json!({"id": "7", "kind": "agent"})),
        (json!({"type": "agent_bot", "id": 3}), json!({"id": "3", "kind": "bot"})),
        (
            json!({"type": "contact", "id": 9}),
            json!({"id": "9", "kind": "contact"}),
        ),
        (
            json!({"type": "automation_rule", "id": 4}),
            json!({"id": "4", "kind": "system"}),
        ),
        (json!(null), json!(null)),
    ] {
        let mut reported: Value = serde_json::from_str(&body).expect("a sample is JSON");
        reported["performed_by"] = performed_by;
        let reported = reported.to_string();
        match one(Platform::Chatwoot, &reported).data {
            Data::MessageDeleted(deletion) => assert_eq!(json!(deletion.by), expected, "{reported}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(
            id_of(&reported),
            id_of(&body),
            "who did it is known of one deletion only"
        );
    }
}

#[test]
fn a_deletion_may_come_as_a_text_that_is_json() {
    let body = json!({
        "event": "message_updated", "id": 1, "account": {"id": 3}, "conversation": {"id": 128},
        "content_attributes": {"deleted": true},
        "changed_attributes": [
            {"content_attributes": {"previous_value": "{}", "current_value": "{\"deleted\":true}"}},
            {"updated_at": {"previous_value": null, "current_value": "2026-03-10T13:36:59.520Z"}},
        ],
    });
    let body = body.to_string();
    assert!(matches!(one(Platform::Chatwoot, &body).data, Data::MessageDeleted(_)));
}
