//! A node is drained.

use crate::command::kubectl;
use crate::pods;
use crate::trial::Trial;

/// The node is drained, the only one there is: the budget lets one pod of each role go and keeps the other, which answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: ./run cluster-test"]
async fn a_drain_stops_at_the_disruption_budget() {
    let mut trial = Trial::begin("drain").await;
    let values = trial.values();
    trial.install(&values);
    trial.load().await;

    let selector = "--pod-selector=app.kubernetes.io/instance=forebay";
    let done = kubectl(&[
        "drain",
        "node",
        selector,
        "--delete-emptydir-data",
        "--ignore-daemonsets",
        "--timeout=45s",
    ]);
    let kept: Vec<_> = pods::of(&trial.site.namespace)
        .into_iter()
        .filter(|pod| pod.ready && !pod.leaving)
        .collect();
    trial.accept_more(600).await;
    kubectl(&["uncordon", "node"]).expected();
    let done = done.refused("disruption budget");
    trial.step("drain, which does not complete", &done);
    trial.note(format!("kubectl says: {}", done.line("disruption budget")));
    for component in ["ingest", "worker-postgres", "worker-http"] {
        let count = kept.iter().filter(|pod| pod.component == component).count();
        assert_eq!(count, 1, "one pod of {component} stays: {kept:?}");
    }
    trial.ready(2).await;
    trial.accept_more(600).await;
    trial.finish(true).await;
}
