//! Chatwoot.

use control::connect::{ConnectError, KeptSecret, Order, Registration};
use schemas::platform::Platform as Name;
use schemas::secret::Secret;
use schemas::source::Scheme;
use serde_json::{Value, json};

use super::conformance::{Platform, conforms, is_ours, texts};
use super::fake::{
    Answer, Fake, MADE_THERE, OLD_URL_SECRET, OTHERS_SECRET, Running, SECRET, Seen, TOKEN, URL_SECRET, run, source,
    two_proofs,
};

/// By its `OpenAPI` document and its source: `webhooks_controller.rb`, `webhook.rb`, the views, `request_exception_handler.rb`.
struct Chatwoot {
    webhooks: Vec<Value>,
    /// From 2026 on, every webhook has a secret.
    signs: bool,
    /// The document shows bare objects; the views put them in `payload`.
    bare: bool,
}

impl Chatwoot {
    fn new(signs: bool) -> Self {
        let url = format!("https://other.example/{OTHERS_SECRET}");
        Self {
            webhooks: vec![json!({"id": 1, "url": url, "account_id": 1, "subscriptions": ["message_created"]})],
            signs,
            bare: false,
        }
    }

    fn refusal(&self, id: Option<u64>, body: &Value) -> Option<Answer> {
        const ALLOWED: [&str; 8] = [
            "conversation_created",
            "conversation_status_changed",
            "conversation_updated",
            "contact_created",
            "contact_updated",
            "message_created",
            "message_updated",
            "webwidget_triggered",
        ];
        let taken = self
            .webhooks
            .iter()
            .any(|w| w["url"] == body["url"] && w["id"].as_u64() != id);
        let events = texts(&body["subscriptions"]);
        let words = if taken {
            "Url has already been taken"
        } else if events.is_empty() || events.iter().any(|e| !ALLOWED.contains(e)) {
            "Subscriptions Invalid events"
        } else {
            return None;
        };
        Some(Answer::json(422, &json!({"message": words, "attributes": ["url"]})))
    }

    fn shown(&self, webhook: Value) -> Value {
        if self.bare {
            webhook
        } else {
            json!({"payload": {"webhook": webhook}})
        }
    }
}

impl Fake for Chatwoot {
    fn answer(&mut self, seen: &Seen) -> Answer {
        if seen.header("api_access_token") != TOKEN {
            return Answer::json(401, &json!({"error": "Invalid Access Token"}));
        }
        let Some(rest) = seen.path.strip_prefix("/api/v1/accounts/1/webhooks") else {
            return Answer::json(404, &json!({"error": "Resource could not be found"}));
        };
        match (seen.method.as_str(), rest) {
            ("GET", "") if self.bare => Answer::json(200, &json!(self.webhooks)),
            ("GET", "") => Answer::json(200, &json!({"payload": {"webhooks": self.webhooks}})),
            ("POST", "") => {
                let body = seen.json();
                if let Some(refusal) = self.refusal(None, &body) {
                    return refusal;
                }
                let mut made = json!({"id": 7, "account_id": 1, "name": body["name"], "url": body["url"], "subscriptions": body["subscriptions"]});
                if self.signs {
                    made["secret"] = json!(MADE_THERE);
                }
                self.webhooks.push(made.clone());
                Answer::json(200, &self.shown(made))
            }
            ("PATCH", id) => {
                let (id, body) = (id.trim_start_matches('/').parse::<u64>().ok(), seen.json());
                if let Some(refusal) = self.refusal(id, &body) {
                    return refusal;
                }
                let Some(there) = self.webhooks.iter_mut().find(|w| w["id"].as_u64() == id) else {
                    return Answer::json(404, &json!({"error": "Resource could not be found"}));
                };
                for member in ["url", "subscriptions"] {
                    there[member] = body[member].clone();
                }
                let there = there.clone();
                Answer::json(200, &self.shown(there))
            }
            _ => Answer::text(404, "<html>not found</html>"),
        }
    }
}

impl Platform for Chatwoot {
    fn ours(&self) -> Vec<Value> {
        self.webhooks.iter().filter(|w| is_ours(&w["url"])).cloned().collect()
    }
    fn others(&self) -> Vec<Value> {
        self.webhooks.iter().filter(|w| !is_ours(&w["url"])).cloned().collect()
    }
    fn spoil(&mut self) {
        let ours = self.webhooks.iter_mut().find(|w| is_ours(&w["url"])).expect("ours");
        ours["url"] = json!("http://hooks.example.com/in/line-1");
        ours["subscriptions"] = json!(["conversation_created", "conversation_status_changed"]);
    }
}

fn chatwoot_order<'a>(running: &Running<Chatwoot>, source: &'a schemas::source::Source) -> Order<'a> {
    Order {
        account: Some("1".to_owned()),
        ..running.order(source)
    }
}

