//! Rules: what is refused at load and with which message, and what matches.

mod support;

use rules::Rules;
use support::{BOTH, event};

fn one(when: &str) -> String {
    // A YAML double-quoted scalar is a superset of a JSON string.
    let when = serde_json::to_string(when).expect("text");
    format!("rules:\n  - name: r\n    to: [postgres]\n    when: {when}\n")
}

fn problems(yaml: &str) -> Vec<String> {
    match Rules::parse(yaml, "rules.yaml", &BOTH) {
        Ok(_) => vec![],
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

/// A file with the rule `vip`.
fn rule(rest: &str) -> String {
    format!("rules:\n  - name: vip\n{rest}")
}

/// Each file has one problem, which is reported so; where the expected message ends in a space, the rest is the parser's.
fn are_reported(files: &[(String, &str)]) {
    for (yaml, expected) in files {
        let found = problems(yaml);
        let right = match &found[..] {
            [one] if expected.ends_with(' ') => {
                one.starts_with(*expected) && one.len() > expected.len() && !one.contains('\n')
            }
            other => other == [*expected],
        };
        assert!(right, "{yaml}\nfound    {found:#?}\nexpected {expected}");
    }
}

#[test]
fn a_wrong_file_is_reported_with_one_clear_message_and_its_position() {
    are_reported(&[
        (
            rule("    whem: \"true\"\n    to: [postgres]\n"),
            "rules.yaml:3:5: unknown field `whem`, expected one of name, when, to",
        ),
        (rule("    to: [postgres]\n"), "rules.yaml:3:5: missing field `when`"),
        ("rules: [\n".to_owned(), "rules.yaml:1:8: unclosed bracket '['"),
        (
            "rule: []\n".to_owned(),
            "rules.yaml:1:1: unknown field `rule`, expected one of rules",
        ),
        (
            rule("    when: \"true\"\n    to: []\n"),
            "rules.yaml:2:11: rule `vip`: `to` is empty: name at least one sink, or remove the rule",
        ),
        (
            rule("    when: \"true\"\n    to: [postgres, htpp]\n"),
            "rules.yaml:4:20: rule `vip`: there is no sink `htpp`; the sinks are http, postgres",
        ),
        (
            rule("    when: \"true\"\n    to: [\"postgres:x\"]\n"),
            "rules.yaml:4:10: rule `vip`: sink `postgres:x`: takes no argument: write its name alone",
        ),
        (
            rule("    when: \"true\"\n    to: [http]\n  - name: vip\n    when: \"true\"\n    to: [http]\n"),
            "rules.yaml:5:11: rule `vip`: there is another rule of this name above: rename one",
        ),
        (
            "rules:\n  - name: a b\n    when: \"true\"\n    to: [http]\n".to_owned(),
            "rules.yaml:2:11: rule `a b`: `a b` is not a valid rule name: use 1 to 128 letters, digits, `-`, `_` or `.`",
        ),
    ]);
}

#[test]
fn a_condition_that_does_not_compile_is_reported_at_its_position() {
    are_reported(&[
        (
            rule("    when: event.type = \"x\"\n    to: [postgres]\n"),
            "rules.yaml:3:22: rule `vip`: `when` is not valid CEL: ",
        ),
        (
            rule("    when: |\n      event.type == \"x\" &&\n      event.data.n >\n    to: [postgres]\n"),
            "rules.yaml:5:21: rule `vip`: `when` is not valid CEL: it ends too early",
        ),
        (
            rule("    when: 'event.tenant == \"x\" && evnt.type == \"y\"'\n    to: [postgres]\n"),
            "rules.yaml:3:35: rule `vip`: there is no variable `evnt`: a condition sees `event`, for example `event.type`",
        ),
        (
            rule("    when: event.type.beginsWith(\"x\")\n    to: [postgres]\n"),
            "rules.yaml:3:32: rule `vip`: there is no function `beginsWith` with 1 argument in CEL",
        ),
        (
            rule("    when: event.type.matches(event.data.raw.pattern)\n    to: [postgres]\n"),
            "rules.yaml:3:29: rule `vip`: `matches` takes a regular expression in quotes, and nothing computed",
        ),
        (
            rule("    when: event.type.matches(\"(\")\n    to: [postgres]\n"),
            "rules.yaml:3:29: rule `vip`: `(` is not a regular expression: error: unclosed group",
        ),
        (
            rule("    when: event.data.raw.l.exists(a, event.data.raw.l.exists(b, a == b))\n    to: [postgres]\n"),
            "rules.yaml:3:61: rule `vip`: a loop inside a loop: ",
        ),
    ]);
}

#[test]
fn a_condition_of_unknown_members_or_another_type_is_reported_with_what_is_allowed() {
    are_reported(&[
        (
            rule("    when: event.typ == \"x\"\n    to: [postgres]\n"),
            "rules.yaml:3:17: rule `vip`: there is no member `typ` of `event`; there are type, id, time, data, tenant, \
             source, platform, account, subject",
        ),
        (
            rule("    when: event.data.mesage.id == \"x\"\n    to: [postgres]\n"),
            "rules.yaml:3:22: rule `vip`: there is no member `mesage` of `event.data`; there are message, presence, \
             headers, raw, group, ticket, contact, command, unmapped, connection",
        ),
        (
            rule("    when: \"1 + 1\"\n    to: [postgres]\n"),
            "rules.yaml:3:11: rule `vip`: `when` gives a value of type int for an event of type `message.created`, and \
             must give true or false: compare it with something, for example `event.type == \"message.created\"`",
        ),
        (
            rule("    when: event.data.ticket.department\n    to: [postgres]\n"),
            "rules.yaml:3:11: rule `vip`: `when` gives a value of type string for an event of type `ticket.created`, and \
             must give true or false: compare it with something, for example `event.type == \"message.created\"`",
        ),
        (
            rule("    when: \"\"\n    to: [postgres]\n"),
            "rules.yaml:3:11: rule `vip`: `when` is empty: write `\"true\"` for everything",
        ),
    ]);
}

#[test]
fn a_member_that_does_not_exist_is_refused_however_it_is_written() {
    for (when, member) in [
        ("event.typ == 'x'", "`typ` of `event`"),
        ("event.receivedtime == 'x'", "`receivedtime` of `event`"),
        ("event.tenant == 'a' && has(event.typ)", "`typ` of `event`"),
        ("event.?typ.orValue('') == 'x'", "`typ` of `event`"),
        ("event['typ'] == 'x'", "`typ` of `event`"),
        ("event[?'typ'].orValue('') == 'x'", "`typ` of `event`"),
        ("has(event.data.mesage)", "`mesage` of `event.data`"),
        ("has(event.data.mesage.id)", "`mesage` of `event.data`"),
        ("event.data.?mesage.id.orValue('') == 'x'", "`mesage` of `event.data`"),
        ("event['data']['mesage'].id == 'x'", "`mesage` of `event.data`"),
        ("event.?data.?mesage.id.orValue('') == 'x'", "`mesage` of `event.data`"),
        ("'mesage' in event.data", "`mesage` of `event.data`"),
        ("event.data.raw_base64 == 'x'", "`raw_base64` of `event.data`"),
        ("[1].all(i, event.data.mesage.n == i)", "`mesage` of `event.data`"),
    ] {
        let name = member.split('`').nth(1).expect("a name in backticks");
        let at = when
            .find(&format!("'{name}'"))
            .or_else(|| when.find(name))
            .expect("the name");
        // The text begins after the quotation mark in column 11.
        let column = 12 + at;
        let found = problems(&one(when));
        let expected = format!("rules.yaml:4:{column}: rule `r`: there is no member {member}; there are ");
        assert!(
            found.len() == 1 && found[0].starts_with(&expected),
            "{when}\n{found:?}\n{expected}"
        );
    }
    for when in [
        "event.data.raw.mesage == 'x' && event.data.message.whatever == 1",
        "event.data[event.type] == 1",
        "'ticket' in event.data",
        "[{'typ': true}].all(event, event.typ)",
    ] {
        assert_eq!(problems(&one(when)), Vec::<String>::new(), "{when}");
    }
}

#[test]
fn a_condition_that_is_neither_true_nor_false_is_refused() {
    for when in [
        "event.type",
        "event.time",
        "event.data",
        "null",
        "[true]",
        "event.data.message.text",
        "event.data.message.?internal",
        "event.type == 'ticket.closed' ? event.data.ticket.id : false",
        "has(event.data.message) ? 1 : true",
        "event.type.startsWith('sample.') || event.type == 'x' ? 'yes' : 'no'",
    ] {
        let found = problems(&one(when));
        assert!(
            found.len() == 1 && found[0].starts_with("rules.yaml:4:11: rule `r`: `when` gives a value of type "),
            "{when}\n{found:?}"
        );
    }
    let optional = problems(&one("event.data.message.?internal"));
    assert!(optional[0].contains("a value of type optional for"), "{optional:?}");
    // What the sender decides is known only at run time.
    for when in [
        "event.data.raw.flag",
        "event.data.message.internal",
        "1 / 0",
        "event.type == 'a' ? event.data.raw.x : false",
    ] {
        assert_eq!(problems(&one(when)), Vec::<String>::new(), "{when}");
    }
}

#[test]
fn all_problems_are_reported_at_once() {
    let yaml = "rules:\n  - name: a\n    when: evnt\n    to: [x]\n  - name: b\n    when: (\n    to: [http]\n";
    assert_eq!(problems(yaml).len(), 3);
}

#[test]
fn what_would_overflow_the_stack_is_refused() {
    let sum = |terms: usize| format!("{} > 0", vec!["1"; terms].join("+"));
    assert_eq!(problems(&one(&sum(15))), Vec::<String>::new());
    let deep = problems(&one(&sum(900)));
    assert_eq!(deep.len(), 1);
    assert!(deep[0].contains("`when` is more than 24 levels deep"), "{deep:?}");
    let long = problems(&one(&sum(100_000)));
    assert_eq!(
        long,
        [
            "rules.yaml:4:11: rule `r`: `when` has 200003 bytes, at most 2048 are allowed: \
            split the rule into several"
        ]
    );
    for nested in [
        format!("{}event{}", "(".repeat(1_000), ")".repeat(1_000)),
        format!("{}true{}", "[".repeat(1_000), "]".repeat(1_000)),
        format!("event{}", ".a".repeat(1_000)),
        format!("event{}", "[0]".repeat(600)),
        format!("{}1", "true ? 1 : ".repeat(180)),
        format!("event{}", ".a()".repeat(500)),
    ] {
        let found = problems(&one(&nested));
        assert!(!found.is_empty(), "{nested}");
        assert!(found.iter().all(|p| !p.contains("panicked")), "{found:?}");
    }
}

/// The deepest expression of each shape that is accepted, evaluated on less stack than tasks have (2 MiB).
#[test]
fn conditions_at_every_limit_run_on_a_small_stack() {
    type Shape = fn(usize) -> String;
    let shapes: [Shape; 7] = [
        |n| format!("{} > 0", vec!["1"; n].join("+")),
        |n| format!("{}true{}", "[".repeat(n), "] != []".repeat(n)),
        |n| format!("{}event.type{} == ''", "string(".repeat(n), ")".repeat(n)),
        |n| format!("{}true", "true ? !false && ".repeat(n)) + &" : false".repeat(n),
        |n| format!("[1].exists(x, {}x{} == 1)", "int(".repeat(n), ")".repeat(n)),
        |n| format!("event.data.raw{} == 1", ".?a".repeat(n)),
        |n| format!("{{'a': {}1{}}} != null", "{'a': ".repeat(n), "}".repeat(n)),
    ];
    for shape in shapes {
        let deepest = (1..26)
            .rev()
            .find_map(|n| Rules::parse(&one(&shape(n)), "rules.yaml", &BOTH).ok());
        let rules = deepest.expect("something of this shape is accepted");
        let run = move || rules.matching(&event("a", "{}")).len();
        let thread = std::thread::Builder::new()
            .stack_size(1 << 20)
            .spawn(run)
            .expect("a thread");
        assert!(
            thread.join().expect("no panic") <= 1,
            "and no overflow, which would abort the test"
        );
    }
}

#[test]
fn a_condition_sees_the_event() {
    let data = r#"{"ticket":{"department":"vip","n":3,"f":1.5,"tags":["a","b"],"big":18446744073709551615,"none":null},
        "raw":{"Deep":{"x":[1,2]},"s":"\u0041"}}"#;
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
        "event.data.ticket.n + 1 == 4 && event.data.ticket.f > 1 && event.data.ticket.none == null",
        "event.data.ticket.big > 0u",
        "'b' in event.data.ticket.tags && size(event.data.ticket.tags) == 2",
        "event.data.ticket.tags.exists(t, t == 'a') && event.data.ticket.tags.all(t, t.size() == 1)",
        "event.data.raw.Deep.x[1] == 2 && event.data.raw.s == 'A'",
        "has(event.data.ticket) && !has(event.data.message) && !has(event.data.ticket.closed)",
        "event.data.?message.id.orValue('none') == 'none'",
        "event['type'] == 'ticket.created'",
        "event.data.ticket.department.matches('^v.p$')",
        "type(event.data.ticket.n) == int",
        "event.data.ticket.tags.filter(t, t != 'a').map(t, t + 'x') == ['bx']",
        "optional.of(1).hasValue()",
        "true",
    ] {
        assert!(matches(when), "{when}");
    }
    for when in [
        "event.type == 'ticket.closed'",
        "event.data.message.id == 'x'",
        "event.data.ticket.n == 'text'",
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
