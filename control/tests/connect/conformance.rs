//! What holds for every platform: a dry run changes nothing, the first run registers, the second changes nothing, what was
//! spoilt is corrected, and what belongs to others stays as it is.

use control::connect::{ConnectError, Exchange, Order, Registration, Sent};
use schemas::secret::Secret;
use serde_json::Value;

use super::fake::{Fake, Running, Seen, run};

/// What the conformance tests need to know of a fake.
pub(crate) trait Platform: Fake {
    /// What leads to `https://hooks.example.com/in/line-1`.
    fn ours(&self) -> Vec<Value>;
    /// All else.
    fn others(&self) -> Vec<Value>;
    /// Makes ours wrong, as people do in panels.
    fn spoil(&mut self);
}

fn changes(seen: &[Seen]) -> usize {
    seen.iter().filter(|seen| seen.method != "GET").count()
}

fn registration(result: &Result<control::connect::Report, ConnectError>) -> &Registration {
    match result {
        Ok(report) => &report.registration,
        Err(error) => panic!("{error}"),
    }
}

/// Takes a fake where nothing of ours is registered yet through the life of a registration.
pub(crate) async fn conforms<P: Platform>(running: &Running<P>, order: &mut Order<'_>) {
    let others = running.state().others();
    assert!(running.state().ours().is_empty(), "nothing is registered at first");

    order.dry_run = true;
    let (result, exchanges) = run(order).await;
    assert!(matches!(registration(&result), Registration::Created(_)), "{result:?}");
    assert_eq!(changes(&running.take_seen()), 0, "a dry run changes nothing");
    let not_sent: Vec<&Exchange> = exchanges.iter().filter(|e| e.sent == Sent::LeftOut).collect();
    assert!(!not_sent.is_empty(), "it shows what it would send: {exchanges:?}");
    assert!(
        not_sent.iter().all(|e| e.method != "GET" && e.body.is_some()),
        "{not_sent:?}"
    );
    assert!(running.state().ours().is_empty());

    order.dry_run = false;
    let (result, exchanges) = run(order).await;
    assert!(matches!(registration(&result), Registration::Created(_)), "{result:?}");
    assert!(changes(&running.take_seen()) > 0);
    // Some say 404 while nothing was ever set.
    let in_order =
        |e: &Exchange| matches!(e.sent, Sent::Answered(s) if s.is_success() || e.method == "GET" && s == 404);
    assert!(exchanges.iter().all(in_order), "{exchanges:?}");
    let registered = running.state().ours();
    assert!(!registered.is_empty());

    let (result, _) = run(order).await;
    assert!(
        matches!(registration(&result), Registration::Unchanged(_)),
        "{result:?}"
    );
    assert_eq!(changes(&running.take_seen()), 0, "a second run changes nothing");
    assert_eq!(running.state().ours(), registered);

    running.state().spoil();
    assert_ne!(running.state().ours(), registered, "it is spoilt");
    order.dry_run = true;
    let (result, _) = run(order).await;
    assert!(
        matches!(registration(&result), Registration::Updated { .. }),
        "{result:?}"
    );
    assert_eq!(changes(&running.take_seen()), 0, "a dry run changes nothing");
    order.dry_run = false;
    let (result, _) = run(order).await;
    let Registration::Updated { differences, .. } = registration(&result) else {
        panic!("{result:?}")
    };
    assert!(!differences.is_empty());
    assert_eq!(
        running.state().ours(),
        registered,
        "it is as it was, and not there twice"
    );

    running.take_seen();
    order.force = true;
    let (result, _) = run(order).await;
    assert!(
        matches!(registration(&result), Registration::Updated { .. }),
        "{result:?}"
    );
    assert!(changes(&running.take_seen()) > 0, "--force sends it again");
    assert_eq!(running.state().ours(), registered);
    order.force = false;
    let (result, _) = run(order).await;
    assert!(
        matches!(registration(&result), Registration::Unchanged(_)),
        "{result:?}"
    );

    assert_eq!(
        running.state().others(),
        others,
        "what belongs to others stays as it is"
    );
    refuses_strangers(running, order).await;
}

/// A wrong token is reported as one, with the way to a right one; no token at all is reported before anything is sent.
pub(crate) async fn refuses_strangers<P: Fake>(running: &Running<P>, order: &mut Order<'_>) {
    let right = order.token.replace(Secret::new("not-a-token-of-anyone"));
    let (result, _) = run(order).await;
    let error = result.expect_err("the token is wrong");
    assert!(matches!(error, ConnectError::Token { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("FOREBAY_PLATFORM_TOKEN"), "{text}");
    assert!(!text.contains("not-a-token-of-anyone"), "{text}");

    running.take_seen();
    order.token = None;
    let (result, _) = run(order).await;
    let error = result.expect_err("there is no token");
    assert!(matches!(error, ConnectError::Order(_)), "{error:?}");
    assert!(error.to_string().contains("FOREBAY_PLATFORM_TOKEN"), "{error}");
    assert!(running.take_seen().is_empty(), "nothing is sent without a token");
    order.token = right;
}

/// Whether a URL leads to the source of the tests.
pub(crate) fn is_ours(url: &Value) -> bool {
    let url = url.as_str().unwrap_or_default();
    url.split_once("://").is_some_and(|(_, rest)| {
        let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
        rest.starts_with("hooks.example.com/in/line-1")
    })
}

/// Those of `all` whose URL is ours, or is not.
pub(crate) fn split(all: &[Value], ours: bool, url: impl Fn(&Value) -> &Value) -> Vec<Value> {
    all.iter().filter(|one| is_ours(url(one)) == ours).cloned().collect()
}

/// A list of texts.
pub(crate) fn texts(value: &Value) -> Vec<&str> {
    let elements = value.as_array().into_iter().flatten();
    elements.filter_map(Value::as_str).collect()
}
