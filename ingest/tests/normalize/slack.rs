//! What Slack says twice, forms, and what it puts up with.

use ingest::normalize::{Normalized, Reply, normalize};
use schemas::data::{Answer, Data, Direction, PartyKind, Text};
use schemas::event::Raw;
use schemas::platform::Platform;

use crate::{events, headers, one, sample, source};

fn callback(event: &str) -> String {
    format!(r#"{{"type":"event_callback","team_id":"T1","event_id":"Ev1","event_time":1773149810,"event":{event}}}"#)
}

#[test]
fn a_message_that_mentions_the_app_comes_twice_and_is_one_event() {
    let (message, mention) = (
        sample(Platform::Slack, "message.json"),
        sample(Platform::Slack, "app_mention.json"),
    );
    let (first, second) = (one(Platform::Slack, &message), one(Platform::Slack, &mention));
    assert_eq!(first.identity, second.identity);
    assert_eq!(first.time, second.time);
    assert_eq!(first.data, second.data);
    let elsewhere = message.replace("C00GERAL01", "C00OUTRO01");
    assert_ne!(
        first.identity,
        one(Platform::Slack, &elsewhere).identity,
        "a time stamp is unique within its channel only"
    );
}

#[test]
fn a_message_without_text_says_what_its_blocks_and_attachments_say() {
    for (name, expected, channel) in [
        (
            "message.bot_message.attachments",
            "loja sem resposta há cinco minutos",
            "C0000001",
        ),
        (
            "message.bot.blocks",
            "Pedido novo\n*Café* — 1 kg\nTotal: 39,90\nloja\nloja.example.com",
            "C0000001",
        ),
        (
            "message.rich_text_without_text",
            "<@U0000002> veja <https://loja.example.com|a loja> :eyes:\num\ndois",
            "C0000001",
        ),
        (
            "message.bot.tables",
            "Relatório\nMarço\nLoja | Vendas\n<https://loja.example.com|Centro> | 12\nTotal\n12\nCafé\n1 kg\nTorrado\nAcaba hoje",
            "C0000001",
        ),
        (
            "message.message_changed.attachments",
            "Resolvido: loja.example.com\nrespondeu em 80 ms",
            "C0000001",
        ),
    ] {
        let body = sample(Platform::Slack, &format!("{name}.json"));
        let event = one(Platform::Slack, &body);
        let (Data::MessageCreated(message) | Data::MessageUpdated(message)) = &event.data else {
            panic!("{name}: {:?}", event.data)
        };
        assert_eq!(message.text.as_deref(), Some(expected), "{name}");
        assert_eq!(message.conversation.id, channel, "{name}");
        assert_eq!(message.conversation.channel.as_deref(), Some("slack"), "{name}");
    }
    let body = sample(Platform::Slack, "message.rich_text_without_text.json");
    let event = one(Platform::Slack, &body);
    let Data::MessageCreated(message) = &event.data else {
        panic!("a message")
    };
    assert_eq!(message.mentions, ["U0000002"]);
    let quoted = message.quoted.as_ref().and_then(|quoted| quoted.id.as_deref());
    assert_eq!(quoted, Some("1773149811.000100"), "as the id of the message is written");
}

#[test]
fn a_messages_own_text_stands_alone_and_odd_blocks_are_none() {
    for (members, expected) in [
        (
            r#""text":"oi","blocks":[{"type":"header","text":{"type":"plain_text","text":"Oi"}}],"attachments":[{"text":"x"}]"#,
            Some("oi"),
        ),
        (r#""text":"","attachments":[{"title":"Aviso"}]"#, Some("Aviso")),
        (
            r#""text":"","attachments":[{"pretext":"Antes","title":"Aviso"}]"#,
            Some("Antes"),
        ),
        (
            r#""attachments":[{"fallback":"resumo","title":"Aviso"}]"#,
            Some("resumo"),
        ),
        (
            r#""attachments":[{"fields":[{"title":"Estado","value":"caiu"}]}]"#,
            Some("Estado\ncaiu"),
        ),
        (r#""blocks":[{"type":"markdown","text":"**oi**"}]"#, Some("**oi**")),
        (
            r#""text":"This content can't be displayed.","blocks":[{"type":"section","text":{"text":" "}},{"type":"header","text":{"text":"Oi"}}]"#,
            Some("Oi"),
        ),
        (
            r#""text":"This message contains interactive elements.","blocks":[{"type":"actions"}]"#,
            Some("This message contains interactive elements."),
        ),
        (
            r#""text":"","attachments":[{"fallback":"[no preview available]","title":"Aviso"}]"#,
            Some("Aviso"),
        ),
        (
            r#""text":"","attachments":[{"is_share":true,"message_blocks":[{"message":{"blocks":[{"type":"section","text":{"text":"de antes"}}]}}]}]"#,
            Some("de antes"),
        ),
        (
            r#""text":"","blocks":[{"type":"actions","elements":[{"type":"button","text":"x"}]}]"#,
            None,
        ),
        (r#""text":"","blocks":7,"attachments":"x""#, None),
        (
            r#""text":"","blocks":[{"type":"rich_text","elements":{"type":"rich_text_section","elements":[{"type":"text"}]}}]"#,
            None,
        ),
    ] {
        let body = callback(&format!(r#"{{"type":"message","channel":"C1","ts":"1.5",{members}}}"#));
        let event = one(Platform::Slack, &body);
        let Data::MessageCreated(message) = &event.data else {
            panic!("{members}")
        };
        assert_eq!(message.text.as_deref(), expected, "{members}");
    }
    // As deep as the body may be, and no deeper than the stack.
    let (open, close) = (r#"{"type":"rich_text","elements":["#, "]}");
    let deep = format!("{}{}", open.repeat(40), close.repeat(40));
    let body = callback(&format!(
        r#"{{"type":"message","channel":"C1","ts":"1.5","blocks":[{deep}]}}"#
    ));
    assert_eq!(one(Platform::Slack, &body).ordering_key, "C1");
}

#[test]
fn the_challenge_is_the_answer() {
    for (body, expected) in [
        (
            r#"{"type":"url_verification","challenge":"3eZbrw1a"}"#,
            Some("3eZbrw1a"),
        ),
        (r#"{"challenge":"a \"b\"","type":"url_verification"}"#, Some("a \"b\"")),
        (r#"{"type":"url_verification"}"#, None),
        (r#"{"type":"event_callback","challenge":"x"}"#, None),
    ] {
        let reply = match normalize(&source(Platform::Slack), &headers(), body.as_bytes()) {
            Normalized::Reply(Ok(Reply::Text(text))) => Some(text),
            Normalized::Reply(other) => panic!("{other:?}"),
            Normalized::Events(events) => {
                assert_eq!(events[0].data.event_type().as_str(), "unmapped", "{body}");
                None
            }
        };
        assert_eq!(reply.as_deref(), expected, "{body}");
    }
}

#[test]
fn what_is_odd_about_an_event_costs_no_more_than_it_must() {
    for (event, expected) in [
        (r#"{"type":"message","channel":"C1","ts":"1.5"}"#, "message.created C1"),
        (
            r#"{"type":"message","channel":{"id":"C1"},"ts":1773149810.5,"user":7}"#,
            "message.created C1",
        ),
        (
            r#"{"type":"message","channel":"C1","ts":"1","text":[],"files":7,"user":null}"#,
            "message.created C1",
        ),
        (
            r#"{"type":"message","channel":"C1","ts":"1","subtype":"of_tomorrow"}"#,
            "message.created C1",
        ),
        (r#"{"type":"message","channel":"C1"}"#, "unmapped C1"),
        (r#"{"type":"message","ts":"1"}"#, "unmapped unmapped"),
        (
            r#"{"type":"message","channel":"C1","subtype":"message_changed","ts":"1"}"#,
            "unmapped C1",
        ),
        (
            r#"{"type":"message","channel":"C1","subtype":"message_deleted","ts":"1"}"#,
            "unmapped C1",
        ),
        (
            r#"{"type":"message","channel":"C1","subtype":"message_deleted","previous_message":{"ts":"1"}}"#,
            "message.deleted C1",
        ),
        (
            r#"{"type":"reaction_added","item":{"channel":"C1","ts":"1"}}"#,
            "message.reaction C1",
        ),
        (r#"{"type":"reaction_added","item":{"channel":"C1"}}"#, "unmapped C1"),
        (r#"{"type":"reaction_added","item":"C1"}"#, "unmapped unmapped"),
        (r#"{"type":"member_joined_channel","channel":"C1"}"#, "unmapped C1"),
        (r#"{"type":"team_join","user":"U1"}"#, "unmapped unmapped"),
        (r#"{"type":"presence_change","presence":"active"}"#, "unmapped unmapped"),
        (r#"{"type":"presence_change","users":["U1"]}"#, "unmapped unmapped"),
        (r#"{"type":7}"#, "unmapped unmapped"),
        ("null", "unmapped unmapped"),
        ("[]", "unmapped unmapped"),
    ] {
        let body = callback(event);
        let found = one(Platform::Slack, &body);
        let described = format!("{} {}", found.data.event_type(), found.ordering_key);
        assert_eq!(described, expected, "{event}");
        assert_eq!(found.account.as_deref(), Some("T1"), "{event}");
    }
}

#[test]
fn a_group_is_recognized_by_the_kind_of_the_channel_or_by_the_letter_of_its_id() {
    for (channel, channel_type, expected) in [
        ("C1", r#""channel""#, Some(true)),
        ("C1", r#""group""#, Some(true)),
        ("G1", r#""mpim""#, Some(true)),
        ("D1", r#""im""#, Some(false)),
        ("D1", r#""app_home""#, Some(false)),
        ("D1", "null", Some(false)),
        ("C1", "null", Some(true)),
        ("G1", r#""C""#, Some(true)),
        ("X1", "null", None),
    ] {
        let event = format!(r#"{{"type":"message","channel":"{channel}","channel_type":{channel_type},"ts":"1"}}"#);
        let body = callback(&event);
        let Data::MessageCreated(message) = one(Platform::Slack, &body).data else {
            panic!("a message: {event}")
        };
        assert_eq!(message.conversation.group, expected, "{event}");
    }
}

#[test]
fn who_is_mentioned_is_named_once() {
    for (text, expected) in [
        ("<@U2> <@U1|ana> <@U2>", &["U1", "U2"][..]),
        ("<@> <@U1 <@U-1> <!here> <#C1> @U1", &[]),
        ("<@U1", &[]),
        ("é<@W1>é", &["W1"]),
    ] {
        let body = callback(&format!(
            r#"{{"type":"message","channel":"C1","ts":"1","text":"{text}"}}"#
        ));
        let Data::MessageCreated(message) = one(Platform::Slack, &body).data else {
            panic!("a message: {text}")
        };
        assert_eq!(message.mentions, expected, "{text}");
    }
}

#[test]
fn forms_are_commands_or_interactions_or_kept_as_they_are() {
    let pressed = "payload=%7B%22type%22%3A%22block_actions%22%2C%22trigger_id%22%3A%22t%22%2C%22actions%22%3A%5B%7B%22action_id%22%3A%22a%2Bb%20%5Cu0063%22%7D%5D%7D";
    for (body, expected, identity) in [
        ("command=%2Fpedido&trigger_id=1.2", "bot.command /pedido", Some("1.2")),
        (
            "command=/pedido&trigger_id=1.2&text=payload%3D1",
            "bot.command /pedido",
            Some("1.2"),
        ),
        (pressed, "bot.command a+b c", Some("t")),
        (
            "payload=%7B%22type%22%3A%22shortcut%22%7D",
            "unmapped no mapping for this interaction",
            None,
        ),
        (
            "payload=%7B%22type%22%3A%22block_actions%22%7D",
            "unmapped no mapping for this interaction",
            None,
        ),
        ("payload=%7B", "unmapped the payload is not JSON", None),
        ("payload=%FF", "unmapped the body is not JSON", None),
        ("payload=", "unmapped the body is not JSON", None),
        ("ssl_check=1&token=x", "unmapped the body is not JSON", None),
        ("command=&trigger_id=1.2", "unmapped the body is not JSON", None),
    ] {
        let events = events(Platform::Slack, body.as_bytes());
        let [event] = events.as_slice() else {
            panic!("one event")
        };
        let said = match &event.data {
            Data::BotCommand(command) => &command.name,
            Data::Unmapped(unmapped) => &unmapped.reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(format!("{} {said}", event.data.event_type()), expected, "{body}");
        assert!(
            matches!(&event.raw, Raw::Bytes(raw) if **raw == *body.as_bytes()),
            "{body}"
        );
        if let Some(identity) = identity {
            assert_eq!(event.identity, [identity], "{body}");
        }
    }
    let (first, second) = ("command=/a&text=1", "command=/a&text=2");
    assert_ne!(
        one(Platform::Slack, first).identity,
        one(Platform::Slack, second).identity,
        "without a trigger the content distinguishes them"
    );
}

/// The answer of a form's command.
fn answer<T>(name: &str, look: impl FnOnce(&Text<'_>, &Answer<'_>) -> T) -> T {
    let body = sample(Platform::Slack, &format!("interactive.{name}.form"));
    match one(Platform::Slack, &body).data {
        Data::BotCommand(command) => look(&command.name, command.answer.as_ref().expect("an answer")),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn what_was_chosen_or_filled_in_is_the_answer() {
    for (name, command, id, title, values) in [
        ("block_actions", "confirmar_ção", Some("sim"), Some("Sim"), &[][..]),
        (
            "block_actions.checkboxes",
            "itens",
            None,
            None,
            &[("itens", r#"["pao","cafe"]"#)],
        ),
        ("block_actions.user", "responsavel", Some("U00BIA0001"), None, &[]),
        (
            "block_actions.of_a_form",
            "enviar",
            Some("enviar"),
            Some("Enviar"),
            &[
                ("b2/nota", "ótimo \"café\""),
                ("dia", "2026-03-12"),
                ("nota", "9"),
                ("quando", "1773149999"),
                ("quem", r#"["U00ANA0001","U00BIA0001"]"#),
            ],
        ),
        (
            "interactive_message",
            "jogo",
            Some("xadrez"),
            None,
            &[("jogo", r#"["xadrez"]"#)],
        ),
        ("view_submission", "pedido", None, None, &[("nota", "9")]),
    ] {
        answer(name, |found, answer| {
            assert_eq!(found, command, "{name}");
            assert_eq!((answer.id.as_deref(), answer.title.as_deref()), (id, title), "{name}");
            let found: Vec<_> = answer.values.iter().map(|(name, value)| (&**name, &**value)).collect();
            assert_eq!(found, values, "{name}");
        });
    }
}

#[test]
fn a_choice_that_was_undone_is_none() {
    for (element, expected) in [
        (
            r#"{"type":"static_select","action_id":"a","selected_option":null}"#,
            None,
        ),
        (
            r#"{"type":"checkboxes","action_id":"a","selected_options":[]}"#,
            Some("[]"),
        ),
    ] {
        let payload = format!(r#"{{"type":"block_actions","trigger_id":"t","actions":[{element}]}}"#);
        let body: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("payload", &payload)
            .finish();
        let Data::BotCommand(command) = one(Platform::Slack, &body).data else {
            panic!("a command: {element}")
        };
        let answer = command.answer.expect("an answer");
        assert_eq!(answer.id, None, "{element}");
        assert_eq!(answer.values.get("a").map(|value| &**value), expected, "{element}");
    }
}

#[test]
fn a_threads_count_of_replies_is_no_message() {
    for name in ["message.message_replied", "message.message_replied.without_subtype"] {
        let body = sample(Platform::Slack, &format!("{name}.json"));
        let event = one(Platform::Slack, &body);
        assert!(matches!(event.data, Data::Unmapped(_)), "{name}: {:?}", event.data);
        assert_eq!(event.ordering_key, "C00GERAL01", "{name}");
    }
}

#[test]
fn an_old_integration_is_a_bot_with_a_name_alone() {
    let body = callback(
        r#"{"type":"message","subtype":"bot_message","bot_id":null,"channel":"C1","ts":"1","username":"Monitor","text":"x"}"#,
    );
    let Data::MessageCreated(message) = one(Platform::Slack, &body).data else {
        panic!("a message")
    };
    assert_eq!(message.direction, Direction::Outbound);
    let from = message.from.expect("an author");
    assert_eq!((from.id.as_deref(), from.name.as_deref()), (None, Some("Monitor")));
    assert_eq!(from.kind, Some(PartyKind::Bot));
}

#[test]
fn a_reply_that_is_shown_to_all_quotes_what_began_the_thread() {
    let body = sample(Platform::Slack, "message.thread_broadcast.json");
    let Data::MessageCreated(message) = one(Platform::Slack, &body).data else {
        panic!("a message")
    };
    let quoted = message.quoted.expect("a quoted message");
    assert_eq!(
        (quoted.id.as_deref(), quoted.text.as_deref()),
        (Some("1773149810.912999"), Some("Olá, time"))
    );
}
