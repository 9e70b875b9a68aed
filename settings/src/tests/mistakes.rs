//! Each mistake in our words.

use std::collections::HashMap;

use super::{faults, right, settings};
use crate::{Kind, NoReferences, read};

#[test]
fn each_mistake_is_named_with_its_place_and_the_way_out() {
    for (text, expected) in [
        (
            "max_body_bytes: lots\n",
            "1:17: `max_body_bytes` is `lots`: give a whole number of bytes, as in 1048576 or 1MiB",
        ),
        (
            "budget_ms: -1\n",
            "1:12: `budget_ms` is `-1`: give a whole number of milliseconds, as in 2000 or 2s",
        ),
        (
            "retention_hours: 90m\n",
            "1:18: `retention_hours` is `90m`: that is no whole number of hours: give a whole number of hours, as in 168 or 7d",
        ),
        ("port: 70000\n", "1:7: `port` is `70000`: give 0 to 65535"),
        ("port: '80'\n", "1:7: `port` is `80`: write the number without quotes"),
        ("port: [80]\n", "1:7: `port` is a list: give a whole number, as in 12"),
        ("port: 1.5\n", "1:7: `port` is `1.5`: give a whole number, as in 12"),
        ("ratio: .nan\n", "1:8: `ratio` is `.nan`: give a number, as in 2 or 1.5"),
        ("ratio: .inf\n", "1:8: `ratio` is `.inf`: give a number, as in 2 or 1.5"),
        ("on: yes\n", "1:5: `on` is `yes`: give true or false"),
        (
            "name: [a:9092]\n",
            "1:7: `name` is a list: give a text, as in `name: a:9092`",
        ),
        (
            "name: {a: b}\n",
            "1:7: `name` has keys and values: give a text, in quotes if it holds `: ` or begins with `{`",
        ),
        ("name:\n", "1:1: `name` is empty: give a text"),
        (
            "nam: x\n",
            "1:1: `nam` is not a setting: did you mean `name`? There are name, optional, port, ratio, on, max_body_bytes, \
             budget_ms, retention_hours, idle_seconds, secrets, sources, sinks, properties",
        ),
        (
            "sinks:\n  topic:\n    nonsense: 1\n",
            "3:5: `sinks.topic.nonsense` is not a setting: there are ports, password",
        ),
        (
            "sinks: {http: }\n",
            "1:9: `sinks.http` is empty: write `http: {}`, or take it out",
        ),
        ("sinks:\n", "1:1: `sinks` is empty: write `sinks: {}`, or take it out"),
        (
            "sinks: { http: x }\n",
            "1:16: `sinks.http` is `x`: give keys and values, as in `http: { ports: … }`",
        ),
        (
            "sources: [{ id: a, platform: chatwot }]\n",
            "1:30: `sources[0].platform` is `chatwot`: did you mean `chatwoot`? There are chatwoot, digisac",
        ),
        (
            "sources: [{ id: a, platform: x }]\n",
            "1:30: `sources[0].platform` is `x`: give one of chatwoot, digisac",
        ),
        (
            "sources:\n  - secrets: [a]\n",
            "2:5: `sources[0]` lacks `id` and `platform`: add them",
        ),
        (
            "sources: [github]\n",
            "1:11: `sources[0]` is `github`: write `- id: github`",
        ),
        (
            "sources: { id: a, platform: digisac, main: { x: 1 } }\n",
            "1:38: `sources.main` is not a setting: give a list, in which each begins with `- id: …`",
        ),
        (
            "sources: { gh: { platform: digisac } }\n",
            "1:12: `sources.gh` is not a setting: give a list, in which each begins with `- id: …`",
        ),
        (
            "sources: [{ id: a, platform: digisac, auth: none }]\n",
            "1:45: `sources[0].auth` is `none`: write `auth: { scheme: none }`",
        ),
        (
            "sources: [{ id: a, platform: digisac, auth: [hmac] }]\n",
            "1:45: `sources[0].auth` is a list: give keys and values, as in `auth: { scheme: … }`",
        ),
        (
            "sources: [{ id: a, platform: digisac, auth: { scheme: hmac } }]\n",
            "1:45: `sources[0].auth` lacks `hash` and `header`: add them",
        ),
        (
            "sources: [{ id: a, platform: digisac, auth: {} }]\n",
            "1:45: `sources[0].auth` lacks `scheme`: add it",
        ),
        (
            "sources: [{ id: a, platform: digisac, auth: { scheme: hmc } }]\n",
            "1:55: `sources[0].auth.scheme` is `hmc`: did you mean `hmac`? There are none, hmac",
        ),
        (
            "sources: [{ id: a, platform: digisac, auth: { scheme: hmac, hash: sha256, header: h, tolerance_seconds: x } }]\n",
            "1:105: `sources[0].auth.tolerance_seconds` is `x`: give a whole number of seconds, as in 600 or 10m",
        ),
        (
            "sources: [{ id: a, platform: digisac, auth: { scheme: hmac, hash: sha2, header: h } }]\n",
            "1:67: `sources[0].auth.hash` is `sha2`: did you mean `sha256`? There are sha1, sha256",
        ),
        (
            "sources: [{ id: a, platform: digisac, auth: { scheme: hmac, hash: sha1, heade: h, header: h } }]\n",
            "1:73: `sources[0].auth.heade` is not a setting: did you mean `header`? There are hash, header, prefix, \
             tolerance_seconds",
        ),
        (
            "port: 1\nname: a\nport: 2\n",
            "3:1: `port` is set twice, here and in line 1, column 1: take one of them out",
        ),
        (
            "name: ${NOT_THERE}\n",
            "1:7: the environment variable `NOT_THERE` is not set: set it, or set NOT_THERE_FILE to a file that holds the \
             value, or give a default: ${NOT_THERE:-text}",
        ),
        (
            "name: a${NOT\n",
            "1:8: `${` begins a reference, and its `}` is missing: write ${NAME}, or `$${` for the two characters",
        ),
        (
            "name: ${PORT:?must be set}\n",
            "1:7: only a default can follow the name in a reference: write ${NAME} or ${NAME:-text}",
        ),
        (
            "name: ${PORT+x}\n",
            "1:7: only a default can follow the name in a reference: write ${NAME} or ${NAME:-text}",
        ),
        (
            "- a\n",
            "1:1: the file is a list: give keys and values, as in `key: value`",
        ),
    ] {
        let found = faults(&settings(text));
        assert_eq!(found, [expected], "{text}");
    }
}

