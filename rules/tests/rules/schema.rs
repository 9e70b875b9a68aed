//! Conditions are checked to the depth of the schema: members, kinds of values, and nothing that the schema leaves open.

use rules::Rules;
use schemas::data::TYPES;
use schemas::platform::Platform;
use serde_json::Value;

use crate::one;
use crate::support::BOTH;

/// What is said of a condition: errors, or else warnings. Without the place.
fn said(when: &str) -> Vec<String> {
    let said = match Rules::parse(&one(when), "rules.yaml", &BOTH) {
        Ok(rules) => rules.warnings().to_vec(),
        Err(problems) => problems,
    };
    said.into_iter().map(|problem| problem.reason).collect()
}

/// A path of members, as CEL and as its last name.
struct Path {
    cel: String,
    last: String,
    /// Whether any name is allowed there.
    is_free: bool,
    /// The texts that it can be, if they are a closed set.
    choices: Vec<String>,
}

fn resolved<'s>(schema: &'s Value, root: &'s Value) -> &'s Value {
    if let Some(reference) = schema["$ref"].as_str() {
        return resolved(root.pointer(&reference[1..]).expect("a definition"), root);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let choice = choices
            .iter()
            .find(|choice| choice["type"] != "null")
            .expect("a choice");
        return resolved(choice, root);
    }
    schema
}

/// Adds all paths of members below `cel`, lists with `[0]`.
fn paths(cel: &str, schema: &Value, root: &Value, found: &mut Vec<Path>) {
    let schema = resolved(schema, root);
    if schema["items"].is_object() {
        paths(&format!("{cel}[0]"), &schema["items"], root, found);
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let below = format!("{cel}.{name}");
        let choices = resolved(member, root)["oneOf"].as_array().cloned().unwrap_or_default();
        found.push(Path {
            cel: below.clone(),
            last: name.clone(),
            is_free: false,
            choices: choices
                .iter()
                .filter_map(|choice| choice["const"].as_str())
                .map(str::to_owned)
                .collect(),
        });
        paths(&below, member, root, found);
    }
    if schema["additionalProperties"].is_object() {
        found.push(Path {
            cel: format!("{cel}.anything"),
            last: "anything".to_owned(),
            is_free: true,
            choices: Vec::new(),
        });
    }
}

#[test]
fn every_member_of_every_type_is_accepted_and_refused_with_one_letter_dropped() {
    let mut count = 0;
    for data_type in TYPES {
        let schema = schemas::json_schema::of(data_type);
        let mut found = Vec::new();
        let member = &schema["properties"]["data"]["properties"][data_type.member];
        paths(&format!("event.data.{}", data_type.member), member, &schema, &mut found);
        assert!(!found.is_empty(), "{}", data_type.name);
        for Path {
            cel,
            last,
            is_free,
            choices,
        } in found
        {
            count += 1;
            let only = format!("event.type == '{}'", data_type.name);
            for when in [format!("{only} && {cel} == null"), format!("{only} && has({cel})")] {
                assert_eq!(said(&when), Vec::<String>::new(), "{when}");
            }
            for choice in &choices {
                let when = format!("{only} && {cel} == '{choice}'");
                assert_eq!(said(&when), Vec::<String>::new(), "{when}");
                let wrong = said(&format!("{only} && {cel} in ['{choice}', '{choice}x']"));
                assert!(
                    wrong.len() == 1 && wrong[0].contains(&format!("never `{choice}x`; did you mean `{choice}`?")),
                    "{wrong:?}"
                );
            }
            let dropped = format!("{}{}", &cel[..cel.len() - last.len()], &last[1..]);
            let wrong = said(&format!("{dropped} == null"));
            if is_free {
                assert_eq!(wrong, Vec::<String>::new(), "{dropped}");
            } else if last.len() > 1 {
                let expected = format!(
                    "there is no member `{}` of `event.data.{}",
                    &last[1..],
                    data_type.member
                );
                assert!(
                    wrong.len() == 1 && wrong[0].starts_with(&expected),
                    "{dropped}: {wrong:?}"
                );
            }
        }
    }
    assert!(count > 200, "{count}");
}

