//! Slots belong to the endpoint (F46), and which endpoints an event goes to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use schemas::name::Tenant;
use schemas::sink::{Outcome, Sink as _, Target};
use sinks::http::check_argument;

use crate::stage::{Stage, conversations, endpoint, event, rejected, retry};
use harness::receiver::{Answer, Receiver};

#[tokio::test]
async fn an_endpoint_never_has_more_attempts_under_way_than_its_slots() {
    let receiver = Receiver::start([Answer::After(Duration::from_millis(30), 200)]).await;
    let mut crm = endpoint("crm", &receiver.url());
    crm.concurrency = 3;
    let stage = Stage::new([crm]);
    let (first, second) = tokio::join!(stage.deliver(&["crm"; 9]), stage.deliver(&["crm"; 9]));
    assert_eq!(
        first
            .into_iter()
            .chain(second)
            .filter(|o| *o == Outcome::Delivered)
            .count(),
        18
    );
    assert_eq!(
        receiver.most_in_flight(),
        3,
        "all slots are used, across batches, and no more"
    );
    assert!(
        stage.metrics().contains("forebay_sinks_http_in_flight 0\n"),
        "{}",
        stage.metrics()
    );
}

#[tokio::test]
async fn an_endpoint_that_hangs_does_not_slow_another() {
    let (dead, alive) = (
        Receiver::start([Answer::Never]).await,
        Receiver::start([Answer::Status(200)]).await,
    );
    let stage = Arc::new(Stage::new([
        endpoint("dead", &dead.url()),
        endpoint("alive", &alive.url()),
    ]));
    let hanging = tokio::spawn({
        let stage = Arc::clone(&stage);
        async move { stage.deliver(&["dead"; 50]).await }
    });
    let deadline = Instant::now() + Duration::from_secs(4);
    while dead.seen().len() < 4 {
        assert!(Instant::now() < deadline, "the slots of the dead endpoint fill");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for _ in 0..5 {
        let outcomes = stage.deliver(&["alive"; 50]).await;
        assert!(outcomes.iter().all(|o| *o == Outcome::Delivered), "{outcomes:?}");
    }
    assert!(!hanging.is_finished(), "250 deliveries went through meanwhile");
    assert_eq!(dead.most_in_flight(), 4);
    hanging.abort();
}

#[tokio::test]
async fn waiting_for_an_endpoint_that_hangs_ends() {
    let receiver = Receiver::start([Answer::Never]).await;
    let mut crm = endpoint("crm", &receiver.url());
    (crm.concurrency, crm.timeout) = (1, Duration::from_millis(300));
    let stage = Stage::new([crm]);
    let started = Instant::now();
    let outcomes = stage.deliver(&["crm"; 40]).await;
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "40 time-outs one after the other would be 12 s"
    );
    assert!(
        outcomes.iter().filter(|o| retry(o).contains("slots were busy")).count() >= 30,
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn an_endpoint_that_is_slow_but_alive_gets_its_whole_batch() {
    let receiver = Receiver::start([Answer::After(Duration::from_millis(60), 200)]).await;
    let mut crm = endpoint("crm", &receiver.url());
    (crm.concurrency, crm.timeout) = (1, Duration::from_millis(500));
    let outcomes = Stage::new([crm]).deliver(&["crm"; 25]).await;
    assert!(outcomes.iter().all(|o| *o == Outcome::Delivered), "{outcomes:?}");
}

#[tokio::test]
async fn who_waits_for_an_endpoint_that_is_removed_learns_of_it() {
    let receiver = Receiver::start([Answer::After(Duration::from_millis(300), 200)]).await;
    let mut crm = endpoint("crm", &receiver.url());
    crm.concurrency = 1;
    let stage = Stage::new([crm]);
    let (outcomes, ()) = tokio::join!(stage.deliver(&["crm", "crm"]), async {
        let deadline = Instant::now() + Duration::from_secs(4);
        while receiver.seen().is_empty() {
            assert!(Instant::now() < deadline, "the first delivery arrives");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stage.directory.set([]);
    });
    assert_eq!(outcomes[0], Outcome::Delivered, "what was under way continues");
    assert_eq!(rejected(&outcomes[1]), "endpoint `crm` was removed");
    assert_eq!(receiver.seen().len(), 1);
}

#[tokio::test]
async fn a_change_of_an_endpoint_holds_at_once_and_its_metrics_go_with_it() {
    let (before, after) = (
        Receiver::start([Answer::Status(500)]).await,
        Receiver::start([Answer::Status(200)]).await,
    );
    let stage = Stage::new([endpoint("crm", &before.url())]);
    retry(&stage.deliver_one("crm").await);
    stage.directory.set([endpoint("crm", &after.url())]);
    assert_eq!(stage.deliver_one("crm").await, Outcome::Delivered);
    let metrics = stage.metrics();
    for line in [
        r#"forebay_sinks_http_attempts_total{endpoint="crm",class="status_5xx"} 1"#,
        r#"forebay_sinks_http_attempts_total{endpoint="crm",class="delivered"} 1"#,
        "forebay_sinks_http_attempt_seconds_count 2",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
    stage.directory.set([]);
    assert!(stage.sink.targets(&event("acme", "x"), None).is_empty());
    assert!(!stage.metrics().contains("crm"), "{}", stage.metrics());
}

#[tokio::test]
async fn an_attempt_that_fails_after_its_endpoint_was_removed_brings_no_metric_back() {
    let receiver = Receiver::start([Answer::After(Duration::from_millis(300), 500)]).await;
    let mut crm = endpoint("crm", &receiver.url());
    let stage = Stage::new([crm.clone()]);
    let (outcome, ()) = tokio::join!(stage.deliver_one("crm"), async {
        let deadline = Instant::now() + Duration::from_secs(4);
        while receiver.seen().is_empty() {
            assert!(Instant::now() < deadline, "the delivery arrives");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // New slots, then none: the attempt holds the old ones.
        crm.concurrency += 1;
        for endpoints in [vec![crm], vec![]] {
            stage.directory.set(endpoints);
            stage.sink.targets(&event("acme", "x"), None);
        }
    });
    assert!(retry(&outcome).contains("500"), "{outcome:?}");
    assert!(!stage.metrics().contains("crm"), "{}", stage.metrics());
}

#[tokio::test]
async fn an_event_goes_to_the_endpoints_of_its_tenant_that_want_its_type() {
    let make = |id, tenant: &'static str, events: &[&str]| {
        let mut endpoint = endpoint(id, "https://example.com/");
        endpoint.tenant = Tenant::new(tenant).expect("a tenant");
        endpoint.events = events.iter().map(|e| e.parse().expect("a pattern")).collect();
        endpoint
    };
    let stage = Stage::new([
        make("all", "acme", &[]),
        make("tickets", "acme", &["ticket.*"]),
        make("globex", "globex", &[]),
    ]);
    let targets = |tenant: &str, event_type: &str, argument: Option<&str>| {
        let targets = stage.sink.targets(&event(tenant, event_type), argument);
        let name = |target| match target {
            Target::Named(name) => name,
            Target::Only => panic!("a name"),
        };
        targets.into_iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(targets("acme", "ticket.closed", None), ["all", "tickets"]);
    assert_eq!(targets("acme", "message.created", None), ["all"]);
    assert_eq!(targets("globex", "ticket.closed", None), ["globex"]);
    assert!(targets("initech", "ticket.closed", None).is_empty());
    assert_eq!(targets("acme", "ticket.closed", Some("tickets")), ["tickets"]);
    assert!(targets("acme", "message.created", Some("tickets")).is_empty());
    assert!(targets("globex", "ticket.closed", Some("tickets")).is_empty());

    assert_eq!(check_argument(&*stage.directory, None), Ok(()));
    assert_eq!(check_argument(&*stage.directory, Some("tickets")), Ok(()));
    let error = check_argument(&*stage.directory, Some("ticket")).expect_err("misspelt");
    assert_eq!(
        error.to_string(),
        "there is no enabled endpoint `ticket`; the enabled ones are: all, tickets, globex"
    );
    assert!(check_argument(&*stage.directory, Some("a/b")).is_err());
    assert_eq!(stage.sink.ready().await, Ok(()));
}

#[tokio::test]
async fn events_of_one_conversation_reach_an_endpoint_one_after_the_other() {
    let receiver = Receiver::start([Answer::After(Duration::from_millis(5), 200)]).await;
    let stage = Stage::new([endpoint("crm", &receiver.url())]);
    let same = stage
        .sink
        .deliver(&conversations(&[("crm", 1); 12]))
        .await
        .expect("available");
    assert!(same.iter().all(|o| *o == Outcome::Delivered), "{same:?}");
    assert_eq!(receiver.most_in_flight(), 1);
}

#[tokio::test]
async fn after_a_failure_its_conversation_waits_and_others_do_not() {
    // The first request fails, whichever it is: with one slot it is the first of the batch.
    let receiver = Receiver::start([Answer::Status(500), Answer::Status(200)]).await;
    let other = Receiver::start([Answer::Status(200)]).await;
    let mut crm = endpoint("crm", &receiver.url());
    crm.concurrency = 1;
    let stage = Stage::new([crm, endpoint("erp", &other.url())]);
    let batch = conversations(&[("crm", 1), ("crm", 2), ("crm", 1), ("erp", 1), ("crm", 1)]);
    let outcomes = stage.sink.deliver(&batch).await.expect("available");
    assert!(retry(&outcomes[0]).contains("500"), "{outcomes:?}");
    let delivered = Outcome::Delivered;
    assert_eq!(
        outcomes[1..],
        [delivered.clone(), Outcome::Held, delivered, Outcome::Held]
    );
    assert_eq!(receiver.seen().len(), 2, "what is held is not sent");
}
