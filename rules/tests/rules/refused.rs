//! What is refused at load, and with which message.

use rules::Rules;

use crate::one;
use crate::support::{BOTH, event};

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
            "rules.yaml:3:5: `rules[0].whem` is not a setting: did you mean `when`? There are name, when, to",
        ),
        (
            rule("    to: [postgres]\n"),
            "rules.yaml:2:5: `rules[0]` lacks `when`: add it",
        ),
        (
            "rules: [\n".to_owned(),
            "rules.yaml:1:8: a `[` is not closed: add its `]`",
        ),
        (
            "rule: []\n".to_owned(),
            "rules.yaml:1:1: `rule` is not a setting: did you mean `rules`? There is only rules",
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
            rule("    when: \"true\"\n    to: postgres, http\n"),
            "rules.yaml:4:9: rule `vip`: there is no sink `postgres, http`; the sinks are http, postgres; several are a list, \
             with commas between them and inside `[ ]`",
        ),
        (
            rule("    when: \"true\"\n    to: [topic]\n"),
            "rules.yaml:4:10: rule `vip`: there is no sink `topic`; the sinks are http, postgres; another one must be named \
             under `sinks` in the configuration",
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
            "rules.yaml:3:22: rule `vip`: `when` is not valid CEL: `==` compares",
        ),
        (
            rule("    when: |\n      event.type == \"x\" &&\n      event.data.n >\n    to: [postgres]\n"),
            "rules.yaml:5:21: rule `vip`: `when` is not valid CEL: it ends too early",
        ),
        (
            rule("    when: 'event.tenant == \"x\" && evnt.type == \"y\"'\n    to: [postgres]\n"),
            "rules.yaml:3:35: rule `vip`: there is no variable `evnt`: a condition sees `event`, as in `event.type`",
        ),
        (
            rule("    when: event.type.beginsWith(\"x\")\n    to: [postgres]\n"),
            "rules.yaml:3:32: rule `vip`: there is no function `beginsWith` with 1 argument in CEL: did you mean `startsWith`?",
        ),
        (
            rule("    when: event.data.message.text.toLowerCase() == \"x\"\n    to: [postgres]\n"),
            "rules.yaml:3:46: rule `vip`: there is no function `toLowerCase` with no argument in CEL: for upper and lower case \
             write `.matches(\"(?i)\u{2026}\")`",
        ),
        (
            rule("    when: event.time > timestamp(\"2024-01-01\")\n    to: [postgres]\n"),
            "rules.yaml:3:33: rule `vip`: `2024-01-01` is no time: write date, time and zone, as in \
             `timestamp(\"2026-03-10T13:36:50Z\")`",
        ),
        (
            rule("    when: event.data.message.text + 5 == \"x\"\n    to: [postgres]\n"),
            "rules.yaml:3:35: rule `vip`: `+` takes two texts or two numbers: `string(\u{2026})` makes text of a number",
        ),
        (
            rule("    when: has(\"event.data.ticket\")\n    to: [postgres]\n"),
            "rules.yaml:3:15: rule `vip`: `when` is not valid CEL: `has` asks whether a member is there, and takes its name \
             without quotes: `has(event.data.ticket)`",
        ),
        (
            rule("    when: event.type.matches(event.data.raw.pattern)\n    to: [postgres]\n"),
            "rules.yaml:3:29: rule `vip`: `matches` takes a regular expression in quotes, and nothing computed",
        ),
        (
            rule("    when: event.type.matches(\"(\")\n    to: [postgres]\n"),
            "rules.yaml:3:29: rule `vip`: `(` is not a regular expression: unclosed group",
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
            "rules.yaml:3:17: rule `vip`: there is no member `typ` of `event`; did you mean `type`? There are type, id, \
             source, tenant, platform, account, subject, time, data",
        ),
        (
            rule("    when: event.data.mesage.id == \"x\"\n    to: [postgres]\n"),
            "rules.yaml:3:22: rule `vip`: there is no member `mesage` of `event.data`; did you mean `message`? There are \
             message, group, ticket, contact, connection, presence, command, endpoint, unmapped, headers, raw",
        ),
        (
            rule("    when: \"1 + 1\"\n    to: [postgres]\n"),
            "rules.yaml:3:11: rule `vip`: `when` gives a number for an event of type `message.created`, and \
             must give true or false: compare it with something, for example `event.type == \"message.created\"`",
        ),
        (
            rule("    when: event.data.ticket.department\n    to: [postgres]\n"),
            "rules.yaml:3:11: rule `vip`: `when` gives text for an event of type `ticket.created`, and \
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
        let expected = format!("rules.yaml:4:{column}: rule `r`: there is no member {member}; ");
        assert!(
            found.len() == 1 && found[0].starts_with(&expected),
            "{when}\n{found:?}\n{expected}"
        );
    }
    for when in [
        "event.data.raw.mesage == 'x' && event.data.raw.message.whatever == 1",
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
            found.len() == 1 && found[0].starts_with("rules.yaml:4:11: rule `r`: `when` gives "),
            "{when}\n{found:?}"
        );
    }
    let optional = problems(&one("event.data.message.?internal"));
    assert!(optional[0].contains("an optional value for"), "{optional:?}");
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

/// Who forgets a key learns in the same run what is wrong with the others.
#[test]
fn the_rest_of_a_rule_that_lacks_a_key_is_checked_too() {
    for (yaml, expected) in [
        (
            "rules:\n  - when: event.typ == \"x\"\n    to: [htpp]\n",
            &[
                "rules.yaml:2:5: `rules[0]` lacks `name`: add it",
                "rules.yaml:2:17: there is no member `typ` of `event`; ",
                "rules.yaml:3:10: there is no sink `htpp`; ",
            ][..],
        ),
        (
            "rules:\n  - name: a\n    to: [htpp]\n",
            &[
                "rules.yaml:2:5: `rules[0]` lacks `when`: add it",
                "rules.yaml:3:10: rule `a`: there is no sink `htpp`; ",
            ],
        ),
        (
            "rules:\n  - name: a\n    when: event.typ == \"x\"\n",
            &[
                "rules.yaml:2:5: `rules[0]` lacks `to`: add it",
                "rules.yaml:3:17: rule `a`: there is no member `typ` of `event`; ",
            ],
        ),
        (
            "rules:\n  - nam: a\n    when: event.typ == \"x\"\n    to: [http]\n",
            &[
                "rules.yaml:2:5: `rules[0].nam` is not a setting: ",
                "rules.yaml:3:17: there is no member `typ` of `event`; ",
            ],
        ),
    ] {
        let found = problems(yaml);
        let right = |(found, expected): (&String, &&str)| found.starts_with(*expected);
        assert!(
            found.len() == expected.len() && found.iter().zip(expected).all(right),
            "{yaml}\nfound    {found:#?}\nexpected {expected:#?}"
        );
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
        |n| format!("event.data.raw{} != null", ".?a".repeat(n)),
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
