//! Limits of memory.

use std::time::Duration;

use serde_json::json;

use crate::attack::Attack;
use crate::pods;
use crate::trial::Trial;
use harness::eventually;

/// As many at once as would fill far more than the limit, were each body kept.
const SENDERS: usize = 600;

/// Large bodies from everywhere: ingest's own bound keeps it below the limit of the chart's defaults, and the others are served.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: ./run cluster-test"]
async fn large_bodies_do_not_reach_the_default_memory_limit() {
    let mut trial = Trial::begin("memory-default").await;
    let values = trial.values();
    trial.install(&values);
    trial.load().await;
    let attack = Attack::start(&trial.site.base(), SENDERS);
    tokio::time::sleep(Duration::from_secs(30)).await;
    let answers = attack.stop().await;
    trial.note(format!(
        "{SENDERS} senders of 1 MiB without a signature were answered {answers:?}"
    ));
    assert!(answers.keys().all(|answer| answer != "200"), "{answers:?}");
    trial.measure();
    for pod in pods::of(&trial.site.namespace) {
        assert_eq!(pod.restarts, 0, "{} ended: {}", pod.name, pod.ended_by);
    }
    trial.ready(2).await;
    trial.accept_more(600).await;
    trial.finish(false).await;
}

/// With a limit that is too small for them, ingest is killed by the kernel and started again; nothing that it accepted is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: ./run cluster-test"]
async fn nothing_accepted_is_lost_when_memory_runs_out() {
    let mut trial = Trial::begin("memory-small").await;
    let mut values = trial.values();
    values["ingest"]["resources"] =
        json!({ "limits": { "memory": "48Mi" }, "requests": { "cpu": "50m", "memory": "48Mi" } });
    trial.install(&values);
    trial.load().await;
    let attack = Attack::start(&trial.site.base(), SENDERS);
    let killed = eventually("the kernel kills an ingest", Duration::from_mins(2), async || {
        tokio::time::sleep(Duration::from_millis(500)).await;
        pods::of(&trial.site.namespace)
            .into_iter()
            .find(|pod| pod.ended_by == "OOMKilled")
    })
    .await;
    let answers = attack.stop().await;
    trial.note(format!(
        "{} was OOMKilled, {} restarts; the senders were answered {answers:?}",
        killed.component, killed.restarts
    ));
    trial.ready(2).await;
    trial.accept_more(600).await;
    trial.finish(false).await;
}
