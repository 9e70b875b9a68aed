//! The alerts (`deploy/alerts/`), and what each must have: a severity, texts, a page, and tests in which it fires and in which it does
//! not. That the expressions are right is shown by `deploy/alerts/test`, which needs promtool.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use harness::repository;

/// One rule. Two may have one name: the same alert, with two severities.
struct Alert {
    name: String,
    severity: String,
    text: String,
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files of a folder with that ending, in order.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(repository().join(folder)).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut found: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == ending))
        .collect();
    found.sort();
    found
}

fn alerts() -> Vec<Alert> {
    let rules = read("deploy/alerts/forebay.rules.yaml");
    let blocks = rules.split("\n      - alert: ").skip(1);
    blocks
        .map(|block| {
            let name = block.lines().next().expect("a name").to_owned();
            let severity = block.split("severity: ").nth(1).and_then(|rest| rest.split('}').next());
            Alert {
                severity: severity.unwrap_or_else(|| panic!("{name} has no severity")).to_owned(),
                text: block.to_owned(),
                name,
            }
        })
        .collect()
}

/// The pages of the alerts by name, and what they say.
fn pages() -> BTreeMap<String, String> {
    let files = files("docs/runbooks", "md").into_iter();
    let named = files.map(|path| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        (name, fs::read_to_string(&path).expect("a page"))
    });
    named.filter(|(name, _)| name != "README").collect()
}

#[test]
fn every_alert_has_a_severity_texts_a_page_and_a_row_in_the_table() {
    let (alerts, pages, table) = (alerts(), pages(), read("docs/runbooks/README.md"));
    assert!(alerts.len() >= 12, "{} alerts", alerts.len());
    for Alert { name, severity, text } in &alerts {
        assert!(name.starts_with("Forebay"), "{name}");
        assert!(
            ["critical", "warning"].contains(&severity.as_str()),
            "{name}: {severity}"
        );
        for annotation in ["summary: ", "description: "] {
            assert!(
                text.contains(&format!("\n          {annotation}")),
                "{name}: {annotation}"
            );
        }
        let page = format!("\n          runbook: docs/runbooks/{name}.md\n");
        assert!(text.contains(&page), "{name} does not name its page");
        let page = pages.get(name).unwrap_or_else(|| panic!("there is no page of {name}"));
        for part in [&*format!("# {name}\n"), "\n## Look\n", "\n## Do\n", "\n## No problem\n"] {
            assert!(page.contains(part), "the page of {name} lacks {part:?}");
        }
        let row = table
            .lines()
            .find(|line| line.contains(&format!("[{name}]({name}.md)")));
        assert!(
            row.is_some_and(|row| row.contains(severity.as_str())),
            "{name}: {row:?}"
        );
    }
    let names: BTreeSet<&String> = alerts.iter().map(|alert| &alert.name).collect();
    let paged: BTreeSet<&String> = pages.keys().collect();
    assert_eq!(names, paged, "a page without an alert, or an alert without a page");
}

#[test]
fn every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not() {
    let files = files("deploy/alerts/tests", "yaml");
    let tests: String = files
        .iter()
        .map(|path| fs::read_to_string(path).expect("tests"))
        .collect();
    for Alert { name, severity, .. } in alerts() {
        let begin = format!("        alertname: {name}\n");
        let cases = tests.split(&begin).skip(1);
        let (quiet, firing): (Vec<&str>, Vec<&str>) =
            cases.partition(|case| case.starts_with("        exp_alerts: []\n"));
        let expected = format!("exp_labels: {{severity: {severity}");
        let fires = firing.iter().any(|case| {
            case.split("- eval_time:")
                .next()
                .is_some_and(|case| case.contains(&expected))
        });
        assert!(fires, "no test in which {name} fires as {severity}");
        assert!(!quiet.is_empty(), "no test in which {name} does not fire");
    }
}

/// The names of metrics in a text.
fn metrics(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("forebay_") || word.starts_with("process_"))
}

#[test]
fn every_metric_that_alerts_tests_and_pages_name_exists() {
    let reference = read("docs/metrics.md");
    let rows = reference.lines().filter_map(|line| line.strip_prefix("| `"));
    let exist: BTreeSet<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    let mut texts = vec![("the alerts".to_owned(), read("deploy/alerts/forebay.rules.yaml"))];
    texts.extend(pages());
    for path in files("deploy/alerts/tests", "yaml") {
        texts.push((path.display().to_string(), fs::read_to_string(&path).expect("tests")));
    }
    for (place, text) in &texts {
        for name in metrics(text) {
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| name.strip_suffix(end));
            assert!(
                exist.contains(name) || family.is_some_and(|family| exist.contains(family)),
                "{place} names {name}, which is not in docs/metrics.md"
            );
        }
    }
}
