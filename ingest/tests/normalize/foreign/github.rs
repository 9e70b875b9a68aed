//! GitHub: forms, pings, and the moment and order of an event.

use http::{HeaderMap, HeaderValue};
use ingest::normalize::{Normalized, Reply, normalize};
use schemas::event::Raw;
use schemas::platform::Platform;

use super::{only, sent};
use crate::source;

#[test]
fn a_github_hook_may_send_forms_and_a_form_without_a_payload_is_unmapped() {
    let headers = [
        ("x-github-event", "issues"),
        ("x-github-delivery", "d"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let body = b"payload=%7B%22repository%22%3A%7B%22id%22%3A9007199254740993%2C%22full_name%22%3A%22a%2Fb%22%7D%7D";
    let events = sent(Platform::Github, &headers, body);
    assert_eq!(events[0].data.event_type().as_str(), "github.issues");
    assert_eq!(events[0].ordering_key, "9007199254740993");
    assert_eq!(events[0].subject.as_deref(), Some("a/b"));
    assert!(matches!(&events[0].raw, Raw::Bytes(raw) if **raw == body[..]));
    for body in ["payload=", "payload=%7B", "other=1", "payload"] {
        assert_eq!(
            only(Platform::Github, &headers, body).data.event_type().as_str(),
            "unmapped",
            "{body}"
        );
    }
}

#[test]
fn a_github_ping_is_answered_and_not_published() {
    let mut headers = HeaderMap::new();
    headers.insert("x-github-event", HeaderValue::from_static("ping"));
    for body in [&br#"{"zen":"Keep it logically awesome."}"#[..], b"payload=%7B%7D"] {
        let normalized = normalize(&source(Platform::Github), &headers, body);
        assert!(
            matches!(normalized, Normalized::Reply(Ok(Reply::Empty))),
            "{normalized:?}"
        );
    }
}

#[test]
fn a_github_event_has_the_moment_of_what_was_made_and_no_other() {
    let time = |event: &str, body: &str| {
        let found = only(
            Platform::Github,
            &[("x-github-event", event), ("x-github-delivery", "d")],
            body,
        );
        found.time.map(|time| time.to_string())
    };
    let moment = "2026-03-10T13:36:50Z";
    let issue = |action: &str, more: &str| {
        format!(
            r#"{{"action":"{action}","issue":{{"created_at":"{moment}","closed_at":"{moment}","updated_at":"{moment}"}}{more}}}"#
        )
    };
    let there = Some("2026-03-10T13:36:50.000Z".to_owned());
    assert_eq!(time("issues", &issue("opened", "")), there);
    let comment = format!(
        r#"{{"action":"created","issue":{{"created_at":"2026-01-01T00:00:00Z"}},"comment":{{"created_at":"{moment}"}}}}"#
    );
    assert_eq!(time("issue_comment", &comment), there);
    for (event, body) in [
        ("issues", issue("closed", "")),
        ("issues", issue("labeled", "")),
        ("issues", issue("opened", r#","changes":{"old_repository":{"id":1}}"#)),
        ("issue_comment", comment.replace("created\"", "edited\"")),
        (
            "push",
            format!(r#"{{"repository":{{"id":1,"pushed_at":1773149810}},"head_commit":{{"timestamp":"{moment}"}}}}"#),
        ),
    ] {
        assert_eq!(time(event, &body), None, "{event} {body}");
    }
}

#[test]
fn what_happens_to_an_installation_of_a_github_app_keeps_its_order() {
    let order = |delivery: &str, body: &str| {
        let headers = [("x-github-event", "installation"), ("x-github-delivery", delivery)];
        only(Platform::Github, &headers, body).ordering_key
    };
    let created = order(
        "a",
        r#"{"action":"created","installation":{"id":2,"account":{"id":3}}}"#,
    );
    assert_eq!(
        created,
        order(
            "b",
            r#"{"action":"deleted","installation":{"id":2,"account":{"id":3}}}"#
        )
    );
    assert_eq!(order("a", r#"{"installation":{"id":2},"repository":{"id":1}}"#), "1");
}