#[test]
fn every_type_family_and_platform_is_accepted() {
    for data_type in TYPES {
        let family = data_type.name.split('.').next().expect("a part");
        let name = data_type.name;
        for when in [
            format!("event.type == '{name}'"),
            format!("event.type.startsWith('{family}')"),
            format!("event.type in ['{name}', 'push']"),
        ] {
            assert_eq!(said(&when), Vec::<String>::new(), "{when}");
        }
    }
    for platform in Platform::ALL {
        assert_eq!(said(&format!("event.platform == '{platform}'")), Vec::<String>::new());
    }
}

#[test]
fn members_are_known_in_lists_loops_and_optionals() {
    let attachment = "of `event.data.message.attachments[\u{2026}]`; did you mean `kind`? There are kind, url, mime_type, \
                      name, size_bytes";
    for (when, expected) in [
        ("event.data.message.attachments[0].knd == 'x'", attachment),
        ("event.data.message.attachments.exists(a, a.knd == 'x')", attachment),
        ("event.data.message.attachments.all(a, has(a.knd))", attachment),
        (
            "event.data.message.attachments.filter(a, a.kind == 'x')[0].knd == 'x'",
            attachment,
        ),
        (
            "event.data.?message.?attachments[?0].?knd.orValue('') == 'x'",
            attachment,
        ),
        (
            "event.data.message.attachments.kind == 'image'",
            "`event.data.message.attachments` is a list and has no member `kind`: take one element with `[0]`, or test \
             them with `.exists(x, \u{2026})`",
        ),
        (
            "event.data.message.text.body == 'x'",
            "`event.data.message.text` is text and has no member `body`",
        ),
        (
            "event.data.message.direcion == 'inbound'",
            "there is no member `direcion` of `event.data.message`; did you mean `direction`? There are direction, id, \
             external_id, conversation, ",
        ),
        (
            "event['data']['ticket']['asignee'].name == 'x'",
            "`asignee` of `event.data.ticket`; did you mean `assignee`?",
        ),
        (
            "'direcion' in event.data.message",
            "`direcion` of `event.data.message`; did you mean `direction`?",
        ),
    ] {
        let found = said(when);
        assert!(found.len() == 1 && found[0].contains(expected), "{when}\n{found:#?}");
    }
    for when in [
        "event.data.message.answer.values.colour == 'x'",
        "event.data.headers.anything == 'x'",
        "event.data.raw.direcion.x[0].y == 5",
        "event.data.raw.items.exists(a, a.knd == 'x')",
        "event.data.message.attachments.map(a, a.kind).exists(k, k == 'image')",
        "event.data.message.attachments.exists(a, a.kind.startsWith('im') && a.size_bytes > 5u)",
        "event.data.message.mentions.exists(m, m == 'x') && 'x' in event.data.message.mentions",
        "event.data.message.?from.?name.orValue('') == 'x'",
        "event.data.message.from.name != null && event.data.ticket.opened_at < '2026-01-01'",
        "timestamp(event.data.ticket.opened_at) < event.time && event.time - timestamp('2026-01-01T00:00:00Z') > duration('1h')",
        "type(event.data.raw.n) in [int, double] && type(event.data.raw.s) == string",
        "(event.data.raw.n + 1) == 2 && event.data.message.id + 'x' == 'ax'",
        "event.data.group.action == 'joined' || event.data.group.action == 'approved'",
        "event.data.message.status == 'read' && event.data.ticket.status == 'open'",
        "event.platform == 'standard' && event.type == 'contact.deleted'",
        "event.type == 'push' || event.type.startsWith('invoice.')",
    ] {
        assert_eq!(said(when), Vec::<String>::new(), "{when}");
    }
}

