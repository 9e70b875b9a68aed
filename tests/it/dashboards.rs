//! The dashboards of Grafana (`deploy/dashboards`) ask for metrics and labels that exist, and say what an operator needs to know.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::{fs, iter};

use harness::repository;
use serde_json::Value;

const NAMES: [&str; 6] = ["endpoints", "ingest", "kafka", "overview", "postgres", "sinks"];

/// What a `ConfigMap` can hold, less what stands around it.
const MAX_BYTES: usize = 900 * 1024;

/// Labels that Prometheus and the scrape configuration give, and that of buckets.
const NOT_OURS: [&str; 4] = ["namespace", "job", "instance", "le"];

/// Windows over time: Grafana's own, and two that have to be as long as those of the alerts.
const WINDOWS: [&str; 4] = ["$__rate_interval", "$__range", "20m", "5m"];

struct Dashboard {
    name: &'static str,
    json: Value,
}

impl Dashboard {
    /// All panels but the headings of rows.
    fn panels(&self) -> impl Iterator<Item = &Value> {
        let panels = self.json["panels"].as_array().expect("panels");
        panels.iter().filter(|panel| panel["type"] != "row")
    }

    /// All queries, each with the title of its panel.
    fn queries(&self) -> impl Iterator<Item = (String, &str)> {
        let panels = self.panels().flat_map(|panel| {
            let targets = panel["targets"].as_array().expect("queries");
            targets.iter().map(|target| (self.place(panel), text(&target["expr"])))
        });
        let notes = self.json["annotations"]["list"].as_array().expect("annotations");
        let notes = notes.iter().map(|note| (self.place(note), text(&note["expr"])));
        panels.chain(notes)
    }

    fn place(&self, panel: &Value) -> String {
        let title = panel["title"].as_str().or(panel["name"].as_str());
        format!("{}: {}", self.name, title.unwrap_or("?"))
    }

    fn variables(&self) -> impl Iterator<Item = &Value> {
        self.json["templating"]["list"].as_array().expect("variables").iter()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn dashboards() -> Vec<Dashboard> {
    let folder = repository().join("deploy/dashboards");
    let mut there: Vec<String> = fs::read_dir(&folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
        .collect();
    there.sort();
    assert_eq!(there, NAMES);
    let read = |name: &'static str| {
        let text = fs::read_to_string(folder.join(format!("{name}.json"))).expect(name);
        assert!(text.len() < MAX_BYTES, "{name} has {} bytes", text.len());
        let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        Dashboard { name, json }
    };
    NAMES.into_iter().map(read).collect()
}

/// The metrics of the reference page: type and labels by name.
fn metrics() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let page = fs::read_to_string(repository().join("docs/metrics.md")).expect("the page");
    let mut metrics = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let name = cells[1].trim_matches('`');
        if name.starts_with("forebay_") || name.starts_with("process_") {
            let labels = cells[3].split(", ").map(|label| label.trim_matches('`').to_owned());
            metrics.insert(name.to_owned(), (cells[2].to_owned(), labels.collect()));
        }
    }
    assert!(metrics.len() > 50, "only {} metrics were found", metrics.len());
    metrics
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The metrics that a query names, each with the names of the labels in the braces after it.
fn selectors(query: &str) -> Vec<(&str, Vec<&str>)> {
    let mut found = Vec::new();
    let mut rest = query;
    while let Some(at) = rest.find(is_word) {
        let word = rest[at..].split(|c| !is_word(c)).next().unwrap_or_default();
        rest = &rest[at + word.len()..];
        if !word.starts_with("forebay_") && !word.starts_with("process_") {
            continue;
        }
        let matchers = rest.strip_prefix('{').and_then(|inside| inside.split('}').next());
        let labels = matchers.unwrap_or_default().split(',');
        let labels = labels.map(|matcher| matcher.split(|c| !is_word(c)).next().unwrap_or_default());
        found.push((word, labels.filter(|label| !label.is_empty()).collect()));
    }
    found
}

/// What stands between each `open` and the next `close`.
fn between<'a>(query: &'a str, open: &'a str, close: char) -> impl Iterator<Item = &'a str> {
    query
        .split(open)
        .skip(1)
        .filter_map(move |rest| rest.split(close).next())
}

#[test]
fn the_search_for_selectors_works() {
    let query =
        r#"sum by (a) (rate(forebay_x_total{job=~"$job",class!="2xx"}[5m])) / process_max_fds + other{b="forebay_"}"#;
    assert_eq!(
        selectors(query)[..2],
        [("forebay_x_total", vec!["job", "class"]), ("process_max_fds", vec![])]
    );
}

#[test]
fn every_metric_and_label_of_a_query_exists() {
    let metrics = metrics();
    let mut seen = BTreeSet::new();
    for dashboard in dashboards() {
        for (place, query) in dashboard.queries() {
            let mut labels_of_query: BTreeSet<&str> = NOT_OURS.into_iter().collect();
            for (word, matched) in selectors(query) {
                let parts = ["_bucket", "_sum", "_count"];
                let family = parts.iter().find_map(|part| word.strip_suffix(part));
                let histogram =
                    family.filter(|family| metrics.get(*family).is_some_and(|(kind, _)| kind == "histogram"));
                let name = histogram.unwrap_or(word);
                let (kind, labels) = metrics
                    .get(name)
                    .unwrap_or_else(|| panic!("{place}: {word} is not in docs/metrics.md"));
                assert_eq!(kind == "histogram", histogram.is_some(), "{place}: {word} is a {kind}");
                for label in matched {
                    assert!(
                        labels.contains(label) || NOT_OURS.contains(&label),
                        "{place}: {name} has no label {label}"
                    );
                }
                labels_of_query.extend(labels.iter().map(String::as_str));
                seen.insert(name.to_owned());
            }
            for label in between(query, "by (", ')').flat_map(|labels| labels.split(", ")) {
                assert!(labels_of_query.contains(label), "{place}: no metric of it has {label}");
            }
        }
    }
    // What no one looks at at night, and the journal, which is not for production.
    let not_shown = |name: &&String| {
        name.starts_with("forebay_stream_journal_")
            || ["process_threads", "process_virtual_memory_bytes"].contains(&name.as_str())
    };
    let missing: Vec<&String> = metrics
        .keys()
        .filter(|name| !not_shown(name) && !seen.contains(*name))
        .collect();
    assert_eq!(missing, Vec::<&String>::new(), "no dashboard shows these");
}

#[test]
fn every_panel_says_what_it_shows_and_what_is_normal() {
    for dashboard in dashboards() {
        let (mut ids, mut titles) = (BTreeSet::new(), BTreeSet::new());
        for panel in dashboard.panels() {
            let place = dashboard.place(panel);
            assert!(ids.insert(panel["id"].as_u64()), "{place}: its id is another's");
            assert!(titles.insert(text(&panel["title"])), "{place}: its title is another's");
            let description = text(&panel["description"]);
            assert!(
                description.contains("Normal ") && description.len() > 60,
                "{place}: {description}"
            );
            assert!(!text(&panel["fieldConfig"]["defaults"]["unit"]).is_empty(), "{place}");
            let targets = panel["targets"].as_array().expect("queries");
            assert!(!targets.is_empty(), "{place}: nothing is asked");
            for target in targets {
                assert!(!text(&target["legendFormat"]).is_empty(), "{place}: no legend");
            }
            let at = &panel["gridPos"];
            let (x, width) = (at["x"].as_u64(), at["w"].as_u64());
            assert!(x.zip(width).is_some_and(|(x, width)| x + width <= 24), "{place}: {at}");
        }
        assert!(ids.len() >= 10, "{}: {} panels", dashboard.name, ids.len());
    }
}

#[test]
fn every_runbook_that_a_panel_names_exists() {
    let mut named = 0;
    for dashboard in dashboards() {
        for panel in dashboard.panels() {
            let (_, runbooks) = text(&panel["description"]).split_once("Runbook: ").unwrap_or_default();
            for path in runbooks.split('`').skip(1).step_by(2) {
                named += 1;
                assert!(repository().join(path).exists(), "{}: {path}", dashboard.place(panel));
            }
        }
    }
    assert!(named > 50, "only {named} runbooks are named");
}

/// Returns every value of a member of that name, however deep.
fn members<'a>(json: &'a Value, name: &str) -> Vec<&'a Value> {
    match json {
        Value::Object(object) => {
            let here = object.get(name).into_iter();
            here.chain(object.values().flat_map(|value| members(value, name)))
                .collect()
        }
        Value::Array(values) => values.iter().flat_map(|value| members(value, name)).collect(),
        _ => vec![],
    }
}

