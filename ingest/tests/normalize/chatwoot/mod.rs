//! Chatwoot: account webhooks, bots, rules and forks report the same things under different names.

mod changes;
mod content;
mod people;

use schemas::data::{Data, Message, TicketStatus};
use schemas::platform::Platform;
use serde_json::{Value, json};

use crate::{one, sample};

/// The message of a `message_created` or `message_updated` with these members.
fn with_message<T>(body: &Value, look: impl FnOnce(&Message<'_>) -> T) -> T {
    let body = body.to_string();
    match one(Platform::Chatwoot, &body).data {
        Data::MessageCreated(message) | Data::MessageUpdated(message) => look(&message),
        other => panic!("{other:?}"),
    }
}

fn written(more: Value) -> Value {
    let mut body = json!({ "event": "message_created", "id": 1, "account": {"id": 3}, "conversation": {"id": 128} });
    let Value::Object(more) = more else { panic!("members") };
    body.as_object_mut().expect("an object").extend(more);
    body
}

#[test]
fn what_an_account_webhook_and_a_bot_get_is_one_event() {
    for (to_the_account, to_the_bot) in [
        (
            "conversation_status_changed.resolved.json",
            "agent_bot.conversation_resolved.json",
        ),
        ("message_created.incoming.json", "agent_bot.message_created.json"),
        ("message_incoming.json", "message_created.incoming.json"),
        ("message_outgoing.json", "message_created.outgoing.json"),
        ("old.message_created.json", "message_created.incoming.json"),
        ("old.conversation_created.json", "conversation_created.json"),
    ] {
        let (to_the_account, to_the_bot) = (
            sample(Platform::Chatwoot, to_the_account),
            sample(Platform::Chatwoot, to_the_bot),
        );
        let (first, second) = (
            one(Platform::Chatwoot, &to_the_account),
            one(Platform::Chatwoot, &to_the_bot),
        );
        assert_eq!(first.identity, second.identity, "{to_the_account}");
        assert_eq!(first.time, second.time, "{to_the_account}");
        assert_eq!(first.ordering_key, second.ordering_key, "{to_the_account}");
        assert_eq!(first.data.event_type(), second.data.event_type(), "{to_the_account}");
    }
}

#[test]
fn all_events_of_a_conversation_are_in_one_order_whoever_names_its_account() {
    for body in [
        r#"{"event":"message_created","id":1,"account":{"id":3},"conversation":{"id":128}}"#,
        r#"{"event":"message_created","id":1,"account_id":"3","conversation":{"id":"128"}}"#,
        r#"{"event":"message_created","id":1,"account":{"id":3},"conversation":{"display_id":128}}"#,
        r#"{"event":"message_created","id":1,"sender":{"id":4,"account":{"id":3}},"conversation":{"id":128}}"#,
        r#"{"event":"message_updated","id":1,"conversation":{"id":128,"messages":[{"id":1,"account_id":3}]}}"#,
        r#"{"event":"conversation_created","id":128,"account":{"id":3},"messages":[]}"#,
        r#"{"event":"conversation_updated","id":128,"messages":[{"id":1,"account_id":3}]}"#,
        r#"{"event":"conversation_updated","id":128,"messages":[],"meta":{"sender":{"id":4,"account":{"id":3}}}}"#,
        r#"{"event":"conversation_typing_on","user":{"id":7},"conversation":{"id":128,"account_id":3}}"#,
        r#"{"event":"macro.executed","id":128,"messages":[{"id":1,"account_id":3}]}"#,
        r#"{"event":"something_new","account":{"id":3},"conversation":{"id":128}}"#,
        r#"{"event":"message_created","account":{"id":3},"conversation":{"id":128}}"#,
    ] {
        let event = one(Platform::Chatwoot, body);
        assert_eq!(
            (&*event.ordering_key, event.account.as_deref()),
            ("3/128", Some("3")),
            "{body}"
        );
    }
}

#[test]
fn rules_and_macros_report_how_a_conversation_stands_and_end_or_open_none() {
    for name in [
        "automation_event.conversation_created",
        "automation_event.conversation_opened",
        "automation_event.conversation_resolved",
        "automation_event.message_created",
        "macro.executed",
        "conversation_opened",
    ] {
        let body = sample(Platform::Chatwoot, "agent_bot.conversation_resolved.json");
        let body = body.replace(r#""conversation_resolved""#, &format!("{name:?}"));
        match one(Platform::Chatwoot, &body).data {
            Data::TicketUpdated(ticket) => assert_eq!(ticket.status, Some(TicketStatus::Closed), "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    let elsewhere = sample(Platform::Chatwoot, "automation_event.other.json");
    let event = one(Platform::Chatwoot, &elsewhere);
    assert_eq!(
        event.data.event_type().as_str(),
        "unmapped",
        "an appointment is no conversation"
    );
}

#[test]
fn mentions_are_those_of_people() {
    for (content, expected) in [
        (
            "[@A](mention://user/8/A%20B) and [@B](mention://user/9/B)",
            &["8", "9"][..],
        ),
        ("[@Sales](mention://team/2/Sales)", &[]),
        ("](mention://user/x/y) ](mention://user/", &[]),
        ("mention://user/8/A", &[]),
    ] {
        let content = serde_json::to_string(content).expect("a text serializes");
        let body = format!(
            r#"{{"event":"message_created","id":1,"private":true,"content":{content},"account":{{"id":3}},"conversation":{{"id":128}}}}"#
        );
        let Data::MessageCreated(message) = one(Platform::Chatwoot, &body).data else {
            panic!("{body}")
        };
        assert_eq!(message.mentions, expected, "{content}");
    }
}

#[test]
fn a_ticket_is_transferred_when_another_agent_gets_it() {
    for (changed, expected) in [
        ("assignee_id", "ticket.transferred"),
        ("team_id", "ticket.transferred"),
        ("assignee_agent_bot_id", "ticket.transferred"),
        ("priority", "ticket.updated"),
        ("status", "ticket.updated"),
        ("waiting_since", "ticket.updated"),
    ] {
        for list in [
            format!(r#"[{{"updated_at":{{}}}},{{"{changed}":{{"previous_value":1,"current_value":2}}}}]"#),
            format!(r#"{{"{changed}":{{"previous_value":1,"current_value":2}}}}"#),
        ] {
            let body = format!(
                r#"{{"event":"conversation_updated","id":128,"account":{{"id":3}},"status":"resolved","changed_attributes":{list}}}"#
            );
            assert_eq!(
                one(Platform::Chatwoot, &body).data.event_type().as_str(),
                expected,
                "{body}"
            );
        }
    }
}
