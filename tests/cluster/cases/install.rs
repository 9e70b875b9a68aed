//! Installation with no value set.

use serde_json::json;

use crate::pods;
use crate::trial::Trial;

/// With no value set, on three brokers and with the two Secrets: every pod passes Pod Security `restricted` and gets ready, and
/// `helm test` sees its webhook in the table and at its receiver.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: ./run cluster-test"]
async fn installed_with_defaults_it_passes_its_own_test() {
    let mut trial = Trial::begin_on("install", "FOREBAY_TEST_KAFKA3").await;
    // The image of the defaults: that name and the chart's own version were given to the current image.
    trial.install(&json!({}));
    trial.ready(2).await;
    for pod in pods::of(&trial.site.namespace) {
        assert_eq!(pod.restarts, 0, "{} was started again", pod.name);
    }
    let notes = crate::command::helm(&["-n", &trial.site.namespace, "get", "notes", "forebay"]).expected();
    trial.site.write("notes.txt", &notes.said);

    let done = crate::command::helm(&[
        "-n",
        &trial.site.namespace,
        "test",
        "forebay",
        "--logs",
        "--timeout",
        "3m",
    ]);
    trial.site.write("helm-test.txt", &done.said);
    if !done.succeeded {
        trial.leave_traces();
    }
    let done = done.expected();
    trial.step("helm test", &done);
    assert_eq!(trial.site.database.count().await, 1, "the test's webhook is one row");

    // A test that cannot fail proves nothing: without workers there is neither row nor delivery.
    trial
        .site
        .kubectl(&["scale", "deployment/forebay-worker-postgres", "--replicas=0"])
        .expected();
    let args = ["-n", &trial.site.namespace, "test", "forebay", "--timeout", "3m"];
    let done = crate::command::helm(&args).refused("");
    trial.step("helm test without the worker of the table, which fails", &done);
    trial.finish_without_load().await;
}
