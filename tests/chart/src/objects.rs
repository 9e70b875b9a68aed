//! The objects that the chart makes, and questions about them.

use std::collections::BTreeMap;

use serde_json::Value;

/// What one call of Helm rendered.
#[derive(Clone)]
pub(crate) struct Rendering {
    pub(crate) objects: Vec<Value>,
}

/// A pod as its template describes it.
pub(crate) struct Pod<'a> {
    /// The kind and name of what makes it.
    pub(crate) owner: String,
    pub(crate) metadata: &'a Value,
    pub(crate) spec: &'a Value,
}

impl Rendering {
    /// All objects of a kind.
    pub(crate) fn kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.objects.iter().filter(move |object| object["kind"] == kind)
    }

    /// One object.
    pub(crate) fn get(&self, kind: &str, name: &str) -> &Value {
        self.find(kind, name).unwrap_or_else(|| {
            let all: Vec<_> = self.objects.iter().map(title).collect();
            panic!("no {kind} {name} among {all:?}")
        })
    }

    /// One object, if it is there.
    pub(crate) fn find(&self, kind: &str, name: &str) -> Option<&Value> {
        self.objects
            .iter()
            .find(|object| object["kind"] == kind && object["metadata"]["name"] == name)
    }

    /// All pods: of Deployments and Jobs, and those that are written as such.
    pub(crate) fn pods(&self) -> Vec<Pod<'_>> {
        self.objects
            .iter()
            .filter_map(|object| {
                let template = match object["kind"].as_str()? {
                    "Deployment" | "Job" => &object["spec"]["template"],
                    "CronJob" => &object["spec"]["jobTemplate"]["spec"]["template"],
                    "Pod" => object,
                    _ => return None,
                };
                Some(Pod {
                    owner: title(object),
                    metadata: &template["metadata"],
                    spec: &template["spec"],
                })
            })
            .collect()
    }

    /// The pod of a Deployment.
    pub(crate) fn pod(&self, deployment: &str) -> &Value {
        &self.get("Deployment", deployment)["spec"]["template"]["spec"]
    }

    /// The configurations that pods read: names of config maps and `forebay.yaml`.
    pub(crate) fn configurations(&self) -> BTreeMap<&str, &str> {
        self.kind("ConfigMap")
            .filter_map(|map| Some((map["metadata"]["name"].as_str()?, map["data"]["forebay.yaml"].as_str()?)))
            .collect()
    }

    /// The rules file, if there is one.
    pub(crate) fn rules(&self) -> Option<&str> {
        self.kind("ConfigMap")
            .find_map(|map| map["data"]["rules.yaml"].as_str())
    }
}

impl Pod<'_> {
    /// Its labels.
    pub(crate) fn labels(&self) -> BTreeMap<String, String> {
        texts(&self.metadata["labels"])
    }

    /// The part of the program that it runs.
    pub(crate) fn component(&self) -> String {
        self.labels().remove("app.kubernetes.io/component").unwrap_or_default()
    }

    /// Its containers, those that run first among them.
    pub(crate) fn containers(&self) -> impl Iterator<Item = &Value> {
        containers(self.spec)
    }
}

/// The containers of a pod, those that run first among them.
pub(crate) fn containers(spec: &Value) -> impl Iterator<Item = &Value> {
    ["initContainers", "containers", "ephemeralContainers"]
        .into_iter()
        .filter_map(|key| spec[key].as_array())
        .flatten()
}

/// `Kind name`.
pub(crate) fn title(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]))
}

/// A map of texts, such as labels.
pub(crate) fn texts(value: &Value) -> BTreeMap<String, String> {
    let entries = value.as_object().into_iter().flatten();
    entries
        .map(|(key, value)| {
            (
                key.clone(),
                value.as_str().unwrap_or_else(|| panic!("{key}: {value}")).to_owned(),
            )
        })
        .collect()
}
