//! What a variable holds arrives byte for byte, wherever the reference is.

use std::ffi::OsString;

use super::{Settings, faults, given, right, settings};
use crate::variables::value_of_variable;
use crate::{Unavailable, read};

const VALUES: &[&str] = &[
    "plain",
    "",
    " ",
    " leading",
    "trailing ",
    "a b",
    "#hash",
    "a #b",
    "a: b",
    ": ",
    "- a",
    "-",
    "--- ",
    "...",
    "?",
    "? a",
    "[a]",
    "[",
    "]",
    "{a: b}",
    "{",
    "}",
    ",",
    "a,b",
    "*",
    "*a",
    "&a",
    "!a",
    "!!str a",
    "|",
    ">",
    ">-",
    "%a",
    "@a",
    "`a`",
    "'",
    "''",
    "\"",
    "\"\"",
    "'a'",
    "\"a\"",
    "a'b",
    "a\"b",
    "\\",
    "\\n",
    "\\x41",
    "a\nb",
    "a\n",
    "\n",
    "a\r\nb",
    "\t",
    "a\tb",
    "~",
    "null",
    "true",
    "no",
    "yes",
    "0123",
    "0x1F",
    "1e3",
    ".nan",
    "1_000",
    "12:30:45",
    "2001-01-01",
    "<<",
    "=",
    "$",
    "$$",
    "${",
    "${A}",
    "$${A}",
    "a${B",
    "a}b",
    "$(A)",
    "$A",
    "é",
    "日本",
    "\u{feff}a",
    "\u{f0000}",
    "\u{100000}",
    "\u{0}",
    "\u{85}",
    "\u{2028}",
    "p@ss/w#rd?&=%20",
];

#[test]
fn a_value_arrives_to_the_byte_wherever_its_reference_is() {
    for value in VALUES.iter().copied() {
        let variables = given(&[("V", value), ("W", "w")]);
        let mut longer = String::from("x");
        longer.push_str(value);
        longer.push_str("w#");
        for (text, expected) in [
            ("secrets:\n  - ${V}\n", value),
            ("secrets: ${V}\n", value),
            ("secrets: [${V}]\n", value),
            ("secrets: [ ${V} ]  # ${NOT_SET} ${\n", value),
            ("secrets: [\"${V}\"]\n", value),
            ("secrets: ['${V}']\n", value),
            ("{secrets: [${V}]}\n", value),
            ("secrets:\r\n  - ${V}\r\n", value),
            ("secrets:\n  - |-\n    ${V}\n", value),
            ("secrets: [&a ${V}]\n", value),
            ("secrets: [!!str ${V}]\n", value),
            ("secrets: [x${V}${W}#]\n", longer.as_str()),
            ("secrets: [\"x${V}${W}#\"]\n", longer.as_str()),
            ("secrets: ['x${V}${W:-z}#']\n", longer.as_str()),
        ] {
            let read = read::<Settings>(text.as_bytes(), &variables);
            assert_eq!(faults(&read), Vec::<String>::new(), "{text}");
            let secrets = read.value.expect("read").secrets;
            assert_eq!(secrets, [expected], "{value:?} in {text}");
        }
        let text = "properties: { sasl.password: ${V} }\noptional: ${V}\n";
        let read = read::<Settings>(text.as_bytes(), &variables).value.expect("read");
        assert_eq!(read.properties["sasl.password"], value);
        assert_eq!(read.optional.as_deref(), Some(value), "set, even to nothing");
    }
}