#[test]
fn a_mistake_of_yaml_is_named_with_its_line() {
    for (text, expected) in [
        (
            "a: 1\n---\nb: 2\n",
            "2: a second document begins here: keep one, and take out the line `---` or `...` between them",
        ),
        (
            "secrets: [*]\n",
            "1: a `*` begins a reference and a `&` a name in YAML: put the value in quotes, as in \"*\"",
        ),
        (
            "name: a: b\n",
            "1: a `: ` inside a value: put the value in quotes; or the line is indented further than the one above",
        ),
        (
            "port: 1\nname:\u{a0}a\non: true\n",
            "2: a no-break space is in this line, which is no blank in YAML: write a blank in its place",
        ),
        (
            "name: [::1]:8080\nport: 1\n",
            "1: a value that begins with `[` is a list, which its `]` ends: put the value in quotes, as in \"[::1]:8080\"",
        ),
        (
            "sources:\n  -id: a\n    platform: digisac\n",
            "3: a blank is missing after the `-` of the line above: write `- key: value`",
        ),
        ("sinks:\n\thttp: {}\n", "2: a tab is no indentation in YAML: use spaces"),
        (
            "secrets: [%CW%]\n",
            "1: a value cannot begin with this character: put it in quotes; if a variable is meant, write ${CW}",
        ),
        (
            "secrets: [%hunter2%]\n",
            "1: a value cannot begin with this character: put it in quotes",
        ),
        ("secrets: [a\n", "1: a `[` is not closed: add its `]`"),
        (
            "name: 'a\n",
            "1: a quotation mark is not closed: add it at the end of the value",
        ),
        (
            "secrets: [\"a\"]\nname: \"a \\\" b\n  c\nport: 1\n",
            "2: a quotation mark is not closed: add it at the end of the value",
        ),
        ("name: !abc\n", "1: `!` begins a type in YAML: put the value in quotes"),
    ] {
        let read = settings(text);
        let [fault] = &read.faults[..] else {
            panic!("{text}: {:?}", read.faults);
        };
        let line = fault.place.expect("a place").line;
        assert_eq!(format!("{line}: {fault}"), expected, "{text}");
        assert_eq!((fault.kind, &read.value), (Kind::Syntax, &None), "{text}");
    }
}

