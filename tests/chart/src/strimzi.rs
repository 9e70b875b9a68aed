//! Topics and rights of Kafka where Strimzi makes them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::helm::Render;
use crate::objects::Rendering;

fn rendering() -> Rendering {
    Render::defaults()
        .with("{migrate: {mode: job}, strimzi: {enabled: true, cluster: events, users: {enabled: true}}}")
        .with("config: {event_log: {partitions: 24, retention_hours: 48}}")
        .expect()
}

#[test]
fn operational_events_have_one_partition_and_are_kept_as_events_are() {
    let rendering = rendering();
    let topics: BTreeMap<&str, &Value> = rendering
        .kind("KafkaTopic")
        .map(|topic| (topic["spec"]["topicName"].as_str().expect("a name"), &topic["spec"]))
        .collect();
    let names: Vec<_> = topics.keys().copied().collect();
    assert_eq!(names, ["forebay.dead-letters", "forebay.events", "forebay.operations"]);
    assert_eq!(topics["forebay.operations"]["partitions"], 1);
    assert_eq!(
        topics["forebay.operations"]["config"],
        topics["forebay.events"]["config"]
    );
    for name in ["forebay.events", "forebay.dead-letters"] {
        assert_eq!(topics[name]["partitions"], 24, "{name}");
    }
}

/// What a user may do with resources whose names end so: name and operations.
fn rights(rendering: &Rendering, user: &str, ending: &str) -> Vec<String> {
    let user = rendering
        .kind("KafkaUser")
        .find(|object| object["metadata"]["name"] == user)
        .unwrap_or_else(|| panic!("no user {user}"));
    let acls = user["spec"]["authorization"]["acls"].as_array().expect("rights");
    acls.iter()
        .filter(|acl| {
            acl["resource"]["name"]
                .as_str()
                .is_some_and(|name| name.ends_with(ending))
        })
        .map(|acl| {
            let operations = acl["operations"].as_array().expect("operations").iter();
            let operations: Vec<_> = operations.filter_map(Value::as_str).collect();
            let resource = &acl["resource"];
            let (kind, name) = (resource["type"].as_str(), resource["name"].as_str());
            format!(
                "{} {}: {}",
                kind.expect("a type"),
                name.expect("a name"),
                operations.join(" ")
            )
        })
        .collect()
}

#[test]
fn each_role_may_do_with_operational_events_what_it_does() {
    let rendering = rendering();
    for (user, expected) in [
        ("forebay-ingest", vec![]),
        (
            "forebay-worker-postgres",
            vec![
                "topic forebay.operations: Describe DescribeConfigs Read",
                "group forebay.postgres.operations: Read",
            ],
        ),
        (
            "forebay-worker-http",
            vec![
                "topic forebay.operations: Describe DescribeConfigs Read Write",
                "group forebay.http.operations: Read",
            ],
        ),
        (
            "forebay-migrate",
            vec!["topic forebay.operations: Describe DescribeConfigs Create"],
        ),
    ] {
        assert_eq!(rights(&rendering, user, ".operations"), expected, "{user}");
    }
    assert_eq!(
        rights(&rendering, "forebay-worker-http", ".http"),
        ["group forebay.http: Read"]
    );
}
