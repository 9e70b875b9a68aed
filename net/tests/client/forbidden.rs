//! The ways out that are not the destination itself: no forbidden address is reached by any spelling, nor by name servers that
//! change their answers.

use harness::receiver::{Answer, Receiver};
use harness::spellings;
use net::client::{Allowed, Guard, SendError, Tokens};
use url::Url;

use crate::oauth2::settings;
use crate::stage::{Asked, Script, TestProxy, client, client_of, status};

#[tokio::test]
async fn no_spelling_of_a_forbidden_address_gets_through_a_proxy_or_to_an_authorization_server() {
    let canary = Receiver::start([Answer::Status(200)]).await;
    let proxy = TestProxy::start(&[Asked::Tunnel]).await;
    // Port and scheme are no reason to refuse: only the address can be.
    let port = canary.address.port();
    let guard = Guard::new(Allowed {
        ports: vec![port],
        plain_http: true,
        ..Allowed::default()
    });
    let script = Script::new(&[&["127.0.0.1"]]);
    let strict = client_of(guard, &script);
    let mut urls = 0;
    for url in spellings::urls(port) {
        let Ok(parsed) = Url::parse(&url) else { continue };
        urls += 1;
        let error = status(&strict, &url, &proxy.options("")).await.expect_err(&url);
        assert!(matches!(error, SendError::Blocked(_)), "{url}: {error}");
        let error = Tokens::new(strict.clone(), settings(parsed)).expect_err(&url);
        assert!(matches!(error, SendError::Blocked(_)), "{url}: {error}");
    }
    assert!(urls >= 200, "only {urls} of them are URLs");
    assert_eq!((canary.connections(), proxy.connections()), (0, 0));

    // The control: the canary could have sung.
    let open = client_of(Guard::allow_all(), &script);
    assert_eq!(status(&open, &canary.url(), &proxy.options("")).await, Ok(200));
    assert_eq!((canary.connections(), proxy.connections()), (1, 1));
}

#[tokio::test]
async fn a_name_that_turns_to_a_forbidden_address_is_not_asked_of_a_proxy() {
    let close = || Answer::Header(200, "connection", "close".to_owned());
    let meant = Receiver::start([close()]).await;
    let port = meant.address.port();
    let canary = Receiver::start_at(&format!("127.0.0.5:{port}"), [Answer::Status(200)]).await;
    let proxy = TestProxy::start(&[Asked::Tunnel]).await;
    let script = Script::new(&[
        &["127.0.0.1"],
        &["127.0.0.5"],
        &["127.0.0.5", "127.0.0.1"],
        &["127.0.0.5"],
    ]);
    let client = client(&script);
    let url = format!("http://receiver.test:{port}/");
    assert_eq!(status(&client, &url, &proxy.options("")).await, Ok(200));
    let error = status(&client, &url, &proxy.options("")).await.expect_err("turned");
    assert!(matches!(error, SendError::Astray { .. }), "{error}");
    assert_eq!(
        status(&client, &url, &proxy.options("")).await,
        Ok(200),
        "the right one of both"
    );
    for _ in 0..100 {
        let error = status(&client, &url, &proxy.options("")).await.expect_err("turned");
        assert!(matches!(error, SendError::Astray { .. }), "{error}");
    }
    let heads = proxy.heads();
    assert!(
        heads.len() == 2 && heads.iter().all(|head| head.starts_with("CONNECT 127.0.0.1:")),
        "{heads:?}"
    );
    assert_eq!((meant.connections(), canary.connections()), (2, 0));
}

#[tokio::test]
async fn a_token_is_not_asked_for_at_a_forbidden_address() {
    let canary = Receiver::start_at("127.0.0.5:0", [Answer::Status(200)]).await;
    let client = client(&Script::new(&[&["127.0.0.5"], &["127.0.0.5", "0.0.0.0", "10.0.0.1"]]));
    let url = format!("http://tokens.test:{}/token", canary.address.port());
    let tokens = Tokens::new(client, settings(url.parse().expect("a URL"))).expect("a name may change");
    let error = tokens.get().await.expect_err("forbidden");
    assert!(
        matches!(&error, SendError::Token { reason, .. } if reason.contains("resolves to 127.0.0.5, which is not allowed")),
        "{error}"
    );
    assert_eq!(canary.connections(), 0);
}
