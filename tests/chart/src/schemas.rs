//! The JSON Schemas of Kubernetes and of the operators, reduced and strict; see `tests/chart/schemas/reduce`.

use std::sync::OnceLock;

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value};

use crate::objects::title;

const FILES: [&str; 3] = [
    include_str!("../schemas/kubernetes.json"),
    include_str!("../schemas/operators.json"),
    include_str!("../schemas/strimzi.json"),
];

struct Schemas {
    kinds: Map<String, Value>,
    definitions: Value,
}

fn schemas() -> &'static Schemas {
    static ALL: OnceLock<Schemas> = OnceLock::new();
    ALL.get_or_init(|| {
        let (mut kinds, mut definitions) = (Map::new(), Map::new());
        for file in FILES {
            let file: Value = serde_json::from_str(file).expect("JSON");
            kinds.extend(file["kinds"].as_object().expect("kinds").clone());
            definitions.extend(file["$defs"].as_object().cloned().unwrap_or_default());
        }
        Schemas {
            kinds,
            definitions: definitions.into(),
        }
    })
}

/// What a cluster would refuse in `object`.
pub(crate) fn faults(object: &Value) -> Vec<String> {
    let kind = |key: &str| object[key].as_str().unwrap_or_default().to_owned();
    let kind = format!("{}/{}", kind("apiVersion"), kind("kind"));
    let Some(schema) = schemas().kinds.get(&kind) else {
        return vec![format!(
            "{}: no schema of {kind}: add it to tests/chart/schemas/reduce",
            title(object)
        )];
    };
    let mut schema = schema.clone();
    schema["$defs"] = schemas().definitions.clone();
    validator(&schema)
        .iter_errors(object)
        .map(|error| format!("{}: {}: {error}", title(object), error.instance_path()))
        .collect()
}

/// Judges by a schema that is in this repository.
pub(crate) fn validator(schema: &Value) -> Validator {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .build(schema)
        .unwrap_or_else(|error| panic!("the schema is none: {error}"))
}

#[test]
fn what_a_cluster_refuses_is_refused() {
    let service = |spec: &str| {
        let text = format!("apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\nspec: {spec}");
        faults(&crate::yaml::document(&text).expect("YAML"))
    };
    assert_eq!(service("{ports: [{port: 80, targetPort: http}]}"), Vec::<String>::new());
    assert_eq!(
        service("{ports: [{port: 80, targetPort: 8080, tagretPort: 1}]}").len(),
        1,
        "an unknown member"
    );
    assert_eq!(
        service("{ports: [{port: '80'}]}").len(),
        1,
        "a text in the place of a number"
    );
    assert_eq!(service("{ports: [{name: http}]}").len(), 1, "a member that is missing");
    for text in [
        "{apiVersion: v1, kind: Secret, metadata: {name: a}}",
        "{apiVersion: monitoring.coreos.com/v1, kind: ServiceMonitor, metadata: {name: a}, spec: {selector: {}, endpoints: [{prot: http}]}}",
        "{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, metadata: {name: a}, spec: {scaleTargetRef: {name: a}, triggers: [{type: kafka}]}}",
        "{apiVersion: kafka.strimzi.io/v1, kind: KafkaTopic, metadata: {name: a}, spec: {}}",
        "{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: a}, spec: {parentRefs: [{}]}}",
    ] {
        let object = crate::yaml::document(text).expect("YAML");
        assert_ne!(faults(&object), Vec::<String>::new(), "{text}");
    }
}
