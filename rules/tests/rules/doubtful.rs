//! What is accepted with a warning.

use rules::Rules;

use crate::one;
use crate::support::BOTH;

fn warnings(yaml: &str) -> Vec<String> {
    let rules = Rules::parse(yaml, "rules.yaml", &BOTH).unwrap_or_else(|problems| panic!("{yaml}\n{problems:?}"));
    rules.warnings().iter().map(ToString::to_string).collect()
}

#[test]
fn a_text_that_is_never_there_is_a_warning_at_its_place() {
    for (when, text, reason) in [
        (
            "event.data.message.direction == 'incoming'",
            "'incoming'",
            "`direction` is inbound or outbound, and never `incoming`",
        ),
        (
            "event.type == 'message.created' && 'incoming' != event.data.message.direction",
            "'incoming'",
            "`direction` is inbound or outbound, and never `incoming`",
        ),
        (
            "event.data.ticket.status in ['open', 'close']",
            "'close'",
            "`status` is open, pending, snoozed or closed, and never `close`; did you mean `closed`?",
        ),
        (
            "event.data.message.?direction.orValue('') == 'incoming'",
            "'incoming'",
            "`direction` is inbound or outbound, and never `incoming`",
        ),
        (
            "event.type == 'group.join_request' && event.data.group.action == 'joined'",
            "'joined'",
            "`action` is created, revoked, rejected or approved, and never `joined`",
        ),
        (
            "event.tenant == '${TENANT}'",
            "'${TENANT}'",
            "`${\u{2026}}` is not replaced in rules: write the value itself",
        ),
        (
            "event.type == 'mesage.created'",
            "'mesage.created'",
            "no event has the type `mesage.created`, unless its sender names it so; did you mean `message.created`?",
        ),
        (
            "event.type in ['message.created', 'ticket.assigned']",
            "'ticket.assigned'",
            "no event has the type `ticket.assigned`, unless its sender names it so; there are ticket.created, \
             ticket.updated, ticket.transferred, ticket.closed, ticket.reopened",
        ),
        (
            "event.type.startsWith('tikcet.')",
            "'tikcet.'",
            "no type of event begins with `tikcet.`, unless its sender names it so; did you mean `ticket.`?",
        ),
        (
            "event.type.startsWith('tickets.')",
            "'tickets.'",
            "no type of event begins with `tickets.`, unless its sender names it so; did you mean `ticket.`?",
        ),
        (
            "event.type == 'ticket.created' && has(event.data.message)",
            "message)",
            "`message` of `event.data` is never there for ticket.created: only for message.created, message.updated, \
             message.deleted, message.status, message.reaction",
        ),
        (
            "event.type == 'message.status' && event.data.message.direction == 'inbound'",
            "direction ",
            "`direction` of `event.data.message` is never there for message.status: only for message.created, \
             message.updated, message.reaction",
        ),
    ] {
        // The text begins after the quotation mark in column 11.
        let column = 12 + when.find(text).expect("the text");
        let expected = format!("rules.yaml:4:{column}: rule `r`: {reason}");
        assert_eq!(warnings(&one(when)), [expected], "{when}");
    }
    let platform = warnings(&one("event.platform == 'chatwot'"));
    let expected = "rules.yaml:4:30: rule `r`: there is no platform `chatwot`; did you mean `chatwoot`? There are \
                    chatwoot, baileys, cloudevents, ";
    assert!(platform.len() == 1 && platform[0].starts_with(expected), "{platform:?}");
}

#[test]
fn a_condition_that_no_event_changes_is_a_warning() {
    for when in [
        "false",
        "'a' == 'b'",
        "event.type == 'unmapped' && false",
        "!(true || event.data.raw.x)",
    ] {
        let expected = "rules.yaml:4:11: rule `r`: `when` is false for every event: the rule sends nothing anywhere";
        assert_eq!(warnings(&one(when)), [expected], "{when}");
    }
    let expected = "rules.yaml:4:11: rule `r`: `when` is true for every event: write `\"true\"` if that is meant";
    assert_eq!(warnings(&one("1 == 1 || event.data.raw.x")), [expected]);
    for when in ["true", "event.data.raw.x || false", "1 / 0 == 1"] {
        assert_eq!(warnings(&one(when)), Vec::<String>::new(), "{when}");
    }
}

#[test]
fn no_rule_and_a_repeated_rule_are_warnings() {
    assert_eq!(
        warnings("rules: []\n"),
        ["rules.yaml: there is no rule: nothing is delivered anywhere"]
    );
    let rules = "rules:\n  - { name: a, when: \"true\", to: [postgres, http] }\n  - { name: b, when: \"true\", to: [http] }\n  \
                 - { name: c, when: \" true\", to: [http, postgres] }\n";
    assert_eq!(
        warnings(rules),
        ["rules.yaml:4:13: rule `c`: it has the `when` and the `to` of rule `a`: remove one"]
    );
}

#[test]
fn the_example_is_without_any_warning() {
    let path = format!("{}/../rules.example.yaml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("the example");
    // The sink of topics is none of those that are configured here.
    let text = text.replace(", \"topic:tickets\"", "");
    assert_eq!(warnings(&text), Vec::<String>::new());
}
