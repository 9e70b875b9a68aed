//! Upgrades that succeed.

use serde_json::json;

use crate::pods;
use crate::site::image;
use crate::trial::Trial;

/// Under load: another image, another configuration, rules, more workers. Every request is answered 2xx, and only the pods
/// that a change concerns are replaced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: ./run cluster-test"]
async fn no_request_is_lost_while_it_is_upgraded() {
    let mut trial = Trial::begin("upgrade").await;
    let mut values = trial.values();
    trial.install(&values);
    trial.load().await;
    trial.accept_more(3000).await;
    trial.measure();

    let all = ["ingest", "worker-http", "worker-postgres"];
    values["image"] = image("NEXT");
    let before = pods::names(&trial.site.namespace);
    trial.upgrade("upgrade, image", &values).await;
    assert_eq!(pods::rolled(&before, &pods::names(&trial.site.namespace)), all);
    let of_next = |pod: &pods::Pod| pod.image.ends_with(values["image"]["tag"].as_str().expect("a tag"));
    assert!(
        pods::of(&trial.site.namespace)
            .iter()
            .filter(|pod| !pod.leaving)
            .all(of_next)
    );

    let before = pods::names(&trial.site.namespace);
    values["config"]["ingest"]["max_body_bytes"] = json!("2MiB");
    trial.upgrade("upgrade, ingest's configuration", &values).await;
    assert_eq!(pods::rolled(&before, &pods::names(&trial.site.namespace)), ["ingest"]);

    let before = pods::names(&trial.site.namespace);
    values["rules"] =
        json!({ "rules": [{ "name": "all", "when": "event.tenant == \"default\"", "to": ["postgres", "http"] }] });
    trial.upgrade("upgrade, rules", &values).await;
    assert_eq!(
        pods::rolled(&before, &pods::names(&trial.site.namespace)),
        ["worker-http", "worker-postgres"]
    );

    let before = pods::names(&trial.site.namespace);
    values["workers"] = json!({ "postgres": { "replicas": 3 }, "http": { "replicas": 4 } });
    trial.upgrade("upgrade, more workers", &values).await;
    let after = pods::names(&trial.site.namespace);
    assert_eq!(pods::rolled(&before, &after), [""; 0]);
    assert_eq!((after["worker-postgres"].len(), after["worker-http"].len()), (3, 4));

    trial.rollback("1").await;
    trial.finish(true).await;
}
