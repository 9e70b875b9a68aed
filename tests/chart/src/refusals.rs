//! Wrong values are refused before anything is changed, in words that say what is wrong.

use crate::helm::Render;

/// Fails unless Helm refuses the values and says each of `words`.
fn refused(values: &str, words: &[&str]) {
    match Render::defaults().with(values).objects() {
        Ok(_) => panic!("taken: {values}"),
        Err(said) => {
            for word in words {
                assert!(said.contains(word), "{values}: `{word}` is not in: {said}");
            }
        }
    }
}

#[test]
fn a_key_that_is_not_there() {
    for (values, key) in [
        ("replicas: 3", "replicas"),
        ("ingest: {replica: 3}", "replica"),
        ("image: {name: x}", "name"),
        ("workers: {http: {sink: http}}", "sink"),
        ("podDefaults: {label: {}}", "label"),
        ("config: {igest: {}}", "igest"),
        ("config: {ingest: {listn: x}}", "listn"),
        ("config: {sinks: {http: {allowed_network: []}}}", "allowed_network"),
        ("config: {sources: [{id: a, platform: standard, secret: x}]}", "secret"),
        ("rules: {rules: [{name: a, when: 'true', too: [http]}]}", "too"),
        ("secrets: {A: {name: a, key: b, mode: file}}", "mode"),
        ("networkPolicy: {enable: false}", "enable"),
        ("monitoring: {podmonitor: {}}", "podmonitor"),
        ("migrate: {backofLimit: 1}", "backofLimit"),
        ("strimzi: {clusters: a}", "clusters"),
        ("tests: {enable: false}", "enable"),
        ("serviceAccount: {token: true}", "token"),
    ] {
        refused(values, &[key]);
    }
}

#[test]
fn a_value_of_another_kind() {
    for (values, place) in [
        ("ingest: {replicas: many}", "replicas"),
        ("image: {pullPolicy: Sometimes}", "pullPolicy"),
        ("secrets: {A: {name: a, key: b, as: volume}}", "as"),
        ("secrets: {A: {key: b}}", "name"),
        ("migrate: {mode: cron}", "mode"),
        ("migrate: {upkeep: {schedule: daily}}", "schedule"),
        ("workers: {http: {sinks: http}}", "sinks"),
        ("workers: {UPPER: {sinks: [http]}}", "UPPER"),
        ("config: {event_log: {partitions: some}}", "partitions"),
        (
            "config: {sources: [{id: a, platform: nosuch, secrets: [x]}]}",
            "platform",
        ),
    ] {
        refused(values, &[place]);
    }
}

#[test]
fn a_name_that_kubernetes_does_not_take() {
    for values in [
        "fullnameOverride: Basin",
        "fullnameOverride: 1-basin",
        "fullnameOverride: a-name-of-more-than-forty-characters-does-not-fit",
        "nameOverride: my_basin",
    ] {
        refused(values, &["Override"]);
    }
    match Render::defaults().release("1basin").objects() {
        Ok(_) => panic!("taken"),
        Err(said) => assert!(said.contains("fullnameOverride"), "{said}"),
    }
}

#[test]
fn a_platform_that_is_not_there_in_one_line() {
    refused(
        "config: {sources: [{id: a, platform: nosuch, secrets: [x]}]}",
        &["value must be one of 'baileys', 'chatwoot'"],
    );
}

#[test]
fn a_sink_taken_out_whose_worker_is_left() {
    refused("config: {sinks: {http: null}}", &["workers.http: null"]);
    refused("config: {sinks: null}", &["config.sinks"]);
}

#[test]
fn a_key_whose_lines_are_all_commented_out() {
    for key in [
        "image",
        "rules",
        "ingest",
        "migrate",
        "networkPolicy",
        "monitoring",
        "tests",
    ] {
        refused(&format!("{key}:"), &[&format!("`{key}: {{}}`")]);
    }
}

#[test]
fn a_variable_stands_where_a_number_does() {
    let rendering = Render::defaults()
        .with("config: {event_log: {partitions: '${PARTITIONS}'}, ingest: {max_body_bytes: 2MiB, ack_budget_ms: 3s}}")
        .with("secrets: {PARTITIONS: {name: a, key: b, as: env}}")
        .expect();
    assert!(rendering.configurations()["forebay-ingest"].contains("${PARTITIONS}"));
}

#[test]
fn a_variable_without_a_secret() {
    refused(
        "config: {sources: [{id: a, platform: standard, secrets: ['${NO_SUCH}']}]}",
        &["NO_SUCH", "secrets"],
    );
    // One with a default needs none, and one may come from the environment of the pods.
    let sources = |secret: &str| format!("config: {{sources: [{{id: a, platform: standard, secrets: ['{secret}']}}]}}");
    Render::defaults().with(&sources("${NO_SUCH:-whsec_x}")).expect();
    Render::defaults().with(&sources("$${NO_SUCH}")).expect();
}

#[test]
fn workers_that_do_not_fit_the_sinks() {
    refused("workers: {more: {sinks: [topic]}}", &["more", "topic"]);
    refused("workers: {more: {sinks: [http]}}", &["http"]);
    refused("workers: {more: {sinks: []}}", &["more"]);
    refused("workers: {more: {sinks: [nosuch]}}", &["nosuch"]);
}

#[test]
fn a_store_in_a_file_of_a_pod() {
    refused(
        "config: {store: {sqlite: {path: /var/lib/forebay/store.sqlite}}}",
        &["config.store.sqlite", "config.store.postgres"],
    );
}

#[test]
fn a_sink_that_no_worker_runs() {
    // It may be meant: the worker of another release runs it. So the notes warn.
    let notes = Render::defaults().with("config: {sinks: {topic: {}}}").notes();
    assert!(notes.contains("No worker runs the sink `topic`"), "{notes}");
}

#[test]
fn more_workers_than_partitions() {
    refused(
        "{config: {event_log: {partitions: 4}}, workers: {postgres: {autoscaling: {enabled: true, maxReplicas: 5}}}}",
        &["partitions", "4"],
    );
    refused(
        "{config: {event_log: {partitions: 4}}, workers: {postgres: {replicas: 5}}}",
        &["partitions", "4"],
    );
}
