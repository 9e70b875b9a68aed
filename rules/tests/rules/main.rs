//! Rules: what is refused at load and with which message, and what matches.

mod doubtful;
mod refused;
mod schema;
#[path = "../support/mod.rs"]
mod support;

use rules::Rules;
use support::{BOTH, event};

fn one(when: &str) -> String {
    // A YAML double-quoted scalar is a superset of a JSON string.
    let when = serde_json::to_string(when).expect("text");
    format!("rules:\n  - name: r\n    to: [postgres]\n    when: {when}\n")
}

#[test]
fn a_condition_sees_the_event() {
    let data = r#"{"ticket":{"department":"vip"},
        "raw":{"Deep":{"x":[1,2]},"s":"\u0041","n":3,"f":1.5,"tags":["a","b"],"big":18446744073709551615,"none":null}}"#;
    let event = event("ticket.created", data);
    let matches = |when: &str| {
        let rules = Rules::parse(&one(when), "rules.yaml", &BOTH).expect(when);
        !rules.matching(&event).is_empty()
    };
    for when in [
        "event.type.startsWith('ticket.') && event.data.ticket.department == 'vip'",
        "event.id == '019cd7f6-f0e0-82b2-9fbf-000000000001' && event.source == '/acme/s' && event.tenant == 'acme'",
        "event.platform == 'chatwoot' && event.subject == 'c1'",
        "event.time > timestamp('2026-03-10T00:00:00Z') && event.time.getFullYear() == 2026",
        "string(event.time) == '2026-03-10T13:36:50.912+00:00' || string(event.time) == '2026-03-10T13:36:50.912Z'",
        "event.data.raw.n + 1 == 4 && event.data.raw.f > 1 && event.data.raw.none == null",
        "event.data.raw.big > 0u",
        "'b' in event.data.raw.tags && size(event.data.raw.tags) == 2",
        "event.data.raw.tags.exists(t, t == 'a') && event.data.raw.tags.all(t, t.size() == 1)",
        "event.data.raw.Deep.x[1] == 2 && event.data.raw.s == 'A'",
        "has(event.data.ticket) && !has(event.data.message) && !has(event.data.ticket.priority)",
        "event.data.?message.id.orValue('none') == 'none'",
        "event['type'] == 'ticket.created'",
        "event.data.ticket.department.matches('^v.p$')",
        "type(event.data.raw.n) == int",
        "event.data.raw.tags.filter(t, t != 'a').map(t, t + 'x') == ['bx']",
        "optional.of(1).hasValue()",
        "true",
    ] {
        assert!(matches(when), "{when}");
    }
    for when in [
        "event.type == 'ticket.closed'",
        "event.data.message.id == 'x'",
        "event.data.raw.n == 'text'",
        "event.data.raw.s",
        "event + 1 == 2",
        "[event] == []",
        "event == event",
        "1 / 0 == 1",
    ] {
        assert!(!matches(when), "{when}");
    }
}

#[test]
fn raw_exists_if_the_platform_sent_json_and_is_absent_if_not() {
    let deep = format!(r#"{{"raw":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let large = format!(r#"{{"raw":"{}"}}"#, "x".repeat(300_000));
    let present = Rules::parse(&one("has(event.data.raw)"), "rules.yaml", &BOTH).expect("valid");
    for (data, expected) in [
        (deep.as_str(), 1),
        (&large, 1),
        (r#"{"raw":1e999}"#, 1),
        (r#"{"raw":null}"#, 1),
        (r#"{"raw_base64":"AAAA"}"#, 0),
        ("{}", 0),
    ] {
        let found = present.matching(&event("x", data)).len();
        assert_eq!(found, expected, "{}", &data[..20.min(data.len())]);
    }
}

#[test]
fn without_a_file_everything_goes_to_every_sink() {
    let rules = Rules::everything(&BOTH);
    let all: Vec<String> = rules
        .iter()
        .map(|r| {
            format!(
                "{} {:?}",
                r.name,
                r.to.iter().map(ToString::to_string).collect::<Vec<_>>()
            )
        })
        .collect();
    assert_eq!(all, [r#"everything ["postgres", "http"]"#]);
    assert_eq!(rules.matching(&event("any", "{}")).len(), 1);
}

#[test]
fn the_version_is_the_texts_digest() {
    let version = |text: &str| {
        Rules::parse(text, "rules.yaml", &BOTH)
            .expect("valid")
            .version()
            .to_string()
    };
    // printf 'rules: []\n' | sha256sum
    assert_eq!(version("rules: []\n"), "e0dfa70eb69d");
    assert_ne!(version(&one("true")), version(&one("true ")));
}
