//! `ticket.cleared`: what a platform says is empty, each in its own way; and nothing that it leaves out.

use schemas::data::{Clearable, Data, Ticket};
use schemas::platform::Platform;
use serde_json::{Value, json};

use crate::{events, one, sample, samples_of, source};

use Clearable::{Assignee, Department, Labels, Priority, Team};

fn ticket<T>(platform: Platform, body: &str, read: impl FnOnce(&Ticket<'_>) -> T) -> T {
    match &events(platform, body.as_bytes())[0].data {
        Data::TicketCreated(ticket)
        | Data::TicketUpdated(ticket)
        | Data::TicketTransferred(ticket)
        | Data::TicketClosed(ticket)
        | Data::TicketReopened(ticket) => read(ticket),
        other => panic!("a ticket: {other:?}"),
    }
}

fn cleared(platform: Platform, body: &str) -> Vec<Clearable> {
    ticket(platform, body, |ticket| ticket.cleared.clone())
}

fn assignee(platform: Platform, body: &str) -> Option<String> {
    ticket(platform, body, |ticket| {
        let id = ticket.assignee.as_ref()?.id.as_ref()?;
        Some(id.to_string())
    })
}

fn json_of(platform: Platform, name: &str) -> Value {
    serde_json::from_str(&sample(platform, name)).expect("a sample is JSON")
}

/// The body with this member in the place of what is there; without it if there is no value.
fn with(mut body: Value, pointer: &str, value: Option<Value>) -> String {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let parent = body
        .pointer_mut(parent)
        .and_then(Value::as_object_mut)
        .expect("an object");
    match value {
        Some(value) => parent.insert(name.to_owned(), value),
        None => parent.remove(name),
    };
    body.to_string()
}

/// What is cleared where the member says that, and where it is left out.
fn each(platform: Platform, name: &str, pointer: &str, member: Clearable, empty: &[Value], full: &[Value]) {
    let is_cleared = |value| {
        let body = with(json_of(platform, name), pointer, value);
        cleared(platform, &body).contains(&member)
    };
    for value in empty {
        assert!(is_cleared(Some(value.clone())), "{platform} {pointer} {value}");
    }
    for value in full {
        assert!(!is_cleared(Some(value.clone())), "{platform} {pointer} {value}");
    }
    assert!(!is_cleared(None), "{platform} {pointer}: left out");
}

#[test]
fn what_is_cleared_has_no_value() {
    let mut seen = 0;
    for platform in Platform::ALL {
        for sample in samples_of(platform) {
            let normalized = ingest::normalize::normalize(&source(platform), &sample.headers, &sample.body);
            let ingest::normalize::Normalized::Events(events) = normalized else {
                continue;
            };
            for event in events {
                let Some(("ticket", ticket)) = event.data.to_member() else {
                    continue;
                };
                let ticket: Value = serde_json::from_str(&ticket).expect("our own JSON");
                for member in ticket["cleared"].as_array().into_iter().flatten() {
                    let name = member.as_str().expect("a name");
                    assert!(ticket.get(name).is_none(), "{platform} {}: {ticket}", sample.name);
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 0);
}

#[test]
fn chatwoot_shows_a_conversation_with_all_its_members() {
    const SHOWN: &str = "conversation_updated.status.json";
    let (none, agent) = ([json!(null)], [json!({ "id": 7, "name": "Agente Um" })]);
    each(Platform::Chatwoot, SHOWN, "/meta/assignee", Assignee, &none, &agent);
    each(
        Platform::Chatwoot,
        SHOWN,
        "/meta/team",
        Team,
        &none,
        &[json!({ "id": 2, "name": "vendas" })],
    );
    each(
        Platform::Chatwoot,
        SHOWN,
        "/priority",
        Priority,
        &none,
        &[json!("high"), json!(2)],
    );
    each(
        Platform::Chatwoot,
        SHOWN,
        "/labels",
        Labels,
        &[json!([])],
        &[json!(["vip"])],
    );
}

#[test]
fn what_chatwoot_says_has_changed_is_cleared_by_the_change_whatever_is_shown() {
    // Shows agent 7, the priority `high` and the label `vip`.
    const LATE: &str = "conversation_updated.burst.1_label.json";
    let after = |changes: Value| with(json_of(Platform::Chatwoot, LATE), "/changed_attributes", Some(changes));
    let change =
        |name: &str, from: Value, to: Value| json!([{ name: { "previous_value": from, "current_value": to } }]);
    for (changes, expected) in [
        (change("assignee_id", json!(7), json!(null)), vec![Assignee, Team]),
        (change("team_id", json!(2), json!(null)), vec![Team]),
        (change("priority", json!("high"), json!(null)), vec![Team, Priority]),
        (change("label_list", json!(["vip"]), json!([])), vec![Team, Labels]),
        (change("team_id", json!(null), json!(2)), vec![]),
        // As Rails writes a change, and without what became of it.
        (json!({ "assignee_id": [7, null] }), vec![Assignee, Team]),
        (json!({ "assignee_id": [7] }), vec![Team]),
        (json!([{ "assignee_id": { "previous_value": 7 } }]), vec![Team]),
        // From an agent to a bot.
        (
            json!([{ "assignee_id": [7, null] }, { "assignee_agent_bot_id": [null, 3] }]),
            vec![Team],
        ),
        (
            json!([{ "assignee_id": [7, null] }, { "assignee_agent_bot_id": [3, null] }]),
            vec![Assignee, Team],
        ),
        // The bot went; the agent who is shown may have been there before.
        (change("assignee_agent_bot_id", json!(3), json!(null)), vec![Team]),
    ] {
        assert_eq!(
            cleared(Platform::Chatwoot, &after(changes.clone())),
            expected,
            "{changes}"
        );
    }
    let taken = after(change("assignee_id", json!(7), json!(null)));
    assert_eq!(assignee(Platform::Chatwoot, &taken), None);
}

#[test]
fn digisac_shows_a_tickets_row() {
    const SHOWN: &str = "ticket.updated.json";
    let (none, id) = ([json!(null), json!("")], [json!("u1")]);
    each(Platform::Digisac, SHOWN, "/data/userId", Assignee, &none, &id);
    each(Platform::Digisac, SHOWN, "/data/departmentId", Department, &none, &id);
}

#[test]
fn a_notice_of_digisac_that_names_a_department_and_no_one_in_it_unassigns() {
    const NOTICE: &str = "message.created.transfer_notice.json";
    each(
        Platform::Digisac,
        NOTICE,
        "/data/ticketUserId",
        Assignee,
        &[json!(null)],
        &[json!("u1")],
    );
    let nowhere = with(
        json_of(Platform::Digisac, NOTICE),
        "/data/ticketDepartmentId",
        Some(json!(null)),
    );
    assert_eq!(cleared(Platform::Digisac, &nowhere), []);
}

#[test]
fn zendesk_writes_no_one_as_null_or_0() {
    const SHOWN: &str = "ticket.status_changed.pending.json";
    let (none, id) = ([json!(null), json!("0"), json!(0), json!("")], [json!("9")]);
    each(Platform::Zendesk, SHOWN, "/detail/assignee_id", Assignee, &none, &id);
    each(Platform::Zendesk, SHOWN, "/detail/group_id", Team, &none, &id);
    each(
        Platform::Zendesk,
        SHOWN,
        "/detail/priority",
        Priority,
        &[json!(null), json!("")],
        &[json!("LOW")],
    );
    each(
        Platform::Zendesk,
        SHOWN,
        "/detail/tags",
        Labels,
        &[json!([])],
        &[json!(["vip"])],
    );
    for (name, member) in [
        ("ticket.agent_assignment_changed.json", Assignee),
        ("ticket.group_assignment_changed.json", Team),
        ("ticket.priority_changed.json", Priority),
    ] {
        each(
            Platform::Zendesk,
            name,
            "/event/current",
            member,
            &[json!(null)],
            &[json!("9")],
        );
    }
}

#[test]
fn intercom_writes_no_one_as_null_or_0_or_nobody() {
    const SHOWN: &str = "conversation.admin.closed.json";
    const ITEM: &str = "/data/item";
    let at = |member: &str| format!("{ITEM}/{member}");
    let (none, id) = ([json!(null), json!("0"), json!(0)], [json!(9)]);
    each(
        Platform::Intercom,
        SHOWN,
        &at("admin_assignee_id"),
        Assignee,
        &none,
        &id,
    );
    each(Platform::Intercom, SHOWN, &at("team_assignee_id"), Team, &none, &id);
    let tag = json!([{ "type": "tag", "id": "86", "name": "vip" }]);
    each(
        Platform::Intercom,
        SHOWN,
        &at("tags/tags"),
        Labels,
        &[json!([])],
        &[tag],
    );
    // A word for the usual one is a priority.
    each(
        Platform::Intercom,
        SHOWN,
        &at("priority"),
        Priority,
        &[json!(null)],
        &[json!("not_priority")],
    );
    let old = "conversation.user.created.old_api.json";
    let (nobody, admin) = (
        json!({ "type": "nobody_admin", "id": null }),
        json!({ "type": "admin", "id": "9" }),
    );
    assert_eq!(
        cleared(
            Platform::Intercom,
            &sample(Platform::Intercom, "conversation_part.tag.created.with_part.json")
        ),
        [Team],
        "what was tagged has a label, though the conversation shows none"
    );
    each(Platform::Intercom, old, &at("assignee"), Assignee, &[nobody], &[admin]);
}

#[test]
fn intercoms_part_of_an_assignment_says_to_whom_whatever_is_shown() {
    let to = |admin: Value, to: Value| {
        let mut body = json_of(Platform::Intercom, "conversation.admin.assigned.json");
        body["data"]["item"]["admin_assignee_id"] = admin;
        let part = "/data/item/conversation_parts/conversation_parts/0/assigned_to";
        with(body, part, Some(to))
    };
    let admin = || json!({ "type": "admin", "id": "7" });
    for (shown, part, expected) in [
        (json!(null), admin(), (Some("7"), vec![])),
        (json!(9), json!({ "type": "admin", "id": "0" }), (None, vec![Assignee])),
        (
            json!(9),
            json!({ "type": "nobody_admin", "id": null }),
            (None, vec![Assignee]),
        ),
        (json!(9), json!({ "type": "team", "id": "0" }), (Some("9"), vec![Team])),
        (json!(9), json!({ "type": "team", "id": "4" }), (Some("9"), vec![])),
    ] {
        let body = to(shown, part);
        let found = (assignee(Platform::Intercom, &body), cleared(Platform::Intercom, &body));
        assert_eq!((found.0.as_deref(), found.1), expected, "{body}");
    }
}

#[test]
fn huggy_writes_no_department_as_false_or_null() {
    const SHOWN: &str = "startedChat.json";
    const CHAT: &str = "/messages/startedChat/0";
    let at = |member: &str| format!("{CHAT}/{member}");
    let (none, vendas) = ([json!(false), json!(null)], json!({ "id": 12, "name": "Vendas" }));
    each(
        Platform::Huggy,
        SHOWN,
        &at("department"),
        Department,
        &none,
        std::slice::from_ref(&vendas),
    );
    let unsaid: Value =
        serde_json::from_str(&with(json_of(Platform::Huggy, SHOWN), &at("department"), None)).expect("JSON");
    let spelled = with(unsaid.clone(), &at("chatDepartment"), Some(json!(null)));
    assert_eq!(cleared(Platform::Huggy, &spelled), [Department]);
    let mut both = unsaid;
    both["messages"]["startedChat"][0]["chatDepartment"] = vendas;
    let both = with(both, &at("departmentId"), Some(json!(null)));
    assert_eq!(cleared(Platform::Huggy, &both), [], "one of the spellings has it");
    each(
        Platform::Huggy,
        SHOWN,
        &at("agentId"),
        Assignee,
        &[json!(null)],
        &[json!(901)],
    );
}

#[test]
fn an_agent_who_leaves_a_chat_of_huggy_has_it_no_longer() {
    let body = sample(Platform::Huggy, "agentLeft.json");
    assert_eq!(assignee(Platform::Huggy, &body), None);
    assert_eq!(cleared(Platform::Huggy, &body), [Assignee]);
    // Another one is still in it.
    let body = body.replace("wait_for_chat", "in_chat");
    assert_eq!(assignee(Platform::Huggy, &body), None);
    assert_eq!(cleared(Platform::Huggy, &body), []);
}

#[test]
fn a_conversation_of_web1on1_is_no_ones_where_none_but_customers_accepted_it() {
    const SHOWN: &str = "conversation.update.json";
    const LIST: &str = "/data/conversation/participants";
    let customer = json!({ "user": "c", "role": "contact", "active": true, "accepted": true });
    let agent = |active: Value, accepted: Value| json!([customer, { "user": "a", "role": "agent", "active": active, "accepted": accepted }]);
    let none = [
        json!([customer]),
        agent(json!(true), json!(false)),
        agent(json!(false), json!(true)),
    ];
    let unknown = [
        agent(json!(true), json!(true)),
        agent(json!(true), json!(null)),
        json!([{ "user": "x", "accepted": true }]),
        json!(null),
    ];
    each(Platform::Web1on1, SHOWN, LIST, Assignee, &none, &unknown);
    let category = "/data/conversation/category";
    each(
        Platform::Web1on1,
        SHOWN,
        category,
        Labels,
        &[json!(null), json!("")],
        &[json!("Used Car")],
    );

    // Who is assigned by a command has it, though no one has accepted it yet.
    let mut body = json_of(Platform::Web1on1, "message.create.contact.command.accept.json");
    body["data"]["message"]["text"] = json!("/assign");
    body["data"]["message"]["meta"]["users"] = json!(["a"]);
    let body = with(body, LIST, Some(json!([customer])));
    assert_eq!(assignee(Platform::Web1on1, &body).as_deref(), Some("a"));
    assert_eq!(cleared(Platform::Web1on1, &body), []);
}

#[test]
fn a_conversation_of_twilio_has_nothing_to_clear() {
    for sample in samples_of(Platform::Twilio) {
        let body = String::from_utf8(sample.body).expect("text");
        if sample.name.starts_with("conversations.onConversation") {
            let event = one(Platform::Twilio, &body);
            let (_, data) = event.data.to_member().expect("data");
            assert!(!data.contains("cleared"), "{}: {data}", sample.name);
        }
    }
}
