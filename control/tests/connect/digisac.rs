//! Digisac, and the schemes that a platform cannot be asked for.

use control::connect::{ConnectError, Order, Registration};
use schemas::platform::Platform as Name;
use schemas::source::{Scheme, TokenPlace};
use serde_json::{Value, json};

use super::conformance::{Platform, conforms, is_ours, texts};
use super::fake::{Answer, Fake, OLD_SECRET, OTHERS_SECRET, Running, SECRET, Seen, TOKEN, run, source};

/// By its API document (`Criar webhook`), the shape of its lists, and the 401 that a public recording shows.
struct Digisac(Vec<Value>);

impl Digisac {
    fn new() -> Self {
        // More than one page, so that ours stands on the second.
        let url = |n: u32| format!("https://other.example/{n}/{OTHERS_SECRET}");
        Self(
            (0..41)
                .map(|n| json!({"id": format!("o-{n}"), "name": "other", "url": url(n), "active": true, "type": "general", "events": ["message.created"]}))
                .collect(),
        )
    }
}

impl Fake for Digisac {
    fn answer(&mut self, seen: &Seen) -> Answer {
        if seen.header("authorization") != format!("Bearer {TOKEN}") {
            let words = "Invalid token: access token is invalid";
            return Answer::json(401, &json!({"error": "HttpError", "message": words, "status": 401}));
        }
        let invalid = |body: &Value| {
            let whole = body["active"].is_boolean() && body["name"].is_string() && body["type"] == "general";
            let events = texts(&body["events"]);
            !whole || events.is_empty() || !body["url"].as_str().unwrap_or_default().starts_with("http")
        };
        match (seen.method.as_str(), seen.path.strip_prefix("/api/v1/me/webhooks")) {
            ("GET", Some("")) => {
                let (page, per_page): (usize, usize) = (
                    seen.parameter("page").parse().unwrap_or(1),
                    seen.parameter("perPage").parse().unwrap_or(15),
                );
                let data: Vec<&Value> = self.0.iter().skip((page - 1) * per_page).take(per_page).collect();
                let last = self.0.len().div_ceil(per_page);
                Answer::json(
                    200,
                    &json!({"data": data, "total": self.0.len(), "limit": per_page, "currentPage": page, "lastPage": last}),
                )
            }
            ("POST", Some("")) => {
                let mut body = seen.json();
                if invalid(&body) {
                    return Answer::json(422, &json!({"error": "ValidationError", "message": "invalid webhook"}));
                }
                body["id"] = json!(format!("made-{}", self.0.len()));
                self.0.push(body.clone());
                Answer::json(200, &body)
            }
            ("PUT", Some(id)) => {
                let mut body = seen.json();
                if invalid(&body) {
                    return Answer::json(422, &json!({"error": "ValidationError", "message": "invalid webhook"}));
                }
                let Some(there) = self
                    .0
                    .iter_mut()
                    .find(|w| format!("/{}", w["id"].as_str().unwrap_or_default()) == id)
                else {
                    return Answer::json(404, &json!({"error": "HttpError", "message": "Not found"}));
                };
                body["id"] = there["id"].clone();
                *there = body.clone();
                Answer::json(200, &body)
            }
            _ => Answer::json(
                404,
                &json!({"error": "HttpError", "message": "Not found", "status": 404}),
            ),
        }
    }
}

impl Platform for Digisac {
    fn ours(&self) -> Vec<Value> {
        self.0.iter().filter(|w| is_ours(&w["url"])).cloned().collect()
    }
    fn others(&self) -> Vec<Value> {
        self.0.iter().filter(|w| !is_ours(&w["url"])).cloned().collect()
    }
    fn spoil(&mut self) {
        let ours = self.0.iter_mut().find(|w| is_ours(&w["url"])).expect("ours");
        ours["active"] = json!(false);
        ours["url"] = json!(format!("https://hooks.example.com/in/line-1/{OLD_SECRET}"));
        ours["events"] = json!(["message.created", "message.updated"]);
    }
}

#[tokio::test]
async fn digisac_is_connected_once_and_mended() {
    let running = Running::start(Digisac::new()).await;
    let digisac = source(Name::Digisac, None);
    conforms(&running, &mut running.order(&digisac)).await;
    let ours = running.state().ours();
    assert_eq!(ours[0]["url"], format!("https://hooks.example.com/in/line-1/{SECRET}"));
    assert_eq!(ours[0]["name"], "Forebay line-1");
}

