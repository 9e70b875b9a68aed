//! What is peculiar to Huggy: several events in one body, a message that comes twice, local times, the token.

use ingest::normalize::{Forbidden, Normalized, Reply, normalize};
use schemas::data::{Data, Direction, Party, PartyKind};
use schemas::event::Raw;
use schemas::platform::Platform;
use schemas::secret::Secret;
use schemas::source::Source;

use crate::{all_differ, events, headers, id_of, one, sample, source};

fn reply(verify_token: Option<&str>, body: &str) -> Option<Result<Reply, Forbidden>> {
    let mut source = source(Platform::Huggy);
    source.verify_token = verify_token.map(Secret::new);
    match normalize(&source, &headers(), body.as_bytes()) {
        Normalized::Reply(reply) => Some(reply),
        Normalized::Events(_) => None,
    }
}

#[test]
fn the_token_is_said_back_unless_it_is_not_the_configured_one() {
    let shown = r#"{"token":"00000000000000000000000000000abc","validToken":true}"#;
    let said = || Some(Ok(Reply::Text("00000000000000000000000000000abc".to_owned())));
    assert_eq!(reply(None, shown), said());
    assert_eq!(reply(Some("00000000000000000000000000000abc"), shown), said());
    assert_eq!(
        reply(Some("00000000000000000000000000000abd"), shown),
        Some(Err(Forbidden))
    );
    for no_handshake in [
        r#"{"token":"a","validToken":false}"#,
        r#"{"token":"a"}"#,
        r#"{"validToken":true}"#,
        r#"{"token":"a","validToken":true,"messages":{"closedChat":[{"id":1}]}}"#,
    ] {
        assert_eq!(reply(None, no_handshake), None, "{no_handshake}");
    }
}

#[test]
fn a_token_beside_events_is_not_kept() {
    let event = one(
        Platform::Huggy,
        r#"{"token":"s3cret","messages":{"closedChat":[{"id":1}]}}"#,
    );
    assert!(
        matches!(&event.raw, Raw::Json(raw) if raw == r#"{"token":null,"messages":{"closedChat":[{"id":1}]}}"#),
        "{event:?}"
    );
}

#[test]
fn a_message_that_comes_under_two_names_is_one_event() {
    let body = sample(Platform::Huggy, "receivedMessage.json");
    let again = body.replace("receivedMessage", "receivedAllMessage");
    let (first, second) = (one(Platform::Huggy, &body), one(Platform::Huggy, &again));
    assert_eq!(first.identity, second.identity);
    assert_eq!(first.time, second.time);
    assert_eq!(first.data, second.data);

    let started = sample(Platform::Huggy, "startedChat.json");
    let created = started.replace("startedChat", "createdChat");
    assert_eq!(
        one(Platform::Huggy, &started).identity,
        one(Platform::Huggy, &created).identity
    );
}

#[test]
fn every_element_of_every_event_is_taken_and_a_bad_one_does_not_take_the_others_with_it() {
    let body = r#"{"messages":{
        "receivedMessage":[{"id":1,"body":"a","chat":{"id":7}},{"body":"no id","chat":{"id":7}},null,{"id":"2","text":"b","chat":"7"}],
        "newThing":[{"id":3,"chat":{"id":7}}],
        "closedChat":{"id":"7"},
        "createdCustomer":[]}}"#;
    let events = events(Platform::Huggy, body.as_bytes());
    let found: Vec<_> = events
        .iter()
        .map(|event| format!("{} {}", event.data.event_type(), event.ordering_key))
        .collect();
    assert_eq!(
        found,
        [
            "message.created 7",
            "unmapped 7",
            "unmapped unmapped",
            "message.created 7",
            "unmapped 7",
            "ticket.closed 7"
        ]
    );
    assert!(
        matches!(&events[4].raw, Raw::Json(raw) if raw == r#"{"id":3,"chat":{"id":7}}"#),
        "each has its own element"
    );
    let Data::Unmapped(unmapped) = &events[4].data else {
        panic!("unmapped")
    };
    assert_eq!(unmapped.event.as_deref(), Some("newThing"));
}

