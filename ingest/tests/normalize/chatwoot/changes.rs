//! What an event says is what changed, whatever the body shows: it is built late, perhaps several changes later.

use ingest::normalize::NewEvent;
use schemas::data::{Data, DeliveryStatus, PartyKind, Ticket, TicketStatus};
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

fn ticket(body: &str) -> Ticket<'static> {
    let event = one(Platform::Chatwoot, body);
    let (Data::TicketCreated(ticket)
    | Data::TicketUpdated(ticket)
    | Data::TicketTransferred(ticket)
    | Data::TicketClosed(ticket)
    | Data::TicketReopened(ticket)) = &event.data
    else {
        panic!("a ticket: {body}")
    };
    let json = serde_json::to_string(ticket).expect("a ticket serializes");
    serde_json::from_str(Box::leak(json.into_boxed_str())).expect("a ticket")
}

/// A body that shows how the conversation stands at last, told of these changes.
fn changed(event: &str, changes: &Value) -> String {
    let mut body: Value = serde_json::from_str(&sample(Platform::Chatwoot, "conversation_updated.burst.1_label.json"))
        .expect("a sample is JSON");
    body["event"] = json!(event);
    body["changed_attributes"] = changes.clone();
    body.to_string()
}

fn change(name: &str, previous: Value, current: Value, at: Option<&str>) -> Value {
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
        let ticket = serde_json::to_value(ticket(&body)).expect("a ticket serializes");
        assert_eq!(ticket["status"], status, "{name}");
        assert_eq!(ticket["previous_status"].as_str(), previous, "{name}");
        assert_eq!(ticket["changed"], json!([changed, "updated_at"]), "{name}");
    }
}

#[test]
fn two_changes_are_two_events() {
    let status = |from: &str, to: &str, at| {
        changed(
            "conversation_status_changed",
            &change("status", json!(from), json!(to), at),
        )
    };
    let assignee = |from: i32, to: i32, at| {
        changed(
            "conversation_updated",
            &change("assignee_id", json!(from), json!(to), Some(at)),
        )
    };
    let labels =
        |from: Value, to: Value, at| changed("conversation_updated", &change("label_list", from, to, Some(at)));
    let same_moment = Some("2026-03-10T13:37:00.000Z");
    let all = [
        // Closed and opened again within a second, with the moment and without; and once more.
        status("open", "resolved", Some("2026-03-10T13:36:54.100Z")),
        status("resolved", "open", Some("2026-03-10T13:36:54.900Z")),
        status("open", "resolved", Some("2026-03-10T13:36:54.950Z")),
        status("open", "resolved", None),
        status("resolved", "open", None),
        status("open", "pending", None),
        status("pending", "open", None),
        status("snoozed", "open", None),
        // A, B, A.
        assignee(7, 8, "2026-03-10T13:36:54.000Z"),
        assignee(8, 7, "2026-03-10T13:36:54.100Z"),
        assignee(7, 8, "2026-03-10T13:36:54.200Z"),
        // Put on, taken off, put on.
        labels(json!([]), json!(["vip"]), "2026-03-10T13:36:54.000Z"),
        labels(json!(["vip"]), json!([]), "2026-03-10T13:36:54.100Z"),
        labels(json!([]), json!(["vip"]), "2026-03-10T13:36:54.200Z"),
        // Of one moment.
        changed(
            "conversation_updated",
            &change("priority", json!(null), json!("high"), same_moment),
        ),
        changed(
            "conversation_updated",
            &change("priority", json!("high"), json!(null), same_moment),
        ),
        changed(
            "conversation_updated",
            &change("priority", json!(null), json!("low"), same_moment),
        ),
        changed(
            "conversation_updated",
            &change("team_id", json!(null), json!(2), same_moment),
        ),
        changed(
            "conversation_updated",
            &change("status", json!("open"), json!("resolved"), same_moment),
        ),
        changed(
            "conversation_status_changed",
            &change("status", json!("open"), json!("resolved"), same_moment),
        ),
    ];
    let mut ids: Vec<_> = all.iter().map(|body| id_of(body)).collect();
    ids.sort();
    let all = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), all, "{ids:#?}");
}

