//! Where a case works: a namespace with Pod Security `restricted`, its own database and topics, names for Kafka and
//! PostgreSQL, which listen on the node, and the Secrets.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::command::{Done, helm, kubectl, run};
use harness::deliveries::SECRET;
use harness::load::sender::SOURCE;
use harness::sender::STANDARD_SECRET;
use harness::{Database, repository, service, unique};

/// The node's address, where Kafka, PostgreSQL and the receivers listen.
pub(crate) const NODE: &str = "10.244.0.1";

/// The release.
pub(crate) const RELEASE: &str = "forebay";

/// How long helm waits, far above what a roll out of two pods takes.
const PATIENCE: &str = "4m";

#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) namespace: String,
    pub(crate) database: Database,
    pub(crate) brokers: String,
    pub(crate) prefix: String,
    folder: PathBuf,
}

impl Site {
    /// Makes the namespace anew; `kafka` is the variable that names the brokers.
    pub(crate) async fn make(case: &str, kafka: &str) -> Self {
        let namespace = format!("forebay-{case}");
        kubectl(&[
            "delete",
            "namespace",
            "-l",
            "forebay=cluster-test",
            "--ignore-not-found",
            "--timeout=2m",
        ])
        .expected();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cluster").join(case);
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).expect("a folder");
        let site = Self {
            namespace,
            database: Database::create().await,
            brokers: service(kafka),
            prefix: unique(case),
            folder,
        };
        let labels = json!({ "forebay": "cluster-test", "pod-security.kubernetes.io/enforce": "restricted" });
        let space = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": site.namespace, "labels": labels } });
        run("kubectl", &["create", "-f", "-"], &space.to_string()).expected();
        let url = url::Url::parse(&site.database.url).expect("a URL");
        let port = url.port().expect("a port");
        site.publish("postgres", 5432, &[port]);
        let ports: Vec<u16> = site
            .brokers
            .split(',')
            .map(|broker| {
                broker
                    .rsplit_once(':')
                    .and_then(|(_, port)| port.parse().ok())
                    .expect("a port")
            })
            .collect();
        site.publish("kafka", 9092, &ports);
        site.secret(
            "forebay-database",
            &json!({ "url": site.url_for("postgres", url.path()) }),
        );
        let webhooks = json!({ "helm-test": SECRET, SOURCE: STANDARD_SECRET, "endpoint": SECRET });
        site.secret("forebay-webhooks", &webhooks);
        site
    }

    /// The URL of the database as pods see it, for a role that needs no password.
    pub(crate) fn url_for(&self, role: &str, path: &str) -> String {
        let path = if path.is_empty() {
            url::Url::parse(&self.database.url).expect("a URL").path().to_owned()
        } else {
            path.to_owned()
        };
        format!("postgres://{role}@postgres:5432{path}")
    }

    /// Gives pods a name for a service that listens on the node.
    fn publish(&self, name: &str, port: u16, at: &[u16]) {
        let mut items = vec![json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": name },
            "spec": { "ports": [{ "port": port }] },
        })];
        for (number, port) in at.iter().enumerate() {
            items.push(json!({
                "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
                "metadata": { "name": format!("{name}-{number}"), "labels": { "kubernetes.io/service-name": name } },
                "ports": [{ "port": port }], "endpoints": [{ "addresses": [NODE] }],
            }));
        }
        self.create(&json!({ "apiVersion": "v1", "kind": "List", "items": items }));
    }

    pub(crate) fn secret(&self, name: &str, data: &Value) {
        self.create(&json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "stringData": data }));
    }

    fn create(&self, object: &Value) {
        run(
            "kubectl",
            &["-n", &self.namespace, "create", "-f", "-"],
            &object.to_string(),
        )
        .expected();
    }

    /// The values of a deployment that takes the load and delivers it to `receiver`.
    pub(crate) fn values(&self, receiver: &str) -> Value {
        json!({
            "image": image("CURRENT"),
            // A node of two cores has no room beside itself for one more pod of each role while they roll.
            "ingest": { "resources": { "requests": { "cpu": "50m" } } },
            "workerDefaults": { "resources": { "requests": { "cpu": "50m" } } },
            "config": {
                "event_log": { "topic_prefix": self.prefix, "partitions": 12, "replication": 1 },
                "sources": [{ "id": SOURCE, "platform": "standard", "secrets": ["${LOAD_SECRET}"] }],
                "endpoints": [{ "id": "recorder", "url": receiver, "secrets": ["${ENDPOINT_SECRET}"] }],
                "sinks": { "http": { "allowed_networks": [format!("{NODE}/32")] } },
            },
            "secrets": {
                "LOAD_SECRET": { "name": "forebay-webhooks", "key": SOURCE },
                "ENDPOINT_SECRET": { "name": "forebay-webhooks", "key": "endpoint" },
            },
        })
    }

    /// Runs helm on the release; a chart and values come after `install` and `upgrade`.
    pub(crate) fn helm(&self, verb: &str, values: &Value, more: &[&str]) -> Done {
        let file = self.folder.join("values.json");
        std::fs::write(&file, serde_json::to_string_pretty(values).expect("JSON")).expect("written");
        let chart = repository().join("deploy/helm/forebay").display().to_string();
        let file = file.display().to_string();
        let args = ["-n", &self.namespace, verb, RELEASE, &chart, "-f", &file];
        helm(&[&args, more].concat())
    }

    /// The same, and waits until what it changed is ready.
    pub(crate) fn helm_and_wait(&self, verb: &str, values: &Value) -> Done {
        self.helm(verb, values, &["--wait", "--timeout", PATIENCE])
    }

    pub(crate) fn rollback(&self, revision: &str) -> Done {
        helm(&[
            "-n",
            &self.namespace,
            "rollback",
            RELEASE,
            revision,
            "--wait",
            "--timeout",
            PATIENCE,
        ])
    }

    pub(crate) fn kubectl(&self, args: &[&str]) -> Done {
        kubectl(&[&["-n", &self.namespace], args].concat())
    }

    /// Returns how pods and nodes reach ingest.
    pub(crate) fn base(&self) -> String {
        let spec = self.kubectl(&["get", "service", "forebay-ingest", "-o", "json"]).json();
        let address = spec["spec"]["clusterIP"].as_str().expect("an address").to_owned();
        format!("http://{address}:{}", spec["spec"]["ports"][0]["port"])
    }

    /// Lists every object of the namespace, but for those that come and go by themselves.
    pub(crate) fn objects(&self) -> BTreeSet<String> {
        let kinds = kubectl(&["api-resources", "--namespaced", "--verbs=list", "-o", "name"]).expected();
        let kinds: Vec<&str> = kinds
            .said
            .lines()
            .filter(|kind| !kind.starts_with("events") && !kind.contains(' '))
            .collect();
        let listed = self.kubectl(&["get", &kinds.join(","), "-o", "name", "--ignore-not-found"]);
        listed
            .expected()
            .said
            .lines()
            .filter(|line| line.contains('/'))
            .map(str::to_owned)
            .collect()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.join(name), text).expect("written");
    }
}

/// One of the images that `./run cluster-test` loaded into the node.
pub(crate) fn image(which: &str) -> Value {
    let image = service(&format!("FOREBAY_CLUSTER_{which}"));
    let (repository, tag) = image.rsplit_once(':').expect("an image with a tag");
    json!({ "repository": repository, "tag": tag })
}
