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
use crate::stage::{Stage, endpoint, rejected};
use harness::receiver::{Answer, Receiver};

/// Spellings that lead to the IPv4 loopback address, all of which a naive parser lets through.
const LOOPBACK_V4: &[&str] = &[
    "127.0.0.1",
    "2130706433",
    "0x7f000001",
    "0X7F.0x0.0x0.0x1",
    "017700000001",
    "0177.0.0.1",
    "127.1",
    "127.0.1",
    "0x7f.1",
    "127.0.0.1.",
    "127%2e0%2e0%2e1",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "0",
    "0.0.0.0",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:7f00:0001]",
    "[::ffff:0:0]",
    "localhost",
    "LOCALHOST",
];

const LOOPBACK_V6: &[&str] = &["[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[::]"];

/// Forms that must not be dialled and do not lead to this machine's listener.
const OTHERS: &[&str] = &[
    "127.0.0.2",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "169.254.43518",
    "168.63.129.16",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::1]",
    "[2001:0:7f00:1::]",
    "[fec0::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[100::1]",
    "[3fff::1]",
    "[5f00::1]",
    "[ff02::1]",
    "[2001:db8::1]",
];

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
    for host in LOOPBACK_V4.iter().chain(LOOPBACK_V6).chain(OTHERS) {
        for url in [
            format!("http://{host}:{port}/"),
            format!("HTTP:\\\\{host}:{port}\\x"),
            format!("https://{host}:{port}/?a=b#@example.com"),
            format!("http://\t{host}\n:{port}//x"),
        ] {
            if let Some(answer) = post(&strict, &url).await {
                let error = answer.expect_err(&url);
                assert_eq!(Class::from(&error), Class::Blocked, "{url}: {error}");
                urls += 1;
            }
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
async fn one_forbidden_address_among_good_ones_rejects_the_name() {
    let canary = Receiver::start([Answer::Status(200)]).await;
    let url = format!("http://receiver.test:{}/", canary.address.port());
    for answer in [
        &["127.0.0.1", "10.0.0.1"][..],
        &["10.0.0.1", "127.0.0.1"],
        &["127.0.0.1", "::1"],
        &["127.0.0.1", "64:ff9b::a9fe:a9fe"],
        &["127.0.0.1", "::ffff:127.0.0.1"],
        &["127.0.0.1", "169.254.169.254", "127.0.0.1"],
    ] {
        let script = Script::new(&[answer]);
        let error = post(&client(&script), &url).await.expect("a URL").expect_err("mixed");
        assert_eq!(Class::from(&error), Class::Blocked, "{answer:?}: {error}");
        assert_eq!(script.asked(), 1);
    }
    assert_eq!(canary.connections(), 0);
    let script = Script::new(&[&["127.0.0.1"]]);
    assert_eq!(post(&client(&script), &url).await, Some(Ok(200)), "the control");
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
    assert!(rejected(&stage.deliver_one("crm").await).contains("`169.254.169.254` is blocked"));
    assert_eq!(stage.deliver_one("crm").await, Outcome::Delivered);
    for _ in 0..100 {
        assert!(rejected(&stage.deliver_one("crm").await).contains("`::1` is blocked"));
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
    // Nothing listens there: what is allowed fails for another reason.
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
        let error = answer.expect_err("nothing listens there");
        assert_eq!(matches!(error, SendError::Blocked(_)), blocked, "{url}: {error}");
    }
}
