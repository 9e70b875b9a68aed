//! This version beside the one before.

use std::time::Duration;

use serde_json::{Value, json};

use crate::pods;
use crate::site::image;
use crate::trial::Trial;
use harness::eventually;

const ROLES: [&str; 3] = [
    "deployment/forebay-ingest",
    "deployment/forebay-worker-postgres",
    "deployment/forebay-worker-http",
];

/// The previous version is installed; the roll out of the current one stops half way, so that both take webhooks and
/// share the partitions under load; then it goes on, and back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: ./run cluster-test"]
async fn this_version_works_beside_the_previous_one() {
    let mut trial = Trial::begin("side-by-side").await;
    let mut values = trial.values();
    values["image"] = image("PREVIOUS");
    // The previous version need not know the command of the test, what its endpoint needs, the store, or options of the migration.
    values["tests"] = json!({ "enabled": false });
    values["config"]["store"] = Value::Null;
    values["migrate"] = json!({ "wait": "", "lockWait": "" });
    trial.install(&values);
    trial.load().await;

    values["image"] = image("CURRENT");
    values["config"]["store"] = json!({});
    values["migrate"] = json!({});
    // The hook has ended when this returns; the roll out has begun.
    let began = trial.site.helm("upgrade", &values, &["--timeout", "4m"]).expected();
    trial.step("upgrade begun", &began);
    let mut pause = vec!["rollout", "pause"];
    pause.extend(ROLES);
    trial.site.kubectl(&pause).expected();
    both_versions(&trial, &values).await;
    trial.accept_more(4000).await;
    let counts = counts(&trial, &values);
    trial.note(format!("side by side under load: {counts}"));

    let mut resume = vec!["rollout", "resume"];
    resume.extend(ROLES);
    trial.site.kubectl(&resume).expected();
    trial.upgrade("upgrade completed", &values).await;
    trial.rollback("1").await;
    trial.finish(true).await;
}

/// Waits until each role has a pod of both versions that is ready.
async fn both_versions(trial: &Trial, values: &Value) {
    let tag = values["image"]["tag"].as_str().expect("a tag");
    eventually("pods of both versions", Duration::from_mins(2), async || {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let pods = pods::of(&trial.site.namespace);
        let both = |component: &str| {
            let ready = || {
                pods.iter()
                    .filter(|pod| pod.component == component && pod.ready && !pod.leaving)
            };
            ready().any(|pod| pod.image.ends_with(tag)) && ready().any(|pod| !pod.image.ends_with(tag))
        };
        ["ingest", "worker-postgres", "worker-http"]
            .iter()
            .all(|component| both(component))
            .then_some(())
    })
    .await;
}

fn counts(trial: &Trial, values: &Value) -> String {
    let tag = values["image"]["tag"].as_str().expect("a tag");
    let pods = pods::of(&trial.site.namespace);
    let ready: Vec<_> = pods.iter().filter(|pod| pod.ready && !pod.leaving).collect();
    let current = ready.iter().filter(|pod| pod.image.ends_with(tag)).count();
    format!(
        "{current} pods of this version, {} of the previous",
        ready.len() - current
    )
}