#[tokio::test]
async fn chatwoot_is_connected_once_and_mended_in_both_shapes_of_its_answers() {
    for bare in [false, true] {
        let mut fake = Chatwoot::new(true);
        fake.bare = bare;
        let running = Running::start(fake).await;
        let chatwoot = source(Name::Chatwoot, None);
        conforms(&running, &mut chatwoot_order(&running, &chatwoot)).await;
    }
}

#[tokio::test]
async fn chatwoot_gets_the_second_proof_in_its_url_and_the_newer_one_when_it_is_rotated() {
    let running = Running::start(Chatwoot::new(true)).await;
    let mut chatwoot = two_proofs(Name::Chatwoot, None);
    conforms(&running, &mut chatwoot_order(&running, &chatwoot)).await;
    let registered = || running.state().ours()[0]["url"].clone();
    assert_eq!(
        registered(),
        format!("https://hooks.example.com/in/line-1/{URL_SECRET}")
    );

    chatwoot.url_secrets.swap(0, 1);
    let (result, _) = run(&chatwoot_order(&running, &chatwoot)).await;
    let Registration::Updated { differences, .. } = result.expect("connected").registration else {
        panic!("another secret in the path is a difference")
    };
    assert_eq!(differences, ["the URL, or the secret in it, is another"]);
    assert_eq!(
        registered(),
        format!("https://hooks.example.com/in/line-1/{OLD_URL_SECRET}")
    );

    chatwoot.url_secrets.clear();
    let (result, _) = run(&chatwoot_order(&running, &chatwoot)).await;
    assert!(matches!(
        result.expect("connected").registration,
        Registration::Updated { .. }
    ));
    assert_eq!(registered(), "https://hooks.example.com/in/line-1");
}

#[tokio::test]
async fn the_secret_that_chatwoot_makes_is_handed_over_until_the_source_has_it() {
    let running = Running::start(Chatwoot::new(true)).await;
    let mut chatwoot = source(Name::Chatwoot, None);
    for _ in 0..2 {
        let (result, _) = run(&chatwoot_order(&running, &chatwoot)).await;
        let report = result.expect("connected");
        let Some(KeptSecret::SigningSecret(secret)) = &report.kept_secret else {
            panic!("{report:?}")
        };
        assert_eq!(secret.expose_str(), Some(MADE_THERE));
        assert!(
            report
                .remarks
                .iter()
                .any(|r| r.contains("`secrets`") && r.contains("401")),
            "{report:?}"
        );
    }
    chatwoot.secrets.insert(0, Secret::new(MADE_THERE));
    let (result, _) = run(&chatwoot_order(&running, &chatwoot)).await;
    let report = result.expect("connected");
    assert!(report.kept_secret.is_none() && report.remarks.is_empty(), "{report:?}");
}

#[tokio::test]
async fn an_old_chatwoot_that_signs_nothing_is_reported_with_the_way_out() {
    let running = Running::start(Chatwoot::new(false)).await;
    let chatwoot = source(Name::Chatwoot, None);
    let (result, _) = run(&chatwoot_order(&running, &chatwoot)).await;
    let report = result.expect("connected");
    assert!(report.remarks.iter().any(|r| r.contains("url_secret")), "{report:?}");

    let unsigned = source(Name::Chatwoot, Some(Scheme::UrlSecret));
    let (result, _) = run(&chatwoot_order(&running, &unsigned)).await;
    let report = result.expect("connected");
    assert!(
        matches!(report.registration, Registration::Updated { .. }),
        "the URL changes: {report:?}"
    );
    assert!(report.remarks.is_empty(), "{report:?}");
    assert_eq!(
        running.state().ours()[0]["url"],
        format!("https://hooks.example.com/in/line-1/{SECRET}")
    );
}

#[tokio::test]
async fn what_chatwoot_has_to_say_is_shown_in_its_words() {
    let running = Running::start(Chatwoot::new(true)).await;
    let chatwoot = source(Name::Chatwoot, None);
    let order = Order {
        events: vec!["message_incoming".to_owned()],
        ..chatwoot_order(&running, &chatwoot)
    };
    let error = run(&order).await.0.expect_err("no such event");
    assert!(matches!(error, ConnectError::Rejected { .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .contains("(422 Unprocessable Entity: Subscriptions Invalid events)"),
        "{error}"
    );

    let order = Order {
        account: Some("2".to_owned()),
        ..running.order(&chatwoot)
    };
    let error = run(&order).await.0.expect_err("no such account");
    assert!(matches!(error, ConnectError::NotFound { .. }), "{error:?}");
    assert!(
        error.to_string().contains("Resource could not be found") && error.to_string().contains("--account"),
        "{error}"
    );

    let error = run(&running.order(&chatwoot)).await.0.expect_err("no account");
    assert!(error.to_string().contains("--account is missing"), "{error}");
}
