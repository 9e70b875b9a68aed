//! Bad days: no answer, the wrong answer, redirects, refusals that do not say why.

use std::time::Duration;

use control::connect::{Client, ConnectError, Order, Sent};
use schemas::platform::Platform as Name;
use serde_json::json;
use tokio::net::TcpListener;
use url::Url;

use super::fake::{Answer, Fake, OTHERS_SECRET, Running, SECRET, Seen, TOKEN, run, run_with, source};

/// Answers every request the same.
struct Always(fn(&Seen) -> Answer);

impl Fake for Always {
    fn answer(&mut self, seen: &Seen) -> Answer {
        (self.0)(seen)
    }
}

/// Sends everyone elsewhere.
struct Redirects(Url);

impl Fake for Redirects {
    fn answer(&mut self, _: &Seen) -> Answer {
        Answer::text(302, "").header("location", format!("{}api/v1/me/webhooks?t={OTHERS_SECRET}", self.0))
    }
}

async fn error_of(answer: fn(&Seen) -> Answer) -> ConnectError {
    let running = Running::start(Always(answer)).await;
    let digisac = source(Name::Digisac, None);
    run(&running.order(&digisac)).await.0.expect_err("it goes wrong")
}

#[tokio::test]
async fn a_platform_that_does_not_answer_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let digisac = source(Name::Digisac, None);
    let order = Order {
        api: Some(Url::parse(&format!("http://{address}")).expect("a URL")),
        ..super::fake::order(&digisac)
    };
    let client = Client::new(None)
        .expect("a client")
        .with_time_limit(Duration::from_millis(100));
    let started = std::time::Instant::now();
    let (result, exchanges) = run_with(&order, &client).await;
    let error = result.expect_err("no one answers");
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("did not answer within 100ms"), "{error}");
    assert_eq!(exchanges[0].sent, Sent::Unanswered);
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "it waited {:?}",
        started.elapsed()
    );

    drop(listener);
    let (result, _) = run_with(&order, &client).await;
    let error = result.expect_err("no one listens");
    assert!(error.to_string().contains("cannot connect"), "{error}");
}