#[test]
fn values_of_different_kinds_are_not_compared() {
    for (when, expected) in [
        ("event.type == 5", "compares text with a number: never true"),
        ("5 != event.type", "compares a number with text: always true"),
        (
            "event.data.message.internal == 'yes'",
            "compares true or false with text: never true",
        ),
        ("event.data.message.id < 5", "compares text with a number: never true"),
        (
            "event.data.message.attachments[0].size_bytes > '5'",
            "compares a number with text: never true",
        ),
        (
            "event.type in ['message.created', 5]",
            "compares text with a number: never true",
        ),
        (
            "5 in event.data.ticket.labels",
            "compares a number with text: never true",
        ),
        (
            "size(event.data.message.text) == '5'",
            "compares a number with text: never true",
        ),
        (
            "event.data.message.from == 'Ana'",
            "compares an object with text: never true",
        ),
        (
            "event.time > '2026-01-01'",
            "compares a time with text: never true; `timestamp(\u{2026})` makes a time of a text",
        ),
        (
            "event.data.message.?internal == true",
            "compares an optional value with true or false: never true; end it with `.orValue(\u{2026})`, or write `.` \
             instead of `.?`",
        ),
        (
            "event.data.message.text && true",
            "`&&` needs true or false, and there is text",
        ),
        ("!event.data.message.id", "`!` needs true or false, and there is text"),
        (
            "event.data.message.internal.startsWith('y')",
            "`startsWith` is a function of text, and this is true or false",
        ),
        (
            "event.type.startsWith(5)",
            "`startsWith` asks for text in its brackets, and there is a number",
        ),
        (
            "event.data.message.text.contains(5)",
            "`contains` asks for text in its brackets, and there is a number",
        ),
        (
            "'x' in event.data.message.text",
            "`in` looks into lists and objects: write `text.contains(\u{2026})` for a part of a text",
        ),
    ] {
        assert_eq!(said(when), [expected], "{when}");
    }
}

#[test]
fn a_name_that_is_no_variable_is_shown_where_it_is_in_the_event() {
    for (when, name, example) in [
        ("type == 'x'", "type", "event.type"),
        ("type in ['x']", "type", "event.type"),
        ("type.startsWith('x')", "type", "event.type"),
        ("platform == 'x'", "platform", "event.platform"),
        ("message.direction == 'inbound'", "message", "event.data.message"),
        ("direction == 'inbound'", "direction", "event.type"),
        ("string == 'x'", "string", "event.type"),
    ] {
        let expected = format!("there is no variable `{name}`: a condition sees `event`, as in `{example}`");
        assert_eq!(said(when), [expected], "{when}");
    }
}

#[test]
fn a_type_without_quotes_is_shown_with_them() {
    for (when, name, path) in [
        ("event.type == message.created", "message", "message.created"),
        ("event.type in [ticket.updated, 'x']", "ticket", "ticket.updated"),
        (
            "event.type != group.participants.updated",
            "group",
            "group.participants.updated",
        ),
    ] {
        let expected =
            format!("there is no variable `{name}`: if the type of event is meant, put it in quotes: \"{path}\"");
        assert_eq!(said(when), [expected], "{when}");
    }
    for when in [
        "event.type == message.invented",
        "event.data.message.attachments.exists(message, message.created == 'x')",
    ] {
        let found = said(when);
        assert!(
            !found.is_empty() && found.iter().all(|reason| !reason.contains("in quotes")),
            "{when}: {found:?}"
        );
    }
}

#[test]
fn all_mistakes_of_a_condition_are_reported_in_their_order_and_none_twice() {
    let found = said("event.typ == 'x' && event.data.message.direcion.x == 5 && type == 'y' && event.type == 5");
    let begins = [
        "there is no member `typ`",
        "there is no member `direcion`",
        "there is no variable `type`",
        "compares text",
    ];
    assert_eq!(found.len(), begins.len(), "{found:#?}");
    for (reason, begin) in found.iter().zip(begins) {
        assert!(reason.starts_with(begin), "{found:#?}");
    }
}