#[test]
fn what_is_not_utf8_is_named_with_its_line() {
    let read = read::<super::Settings>(b"name: a\noptional: caf\xe9\n", &NoReferences);
    assert_eq!(
        faults(&read),
        ["2:14: the file is not UTF-8 from here on: save it as UTF-8"]
    );
    let utf16: Vec<u8> = "\u{feff}name: a\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let read = crate::read::<super::Settings>(&utf16, &NoReferences);
    assert_eq!(faults(&read), ["the file is UTF-16: save it as UTF-8"]);
}

#[test]
fn everything_is_named_in_one_run_and_the_rest_is_read() {
    let text = "\
nam: x
port: lots
budget_ms: 3s
sinks: { http: , topic: { ports: [1, x, 3], password: [a] } }
secrets: [a, ${GONE}, b, \"${GONE_TOO}\"]
sources:
  - { id: a, platform: digisac, secrets: a }
  - { platform: chatwot }
  - { id: c, platform: chatwoot, auth: basic }
";
    let read = settings(text);
    let found = faults(&read);
    let starts = [
        "1:1: `nam` is not a setting",
        "2:7: `port` is `lots`",
        "4:10: `sinks.http` is empty",
        "4:38: `sinks.topic.ports[1]` is `x`",
        "4:55: `sinks.topic.password` is a list",
        "5:14: the environment variable `GONE` is not set",
        "5:27: the environment variable `GONE_TOO` is not set",
        "8:5: `sources[1]` lacks `id`",
        "8:17: `sources[1].platform` is `chatwot`",
        "9:40: `sources[2].auth` is `basic`: write `auth: { scheme: basic }`",
    ];
    for (line, start) in found.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}\ninstead of\n{start}");
    }
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    let value = read.value.expect("the rest");
    assert_eq!((value.port, value.budget_ms, value.secrets.len()), (0, 3000, 4));
    let ids: Vec<&str> = value.sources.iter().map(|source| source.id.as_str()).collect();
    assert_eq!(ids, ["a", "c"]);
    assert!(value.sinks.http.is_some(), "named, so it is there");
    assert_eq!(value.sinks.topic.expect("a sink").ports, [1, 3]);
    // What was not read, by the numbers of what was read.
    let taken = read.document.taken_out();
    for path in [
        "port",
        "name",
        "secrets[1]",
        "sources[-]",
        "sources[1].auth",
        "sinks.http",
    ] {
        assert!(taken.iter().any(|taken| taken == path), "{path}: {taken:?}");
    }
    assert_eq!(read.document.place("sources[1].id").map(|place| place.line), Some(9));
}

#[test]
fn what_lacks_keys_can_be_read_with_stand_ins() {
    let text = "sources:\n  - { platform: digisac, secrets: [a] }\n  - { id: b, platform: chatwoot }\n";
    let read = crate::read_with_stand_ins::<super::Settings>(text.as_bytes(), &NoReferences);
    assert_eq!(faults(&read), ["2:5: `sources[0]` lacks `id`: add it"]);
    assert_eq!(read.document.taken_out(), ["sources[0].id"]);
    let sources = read.value.expect("all of it").sources;
    assert_eq!((sources.len(), sources[1].id.as_str()), (2, "b"));
}