#[tokio::test]
async fn a_change_that_got_no_answer_is_reported_as_one_that_may_have_been_made() {
    // The list comes, then the answer to the POST is cut off.
    let running = Running::start(Always(|seen| match seen.method.as_str() {
        "GET" => Answer::json(200, &json!([])),
        _ => Answer::text(200, "{").header("content-length", "100"),
    }))
    .await;
    let digisac = source(Name::Digisac, None);
    let client = Client::new(None)
        .expect("a client")
        .with_time_limit(Duration::from_secs(2));
    let error = run_with(&running.order(&digisac), &client)
        .await
        .0
        .expect_err("cut off");
    assert!(error.to_string().contains("run it again"), "{error}");
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_token() {
    let elsewhere = Running::start(Always(|_| Answer::json(200, &json!([])))).await;
    let running = Running::start(Redirects(elsewhere.url.clone())).await;
    let digisac = source(Name::Digisac, None);
    let error = run(&running.order(&digisac)).await.0.expect_err("a redirect");
    let expected = elsewhere.url.as_str().trim_end_matches('/');
    assert!(
        matches!(&error, ConnectError::Redirect { to, .. } if to == expected),
        "{error:?}"
    );
    assert!(error.to_string().contains("--api"), "{error}");
    assert!(elsewhere.take_seen().is_empty(), "no one else gets the token");
}

#[tokio::test]
async fn too_many_requests_and_faults_are_to_be_tried_again() {
    let error = error_of(|_| Answer::json(429, &json!({"message": "slow down"})).header("retry-after", "30")).await;
    assert!(matches!(error, ConnectError::Later { .. }), "{error:?}");
    assert!(
        error.to_string().contains("slow down): try again in 30 seconds"),
        "{error}"
    );
    let error = error_of(|_| Answer::text(502, "<html><h1>Bad Gateway</h1></html>")).await;
    assert_eq!(
        error.to_string(),
        "digisac cannot do it now (502 Bad Gateway): try again later"
    );
}

#[tokio::test]
async fn what_is_no_answer_of_the_platform_is_reported_as_that() {
    for answer in [
        (|_: &Seen| Answer::text(200, "<html>welcome</html>")) as fn(&Seen) -> Answer,
        |_| Answer::text(200, ""),
        |_| Answer::json(200, &json!({"unexpected": true})),
        |_| Answer::json(200, &json!("text")),
    ] {
        let error = error_of(answer).await;
        assert!(matches!(error, ConnectError::Unreadable { .. }), "{error:?}");
        assert!(error.to_string().contains("--api"), "{error}");
    }
}

#[tokio::test]
async fn secrets_that_a_platform_repeats_are_not_repeated_by_us() {
    // `run` looks for them in everything that is shown.
    let error = error_of(|_| {
        let words = format!("the token {TOKEN} may not register https://hooks.example.com/in/line-1/{SECRET}");
        Answer::json(422, &json!({ "message": words }))
    })
    .await;
    let text = error.to_string();
    assert!(
        text.contains("the token [redacted] may not register https://hooks.example.com/in/line-1/[redacted]"),
        "{text}"
    );
    let error = error_of(|_| Answer::text(400, &"long ".repeat(1000))).await;
    assert!(error.to_string().len() < 600, "{error}");
    let error = error_of(|_| Answer::json(400, &json!({"message": "two\nlines\u{1b}[31m"}))).await;
    assert!(!error.to_string().contains(['\n', '\u{1b}']), "{error:?}");
}

#[tokio::test]
async fn a_server_without_tls_at_an_https_address_is_reported_as_that() {
    let running = Running::start(Always(|_| Answer::json(200, &json!([])))).await;
    let digisac = source(Name::Digisac, None);
    let mut api = running.url.clone();
    api.set_scheme("https").expect("a scheme");
    let order = Order {
        api: Some(api),
        ..super::fake::order(&digisac)
    };
    let error = run(&order).await.0.expect_err("no TLS");
    assert!(error.to_string().contains("cannot agree on TLS"), "{error}");
    assert!(running.take_seen().is_empty());
}

#[tokio::test]
async fn an_api_address_is_taken_with_and_without_the_prefix_of_its_paths() {
    for path in ["", "/", "/api/v1", "/api/v1/", "/proxy", "/proxy/api/v1"] {
        let running = Running::start(Always(|_| Answer::json(200, &json!([])))).await;
        let digisac = source(Name::Digisac, None);
        let order = Order {
            api: Some(running.url.join(path).expect("a URL")),
            dry_run: true,
            ..super::fake::order(&digisac)
        };
        run(&order).await.0.expect("looked");
        let prefix = if path.starts_with("/proxy") { "/proxy" } else { "" };
        assert_eq!(
            running.take_seen()[0].path,
            format!("{prefix}/api/v1/me/webhooks"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn addresses_that_cannot_be_are_refused_before_anything_is_sent() {
    let digisac = source(Name::Digisac, None);
    for (api, expected) in [
        (None, "--api is missing"),
        (Some("ftp://a.example"), "scheme and host"),
        (
            Some("https://user:password@a.example"),
            "token comes from the environment",
        ),
        (Some("https://a.example/?token=1"), "token comes from the environment"),
    ] {
        let order = Order {
            api: api.map(|api| Url::parse(api).expect("a URL")),
            ..super::fake::order(&digisac)
        };
        let error = run(&order).await.0.expect_err("no address");
        assert!(
            matches!(error, ConnectError::Order(_)) && error.to_string().contains(expected),
            "{error}"
        );
    }
}

#[test]
fn certificates_that_are_none_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ca.pem");
    for (content, expected) in [
        ("", "holds no certificate"),
        (
            "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
            "not a readable PEM file",
        ),
    ] {
        std::fs::write(&file, content).expect("written");
        let error = Client::new(Some(&file)).expect_err("no certificate").to_string();
        assert!(error.contains(expected) && error.contains("ca.pem"), "{error}");
    }
    assert!(Client::new(Some(&folder.path().join("none"))).is_err());
}
