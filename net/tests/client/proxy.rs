//! Through a proxy: what it is asked, and what becomes of its answers.

use std::time::{Duration, Instant};

use harness::receiver::{Answer, Receiver};
use net::client::{Options, SendError};

use crate::stage::{Asked, Script, TestProxy, ask, client, secure, status, through, trusting};

#[tokio::test]
async fn a_proxy_is_asked_for_the_address_that_was_checked() {
    let receiver = Receiver::start([Answer::Status(200)]).await;
    let (secured, _) = secure(None).await;
    let proxy = TestProxy::start(&[Asked::Tunnel]).await;
    let client = client(&Script::new(&[&["10.0.0.1", "127.0.0.1"]]));
    let plain = format!("http://receiver.test:{}/hook", receiver.address.port());
    for _ in 0..2 {
        assert_eq!(status(&client, &plain, &proxy.options("")).await, Ok(200));
    }
    let encrypted = Options {
        authorities: trusting("ca.pem").authorities,
        ..proxy.options("us%40er:p%3Ass@")
    };
    let url = format!("https://receiver.test:{}/hook", secured.address.port());
    assert_eq!(status(&client, &url, &encrypted).await, Ok(200));

    let heads = proxy.heads();
    assert_eq!(heads.len(), 2, "one per connection, whatever the scheme: {heads:?}");
    let asked = |receiver: &Receiver| format!("CONNECT {0} HTTP/1.1\r\nhost: {0}\r\n", receiver.address);
    assert_eq!(heads[0], asked(&receiver) + "\r\n");
    // `us@er:p:ss`
    let authorized = "proxy-authorization: Basic dXNAZXI6cDpzcw==\r\n\r\n";
    assert_eq!(heads[1], asked(&secured) + authorized);
    let seen = &receiver.seen()[0];
    assert_eq!(seen.target, "/hook", "the request is the receiver's own");
    assert_eq!(
        seen.header("host"),
        format!("receiver.test:{}", receiver.address.port())
    );
    assert!(!seen.headers.contains_key("proxy-authorization"));
}

#[tokio::test]
async fn destinations_of_different_proxies_share_no_connection() {
    let receiver = Receiver::start([Answer::Status(200)]).await;
    let (one, other) = (
        TestProxy::start(&[Asked::Tunnel]).await,
        TestProxy::start(&[Asked::Tunnel]).await,
    );
    let client = client(&Script::new(&[&["127.0.0.1"]]));
    let url = receiver.url();
    for _ in 0..3 {
        for options in [
            Options::default(),
            one.options(""),
            one.options("a:b@"),
            one.options("a:c@"),
            other.options(""),
        ] {
            assert_eq!(status(&client, &url, &options).await, Ok(200));
        }
    }
    assert_eq!(
        (one.connections(), other.connections(), receiver.connections()),
        (3, 1, 5)
    );
}

