//! No connection ever goes to a forbidden address (A11, A12), whatever its spelling and whatever the name servers say.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use net::client::{Client, Guard, SendError, SystemResolver};
use schemas::sink::Outcome;
use sinks::http::{Class, Config};
use url::Url;

use crate::resolver::Script;
use crate::stage::{Stage, endpoint, rejected, retry};
use harness::receiver::{Answer, Receiver};
use harness::spellings::{self, LOOPBACK_V4, LOOPBACK_V6};

async fn post(client: &Client, url: &str) -> Option<Result<u16, SendError>> {
    // What is not a URL cannot be registered.
    let url = Url::parse(url).ok()?;
    let answer = client
        .post(&url, HeaderMap::new(), Bytes::new(), Duration::from_secs(5))
        .await;
    Some(answer.map(|a| a.status.as_u16()))
}

#[tokio::test]
async fn no_spelling_of_a_forbidden_address_is_dialled() {
    let canary = Receiver::start([Answer::Status(200)]).await;
    let port = canary.address.port();
    // Some containers have no IPv6; then nothing could be reached over it either.
    let has_v6 = std::net::TcpListener::bind("[::1]:0").is_ok();
    let canary_v6 = if has_v6 {
        Some(Receiver::start_at(&format!("[::1]:{port}"), [Answer::Status(200)]).await)
    } else {
        None
    };
    let sung_v6 = || canary_v6.as_ref().map_or(0, Receiver::connections);
    // Port and scheme are no reason to refuse: only the address can be.
    let config = Config {
        allowed_ports: vec![port],
        allow_plain_http: true,
        ..Config::default()
    };
    let strict = config.client().expect("a client");
    let mut urls = 0;
    for url in spellings::urls(port) {
        if let Some(answer) = post(&strict, &url).await {
            let error = answer.expect_err(&url);
            assert!(matches!(error, SendError::Blocked(_)), "{url}: {error}");
            urls += 1;
        }
    }
    assert!(urls >= 200, "only {urls} of them are URLs");
    assert_eq!((canary.connections(), sung_v6()), (0, 0));

    // The control: the same spellings connect when nothing forbids them, so the canaries could have sung.
    let open = config
        .client_with(Guard::allow_all(), Arc::new(SystemResolver))
        .expect("a client");
    let reachable = |host: &&&str| has_v6 || !host.starts_with('[');
    for host in LOOPBACK_V4.iter().chain(LOOPBACK_V6).filter(reachable) {
        let url = format!("http://{host}:{port}/");
        assert_eq!(post(&open, &url).await, Some(Ok(200)), "{url}");
    }
    assert!(canary.connections() > 0 && (sung_v6() > 0 || !has_v6));
}

