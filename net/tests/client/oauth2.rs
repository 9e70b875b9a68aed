//! Tokens: asked for once, kept, replaced, and never shown.

use std::time::Duration;

use harness::receiver::{Answer, Receiver};
use harness::until;
use net::client::{Options, SendError, TokenSettings, Tokens};
use schemas::secret::Secret;
use tokio::time;
use url::Url;

use crate::stage::{PATIENCE, Script, client};

const FIRST: Answer = Answer::Body(br#"{"access_token":"first","token_type":"Bearer","expires_in":3600}"#);
const SECOND: Answer = Answer::Body(br#"{"access_token":"second","token_type":"bearer","expires_in":"3600"}"#);

pub(crate) fn settings(url: Url) -> TokenSettings {
    TokenSettings {
        url,
        client_id: "us er".to_owned(),
        client_secret: Secret::new("hunter2:%"),
        scopes: vec!["hooks.write".to_owned(), "b".to_owned()],
        parameters: vec![("audience".to_owned(), "https://api.test/".to_owned())],
        credentials_in_body: false,
        options: Options::default(),
        timeout: PATIENCE,
    }
}

fn tokens(server: &Receiver) -> Tokens {
    tokens_with(server, |_| {})
}

fn tokens_with(server: &Receiver, change: impl FnOnce(&mut TokenSettings)) -> Tokens {
    let mut settings = settings(server.url().parse().expect("a URL"));
    change(&mut settings);
    Tokens::new(client(&Script::new(&[])), settings).expect("allowed")
}

async fn current(tokens: &Tokens) -> String {
    let token = tokens.get().await.expect("a token");
    assert_eq!(format!("{token:?}"), "Token([redacted])");
    let value = token.authorization();
    assert!(value.is_sensitive());
    value.to_str().expect("text").to_owned()
}

/// Lets time pass without letting sockets run into their limits.
async fn pass(time: Duration) {
    time::pause();
    time::advance(time).await;
    time::resume();
}

#[tokio::test]
async fn a_token_is_asked_for_once_as_the_specification_says_and_kept() {
    let server = Receiver::start([FIRST, SECOND]).await;
    let tokens = tokens(&server);
    for _ in 0..3 {
        assert_eq!(current(&tokens).await, "Bearer first");
    }
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].header("content-type"), "application/x-www-form-urlencoded");
    // `us+er:hunter2%3A%25`
    assert_eq!(seen[0].header("authorization"), "Basic dXMrZXI6aHVudGVyMiUzQSUyNQ==");
    assert_eq!(
        seen[0].body,
        "grant_type=client_credentials&scope=hooks.write+b&audience=https%3A%2F%2Fapi.test%2F"
    );
}

#[tokio::test]
async fn id_and_secret_stand_in_the_form_where_that_is_asked_for() {
    let server = Receiver::start([FIRST]).await;
    let tokens = tokens_with(&server, |settings| {
        settings.credentials_in_body = true;
        settings.scopes.clear();
        settings.parameters.clear();
    });
    current(&tokens).await;
    let seen = server.seen();
    assert!(!seen[0].headers.contains_key("authorization"));
    assert_eq!(
        seen[0].body,
        "grant_type=client_credentials&client_id=us+er&client_secret=hunter2%3A%25"
    );
}

#[tokio::test]
async fn a_token_is_replaced_before_it_ends_and_used_until_it_has_ended() {
    let server = Receiver::start([FIRST, Answer::Status(503), SECOND]).await;
    let tokens = tokens(&server);
    assert_eq!(current(&tokens).await, "Bearer first");
    pass(Duration::from_secs(3500)).await;
    assert_eq!(current(&tokens).await, "Bearer first", "not yet");
    assert_eq!(server.seen().len(), 1);
    pass(Duration::from_secs(75)).await;
    assert_eq!(current(&tokens).await, "Bearer first", "it is good for seconds yet");
    assert_eq!(server.seen().len(), 2);
    pass(Duration::from_secs(2)).await;
    assert_eq!(current(&tokens).await, "Bearer second");
}

#[tokio::test]
async fn a_token_that_was_refused_is_replaced_once() {
    let forever = Answer::Body(br#"{"access_token":"forever","token_type":"Bearer"}"#);
    let server = Receiver::start([forever, SECOND, FIRST]).await;
    let tokens = tokens(&server);
    let first = tokens.get().await.expect("a token");
    tokens.invalidate(&first);
    assert_eq!(current(&tokens).await, "Bearer forever", "it is not a second old");
    pass(Duration::from_hours(24 * 365)).await;
    assert_eq!(current(&tokens).await, "Bearer forever", "its end was not said");
    tokens.invalidate(&first);
    assert_eq!(current(&tokens).await, "Bearer second");
    pass(Duration::from_secs(2)).await;
    tokens.invalidate(&first);
    assert_eq!(current(&tokens).await, "Bearer second", "another was refused");
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn one_request_serves_all_that_wait_even_if_the_first_gives_up() {
    let server = Receiver::start([FIRST, SECOND]).await;
    let tokens = tokens(&server);
    let asking = tokens.clone();
    let first = tokio::spawn(async move { asking.get().await });
    // It has begun and is given up.
    tokio::task::yield_now().await;
    first.abort();
    let all: Vec<_> = (0..50)
        .map(|_| {
            let tokens = tokens.clone();
            tokio::spawn(async move { current(&tokens).await })
        })
        .collect();
    for one in all {
        assert_eq!(one.await.expect("no panic"), "Bearer first");
    }
    assert_eq!(server.seen().len(), 1);
}

/// More than an answer may have.
static LONG: [u8; 100_000] = [b'x'; 100_000];

#[tokio::test]
async fn a_failure_has_its_reason_and_no_secret_and_is_not_repeated_at_once() {
    for (answer, said) in [
        (Answer::Status(500), "it answered 500"),
        (Answer::Body(b"hunter2"), "not JSON"),
        (
            Answer::Body(br#"{"token_type":"Bearer","x":"hunter2"}"#),
            "no `access_token`",
        ),
        (
            Answer::Body(br#"{"access_token":"hunter2","token_type":"mac"}"#),
            "is not `Bearer`",
        ),
        (
            Answer::Body(br#"{"access_token":"hunter2","token_type":null}"#),
            "is not `Bearer`",
        ),
        (
            Answer::Body(b"{\"access_token\":\"hunter2\\n\",\"token_type\":\"Bearer\"}"),
            "cannot stand in a header",
        ),
        (Answer::Body(&LONG), "too long"),
        (Answer::Never, "no answer within"),
    ] {
        let server = Receiver::start([answer, FIRST]).await;
        let tokens = tokens_with(&server, |settings| settings.timeout = Duration::from_millis(300));
        let (first, again) = (tokens.get().await, tokens.get().await);
        let error = first.expect_err(said);
        assert_eq!(again.err(), Some(error.clone()), "the same, without a request");
        assert!(
            matches!(&error, SendError::Token { host, .. } if host == "127.0.0.1"),
            "{error:?}"
        );
        let text = error.to_string();
        assert!(text.contains(said) && !text.contains("hunter2"), "{text}");
        until("asked", PATIENCE, || server.seen().len() == 1).await;
        pass(Duration::from_secs(1)).await;
        assert_eq!(current(&tokens).await, "Bearer first", "after {said}");
    }
}

#[tokio::test]
async fn what_holds_secrets_does_not_print_them() {
    let server = Receiver::start([FIRST]).await;
    let tokens = tokens(&server);
    current(&tokens).await;
    let text = format!("{tokens:?}");
    assert!(!text.contains("hunter2") && !text.contains("first"), "{text}");
}
