//! Secrets reach a pod as files or variables, only those that it needs, and no object holds one.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::helm::{Render, rendered};
use crate::objects::title;
use crate::program::variables;

/// The variables that a pod has.
#[derive(Default)]
struct Given {
    /// Those whose values come from Secrets, as files or from the environment.
    secret: BTreeSet<String>,
    /// Those whose values stand in the pod itself.
    plain: BTreeSet<String>,
}

fn given(pod: &Value) -> Given {
    let mut given = Given::default();
    for container in crate::objects::containers(pod) {
        for entry in container["env"].as_array().into_iter().flatten() {
            let name = entry["name"].as_str().expect("a name");
            if !entry["valueFrom"]["secretKeyRef"].is_null() {
                given.secret.insert(name.to_owned());
            } else if let Some(name) = name.strip_suffix("_FILE") {
                assert_eq!(entry["value"], format!("/etc/forebay/secrets/{name}"));
                given.secret.insert(name.to_owned());
            } else {
                given.plain.insert(name.to_owned());
            }
        }
    }
    given
}

/// The config maps that a pod mounts.
fn mounted(pod: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for volume in pod["volumes"].as_array().into_iter().flatten() {
        let sources = volume["projected"]["sources"].as_array().into_iter().flatten();
        for source in sources.chain([volume]) {
            names.extend(source["configMap"]["name"].as_str().map(str::to_owned));
        }
    }
    names
}

#[test]
fn each_pod_has_the_secrets_that_its_configuration_names_and_no_more() {
    for (set, rendering) in rendered() {
        let configurations = rendering.configurations();
        for pod in rendering.pods() {
            let maps = mounted(pod.spec);
            let read: Vec<_> = configurations
                .iter()
                .filter(|(name, _)| maps.contains(**name))
                .collect();
            assert_eq!(read.len(), 1, "{set}: {} reads {maps:?}", pod.owner);
            let needed = variables(read[0].1);
            let Given { secret, plain } = given(pod.spec);
            let needed: BTreeSet<_> = needed.difference(&plain).cloned().collect();
            assert_eq!(secret, needed, "{set}: {}", pod.owner);
        }
    }
}

#[test]
fn what_is_given_as_a_file_is_mounted_where_the_variable_says() {
    for (set, rendering) in rendered() {
        for pod in rendering.pods() {
            let items: BTreeSet<_> = pod.spec["volumes"]
                .as_array()
                .into_iter()
                .flatten()
                .flat_map(|volume| volume["projected"]["sources"].as_array().into_iter().flatten())
                .flat_map(|source| source["secret"]["items"].as_array().into_iter().flatten())
                .map(|item| item["path"].as_str().expect("a path").to_owned())
                .collect();
            for container in pod.containers() {
                for entry in container["env"].as_array().into_iter().flatten() {
                    let name = entry["name"].as_str().expect("a name");
                    let Some(name) = name.strip_suffix("_FILE") else {
                        continue;
                    };
                    let found = items
                        .iter()
                        .any(|path| path == name || path.ends_with(&format!("/{name}")));
                    assert!(found, "{set}: {}: {name} is in none of {items:?}", pod.owner);
                }
            }
        }
    }
}

#[test]
fn no_object_holds_a_secret_and_references_stay_in_config_maps() {
    for (set, rendering) in rendered() {
        for object in &rendering.objects {
            assert_ne!(object["kind"], "Secret", "{set}: {}", title(object));
            let text = object.to_string();
            if object["kind"] != "ConfigMap" {
                assert!(!text.contains("${"), "{set}: {}", title(object));
            }
            assert!(!text.contains("whsec_"), "{set}: {}", title(object));
        }
    }
}

#[test]
fn large_numbers_stay_as_they_are_written() {
    let rendering = Render::defaults()
        .with("{config: {ingest: {max_body_bytes: 1048576, max_buffered_bytes: 268435456}, event_log: {max_record_bytes: 4194304}}}")
        .expect();
    let configurations = rendering.configurations();
    let ingest = configurations["forebay-ingest"];
    for line in [
        "max_body_bytes: 1048576",
        "max_buffered_bytes: 268435456",
        "max_record_bytes: 4194304",
    ] {
        assert!(ingest.contains(line), "{line}: {ingest}");
    }
    for (set, rendering) in rendered() {
        for (map, text) in rendering.configurations() {
            assert!(!text.contains("e+"), "{set}: {map}: {text}");
        }
    }
}