#[test]
fn they_work_with_any_data_source_and_without_kubernetes() {
    let mut uids = BTreeSet::new();
    let dashboards = dashboards();
    for dashboard in &dashboards {
        let uid = text(&dashboard.json["uid"]);
        assert!(uid.starts_with("forebay-") && uid.len() <= 40, "{uid}");
        assert!(uids.insert(uid), "{uid} is another's");
        let sources = members(&dashboard.json, "datasource");
        assert!(sources.len() > 20, "{}: {} data sources", dashboard.name, sources.len());
        for source in sources {
            assert_eq!(text(&source["uid"]), "${datasource}", "{}: {source}", dashboard.name);
        }
        for variable in dashboard.variables().filter(|variable| variable["name"] == "namespace") {
            assert_eq!(
                text(&variable["allValue"]),
                ".*",
                "{}: series without a namespace",
                dashboard.name
            );
        }
    }
    for dashboard in &dashboards {
        for url in members(&dashboard.json, "url") {
            let uid = text(url).strip_prefix("/d/").and_then(|rest| rest.split('?').next());
            assert!(
                uid.is_some_and(|uid| uids.contains(uid)),
                "{}: a link to {url}",
                dashboard.name
            );
        }
    }
}

#[test]
fn queries_use_variables_that_exist_and_windows_that_fit_the_scrape_interval() {
    for dashboard in dashboards() {
        let mut variables: BTreeSet<&str> = dashboard.variables().map(|variable| text(&variable["name"])).collect();
        variables.extend(["__rate_interval", "__range"]);
        for (place, query) in dashboard.queries() {
            for name in query.split('$').skip(1) {
                let name = name.split(|c| !is_word(c)).next().unwrap_or_default();
                // `$1` is of label_replace.
                assert!(name == "1" || variables.contains(name), "{place}: ${name}");
            }
            for window in between(query, "[", ']') {
                assert!(WINDOWS.contains(&window), "{place}: [{window}]");
            }
        }
    }
}

#[test]
fn they_are_what_their_sources_make() {
    let script = repository().join("deploy/dashboards/generate.py");
    let made = Command::new("python3")
        .arg(script)
        .arg("--check")
        .output()
        .expect("Python");
    let said = iter::once(made.stdout).chain([made.stderr]).flatten().collect();
    assert!(made.status.success(), "{}", String::from_utf8(said).expect("UTF-8"));
}