#[tokio::test]
async fn a_forbidden_endpoint_is_a_rejected_delivery_with_its_class() {
    let canary = Receiver::start([Answer::Status(200)]).await;
    let client = Config::default().client().expect("a client");
    let stage = Stage::with_client(client, [endpoint("crm", &canary.url())]);
    let outcome = stage.deliver_one("crm").await;
    let reason = rejected(&outcome);
    assert!(reason.contains("`127.0.0.1` is blocked: it is loopback"), "{reason}");
    assert!(
        stage
            .metrics()
            .contains(r#"attempts_total{endpoint="crm",class="blocked"} 1"#),
        "{}",
        stage.metrics()
    );
    assert_eq!(canary.connections(), 0);
}

/// A client that may dial 127.0.0.1 to 127.0.0.3 and asks `script` for addresses.
fn client(script: &Arc<Script>) -> Client {
    let config = Config {
        allowed_networks: vec!["127.0.0.0/30".parse().expect("a network")],
        connect_timeout_ms: 2000,
        ..Config::default()
    };
    config
        .client_with(config.guard(), Arc::clone(script) as _)
        .expect("a client")
}

#[tokio::test]
async fn of_the_addresses_of_a_name_only_those_are_dialled_that_are_allowed() {
    let meant = Receiver::start([Answer::Status(200)]).await;
    let port = meant.address.port();
    // Outside the network that is allowed, and would answer first.
    let canary = Receiver::start_at(&format!("127.0.0.5:{port}"), [Answer::Status(200)]).await;
    let url = format!("http://receiver.test:{port}/");
    for answer in [
        &["127.0.0.5", "127.0.0.1"][..],
        &["127.0.0.1", "127.0.0.5"],
        &["10.0.0.1", "127.0.0.1"],
        &["fe80::1", "127.0.0.1"],
        &["::1", "127.0.0.1"],
        &["64:ff9b::a9fe:a9fe", "127.0.0.1"],
        &["::ffff:127.0.0.1", "0.0.0.0", "127.0.0.1", "169.254.169.254"],
    ] {
        let script = Script::new(&[answer]);
        assert_eq!(post(&client(&script), &url).await, Some(Ok(200)), "{answer:?}");
        assert_eq!(script.asked(), 1);
    }
    let dead = Script::new(&[&["127.0.0.5", "127.0.0.2", "127.0.0.5"]]);
    let error = post(&client(&dead), &url)
        .await
        .expect("a URL")
        .expect_err("nothing there");
    assert_eq!(Class::from(&error), Class::Connect, "{error}");
    assert_eq!((meant.connections(), canary.connections()), (7, 0));
}

#[tokio::test]
async fn a_name_of_forbidden_addresses_only_is_tried_again_and_never_dialled() {
    let canary = Receiver::start_at("127.0.0.5:0", [Answer::Status(200)]).await;
    let port = canary.address.port();
    let meant = Receiver::start_at(&format!("127.0.0.1:{port}"), [Answer::Status(200)]).await;
    let script = Script::new(&[&["127.0.0.5"], &["127.0.0.5", "0.0.0.0"], &["fe80::1"], &["127.0.0.1"]]);
    let stage = Stage::with_client(
        client(&script),
        [endpoint("crm", &format!("http://receiver.test:{port}/"))],
    );
    for said in ["127.0.0.5", "127.0.0.5", "fe80::1"] {
        let outcome = stage.deliver_one("crm").await;
        let reason = retry(&outcome);
        let said = format!("`receiver.test` resolves to {said}, which is not allowed: it is ");
        assert!(
            reason.contains(&said) && reason.contains("allowed_networks"),
            "{reason}"
        );
    }
    assert!(
        stage
            .metrics()
            .contains(r#"attempts_total{endpoint="crm",class="blocked"} 3"#),
        "{}",
        stage.metrics()
    );
    assert_eq!(
        stage.deliver_one("crm").await,
        Outcome::Delivered,
        "once the name is right"
    );
    assert_eq!((meant.connections(), canary.connections()), (1, 0));
}

#[tokio::test]
async fn the_address_that_was_checked_is_the_one_that_is_dialled() {
    let canary = Receiver::start([Answer::Status(418)]).await;
    let port = canary.address.port();
    let meant = Receiver::start_at(&format!("127.0.0.2:{port}"), [Answer::Status(200)]).await;
    // A second question would lead to the canary, as in rebinding.
    let script = Script::new(&[&["127.0.0.2"], &["127.0.0.1"]]);
    let client = client(&script);
    let url = format!("http://receiver.test:{port}/");
    assert_eq!(post(&client, &url).await, Some(Ok(200)));
    assert_eq!(script.asked(), 1, "one connection is one question");
    assert_eq!(script.asked_for(0), "receiver.test");
    for _ in 0..50 {
        assert_eq!(
            post(&client, &url).await,
            Some(Ok(200)),
            "a pooled connection stays where it is"
        );
    }
    assert_eq!((meant.connections(), canary.connections(), script.asked()), (1, 0, 1));
}

#[tokio::test]
async fn a_name_that_turns_to_a_forbidden_address_is_checked_at_every_connection() {
    let receiver = Receiver::start([Answer::Header(200, "connection", "close".to_owned())]).await;
    let script = Script::new(&[&["127.0.0.1"], &["169.254.169.254"], &["127.0.0.1"], &["::1"]]);
    let stage = Stage::with_client(
        client(&script),
        [endpoint(
            "crm",
            &format!("http://receiver.test:{}/", receiver.address.port()),
        )],
    );
    assert_eq!(stage.deliver_one("crm").await, Outcome::Delivered);
    assert!(
        retry(&stage.deliver_one("crm").await)
            .contains("`receiver.test` resolves to 169.254.169.254, which is not allowed")
    );
    assert_eq!(stage.deliver_one("crm").await, Outcome::Delivered);
    for _ in 0..100 {
        assert!(
            retry(&stage.deliver_one("crm").await).contains("`receiver.test` resolves to ::1, which is not allowed")
        );
    }
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn a_dead_first_address_leaves_time_for_the_second() {
    let receiver = Receiver::start([Answer::Status(200)]).await;
    let script = Script::new(&[&["127.0.0.3", "127.0.0.1"]]);
    let url = format!("http://receiver.test:{}/", receiver.address.port());
    assert_eq!(post(&client(&script), &url).await, Some(Ok(200)));

    let no_address = Script::new(&[&[]]);
    let error = post(&client(&no_address), &url)
        .await
        .expect("a URL")
        .expect_err("no address");
    assert_eq!(Class::from(&error), Class::Dns, "{error}");
}

#[tokio::test]
async fn a_named_host_may_be_private_and_its_address_under_another_name_may_not() {
    let config: Config = serde_json::from_value(serde_json::json!({
        "allowed_hosts": ["hooks.shop.svc"],
        "connect_timeout_ms": 300,
    }))
    .expect("valid");
    // What is allowed is dialled; whether something answers there is the machine's affair.
    for (url, answer, blocked) in [
        ("http://hooks.shop.svc:9000/", "10.255.255.1", false),
        ("http://HOOKS.shop.svc.:9000/", "10.255.255.1", false),
        ("http://rebound.example:9000/", "10.255.255.1", true),
        ("https://rebound.example/", "10.255.255.1", true),
        ("http://a.hooks.shop.svc:9000/", "10.255.255.1", true),
        ("http://hooks.shop.svc:9000/", "169.254.169.254", true),
        ("http://hooks.shop.svc:9000/", "127.0.0.1", true),
    ] {
        let client = config
            .client_with(config.guard(), Script::new(&[&[answer]]))
            .expect("a client");
        let answer = post(&client, url).await.expect("a URL");
        assert_eq!(
            matches!(answer, Err(SendError::Blocked(_) | SendError::Astray { .. })),
            blocked,
            "{url}: {answer:?}"
        );
    }
}
