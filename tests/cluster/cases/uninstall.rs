//! What is left after the end.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::command::helm;
use crate::trial::Trial;
use harness::eventually;

/// After `helm uninstall` the namespace has what it had before, and what an annotation says to keep.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: ./run cluster-test"]
async fn uninstalled_it_leaves_nothing() {
    let mut trial = Trial::begin("uninstall").await;
    let before = trial.site.objects();
    let values = trial.values();
    trial.install(&values);
    let there: BTreeSet<String> = trial.site.objects().difference(&before).cloned().collect();
    trial.note(format!("{} objects of the release and of its controllers", there.len()));
    assert!(there.len() > 10, "{there:?}");

    let done = helm(&[
        "-n",
        &trial.site.namespace,
        "uninstall",
        "forebay",
        "--wait",
        "--timeout",
        "2m",
    ])
    .expected();
    trial.step("uninstall", &done);
    // Whatever was kept says so.
    let left = eventually("the objects are gone", Duration::from_mins(1), async || {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let left: BTreeSet<String> = trial.site.objects().difference(&before).cloned().collect();
        left.iter().all(|object| is_kept(&trial, object)).then_some(left)
    })
    .await;
    trial.note(format!("left, with `helm.sh/resource-policy: keep`: {left:?}"));
    trial.finish_without_load().await;
}

fn is_kept(trial: &Trial, object: &str) -> bool {
    let policy = "jsonpath={.metadata.annotations.helm\\.sh/resource-policy}";
    trial
        .site
        .kubectl(&["get", object, "-o", policy, "--ignore-not-found"])
        .said
        .trim()
        == "keep"
}
