//! Everything that selects pods selects those that it is meant for, and no other release's.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::helm::{Render, rendered, value_sets};
use crate::objects::{Pod, Rendering, texts, title};

/// Whether a label selector of Kubernetes matches. An empty one matches everything.
pub(crate) fn matches(selector: &Value, labels: &BTreeMap<String, String>) -> bool {
    let equal = texts(&selector["matchLabels"])
        .into_iter()
        .all(|(key, value)| labels.get(&key) == Some(&value));
    let expressions = selector["matchExpressions"].as_array().into_iter().flatten();
    equal
        && expressions.into_iter().all(|expression| {
            let found = labels.get(expression["key"].as_str().expect("a key"));
            let values = expression["values"].as_array().cloned().unwrap_or_default();
            let listed = found.is_some_and(|found| values.iter().any(|value| value == found));
            match expression["operator"].as_str().expect("an operator") {
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => found.is_some(),
                "DoesNotExist" => found.is_none(),
                other => panic!("no operator: {other}"),
            }
        })
}

/// The selector of pods that an object has.
fn selector(object: &Value) -> Option<Value> {
    let spec = &object["spec"];
    match object["kind"].as_str()? {
        "Service" => Some(serde_json::json!({ "matchLabels": spec["selector"] })),
        "Deployment" | "PodDisruptionBudget" | "PodMonitor" => Some(spec["selector"].clone()),
        "NetworkPolicy" => Some(spec["podSelector"].clone()),
        _ => None,
    }
}

fn component(object: &Value) -> Option<&str> {
    object["metadata"]["labels"]["app.kubernetes.io/component"].as_str()
}