#[test]
fn equal_elements_of_two_unknown_events_are_two_events() {
    let events = events(Platform::Huggy, br#"{"messages":{"a":[{"x":1}],"b":[{"x":1}]}}"#);
    assert_eq!(events.len(), 2);
    assert_ne!(events[0].identity, events[1].identity);
}

#[test]
fn who_writes_is_decided_by_the_senders_type_else_by_the_events_name() {
    for (event, sender_type, expected) in [
        ("receivedAllMessage", r#""whatsapp-enterprise""#, Direction::Inbound),
        ("receivedAllMessage", r#""agent""#, Direction::Outbound),
        ("receivedAllMessage", r#""bot""#, Direction::Outbound),
        ("receivedAllMessage", "null", Direction::Inbound),
        ("sentAllMessage", "null", Direction::Outbound),
        ("sendedAllMessage", r#""widget""#, Direction::Outbound),
    ] {
        let body = format!(
            r#"{{"messages":{{"{event}":[{{"id":1,"senderType":{sender_type},"sender":{{"id":5}},"chat":{{"id":7}}}}]}}}}"#
        );
        let Data::MessageCreated(message) = one(Platform::Huggy, &body).data else {
            panic!("a message")
        };
        assert_eq!(message.direction, expected, "{event} {sender_type}");
        assert_eq!(message.from.and_then(|from| from.id).as_deref(), Some("5"));
    }
}

#[test]
fn a_chat_closed_again_is_another_event_and_a_redelivery_is_not() {
    let body = sample(Platform::Huggy, "closedChat.json");
    let again = body.replace("11:02:00", "12:30:00");
    let identity = |body: &str| {
        one(Platform::Huggy, body)
            .identity
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(identity(&body), identity(&body));
    assert_ne!(identity(&body), identity(&again));
}

#[test]
fn ids_keep_every_digit_and_odd_values_are_absent() {
    let body = r#"{"messages":{"receivedMessage":[{"id":9007199254740993,"body":{"x":1},"type":7.5,"is_internal":"1","sender":[],
        "file":false,"sendAt":"yesterday","chat":{"id":"9007199254740993","department":false}}]}}"#;
    let event = one(Platform::Huggy, body);
    assert_eq!(event.ordering_key, "9007199254740993");
    assert_eq!(event.time, None);
    let Data::MessageCreated(message) = event.data else {
        panic!("a message")
    };
    assert_eq!(message.id, "9007199254740993");
    assert!(message.internal && message.text.is_none() && message.from.is_none() && message.attachments.is_empty());
}

#[test]
fn local_times_are_those_of_the_sources_zone() {
    let body = br#"{"messages":{"closedChat":[{"id":1,"closedAt":"2026-03-10 10:36:50"}]}}"#;
    let time = |utc_offset_minutes| {
        let source = Source {
            utc_offset_minutes,
            ..source(Platform::Huggy)
        };
        match normalize(&source, &headers(), body) {
            Normalized::Events(events) => events[0].time.map(|time| time.to_string()),
            Normalized::Reply(_) => None,
        }
    };
    assert_eq!(time(None).as_deref(), Some("2026-03-10T13:36:50.000Z"));
    assert_eq!(time(Some(-240)).as_deref(), Some("2026-03-10T14:36:50.000Z"));
    assert_eq!(time(Some(0)).as_deref(), Some("2026-03-10T10:36:50.000Z"));
}

#[test]
fn what_happens_within_a_second_is_as_many_events() {
    let tags = [
        "tagUpdated.json",
        "tagUpdated.same_second.removed.json",
        "tagUpdated.same_second.other.json",
    ];
    all_differ(Platform::Huggy, &tags);
    all_differ(
        Platform::Huggy,
        &["updatedCustomer.json", "updatedCustomer.same_second.json"],
    );
    all_differ(
        Platform::Huggy,
        &["agentEntered.dated.json", "agentEntered.dated.second_agent.json"],
    );
}

#[test]
fn what_happens_to_a_chat_is_distinguished_by_what_it_is_about_not_by_the_chats_state() {
    let id = |body: &str| id_of(&one(Platform::Huggy, body));
    let entered = sample(Platform::Huggy, "agentEntered.dated.json");
    let later_state = entered
        .replace("in_chat", "finishing")
        .replace("Ana Exemplo", "Ana Maria Exemplo");
    assert_ne!(entered, later_state);
    assert_eq!(id(&entered), id(&later_state));
    assert_ne!(
        id(&entered),
        id(&entered.replace("10:40:00", "10:45:00")),
        "the same agent again"
    );

    // When it does not say when, all that it says distinguishes it.
    let undated = |agent: u32| format!(r#"{{"messages":{{"agentEntered":[{{"id":7,"agent":{{"id":{agent}}}}}]}}}}"#);
    assert_ne!(id(&undated(1)), id(&undated(2)));
    assert_eq!(id(&undated(1)), id(&undated(1)));

    // A step or a flow, too.
    let moved = |event: &str, what: &str| {
        format!(r#"{{"messages":{{"{event}":[{{{what},"chat":{{"id":7}},"updatedAt":"2026-03-10 10:51:00"}}]}}}}"#)
    };
    for (event, first, second) in [
        ("updatedWorkflowStep", r#""step":{"id":4}"#, r#""step":{"id":5}"#),
        ("startedAutomationFlow", r#""flow":{"id":310}"#, r#""flow":{"id":311}"#),
    ] {
        assert_ne!(id(&moved(event, first)), id(&moved(event, second)), "{event}");
        let repeated = moved(event, first).replace(r#"{"id":7}"#, r#"{"id":7,"situation":"auto"}"#);
        assert_eq!(id(&moved(event, first)), id(&repeated), "{event}");
    }
}

#[test]
fn what_has_no_mapping_has_its_moment_and_its_company() {
    let event = one(
        Platform::Huggy,
        r#"{"messages":{"newThing":[{"id":3,"companyID":"11721","updatedAt":"2026-03-10 10:51:00"}]}}"#,
    );
    assert_eq!(event.data.event_type().as_str(), "unmapped");
    assert_eq!(
        event.time.map(|time| time.to_string()).as_deref(),
        Some("2026-03-10T13:51:00.000Z")
    );
    assert_eq!(event.account.as_deref(), Some("11721"));
}

#[test]
fn the_channel_is_huggys_word_in_common_words_and_a_line_is_its_uuid() {
    for (chat, sender, expected) in [
        (r#""entrypoint":"whatsapp-enterprise""#, "x", Some("whatsapp")),
        (r#""channel":"whatsapp-business-api""#, "x", Some("whatsapp")),
        (r#""entrypoint":null,"channel":"widget""#, "x", Some("web")),
        (r#""channel":"telegram-bot""#, "x", Some("telegram")),
        (r#""channel":"messenger""#, "x", Some("facebook")),
        (r#""channel":"email""#, "x", Some("email")),
        (r#""channel":"voip""#, "x", Some("voice")),
        (r#""channels":[{"type":"Messenger"}]"#, "x", Some("facebook")),
        (r#""channel":"GoogleBM""#, "x", Some("googlebm")),
        (r#""x":1"#, "instagram", Some("instagram")),
        (r#""x":1"#, "agent", None),
        (r#""x":1"#, "contact", None),
    ] {
        let body = format!(
            r#"{{"messages":{{"receivedAllMessage":[{{"id":1,"senderType":"{sender}","chat":{{"id":7,{chat}}}}}]}}}}"#
        );
        let Data::MessageCreated(message) = one(Platform::Huggy, &body).data else {
            panic!("a message")
        };
        assert_eq!(message.conversation.channel.as_deref(), expected, "{chat} {sender}");
        assert_eq!(message.conversation.channel_id, None, "{chat}");
    }
    let body = sample(Platform::Huggy, "receivedMessage.instagram.json");
    let Data::MessageCreated(message) = one(Platform::Huggy, &body).data else {
        panic!("a message")
    };
    assert_eq!(message.conversation.channel.as_deref(), Some("instagram"));
    assert_eq!(
        message.conversation.channel_id.as_deref(),
        Some("325c3456-0000-4000-8000-000000000001")
    );
    let phone = message.from.and_then(|from| from.phone);
    assert_eq!(phone.as_deref(), Some("+551130000000"), "the mobile has no country");
}

#[test]
fn who_is_not_named_is_reported_by_kind() {
    let body = sample(Platform::Huggy, "receivedAllMessage.bot.unnamed.json");
    let Data::MessageCreated(message) = one(Platform::Huggy, &body).data else {
        panic!("a message")
    };
    assert_eq!(message.from, Some(Party::unnamed(PartyKind::Bot)));
    assert_eq!(
        message.to.and_then(|to| to.id).as_deref(),
        Some("7356074"),
        "the customer"
    );

    let body = sample(Platform::Huggy, "receivedMessage.json");
    let Data::MessageCreated(message) = one(Platform::Huggy, &body).data else {
        panic!("a message")
    };
    assert_eq!(message.to, Some(Party::unnamed(PartyKind::Agent)));
}
