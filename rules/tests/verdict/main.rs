//! What the errors of conditions mean: which are "does not match" and which are failures.

mod equivalence;
#[path = "../support/mod.rs"]
mod support;

use rules::{Rules, Verdict};
use schemas::event::Event;
use support::{BOTH, event};

fn verdict_of(when: &str, event: &Event) -> Verdict {
    let when = serde_json::to_string(when).expect("text");
    let yaml = format!("rules:\n  - {{ name: r, when: {when}, to: [postgres] }}\n");
    let rules = Rules::parse(&yaml, "rules.yaml", &BOTH).unwrap_or_else(|problems| panic!("{problems:?}"));
    let subject = rules.subject(event);
    let rule = rules.iter().next().expect("one rule");
    rule.condition.evaluate(&subject)
}

const RAW: &str = r#"{"none":null,"text":"x","n":7,"zero":0,"big":9223372036854775807,"items":[],"channel":"C1","flag":true,
    "list":[0,2],"objects":[{"n":0},{}],"map":{"a":1},"huge":1e400}"#;

fn of(when: &str) -> Verdict {
    verdict_of(when, &event("x.y", &format!(r#"{{"raw":{RAW}}}"#)))
}

#[test]
fn an_event_that_lacks_what_a_condition_uses_does_not_match() {
    for when in [
        "event.data.ticket.department == 'vip'",
        "!event.data.raw.internal",
        "event.data.raw.items[0].sku == 'x'",
        "event.data.raw.items[-1] == 1",
        "event.data.raw.items[0.5] == 1",
        "event.data.raw.channel.id == 'C1'",
        "event.data.raw.n['id'] == 1",
        "event.data.raw.list.id == 1",
        "event.data.raw.map[0] == 1",
        "event.data.raw.none.name == 'x'",
        "has(event.data.raw.nothing.name)",
        "has(event.data.raw.none.name)",
        "event.data.raw.none > 5",
        "5 < event.data.raw.none",
        "event.data.raw.none.startsWith('x')",
        "event.data.raw.text.startsWith(event.data.raw.none)",
        "event.data.raw.none.matches('x')",
        "size(event.data.raw.none) > 0",
        "int(event.data.raw.none) == 0",
        "timestamp(event.data.raw.none) < event.time",
        "'x' in event.data.raw.none",
        "event.data.raw.none.exists(i, i == 1)",
        "event.data.raw.none.map(i, i) == []",
        "event.data.raw.none",
        "!event.data.raw.none",
        "event.data.raw.none || false",
        "event.data.raw.none ? true : true",
        "event.data.raw.?nothing.value() == 1",
        // Another error does not matter then.
        "event.data.ticket.id == '1' && 1 / event.data.raw.zero == 1",
        "1 / event.data.raw.zero == 1 && event.data.ticket.id == '1'",
        "!(event.data.ticket.id == '1' || 1 / event.data.raw.zero == 1)",
        "event.data.raw.objects.all(o, 7 / o.n == 7)",
    ] {
        assert_eq!(of(when), Verdict::Absent, "{when}");
    }
}

fn are_failures(conditions: &[(&str, &str)]) {
    for (when, reason) in conditions {
        let Verdict::Failed(found) = of(when) else {
            panic!("{when}: {:?}", of(when));
        };
        assert!(found == *reason, "{when}\n{found}\n{reason}");
    }
}

#[test]
fn every_other_error_is_a_failure_with_its_reason() {
    are_failures(&[
        ("event.data.raw.text > 5", "`>` does not take string, int"),
        (
            "event.data.raw.n.startsWith('7')",
            "`startsWith` does not take int, string",
        ),
        ("event.data.raw.text + 1 == 2", "`add` does not take string, int"),
        ("event.data.raw.none + 1 == 1", "`add` does not take null, int"),
        ("event.data.raw.map + 1 == 1", "`add` does not take map, int"),
        ("event + 1 == 1", "`add` does not take null, int"),
        ("event.data.raw.n / event.data.raw.zero == 1", "division by zero"),
        ("event.data.raw.n % event.data.raw.zero == 1", "division by zero"),
        ("event.data.raw.big + 1 > 0", "`add` overflows"),
        ("int(event.data.raw.huge) > 0", "`int` failed: integer overflow"),
        (
            "int(event.data.raw.text) == 1",
            "`int` failed: string parse error: invalid digit found in string",
        ),
        (
            "double(event.data.raw.text) > 1.0",
            "`double` failed: string parse error: invalid float literal",
        ),
        (
            "timestamp(event.data.raw.text) < event.time",
            "`timestamp` failed: premature end of input",
        ),
        (
            "event.data.raw.text",
            "a value of type string is used where true or false is needed",
        ),
        (
            "!event.data.raw.n",
            "a value of type int is used where true or false is needed",
        ),
        (
            "event.data.raw.text && true",
            "a value of type string is used where true or false is needed",
        ),
        (
            "event.data.raw.text ? true : false",
            "a value of type string is used where true or false is needed",
        ),
        (
            "event.data.raw.text.exists(c, c == 'x')",
            "a value of type string is used where a list or an object is needed",
        ),
        ("'x' in event.data.raw.text", "`in` does not take string, string"),
        (
            "event.time.getFullYear(event.data.raw.text) == 2026",
            "`timezone` failed",
        ),
        ("duration(event.data.raw.text) == duration('1s')", "`duration` failed"),
    ]);
}

#[test]
fn of_two_errors_the_one_that_is_a_failure_counts() {
    are_failures(&[
        (
            "event.data.ticket.id == '1' || 1 / event.data.raw.zero == 1",
            "division by zero",
        ),
        (
            "1 / event.data.raw.zero == 1 || event.data.ticket.id == '1'",
            "division by zero",
        ),
        (
            "!(event.data.ticket.id == '1' && 1 / event.data.raw.zero == 1)",
            "division by zero",
        ),
        (
            "!(1 / event.data.raw.zero == 1 && event.data.ticket.id == '1')",
            "division by zero",
        ),
        (
            "(event.data.ticket.id == '1' && 1 / event.data.raw.zero == 1) ? false : true",
            "division by zero",
        ),
        ("event.data.raw.objects.exists(o, 7 / o.n == 7)", "division by zero"),
        ("!event.data.raw.objects.all(o, 7 / o.n == 7)", "division by zero"),
    ]);
}

#[test]
fn an_error_that_the_rest_makes_irrelevant_is_ignored() {
    for (when, expected) in [
        ("event.type == 'no' && 1 / event.data.raw.zero == 1", Verdict::No),
        ("1 / event.data.raw.zero == 1 && event.type == 'no'", Verdict::No),
        ("event.data.ticket.id == '1' || event.type == 'x.y'", Verdict::Yes),
        ("1 / event.data.raw.zero == 1 || event.type == 'x.y'", Verdict::Yes),
        ("event.data.raw.list.exists(n, 100 / n > 40)", Verdict::Yes),
        ("event.data.raw.list.all(n, 100 / n > 60)", Verdict::No),
        ("event.data.raw.huge > 1.7e308", Verdict::Yes),
        ("event.data.raw.huge == 1.0 / 0.0", Verdict::Yes),
        ("event.data.raw.text == 5", Verdict::No),
        ("event.data.raw.channel.?id.orValue('') == 'C1'", Verdict::No),
        ("event.data.raw.?nothing.orValue('free') == 'free'", Verdict::Yes),
    ] {
        assert_eq!(of(when), expected, "{when}");
    }
}

/// Bodies that begin as JSON and are not JSON; ingest keeps them as base64.
const BROKEN: [&str; 4] = [
    "eyJwbGFuIjoidmlwIg==",         // {"plan":"vip"
    "77u/IHsicGxhbiI6InZpcCI=",     // a byte order mark, white space
    "eyJwbGFuIjoidmlwIiwieCI6/30=", // a byte that is no UTF-8
    "W3sA",                         // [{ and a zero
];

#[test]
fn a_body_that_should_be_json_and_is_not_cannot_be_read() {
    let reason = "the body begins as JSON and is not valid JSON, so `event.data.raw` cannot \
                  be read";
    for body in BROKEN {
        let event = event(
            "x.y",
            &format!(r#"{{"unmapped":{{"reason":"not JSON"}},"raw_base64":"{body}"}}"#),
        );
        for when in [
            "event.data.raw.plan == 'vip'",
            "event.data['raw'].plan == 'vip'",
            "event.data['r' + 'aw'].plan == 'vip'",
            "has(event.data.raw.plan)",
            "has(event.data.raw) && event.data.raw.plan == 'vip'",
            "event.data.?raw.?plan.orValue('') == 'vip'",
            "event.data.raw.?plan.orValue('') == 'vip'",
            "event.data.raw[?'plan'].orValue('') == 'vip'",
            "event.data.raw[0] == 1",
        ] {
            assert_eq!(verdict_of(when, &event), Verdict::Failed(reason.to_owned()), "{when}");
        }
        for when in [
            "event.data.raw == {'plan': 'vip'}",
            "'plan' in event.data.raw",
            "event.data.raw.exists(k, k == 'plan')",
        ] {
            assert!(matches!(verdict_of(when, &event), Verdict::Failed(_)), "{when}");
        }
        for when in [
            "event.data.unmapped.reason == 'not JSON'",
            "event.type == 'x.y' || event.data.raw.plan == 'vip'",
            "event.data.raw.plan == 'vip' || event.type == 'x.y'",
        ] {
            assert_eq!(verdict_of(when, &event), Verdict::Yes, "{when}");
        }
        let when = "event.type == 'x.z' && event.data.raw.plan == 'vip'";
        assert_eq!(verdict_of(when, &event), Verdict::No);
        let when = "event.data.raw.plan == 'vip' && event.data.unmapped.reason == 'x'";
        assert_eq!(verdict_of(when, &event), Verdict::No);
    }
    // A form and a picture have no members.
    for body in ["cGxhbj12aXA=", "iVBORw0KGgo=", ""] {
        let event = event("x.y", &format!(r#"{{"raw_base64":"{body}"}}"#));
        assert_eq!(
            verdict_of("event.data.raw.plan == 'vip'", &event),
            Verdict::Absent,
            "{body}"
        );
        assert_eq!(
            verdict_of("event.data.?raw.?plan.orValue('') == 'vip'", &event),
            Verdict::No,
            "{body}"
        );
    }
}

#[test]
fn whole_values_are_compared_as_deep_as_they_are_read_and_fail_beyond_that() {
    let nested = |levels: usize, inner: &str| format!("{}{inner}{}", "[".repeat(levels), "]".repeat(levels));
    for (levels, expected) in [(10, true), (120, true), (130, false), (20_000, false)] {
        let (a, b) = (nested(levels, "1"), nested(levels, "1"));
        let event = event(
            "x.y",
            &format!(
                r#"{{"raw":{{"a":{a},"b":{b},"c":{},"plan":"vip"}}}}"#,
                nested(levels, "2")
            ),
        );
        let deep = |when: &str, otherwise: Verdict| {
            let when = when.to_owned();
            let event = event.clone();
            let run = move || verdict_of(&when, &event);
            let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(run);
            let found = thread
                .expect("a thread")
                .join()
                .expect("no overflow, which would abort the test");
            if expected {
                assert_eq!(found, otherwise, "{levels}");
            } else {
                assert!(matches!(found, Verdict::Failed(_)), "{levels}: {found:?}");
            }
        };
        deep("event.data.raw.a == event.data.raw.b", Verdict::Yes);
        deep("event.data.raw.a != event.data.raw.c", Verdict::Yes);
        deep("event.data.raw.a in [event.data.raw.c, event.data.raw.b]", Verdict::Yes);
        deep(
            "event.data.raw.map(k, event.data.raw[k]) == [] || event.data.raw.a == event.data.raw.c",
            Verdict::No,
        );
        for when in [
            "event.data.raw.plan == 'vip' && event.data.raw.a != 1 && event.data.raw.a[0][0] != null",
            "event.data.?raw.?plan.orValue('') == 'vip'",
            "event.data.raw.exists(k, event.data.raw[k] == 'vip')",
            "[event.data.raw.a].size() == 1 && event.data.raw.a + [1] != []",
            "event.data.raw != {'plan': 'vip'}",
        ] {
            assert_eq!(verdict_of(when, &event), Verdict::Yes, "{levels}: {when}");
        }
        assert!(matches!(
            verdict_of("event.data.raw.a + 1 == 1", &event),
            Verdict::Failed(_)
        ));
    }
}
