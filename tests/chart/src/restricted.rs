//! The profile "restricted" of the Pod Security Standards, and what the chart promises beyond it.

use serde_json::Value;

use crate::helm::rendered;
use crate::objects::containers;

/// What the profile refuses in a pod.
fn violations(spec: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for key in ["hostNetwork", "hostPID", "hostIPC"] {
        if spec[key] == true {
            found.push(key.to_owned());
        }
    }
    for volume in spec["volumes"].as_array().into_iter().flatten() {
        for source in volume.as_object().into_iter().flat_map(|volume| volume.keys()) {
            let allowed = [
                "name",
                "configMap",
                "csi",
                "downwardAPI",
                "emptyDir",
                "ephemeral",
                "persistentVolumeClaim",
                "projected",
                "secret",
            ];
            if !allowed.contains(&source.as_str()) {
                found.push(format!("a volume of {source}"));
            }
        }
    }
    let pod = &spec["securityContext"];
    found.extend(of_context("the pod", pod));
    if !pod["sysctls"].as_array().is_none_or(Vec::is_empty) {
        found.push("sysctls".to_owned());
    }
    for container in containers(spec) {
        let name = container["name"].as_str().unwrap_or("?");
        let own = &container["securityContext"];
        // What a container does not say is the pod's to say.
        let either = |key: &str| {
            if own[key].is_null() {
                pod[key].clone()
            } else {
                own[key].clone()
            }
        };
        found.extend(of_context(name, own));
        let ports = container["ports"].as_array().into_iter().flatten();
        if ports.into_iter().any(|port| !port["hostPort"].is_null()) {
            found.push(format!("{name}: hostPort"));
        }
        if own["allowPrivilegeEscalation"] != false {
            found.push(format!("{name}: allowPrivilegeEscalation"));
        }
        if either("runAsNonRoot") != true {
            found.push(format!("{name}: runAsNonRoot"));
        }
        let profile = either("seccompProfile");
        if !["RuntimeDefault", "Localhost"].contains(&profile["type"].as_str().unwrap_or_default()) {
            found.push(format!("{name}: seccompProfile"));
        }
        let capabilities = &own["capabilities"];
        let listed = |key: &str| capabilities[key].as_array().cloned().unwrap_or_default();
        if !listed("drop").contains(&"ALL".into()) {
            found.push(format!("{name}: capabilities are not dropped"));
        }
        if listed("add").iter().any(|one| one != "NET_BIND_SERVICE") {
            found.push(format!("{name}: capabilities are added"));
        }
    }
    found
}

/// What a security context must not say, wherever it stands.
fn of_context(name: &str, context: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if context["privileged"] == true {
        found.push(format!("{name}: privileged"));
    }
    if context["runAsUser"] == 0 {
        found.push(format!("{name}: runAsUser"));
    }
    if context["runAsNonRoot"] == false {
        found.push(format!("{name}: runAsNonRoot is false"));
    }
    if context["windowsOptions"]["hostProcess"] == true {
        found.push(format!("{name}: hostProcess"));
    }
    if !matches!(context["procMount"].as_str(), None | Some("Default")) {
        found.push(format!("{name}: procMount"));
    }
    if context["seccompProfile"]["type"] == "Unconfined" || context["appArmorProfile"]["type"] == "Unconfined" {
        found.push(format!("{name}: unconfined"));
    }
    let labels = &context["seLinuxOptions"];
    if !labels["user"].is_null() || !labels["role"].is_null() {
        found.push(format!("{name}: seLinuxOptions"));
    }
    found
}

#[test]
fn every_pod_keeps_to_the_profile_and_writes_to_no_root() {
    for (set, rendering) in rendered() {
        for pod in rendering.pods() {
            assert_eq!(violations(pod.spec), Vec::<String>::new(), "{set}: {}", pod.owner);
            for container in pod.containers() {
                let context = &container["securityContext"];
                assert_eq!(context["readOnlyRootFilesystem"], true, "{set}: {}", pod.owner);
            }
        }
    }
}

#[test]
fn no_pod_has_a_token_of_the_api() {
    for (set, rendering) in rendered() {
        for pod in rendering.pods() {
            assert_eq!(pod.spec["automountServiceAccountToken"], false, "{set}: {}", pod.owner);
            let volumes = pod.spec["volumes"].to_string();
            assert!(!volumes.contains("serviceAccountToken"), "{set}: {}", pod.owner);
        }
        for account in rendering.kind("ServiceAccount") {
            assert_eq!(account["automountServiceAccountToken"], false, "{set}");
        }
    }
}

#[test]
fn every_container_says_what_it_needs() {
    for (set, rendering) in rendered() {
        for pod in rendering.pods() {
            for container in pod.containers() {
                let at = format!("{set}: {}: {}", pod.owner, container["name"]);
                for resource in ["cpu", "memory"] {
                    assert!(
                        !container["resources"]["requests"][resource].is_null(),
                        "{at}: {resource}"
                    );
                }
                assert!(
                    !container["resources"]["limits"]["memory"].is_null(),
                    "{at}: no limit of memory"
                );
            }
        }
    }
}

#[test]
fn what_the_profile_refuses_is_found() {
    let good = "{securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}, volumes: [{name: a, emptyDir: {}}],
        containers: [{name: a, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]}";
    let read = |text: &str| violations(&crate::yaml::document(text).expect("YAML"));
    assert_eq!(read(good), Vec::<String>::new());
    for (old, new) in [
        ("runAsNonRoot: true", "runAsNonRoot: false"),
        ("runAsNonRoot: true", "runAsUser: 10001"),
        ("runAsNonRoot: true", "runAsNonRoot: true, runAsUser: 0"),
        ("RuntimeDefault", "Unconfined"),
        ("emptyDir: {}", "hostPath: {path: /}"),
        ("allowPrivilegeEscalation: false, ", ""),
        ("[ALL]", "[NET_RAW]"),
        ("drop: [ALL]", "drop: [ALL], add: [NET_RAW]"),
        (
            "{name: a, securityContext",
            "{name: a, ports: [{hostPort: 1}], securityContext",
        ),
        ("volumes:", "hostNetwork: true, volumes:"),
    ] {
        assert!(good.contains(old));
        assert_ne!(read(&good.replacen(old, new, 1)), Vec::<String>::new(), "{new}");
    }
}