#[test]
fn no_message_shows_the_value_of_a_variable_or_of_a_secret() {
    for text in [
        "port: ${HIDDEN}\n",
        "budget_ms: \"${HIDDEN}\"\n",
        "on: ${HIDDEN}\n",
        "ratio: x${HIDDEN}\n",
        "sinks: ${HIDDEN}\n",
        "sinks: { http: { password: [hunter2] } }\n",
        "sinks: { http: { password: { hunter2: 1 } } }\n",
        "sinks: { http: { ports: hunter2@ } }\n",
        "secrets: { hunter2: 1 }\n",
        "${HIDDEN}: 1\n",
        "{ ${HIDDEN}: 1, ${HIDDEN}: 2 }\n",
        "sources: [{ id: a, platform: ${HIDDEN} }]\n",
        "sources: [{ id: a, platform: digisac, auth: ${HIDDEN} }]\n",
        "sources: [{ id: a, platform: digisac, auth: { scheme: ${HIDDEN} } }]\n",
        "sources: [{ id: a, platform: digisac, auth: { scheme: hmac, hash: ${HIDDEN}, header: a } }]\n",
        "sources: [{ id: a, platform: digisac, auth: { scheme: none, tolerance_seconds: ${HIDDEN} } }]\n",
        "name: [a, ${HIDDEN}\n",
        "name: a: ${HIDDEN}\n",
    ] {
        let read = settings(text);
        // A kind without settings takes any: that is no mistake.
        if !text.contains("scheme: none") {
            assert!(!read.faults.is_empty(), "{text}");
        }
        assert!(
            !format!("{:?}", read.faults).contains("hunter2"),
            "{text}: {:?}",
            read.faults
        );
    }
    let read = settings("name: ${HIDDEN}\noptional: hunter2\n");
    let said = read
        .document
        .without_hidden("name", "is `hunter2`, not `x`; `unter` and hunter2");
    assert_eq!(said, "is `…`, not `x`; `…` and …");
    assert_eq!(read.document.without_hidden("optional", "is `hunter2`"), "is `hunter2`");
    // What a message says by itself stays, though the value holds it, too.
    let read = settings("secrets: ['$(whsec_hunter2@x)']\n");
    let said = read
        .document
        .without_hidden("secrets[0]", "begins with `$(`, holds `@` and `whsec_`; `unter2@x`");
    assert_eq!(said, "begins with `$(`, holds `@` and `whsec_`; `…`");
}

#[test]
fn a_number_may_have_a_unit_and_a_list_of_one_may_be_its_element() {
    let read = right(
        "max_body_bytes: 1MiB\nbudget_ms: 2s\nretention_hours: 7d\nidle_seconds: '10m'\nsecrets: ${HIDDEN}\nport: ${PORT}\n\
         sinks: { http: { ports: 80 } }\nsources: { id: 0123, platform: digisac, auth: { scheme: hmac, hash: sha1, header: h, tolerance_seconds: 5m } }\n",
    );
    assert_eq!(
        (read.max_body_bytes, read.budget_ms, read.retention_hours),
        (1 << 20, 2000, 168)
    );
    assert_eq!(
        (read.idle_seconds, read.port, &read.secrets[..]),
        (Some(600), 9000, &["hunter2".to_owned()][..])
    );
    assert_eq!(read.sinks.http.expect("a sink").ports, [80]);
    assert_eq!(read.sources[0].id, "0123");
    let Some(super::Auth::Hmac { tolerance_seconds, .. }) = read.sources[0].auth else {
        panic!("another scheme");
    };
    assert_eq!(tolerance_seconds, 300);
    for (text, bytes) in [
        ("64KiB", 65_536),
        ("3kB", 3000),
        ("2 MB", 2_000_000),
        ("2GiB", 2 << 30),
        ("0x10", 16),
        ("7", 7),
    ] {
        assert_eq!(
            right(&format!("max_body_bytes: {text}\n")).max_body_bytes,
            bytes,
            "{text}"
        );
    }
    for (text, millis) in [
        ("250ms", 250),
        ("2s", 2000),
        ("5m", 300_000),
        ("12h", 43_200_000),
        ("7d", 604_800_000),
    ] {
        assert_eq!(right(&format!("budget_ms: {text}\n")).budget_ms, millis, "{text}");
    }
    for wrong in [
        "1.5s",
        "s",
        "5x",
        "1KiB",
        "99999999999999999999999999999999999999999s",
        "99999999999999999999d",
    ] {
        let read = settings(&format!("budget_ms: {wrong}\n"));
        assert_eq!(read.faults.len(), 1, "{wrong}");
        assert_eq!(read.faults[0].kind, Kind::Value, "{wrong}");
    }
}

#[test]
fn no_part_of_a_file_makes_it_panic() {
    let text = include_str!("../../../forebay.example.yaml");
    let variables = super::Given(HashMap::new());
    for end in (0..text.len()).step_by(5) {
        let read = read::<super::Settings>(&text.as_bytes()[..end], &variables);
        assert!(read.value.is_some() || !read.faults.is_empty(), "{end}");
    }
    let everything = "a: &a [1, {b: 'c', <<: *a}]\n? [x]\n: !t \"\\x41${A:-b}\"\n--- |\n  t\n...\n";
    for start in 0..everything.len() {
        for end in start..everything.len() {
            let read = read::<super::Settings>(&everything.as_bytes()[start..end], &variables);
            assert!(read.value.is_some() || !read.faults.is_empty(), "{start}..{end}");
        }
    }
}