#[tokio::test]
async fn digisac_keeps_what_was_chosen_there_and_takes_exactly_the_events_that_are_named() {
    let mut fake = Digisac(Vec::new());
    fake.0.push(json!({"id": "w1", "name": "chosen there", "url": format!("https://hooks.example.com/in/line-1/{SECRET}"), "active": true,
        "type": "general", "userId": "u1", "accountId": "a1", "events": ["message.created", "webhook.tested"]}));
    let running = Running::start(fake).await;
    let digisac = source(Name::Digisac, None);
    let (result, _) = run(&running.order(&digisac)).await;
    assert!(matches!(
        result.expect("connected").registration,
        Registration::Updated { .. }
    ));
    let ours = running.state().ours().remove(0);
    assert_eq!(
        (&ours["name"], &ours["userId"], &ours["accountId"]),
        (&json!("chosen there"), &json!("u1"), &json!("a1"))
    );
    let events = texts(&ours["events"]);
    assert!(
        events.contains(&"webhook.tested") && events.contains(&"ticket.created"),
        "{events:?}"
    );

    let order = Order {
        events: vec!["ticket.updated".to_owned()],
        ..running.order(&digisac)
    };
    let (result, _) = run(&order).await;
    assert!(matches!(
        result.expect("connected").registration,
        Registration::Updated { .. }
    ));
    assert_eq!(texts(&running.state().ours()[0]["events"]), ["ticket.updated"]);
}

#[tokio::test]
async fn a_second_webhook_that_leads_to_the_source_is_reported() {
    let mut fake = Digisac(Vec::new());
    for (id, active) in [("off", false), ("on", true)] {
        fake.0.push(json!({"id": id, "name": "x", "url": format!("https://hooks.example.com/in/line-1/{SECRET}"), "active": active,
            "type": "general", "events": ["message.created"]}));
    }
    let running = Running::start(fake).await;
    let digisac = source(Name::Digisac, None);
    let (result, _) = run(&running.order(&digisac)).await;
    let report = result.expect("connected");
    assert!(
        matches!(&report.registration, Registration::Updated { hook, .. } if hook == "webhook on"),
        "{report:?}"
    );
    assert!(
        report
            .remarks
            .iter()
            .any(|r| r.contains("(off)") && r.contains("several times")),
        "{report:?}"
    );
}

#[tokio::test]
async fn a_scheme_that_the_platform_cannot_do_is_refused_before_anything_is_sent() {
    let header = || Some(Scheme::Token(TokenPlace::Header("x-token".into())));
    for (platform, scheme) in [
        (Name::Digisac, header()),
        (Name::Chatwoot, header()),
        (Name::Web1on1, header()),
        (Name::Zendesk, header()),
        (Name::Github, header()),
        (Name::Stripe, header()),
        (Name::Line, header()),
        (Name::Shopify, header()),
        (Name::Telegram, header()),
        (Name::Twilio, header()),
        (Name::Baileys, header()),
        (Name::Evolution, Some(Scheme::Token(TokenPlace::Body("t".into())))),
        (Name::Waha, Some(Scheme::Token(TokenPlace::Body("t".into())))),
    ] {
        let running = Running::start(Digisac::new()).await;
        let unfit = source(platform, scheme);
        let (result, _) = run(&running.order(&unfit)).await;
        let error = result.expect_err("the scheme is unfit");
        assert!(matches!(error, ConnectError::Order(_)), "{platform}: {error:?}");
        assert!(error.to_string().contains("`scheme: token`"), "{platform}: {error}");
        assert!(running.take_seen().is_empty(), "{platform}");
    }
}

#[tokio::test]
async fn a_signature_that_the_platform_does_not_make_is_not_expected_of_it() {
    let standard = || Scheme::StandardWebhooks {
        tolerance: std::time::Duration::from_mins(5),
    };
    for (platform, scheme) in [
        (Name::Chatwoot, standard()),
        (Name::Github, standard()),
        (Name::Stripe, Scheme::Twilio { url: None }),
    ] {
        let running = Running::start(Digisac::new()).await;
        let unfit = source(platform, Some(scheme));
        let error = run(&running.order(&unfit)).await.0.expect_err("it signs otherwise");
        assert!(matches!(error, ConnectError::Order(_)), "{platform}: {error:?}");
        assert!(running.take_seen().is_empty(), "{platform}");
    }
}