fn selected<'a>(selector: &Value, pods: &'a [Pod<'a>]) -> Vec<&'a str> {
    let found = pods.iter().filter(|pod| matches(selector, &pod.labels()));
    found.map(|pod| pod.owner.as_str()).collect()
}

#[test]
fn each_selector_finds_the_pods_of_its_component_and_no_other() {
    for (set, rendering) in rendered() {
        let pods = rendering.pods();
        for object in &rendering.objects {
            let Some(selector) = selector(object) else { continue };
            let found = selected(&selector, &pods);
            assert!(!found.is_empty(), "{set}: {} selects nothing", title(object));
            let Some(component) = component(object) else { continue };
            let meant: Vec<_> = pods
                .iter()
                .filter(|pod| pod.component() == component)
                .map(|pod| pod.owner.as_str())
                .collect();
            assert_eq!(found, meant, "{set}: {}", title(object));
        }
    }
}

#[test]
fn no_selector_finds_a_pod_of_another_release_in_the_namespace() {
    for (set, file) in value_sets() {
        let one = Render::defaults().file(&file).expect();
        // A release whose name has the chart's in it is the one whose names are alike.
        let other = Render::defaults().file(&file).release("forebay-two").expect();
        let (one_pods, other_pods) = (one.pods(), other.pods());
        for (objects, pods) in [(&one.objects, &other_pods), (&other.objects, &one_pods)] {
            for object in objects {
                let Some(selector) = selector(object) else { continue };
                assert_eq!(
                    selected(&selector, pods),
                    Vec::<&str>::new(),
                    "{set}: {}",
                    title(object)
                );
            }
        }
        let names = |rendering: &Rendering| rendering.objects.iter().map(title).collect::<Vec<_>>();
        let both: Vec<_> = names(&one)
            .into_iter()
            .filter(|name| names(&other).contains(name))
            .collect();
        // Topics are named by the configuration, and extra objects have the names that they have.
        let allowed = |name: &&String| !name.starts_with("KafkaTopic ") && !name.contains("extra");
        assert_eq!(
            both.iter().filter(allowed).collect::<Vec<_>>(),
            Vec::<&String>::new(),
            "{set}"
        );
    }
}

#[test]
fn a_disruption_budget_lets_one_go_and_keeps_one() {
    for (set, rendering) in rendered() {
        for budget in rendering.kind("PodDisruptionBudget") {
            let spec = &budget["spec"];
            let said = [&spec["minAvailable"], &spec["maxUnavailable"]];
            assert_eq!(
                said.iter().filter(|value| !value.is_null()).count(),
                1,
                "{set}: {}",
                title(budget)
            );
            assert_ne!(*said[1], 0, "{set}: {}: no node could be drained", title(budget));
        }
    }
}

/// The ports of a pod, by name and number.
fn ports(spec: &Value) -> Vec<Value> {
    crate::objects::containers(spec)
        .flat_map(|container| container["ports"].as_array().into_iter().flatten())
        .flat_map(|port| [port["name"].clone(), port["containerPort"].clone()])
        .collect()
}

#[test]
fn what_names_a_port_names_one_that_is_there() {
    for (set, rendering) in rendered() {
        let pods = rendering.pods();
        for service in rendering.kind("Service") {
            let selector = selector(service).expect("of a Service");
            for pod in pods.iter().filter(|pod| matches(&selector, &pod.labels())) {
                for port in service["spec"]["ports"].as_array().expect("ports") {
                    let target = if port["targetPort"].is_null() {
                        &port["port"]
                    } else {
                        &port["targetPort"]
                    };
                    assert!(ports(pod.spec).contains(target), "{set}: {}: {target}", title(service));
                }
            }
        }
        for monitor in rendering.kind("PodMonitor") {
            for pod in pods
                .iter()
                .filter(|pod| matches(&monitor["spec"]["selector"], &pod.labels()))
            {
                for endpoint in monitor["spec"]["podMetricsEndpoints"].as_array().expect("endpoints") {
                    assert!(ports(pod.spec).contains(&endpoint["port"]), "{set}: {}", title(monitor));
                }
            }
        }
        for monitor in rendering.kind("ServiceMonitor") {
            let services: Vec<_> = rendering
                .kind("Service")
                .filter(|service| matches(&monitor["spec"]["selector"], &texts(&service["metadata"]["labels"])))
                .collect();
            assert!(!services.is_empty(), "{set}: {} selects nothing", title(monitor));
            for (service, endpoint) in services.iter().flat_map(|service| {
                monitor["spec"]["endpoints"]
                    .as_array()
                    .expect("endpoints")
                    .iter()
                    .map(move |one| (service, one))
            }) {
                let has = service["spec"]["ports"]
                    .as_array()
                    .expect("ports")
                    .iter()
                    .any(|port| port["name"] == endpoint["port"]);
                assert!(
                    has,
                    "{set}: {}: {} has no {}",
                    title(monitor),
                    title(service),
                    endpoint["port"]
                );
            }
        }
    }
}

#[test]
fn what_refers_to_an_object_refers_to_one_that_is_there() {
    for (set, rendering) in rendered() {
        for kind in ["HorizontalPodAutoscaler", "ScaledObject"] {
            for scaler in rendering.kind(kind) {
                let target = &scaler["spec"]["scaleTargetRef"];
                let name = target["name"].as_str().expect("a name");
                let deployment = rendering.get(target["kind"].as_str().unwrap_or("Deployment"), name);
                assert!(
                    deployment["spec"]["replicas"].is_null(),
                    "{set}: {name} sets its replicas back with each upgrade, though {kind} decides them"
                );
            }
        }
        for service in backends(rendering) {
            let (name, port) = service;
            let ports = rendering.get("Service", &name)["spec"]["ports"]
                .as_array()
                .expect("ports");
            let found = ports.iter().any(|one| one["port"] == port || one["name"] == port);
            assert!(found, "{set}: {name} has no port {port}");
        }
        for pod in rendering.pods() {
            if let Some(account) = pod.spec["serviceAccountName"]
                .as_str()
                .filter(|name| name.starts_with("forebay"))
            {
                assert!(
                    rendering.find("ServiceAccount", account).is_some() || pod.owner.starts_with("Job"),
                    "{set}: {account}"
                );
            }
        }
    }
}

/// The Services, with their ports, that routes lead to.
fn backends(rendering: &Rendering) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    let name = |value: &Value| value.as_str().expect("a name").to_owned();
    for ingress in rendering.kind("Ingress") {
        for rule in ingress["spec"]["rules"].as_array().into_iter().flatten() {
            for path in rule["http"]["paths"].as_array().into_iter().flatten() {
                let service = &path["backend"]["service"];
                let port = &service["port"];
                let port = if port["name"].is_null() {
                    &port["number"]
                } else {
                    &port["name"]
                };
                found.push((name(&service["name"]), port.clone()));
            }
        }
    }
    for route in rendering.kind("HTTPRoute") {
        for rule in route["spec"]["rules"].as_array().into_iter().flatten() {
            for backend in rule["backendRefs"].as_array().into_iter().flatten() {
                found.push((name(&backend["name"]), backend["port"].clone()));
            }
        }
    }
    found
}