#[test]
fn a_body_that_is_built_later_tells_of_the_same_event() {
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
    let closing = change("status", json!("pending"), json!("resolved"), Some(moment));
    let to_a_bot = r#"{"event":"conversation_resolved","id":128,"account":{"id":3},"status":"resolved","updated_at":1773149814.500987}"#;
    let unsaid = r#"{"event":"conversation_status_changed","id":128,"account":{"id":3},"status":"resolved",
        "changed_attributes":null,"updated_at":1773149814.5}"#;
    let flip = sample(Platform::Chatwoot, "conversation_status_changed.flip.1_pending.json");
    let flip_to_a_bot = sample(Platform::Chatwoot, "agent_bot.conversation_status_changed.pending.json");
    for (one, other) in [
        (changed("conversation_status_changed", &closing), to_a_bot.to_owned()),
        (to_a_bot.to_owned(), unsaid.to_owned()),
        (flip, flip_to_a_bot),
    ] {
        assert_eq!(id_of(&one), id_of(&other), "{one}");
    }
}

#[test]
fn a_ticket_is_as_the_change_left_it() {
    let told = |name: &str, current: Value| {
        ticket(&changed(
            "conversation_updated",
            &change(name, json!(null), current, None),
        ))
    };
    let assignee = |name: &str, current: Value| {
        let assignee = told(name, current).assignee?;
        Some((
            assignee.id?.into_owned(),
            assignee.kind?,
            assignee.name.map(|name| name.into_owned()),
        ))
    };
    let agent = |id: &str, name: Option<&str>| Some((id.to_owned(), PartyKind::Agent, name.map(str::to_owned)));
    assert_eq!(assignee("assignee_id", json!(7)), agent("7", Some("Agente Um")));
    assert_eq!(
        assignee("assignee_id", json!(8)),
        agent("8", None),
        "the name shown is another one's"
    );
    assert_eq!(assignee("assignee_id", json!(null)), None);
    assert_eq!(
        assignee("assignee_agent_bot_id", json!(7)),
        Some(("7".to_owned(), PartyKind::Bot, None))
    );
    assert_eq!(assignee("priority", json!("low")), agent("7", Some("Agente Um")));
    assert_eq!(told("team_id", json!(2)).team.as_deref(), Some("2"));
    assert_eq!(told("team_id", json!(null)).team, None);
    assert_eq!(told("priority", json!("low")).priority.as_deref(), Some("low"));
    assert_eq!(told("priority", json!(null)).priority, None);
    assert_eq!(told("label_list", json!(["a", "b"])).labels, ["a", "b"]);
    assert!(told("label_list", json!([])).labels.is_empty());
    assert_eq!(told("status", json!("snoozed")).status, Some(TicketStatus::Snoozed));
    let named = sample(Platform::Chatwoot, "conversation_updated.assignee.json");
    assert_eq!(ticket(&named).team.as_deref(), Some("vendas"));
}

#[test]
fn a_pair_of_values_is_a_change_too() {
    let pair = json!({ "status": ["open", "snoozed"], "updated_at": [null, "2026-03-10T13:36:54.500Z"] });
    let objects = change(
        "status",
        json!("open"),
        json!("snoozed"),
        Some("2026-03-10T13:36:54.500Z"),
    );
    let pair = changed("conversation_status_changed", &pair);
    assert_eq!(ticket(&pair).status, Some(TicketStatus::Snoozed));
    assert_eq!(ticket(&pair).previous_status, Some(TicketStatus::Open));
    assert_eq!(id_of(&pair), id_of(&changed("conversation_status_changed", &objects)));
}

#[test]
fn white_space_makes_no_other_change() {
    let told = changed(
        "conversation_updated",
        &change("label_list", json!([]), json!(["a b", "c\" d"]), None),
    );
    let spaced = told.replace(r#"["a b","c\" d"]"#, "[ \"a b\",\n \"c\\\" d\" ]");
    assert_ne!(told, spaced);
    assert_eq!(id_of(&told), id_of(&spaced));
    assert_ne!(id_of(&told), id_of(&told.replace("a b", "ab")));
    assert_ne!(id_of(&told), id_of(&told.replace(r#"c\" d"#, r#"c\"d"#)));
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
            Data::MessageStatus(told) => assert_eq!(told.status, DeliveryStatus::Delivered),
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