#[tokio::test]
async fn what_a_proxy_answers_is_said_and_can_be_tried_again() {
    let canary = Receiver::start([Answer::Status(200)]).await;
    let client = client(&Script::new(&[&["127.0.0.1"]]));
    for (asked, user, said) in [
        (
            Asked::Say(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"),
            "",
            "wants a user and a password",
        ),
        (
            Asked::Say(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"),
            "u:hunter2@",
            "does not accept the user",
        ),
        (
            Asked::Say(b"HTTP/1.1 403 Forbidden\r\n\r\nsecret page"),
            "u:hunter2@",
            "answered 403",
        ),
        (Asked::Say(b"HTTP/1.1 502 Bad Gateway\r\n\r\n"), "", "does not reach"),
        (
            Asked::Say(b"HTTP/1.1 302 Found\r\nlocation: http://10.0.0.1/\r\n\r\n"),
            "",
            "answered 302",
        ),
        (Asked::Say(b"SSH-2.0-OpenSSH\r\n\r\n"), "", "does not answer in HTTP"),
        (Asked::Say(b"HTTP/1.1 200 OK\r\n"), "", "closed the connection"),
        (Asked::Say(b""), "", "closed the connection"),
        (
            Asked::Flood(b"HTTP/1.1 200 OK\r\nx: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
            "",
            "more than",
        ),
        (Asked::Hang, "", "no connection within"),
    ] {
        let proxy = TestProxy::start(&[asked]).await;
        let begun = Instant::now();
        let error = status(&client, &canary.url(), &proxy.options(user)).await;
        let error = error.expect_err("no connection");
        assert!(matches!(error, SendError::Connect(_)), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains(said) || (said == "no connection within" && text.contains("did not answer")),
            "{text}"
        );
        assert!(!text.contains("hunter2") && !text.contains("secret"), "{text}");
        assert!(
            begun.elapsed() < Duration::from_secs(4),
            "bounded by the time to connect"
        );
    }
    assert_eq!(canary.connections(), 0);
}

#[tokio::test]
async fn an_address_that_a_proxy_does_not_reach_leaves_the_next() {
    let receiver = Receiver::start([Answer::Status(200)]).await;
    let proxy = TestProxy::start(&[Asked::Say(b"HTTP/1.1 504 Gateway Timeout\r\n\r\n"), Asked::Tunnel]).await;
    let client = client(&Script::new(&[&["127.0.0.3", "127.0.0.1"]]));
    let url = format!("http://receiver.test:{}/", receiver.address.port());
    assert_eq!(status(&client, &url, &proxy.options("")).await, Ok(200));
    assert!(
        proxy.heads()[0].starts_with("CONNECT 127.0.0.3:"),
        "{:?}",
        proxy.heads()
    );
}

#[tokio::test]
async fn a_proxy_may_have_a_name_and_be_where_the_guard_lets_no_destination_be() {
    let receiver = Receiver::start_at("127.0.0.2:0", [Answer::Status(200)]).await;
    let proxy = TestProxy::start(&[Asked::Tunnel]).await;
    // Neither it nor its network is allowed to destinations.
    let guard = net::client::Guard::new(net::client::Allowed {
        networks: vec!["127.0.0.2/32".parse().expect("a network")],
        ..Default::default()
    });
    let script = Script::new(&[&["127.0.0.1"]]);
    let client = crate::stage::client_of(guard, &script);
    let options = through(&format!("http://proxy.test:{}", proxy.address.port()));
    assert_eq!(status(&client, &receiver.url(), &options).await, Ok(200));
    assert_eq!(script.asked(), ["proxy.test"]);
    let direct = format!("http://{}/", proxy.address);
    let error = status(&client, &direct, &Options::default())
        .await
        .expect_err("no destination");
    assert!(matches!(error, SendError::Blocked(_)), "{error}");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_here_is_an_error_that_says_why_it_must() {
    let proxy = TestProxy::start(&[Asked::Tunnel]).await;
    let client = client(&Script::new(&[&[]]));
    let error = status(&client, "http://receiver.test/", &proxy.options(""))
        .await
        .expect_err("no address");
    let text = error.to_string();
    assert!(matches!(error, SendError::Resolve { .. }), "{text}");
    assert!(text.contains("has to resolve here even if a proxy dials it"), "{text}");
    assert_eq!(proxy.connections(), 0);
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named() {
    let gone = TestProxy::start(&[Asked::Hang]).await.address.port();
    let client = client(&Script::new(&[&[]]));
    for (proxy, said) in [
        (format!("http://u:hunter2@127.0.0.9:{gone}"), "the proxy 127.0.0.9:"),
        (
            "http://u:hunter2@proxy.test:1".to_owned(),
            "the name of the proxy proxy.test:1 cannot be resolved",
        ),
    ] {
        let error = ask(&client, "http://127.0.0.1:9/", &through(&proxy))
            .await
            .expect_err("no proxy");
        let text = error.to_string();
        assert!(matches!(error, SendError::Connect(_)) && text.contains(said), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}
