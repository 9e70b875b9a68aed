//! Holds the reference page of the metrics, `docs/metrics.md`, to the program. `UPDATE_PAGES=1 cargo test -p forebay reference`
//! writes its tables anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use axum::http::HeaderMap;
use prometheus_client::registry::Registry;

use super::readiness::Readiness;
use super::{exposition, process};
use crate::certificates::Expiry;

/// What stands around the tables on the page.
const BEGIN: &str = "<!-- Generated from here: UPDATE_PAGES=1 cargo test -p forebay reference -->\n";
const END: &str = "<!-- Generated to here -->\n";

/// A part of the program that has metrics.
struct Section {
    title: &'static str,
    /// Registers them, with a series of each that has labels.
    register: fn(&mut Registry),
}

const SECTIONS: [Section; 8] = [
    Section {
        title: "Every process",
        register: |registry| {
            process::register(registry);
            Readiness::example(registry);
            Expiry::example(registry);
        },
    },
    Section {
        title: "`forebay ingest`",
        register: ingest::Metrics::example,
    },
    Section {
        title: "`forebay process`: every sink",
        register: processor::Metrics::example,
    },
    Section {
        title: "`forebay process`: operational events",
        register: processor::operations::OperationsMetrics::example,
    },
    Section {
        title: "`forebay process`: the sink `http`, and the database sinks",
        register: |registry| {
            sinks::http::example_metrics(registry);
            sinks::table::Metrics::example(registry);
        },
    },
    Section {
        title: "`forebay process` with a `store`: the attempt log",
        register: store::attempts::example_metrics,
    },
    Section {
        title: "Every process with the event log on Kafka",
        register: |registry| stream::kafka::Metrics::default().register(registry),
    },
    Section {
        title: "`forebay dev`: the journal",
        register: |registry| stream::journal::Metrics::default().register(registry),
    },
];

/// The labels of what is computed from workers at each scrape, which has no series here.
const COMPUTED: [(&str, &str); 9] = [
    ("forebay_processor_backlog_deliveries", "`sink`"),
    ("forebay_processor_backlog_oldest_seconds", "`sink`"),
    ("forebay_processor_canary_age_seconds", "`sink`, `partition`"),
    ("forebay_processor_joined", "`sink`"),
    ("forebay_processor_oldest_unsettled_seconds", "`sink`"),
    ("forebay_processor_partitions", "`sink`"),
    ("forebay_processor_targets", "`sink`, `state`"),
    ("forebay_processor_valve_failures_ratio", "`sink`, `valve`"),
    ("forebay_processor_valve_tripped", "`sink`, `valve`"),
];

/// One metric, as it is scraped.
struct Metric {
    name: String,
    kind: String,
    labels: String,
    help: String,
}

fn metrics(section: &Section) -> Vec<Metric> {
    let mut registry = Registry::default();
    (section.register)(&mut registry);
    let (_, text) = exposition::answer(&registry, &HeaderMap::new()).expect("text");
    let described = text.lines().filter_map(|line| line.strip_prefix("# HELP "));
    let mut metrics: Vec<Metric> = described
        .map(|line| {
            let (name, help) = line.split_once(' ').expect("a help text");
            let kind = format!("# TYPE {name} ");
            let kind = text.lines().find_map(|line| line.strip_prefix(&kind)).expect("a type");
            Metric {
                labels: labels(&text, name, kind),
                name: name.to_owned(),
                kind: kind.to_owned(),
                help: help.trim_end_matches('.').to_owned(),
            }
        })
        .collect();
    metrics.sort_by(|a, b| a.name.cmp(&b.name));
    metrics
}

fn labels(text: &str, name: &str, kind: &str) -> String {
    let series = if kind == "histogram" {
        format!("{name}_count")
    } else {
        name.to_owned()
    };
    let series = text.lines().find_map(|line| {
        let rest = line.strip_prefix(&series)?;
        rest.starts_with([' ', '{']).then_some(rest)
    });
    let computed = COMPUTED.iter().find(|(computed, _)| *computed == name);
    match (series, computed) {
        (Some(_), Some(_)) => panic!("{name} has a series: it is not among COMPUTED"),
        (None, Some((_, labels))) => (*labels).to_owned(),
        (None, None) => panic!("the example of its crate makes no series of {name}"),
        (Some(series), None) => {
            let labels = series.split(['{', ',']).filter_map(|part| part.split_once("=\""));
            labels
                .map(|(label, _)| format!("`{label}`"))
                .collect::<Vec<_>>()
                .join(", ")
        }
    }
}

fn tables() -> String {
    let mut page = String::new();
    for section in &SECTIONS {
        page.extend([
            "\n## ",
            section.title,
            "\n\n| metric | type | labels | what it shows |\n|---|---|---|---|\n",
        ]);
        for Metric {
            name,
            kind,
            labels,
            help,
        } in metrics(section)
        {
            page.extend([format!("| `{name}` | {kind} | {labels} | {help} |\n")]);
        }
    }
    page.push('\n');
    page
}

fn page() -> (PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let text = fs::read_to_string(&path).expect("the page");
    (path, text)
}

/// The page without its tables: what comes before them, and what comes after.
fn written_by_hand(page: &str) -> (&str, &str) {
    let (before, rest) = page.split_once(BEGIN).expect("where the tables begin");
    let (_, after) = rest.split_once(END).expect("where the tables end");
    (before, after)
}

#[test]
fn the_reference_page_has_every_metric_as_it_is_scraped() {
    let (path, shown) = page();
    let (before, after) = written_by_hand(&shown);
    let made = format!("{before}{BEGIN}{}{END}{after}", tables());
    if std::env::var_os("UPDATE_PAGES").is_some() {
        fs::write(&path, made).expect("written");
        return;
    }
    for (number, (shown, made)) in (1..).zip(shown.lines().zip(made.lines())) {
        assert_eq!(
            shown, made,
            "docs/metrics.md:{number}; run UPDATE_PAGES=1 cargo test -p forebay reference"
        );
    }
    assert_eq!(shown.len(), made.len(), "docs/metrics.md ends early");
}

fn is_no_part(c: char) -> bool {
    !(c.is_ascii_alphanumeric() || c == '_')
}

#[test]
fn every_metric_that_the_reference_page_names_beside_its_tables_exists() {
    let exist: BTreeSet<String> = SECTIONS.iter().flat_map(metrics).map(|metric| metric.name).collect();
    let (_, page) = page();
    let (before, after) = written_by_hand(&page);
    let mut seen = 0;
    for word in [before, after].iter().flat_map(|text| text.split(is_no_part)) {
        if word.ends_with('_') || !(word.starts_with("forebay_") || word.starts_with("process_")) {
            continue;
        }
        let of_histogram = ["_bucket", "_sum", "_count"];
        let family = of_histogram.iter().find_map(|suffix| word.strip_suffix(suffix));
        assert!(
            exist.contains(word) || family.is_some_and(|family| exist.contains(family)),
            "docs/metrics.md names {word}, which is no metric"
        );
        seen += 1;
    }
    assert!(seen > 0, "the page names none");
}
