//! Helm reads no file outside of the chart: alerts and dashboards are copied into it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::helm::{Render, chart, repository};
use crate::snapshots::{compare, is_dashboard, update};
use crate::yaml;

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of the files in a folder.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries
        .map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned())
        .filter(|name| is_dashboard(name))
        .collect()
}

#[test]
fn the_alerts_of_the_chart_are_those_of_deploy() {
    let alerts = read(&repository().join("deploy/alerts/forebay.rules.yaml"));
    compare(&chart().join("files/alerts.yaml"), &alerts);
}

#[test]
fn the_dashboards_of_the_chart_are_those_of_deploy() {
    let (from, to) = (repository().join("deploy/dashboards"), chart().join("files/dashboards"));
    let meant = names(&from);
    assert!(!meant.is_empty(), "no dashboards");
    for name in &meant {
        compare(&to.join(name), &read(&from.join(name)));
    }
    for name in names(&to).difference(&meant) {
        assert!(
            update(),
            "files/dashboards/{name} is in deploy/dashboards no more: remove it"
        );
        fs::remove_file(to.join(name)).expect("removed");
    }
}

#[test]
fn the_rules_in_the_cluster_are_the_alerts() {
    let rendering = Render::defaults()
        .with("monitoring: {prometheusRule: {enabled: true}}")
        .expect();
    let rules: Vec<_> = rendering.kind("PrometheusRule").collect();
    assert_eq!(rules.len(), 1);
    let alerts = yaml::document(&read(&repository().join("deploy/alerts/forebay.rules.yaml"))).expect("YAML");
    assert_eq!(rules[0]["spec"]["groups"], alerts["groups"]);
}

#[test]
fn the_dashboards_in_the_cluster_are_those_of_deploy() {
    let rendering = Render::defaults()
        .with("monitoring: {dashboards: {enabled: true}}")
        .expect();
    let mut found = BTreeSet::new();
    for map in rendering.kind("ConfigMap") {
        for (name, content) in map["data"].as_object().expect("data") {
            if is_dashboard(name) {
                let content: serde_json::Value = serde_json::from_str(content.as_str().expect("a text")).expect("JSON");
                let file = name.strip_prefix("forebay-").unwrap_or(name);
                let meant = read(&repository().join("deploy/dashboards").join(file));
                assert_eq!(
                    content,
                    serde_json::from_str::<serde_json::Value>(&meant).expect("JSON"),
                    "{name}"
                );
                found.insert(file.to_owned());
            }
        }
    }
    assert_eq!(found, names(&repository().join("deploy/dashboards")));
}
