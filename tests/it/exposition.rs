//! What `promtool check metrics` would find wrong with an answer of `/metrics` in the text format 0.0.4, and a little more.

use std::collections::{BTreeMap, BTreeSet};

/// Units that are no base units, and types, which do not belong into a name.
const NOT_IN_NAMES: [&str; 16] = [
    "ms",
    "millis",
    "milliseconds",
    "micros",
    "microseconds",
    "minutes",
    "hours",
    "days",
    "kb",
    "mb",
    "kilobytes",
    "megabytes",
    "percent",
    "gauge",
    "counter",
    "histogram",
];

#[derive(Debug)]
struct Family {
    kind: String,
    /// The text of the labels without `le`, and per series the numbers of its buckets.
    buckets: BTreeMap<String, Vec<(String, f64)>>,
    counts: BTreeMap<String, f64>,
    sums: BTreeSet<String>,
}

/// Panics with the line that is wrong.
pub(crate) fn assert_strict(text: &str) {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut help: Option<&str> = None;
    let mut current: Option<String> = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, text) = rest.split_once(' ').unwrap_or_else(|| panic!("no help text: {line}"));
            assert!(text.starts_with(char::is_uppercase), "{line}");
            assert_eq!(help.replace(name), None, "a HELP without TYPE before {line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or_else(|| panic!("no type: {line}"));
            assert_eq!(help.take(), Some(name), "{line} has no HELP right before it");
            assert_name(name, kind);
            let family = Family {
                kind: kind.to_owned(),
                buckets: BTreeMap::new(),
                counts: BTreeMap::new(),
                sums: BTreeSet::new(),
            };
            assert!(
                families.insert(name.to_owned(), family).is_none(),
                "described twice: {line}"
            );
            current = Some(name.to_owned());
        } else {
            assert!(
                !line.starts_with('#') && !line.is_empty(),
                "neither HELP nor TYPE nor a series: {line:?}"
            );
            let name = current.as_deref().unwrap_or_else(|| panic!("before any TYPE: {line}"));
            let family = families.get_mut(name).expect("the current one");
            series(line, name, family, &mut seen);
        }
    }
    assert_eq!(help, None, "a HELP without TYPE");
    assert!(families.len() > 10, "only {} metrics", families.len());
    for (name, family) in &families {
        assert_histogram(name, family);
    }
}

fn assert_name(name: &str, kind: &str) {
    assert!(name.starts_with("forebay_") || name.starts_with("process_"), "{name}");
    assert!(
        name.chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
        "{name}"
    );
    assert!(["counter", "gauge", "histogram"].contains(&kind), "{name}: {kind}");
    assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
    for suffix in ["_bucket", "_count", "_sum"] {
        assert!(!name.ends_with(suffix), "{name}");
    }
    for part in name.split('_') {
        assert!(!NOT_IN_NAMES.contains(&part), "{name} has {part} in it");
    }
    if kind == "histogram" {
        assert!(
            name.ends_with("_seconds") || name.ends_with("_bytes"),
            "{name}: its unit"
        );
    }
}

/// One line with a value: of the family that was described last, not there yet, a number.
fn series(line: &str, family_name: &str, family: &mut Family, seen: &mut BTreeSet<String>) {
    let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
    let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
    let (name, labels) = match name.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}').unwrap_or_else(|| panic!("{line}"))),
        None => (name, ""),
    };
    let mut labels = labels_of(labels, line);
    assert!(seen.insert(format!("{name} {labels:?}")), "twice: {line}");
    if family.kind != "histogram" {
        assert_eq!(name, family_name, "{line} stands below another metric");
        assert!(!labels.contains_key("le"), "{line}");
        assert!(family.kind != "counter" || value >= 0.0, "{line}");
        return;
    }
    let le = labels.remove("le");
    let labels = format!("{labels:?}");
    match (name.strip_prefix(family_name), le) {
        (Some("_bucket"), Some(le)) => family.buckets.entry(labels).or_default().push((le, value)),
        (Some("_count"), None) => assert!(family.counts.insert(labels, value).is_none(), "{line}"),
        (Some("_sum"), None) => assert!(family.sums.insert(labels), "{line}"),
        _ => panic!("{line} stands below the histogram {family_name}"),
    }
}

/// The labels by name. No value of ours has a quotation mark or a backslash in it.
fn labels_of(text: &str, line: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("a label of {line}"));
        let (value, after) = after.split_once('"').unwrap_or_else(|| panic!("a value of {line}"));
        assert!(!value.contains('\\'), "{line}");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{line}");
        let before = labels.insert(name.to_owned(), value.to_owned());
        assert_eq!(before, None, "a label twice: {line}");
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    labels
}

/// Buckets grow, and the last is `+Inf` and equal to the count; there is a sum.
fn assert_histogram(name: &str, family: &Family) {
    assert_eq!(family.buckets.len(), family.counts.len(), "{name}");
    for (labels, buckets) in &family.buckets {
        assert!(
            buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1),
            "{name} {labels}: {buckets:?}"
        );
        let (le, last) = buckets.last().expect("a bucket");
        assert_eq!(
            (le.as_str(), Some(last)),
            ("+Inf", family.counts.get(labels)),
            "{name} {labels}"
        );
        assert!(family.sums.contains(labels), "{name} {labels} has no sum");
    }
}

#[test]
fn the_checker_finds_what_is_wrong() {
    let ten = |more: &str| {
        let gauges =
            (0..11).map(|n| format!("# HELP forebay_g{n} A gauge.\n# TYPE forebay_g{n} gauge\nforebay_g{n} 1\n"));
        gauges.collect::<String>() + more
    };
    assert_strict(&ten(
        "# HELP forebay_x_seconds A time.\n# TYPE forebay_x_seconds histogram\nforebay_x_seconds_sum 1.5\n\
         forebay_x_seconds_count 1\nforebay_x_seconds_bucket{le=\"1.0\"} 0\nforebay_x_seconds_bucket{le=\"+Inf\"} 1\n",
    ));
    for wrong in [
        "forebay_x 1\n",
        "# TYPE forebay_x gauge\nforebay_x 1\n",
        "# HELP forebay_x small\n# TYPE forebay_x gauge\n",
        "# HELP forebay_x A count.\n# TYPE forebay_x counter\n",
        "# HELP forebay_x_total A gauge.\n# TYPE forebay_x_total gauge\n",
        "# HELP forebay_x_ms A gauge.\n# TYPE forebay_x_ms gauge\n",
        "# HELP forebay_x A gauge.\n# TYPE forebay_x gauge\nforebay_x{a=\"1\"} 1\nforebay_x{a=\"1\"} 2\n",
        "# HELP forebay_x A gauge.\n# TYPE forebay_x gauge\nforebay_x one\n",
        "# HELP forebay_g1 Again.\n# TYPE forebay_g1 gauge\n",
        "# HELP forebay_x_seconds A time.\n# TYPE forebay_x_seconds histogram\nforebay_x_seconds_bucket{le=\"+Inf\"} 1\n",
    ] {
        let text = ten(wrong);
        let found = std::panic::catch_unwind(|| assert_strict(&text));
        assert!(found.is_err(), "accepted:\n{wrong}");
    }
}
