//! Processes that are killed.

use std::time::Duration;

use crate::pods;
use crate::trial::Trial;
use harness::eventually;

/// Processes of ingest and of the workers are killed under load, one after the other. Requests may break; nothing that was
/// accepted is lost or doubled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: ./run cluster-test"]
async fn nothing_accepted_is_lost_when_a_process_is_killed() {
    let mut trial = Trial::begin("kill").await;
    let values = trial.values();
    trial.install(&values);
    trial.load().await;
    for component in ["ingest", "worker-postgres", "worker-http", "ingest"] {
        let pods = pods::of(&trial.site.namespace);
        let fewest = pods
            .iter()
            .filter(|pod| pod.component == component && pod.ready)
            .min_by_key(|pod| pod.restarts);
        let pod = fewest.expect("a pod that is ready").clone();
        pod.kill();
        eventually("the container is started again", Duration::from_mins(1), async || {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let pods = pods::of(&trial.site.namespace);
            pods.iter()
                .any(|now| now.name == pod.name && now.restarts > pod.restarts)
                .then_some(())
        })
        .await;
        trial.ready(2).await;
        trial.accept_more(600).await;
        trial.note(format!("killed: a process of {component}"));
    }
    trial.finish(false).await;
}
