//! A change of values replaces the pods that it touches, and no other.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::helm::Render;
use crate::objects::Rendering;

/// Values with something of everything, which the changes below begin from.
const BASE: &str = "
config:
  sources:
    - {id: shop, platform: standard, tenant: acme, secrets: ['${SHOP_SECRET}']}
  endpoints:
    - {id: crm, tenant: acme, url: 'https://crm.example.com/', secrets: ['${CRM_SECRET}']}
  sinks: {topic: {}}
rules:
  rules:
    - {name: all, when: 'true', to: [postgres, http]}
secrets:
  SHOP_SECRET: {name: forebay-webhooks, key: shop}
  CRM_SECRET: {name: forebay-webhooks, key: crm}
workers:
  topic: {sinks: [topic], replicas: 1}
";

fn templates(rendering: &Rendering) -> BTreeMap<String, Value> {
    rendering
        .kind("Deployment")
        .map(|deployment| {
            let name = deployment["metadata"]["name"].as_str().expect("a name").to_owned();
            (name, deployment["spec"]["template"].clone())
        })
        .collect()
}

/// The components of the Deployments whose pods a change of values replaces.
fn rolled(change: &str) -> Vec<String> {
    let base = Render::defaults().with(BASE);
    let (before, after) = (templates(&base.expect()), templates(&base.with(change).expect()));
    assert_eq!(before.len(), 4, "{:?}", before.keys());
    let changed = after
        .iter()
        .filter(|(name, template)| before.get(*name) != Some(template));
    changed
        .map(|(name, _)| name.strip_prefix("forebay-").expect("the release's name").to_owned())
        .collect()
}

#[test]
fn nothing_changes_by_itself() {
    assert_eq!(rolled("{}"), Vec::<String>::new());
}

#[test]
fn a_source_rolls_ingest() {
    let change = "config: {sources: [{id: other, platform: standard, secrets: ['${SHOP_SECRET}']}]}";
    assert_eq!(rolled(change), ["ingest"]);
    assert_eq!(rolled("config: {ingest: {max_in_flight: 99}}"), ["ingest"]);
}

#[test]
fn an_endpoint_rolls_the_workers_that_deliver_to_endpoints() {
    let change = "config: {endpoints: [{id: crm, url: 'https://other.example.com/', secrets: ['${CRM_SECRET}']}]}";
    assert_eq!(rolled(change), ["worker-http"]);
}

#[test]
fn a_sink_rolls_its_worker() {
    assert_eq!(
        rolled("config: {sinks: {postgres: {max_connections: 5}}}"),
        ["worker-postgres"]
    );
    assert_eq!(
        rolled("config: {sinks: {http: {allow_plain_http: true}}}"),
        ["worker-http"]
    );
}

#[test]
fn the_store_rolls_the_workers_that_deliver_to_endpoints() {
    for change in [
        "{attempts: {retention_days: 3}}",
        "{postgres: {url: 'postgres://other/b'}}",
        "null",
    ] {
        assert_eq!(
            rolled(&format!("config: {{store: {change}}}")),
            ["worker-http"],
            "{change}"
        );
    }
}

#[test]
fn rules_and_what_workers_share_roll_the_workers() {
    let workers = ["worker-http", "worker-postgres", "worker-topic"];
    assert_eq!(
        rolled("rules: {rules: [{name: all, when: 'false', to: [postgres]}]}"),
        workers
    );
    assert_eq!(rolled("config: {processor: {batch_max_records: 99}}"), workers);
}

#[test]
fn what_all_share_rolls_all() {
    let all = ["ingest", "worker-http", "worker-postgres", "worker-topic"];
    assert_eq!(rolled("config: {event_log: {kafka: {brokers: 'other:9092'}}}"), all);
    assert_eq!(rolled("image: {tag: other}"), all);
    assert_eq!(rolled("podDefaults: {annotations: {restarted: now}}"), all);
}

#[test]
fn a_reference_to_a_secret_rolls_who_uses_it() {
    assert_eq!(rolled("secrets: {SHOP_SECRET: {name: other, key: shop}}"), ["ingest"]);
    assert_eq!(
        rolled("secrets: {CRM_SECRET: {name: other, key: crm}}"),
        ["worker-http"]
    );
    // The store is in the same database.
    let workers = ["worker-http", "worker-postgres"];
    assert_eq!(rolled("secrets: {DATABASE_URL: {name: other, key: url}}"), workers);
    assert_eq!(rolled("secrets: {DATABASE_URL: {as: env}}"), workers);
}

#[test]
fn numbers_of_replicas_and_what_stands_around_pods_roll_none() {
    for change in [
        "ingest: {replicas: 5}",
        "workers: {http: {replicas: 5}}",
        "ingest: {autoscaling: {enabled: true}}",
        "networkPolicy: {enabled: false}",
        "monitoring: {podMonitor: {enabled: true}, prometheusRule: {enabled: true}, dashboards: {enabled: true}}",
        "migrate: {enabled: false}",
    ] {
        assert_eq!(rolled(change), Vec::<String>::new(), "{change}");
    }
}

#[test]
fn settings_of_one_worker_roll_that_one() {
    assert_eq!(
        rolled("workers: {http: {resources: {limits: {memory: 1Gi}}}}"),
        ["worker-http"]
    );
    assert_eq!(
        rolled("ingest: {env: [{name: RUST_BACKTRACE, value: '1'}]}"),
        ["ingest"]
    );
}
