//! Every value set through all that a cluster or the program would say of it.

use serde_json::Value;

use crate::helm::{Render, rendered, value_sets};
use crate::objects::Rendering;
use crate::program::check;
use crate::schemas::faults;
use crate::yaml;

/// The oldest Kubernetes that `kubeVersion` allows, and the newest that the schemas are of.
const KUBERNETES: [&str; 2] = ["1.29.0", "1.34.0"];

/// The definitions that clusters with the operators have.
const OPERATORS: [&str; 5] = [
    "monitoring.coreos.com/v1",
    "keda.sh/v1alpha1",
    "kafka.strimzi.io/v1",
    "gateway.networking.k8s.io/v1",
    "policy/v1",
];

#[test]
fn there_are_eight_of_them() {
    let names: Vec<_> = value_sets().into_iter().map(|(name, _)| name).collect();
    assert!(names.len() >= 8, "{names:?}");
}

#[test]
fn helm_finds_nothing_to_say_of_them() {
    let defaults = Render::defaults();
    for (name, render) in value_sets()
        .into_iter()
        .map(|(name, file)| (name, Render::defaults().file(&file)))
        .chain([("defaults".to_owned(), defaults)])
    {
        if let Err(said) = render.lint() {
            panic!("{name}: {said}");
        }
    }
}

#[test]
fn every_object_is_one_that_a_cluster_takes() {
    for (name, file) in value_sets() {
        let render = Render::defaults().file(&file);
        let mut calls: Vec<_> = KUBERNETES
            .iter()
            .map(|version| render.clone().arguments(&["--kube-version", version]))
            .collect();
        let operators: Vec<_> = OPERATORS.iter().flat_map(|api| ["--api-versions", *api]).collect();
        calls.push(render.clone().arguments(&operators));
        for call in calls {
            let rendering = call.expect();
            assert!(!rendering.objects.is_empty(), "{name}: nothing");
            let faults: Vec<_> = rendering.objects.iter().flat_map(faults).collect();
            assert_eq!(faults, Vec::<String>::new(), "{name}");
        }
    }
}

#[test]
fn no_object_stands_twice() {
    for (name, rendering) in rendered() {
        let mut titles: Vec<_> = rendering.objects.iter().map(crate::objects::title).collect();
        titles.sort();
        let all = titles.len();
        titles.dedup();
        assert_eq!(titles.len(), all, "{name}: {titles:?}");
    }
}

#[test]
fn an_old_cluster_gets_no_action_that_it_does_not_know() {
    for (name, file) in value_sets() {
        let rendering = Render::defaults()
            .file(&file)
            .arguments(&["--kube-version", "1.29.0"])
            .expect();
        for pod in rendering.pods() {
            for container in pod.containers() {
                let sleep = &container["lifecycle"]["preStop"]["sleep"];
                assert!(
                    sleep.is_null(),
                    "{name}: {}: `sleep` is on since Kubernetes 1.30",
                    pod.owner
                );
            }
        }
    }
}

/// The errors or warnings that the program has for a configuration; for that of a worker, those that concern its sinks.
fn found(rendering: &Rendering, map: &str, configuration: &str, list: &str) -> Vec<Value> {
    let parsed = yaml::document(configuration).expect("YAML");
    let own = parsed["sinks"].as_object().filter(|_| map.contains("-worker-"));
    let sinks: Vec<_> = own
        .into_iter()
        .flat_map(|sinks| sinks.keys().map(String::as_str))
        .collect();
    let result = check(configuration, rendering.rules(), &sinks);
    result[list]
        .as_array()
        .unwrap_or_else(|| panic!("no {list} in {result}"))
        .clone()
}

/// Whether a config map has the whole configuration, which is judged together with the rules.
fn is_whole(map: &str) -> bool {
    map.contains("-migrate") || map.contains("-upkeep")
}

#[test]
fn the_program_takes_every_configuration() {
    let mut wrong = Vec::new();
    for (name, rendering) in rendered() {
        let configurations = rendering.configurations();
        assert!(
            configurations.keys().any(|map| is_whole(map)),
            "{name}: {:?}",
            configurations.keys()
        );
        for (map, configuration) in configurations {
            let errors = found(rendering, map, configuration, "errors");
            if !errors.is_empty() {
                wrong.push(format!("{name}: {map}: {}\n{configuration}", Value::from(errors)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_program_warns_of_nothing_in_the_whole_configuration() {
    let mut wrong = Vec::new();
    for (name, rendering) in rendered() {
        let configurations = rendering.configurations();
        for (map, configuration) in configurations.iter().filter(|(map, _)| is_whole(map)) {
            let warnings = found(rendering, map, configuration, "warnings");
            wrong.extend(
                warnings
                    .iter()
                    .map(|warning| format!("{name}: {map}: {}", warning["message"])),
            );
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_rule_that_is_none_is_found() {
    let rendering = Render::defaults()
        .with("rules: {rules: [{name: a, when: 'evnt.type', to: [postgres]}]}")
        .expect();
    let configurations = rendering.configurations();
    let errors = found(
        &rendering,
        "forebay-migrate",
        configurations["forebay-migrate"],
        "errors",
    );
    assert!(
        errors.iter().any(|error| error["file"] == "rules/rules.yaml"),
        "{errors:?}"
    );
}