#[test]
fn a_default_counts_where_a_variable_has_no_value() {
    for (text, expected) in [
        ("${PORT:-80}", "9000"),
        ("${GONE:-80}", "80"),
        ("${EMPTY:-80}", "80"),
        ("${EMPTY-80}", ""),
        ("${GONE-80}", "80"),
        ("${GONE:-}", ""),
        ("${GONE:-a # b: [c] 'd'}", "a # b: [c] 'd'"),
        ("$${PORT}", "${PORT}"),
        ("a$${", "a${"),
        ("$$${PORT}", "$${PORT}"),
        ("$PORT $(PORT) $", "$PORT $(PORT) $"),
        ("\u{f0000}\u{100000}", "\u{f0000}\u{100000}"),
    ] {
        assert_eq!(right(&format!("name: {text}\n")).name, expected, "{text}");
        assert_eq!(right(&format!("name: \"{text}\"\n")).name, expected, "{text} in quotes");
    }
    for wrong in ["${}", "${1A}", "${A B}", "${A.B}", "${A:-${B}}", "${A:?x}", "${é}"] {
        let read = settings(&format!("name: 'a'\nport: 1 # {wrong}\n"));
        assert_eq!(faults(&read), Vec::<String>::new(), "in a comment");
        let read = settings(&format!("name: é{wrong}\n"));
        assert_eq!(read.faults.len(), 1, "{wrong}: {:?}", read.faults);
        let place = read.faults[0].place.expect("a place");
        assert_eq!((place.line, place.column), (1, 8), "{wrong}");
    }
}

#[test]
fn a_text_is_what_is_written_and_a_column_counts_characters() {
    let read = right("name: 24001\noptional: 0123\nsecrets: [yes, 1e3, 0x1F, 1.50, 'null', \"~\", a#b]\n");
    assert_eq!((read.name.as_str(), read.optional.as_deref()), ("24001", Some("0123")));
    assert_eq!(read.secrets, ["yes", "1e3", "0x1F", "1.50", "null", "~", "a#b"]);
    let read =
        settings("name: ééé\nsecrets: [日本, '${HIDDEN}é', ${GONE}]\nsinks: { http: { ports: [é, ${HIDDEN}é, x] } }\n");
    assert_eq!(
        read.document.place("secrets[1]").map(|p| (p.line, p.column)),
        Some((2, 15))
    );
    let places: Vec<_> = read
        .faults
        .iter()
        .filter_map(|fault| fault.place)
        .map(|p| (p.line, p.column))
        .collect();
    assert_eq!(places, [(2, 29), (3, 26), (3, 29), (3, 41)]);
}

fn lookup<'a>(values: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
    |name| {
        values
            .iter()
            .find(|(other, _)| *other == name)
            .map(|(_, value)| OsString::from(value))
    }
}

#[test]
fn a_variable_is_its_value_or_the_file_that_it_names() {
    let folder = std::env::temp_dir().join(format!("settings-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("secret");
    std::fs::write(&file, "\u{feff} in a file\nof two lines \r\n\n").expect("written");
    let path = file.display().to_string();
    let value = |values: &[(&str, &str)]| value_of_variable("A", lookup(values));
    let content = Ok(Some(" in a file\nof two lines ".to_owned()));
    assert_eq!(value(&[]), Ok(None));
    assert_eq!(value(&[("A", " a\n")]), Ok(Some(" a\n".to_owned())), "to the byte");
    assert_eq!(value(&[("A", "")]), Ok(Some(String::new())));
    assert_eq!(value(&[("A", ""), ("A_FILE", "")]), Ok(Some(String::new())));
    assert_eq!(value(&[("A_FILE", &path)]), content);
    assert_eq!(
        value(&[("A", ""), ("A_FILE", &path)]),
        content,
        "an empty variable does not hide the file"
    );
    assert_eq!(value(&[("A", "a"), ("A_FILE", &path)]), Ok(Some("a".to_owned())));
    let Err(Unavailable(reason)) = value(&[("A_FILE", "/nowhere/secret")]) else {
        panic!("there is no such file");
    };
    assert!(
        reason.contains("`/nowhere/secret`, named by the environment variable A_FILE"),
        "{reason}"
    );
    std::fs::write(&file, b"caf\xe9").expect("written");
    let Err(Unavailable(reason)) = value(&[("A_FILE", &path)]) else {
        panic!("it is not UTF-8");
    };
    assert!(reason.contains("is not UTF-8"), "{reason}");
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_utf8_says_so() {
    use std::os::unix::ffi::OsStringExt as _;
    let lookup = |name: &str| (name == "A").then(|| OsString::from_vec(vec![b'a', 0xFF]));
    let Err(Unavailable(reason)) = value_of_variable("A", lookup) else {
        panic!("it is not UTF-8");
    };
    assert_eq!(
        reason,
        "the environment variable `A` is not UTF-8: give its value in UTF-8"
    );
}
