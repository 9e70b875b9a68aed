//! Zendesk.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use control::connect::{KeptSecret, Order};
use schemas::platform::Platform as Name;
use schemas::secret::Secret;
use serde_json::{Value, json};

use super::conformance::{Platform, conforms, split};
use super::fake::{Answer, Fake, MADE_THERE, OTHERS_SECRET, Running, Seen, TOKEN, run, source};

/// By its Webhooks API: cursor pages, PATCH without an answer, a secret of its own.
struct Zendesk(Vec<Value>);

impl Fake for Zendesk {
    fn answer(&mut self, seen: &Seen) -> Answer {
        let basic = format!("Basic {}", BASE64.encode(format!("admin@example.com/token:{TOKEN}")));
        let given = seen.header("authorization");
        if given != basic && given != format!("Bearer {TOKEN}") {
            return Answer::json(401, &json!({"error": "Couldn't authenticate you"}));
        }
        let invalid = |body: &Value| {
            let of = |member: &str| body[member].as_str().unwrap_or_default();
            of("http_method") != "POST" || of("request_format") != "json" || !of("endpoint").starts_with("https://")
        };
        let refusal = || {
            Answer::json(
                400,
                &json!({"errors": [{"code": "InvalidWebhook", "title": "endpoint is not valid"}]}),
            )
        };
        let Some(rest) = seen.path.strip_prefix("/api/v2/webhooks") else {
            return Answer::json(404, &json!({"error": "InvalidEndpoint", "description": "Not found"}));
        };
        match (seen.method.as_str(), rest) {
            ("GET", "") => {
                let from: usize = seen.parameter("page[after]").parse().unwrap_or(0);
                let page: Vec<&Value> = self.0.iter().skip(from).take(2).collect();
                let next = from + page.len();
                let meta =
                    json!({"has_more": next < self.0.len(), "after_cursor": next.to_string(), "before_cursor": null});
                Answer::json(200, &json!({"webhooks": page, "meta": meta, "links": {}}))
            }
            ("GET", rest) if rest.ends_with("/signing_secret") => Answer::json(
                200,
                &json!({"signing_secret": {"algorithm": "SHA256", "secret": MADE_THERE}}),
            ),
            ("POST", "") => {
                let mut body = seen.json()["webhook"].clone();
                if invalid(&body) || !body["name"].is_string() || !body["status"].is_string() {
                    return refusal();
                }
                body["id"] = json!("01MADE");
                self.0.push(body.clone());
                Answer::json(201, &json!({"webhook": body}))
            }
            ("PATCH", id) => {
                let body = seen.json()["webhook"].clone();
                let there = self
                    .0
                    .iter_mut()
                    .find(|w| format!("/{}", w["id"].as_str().unwrap_or_default()) == id);
                let (Some(there), false) = (there, invalid(&body)) else {
                    return refusal();
                };
                for (member, value) in body.as_object().expect("an object") {
                    there[member] = value.clone();
                }
                Answer::text(204, "")
            }
            _ => Answer::json(404, &json!({"error": "InvalidEndpoint", "description": "Not found"})),
        }
    }
}

impl Platform for Zendesk {
    fn ours(&self) -> Vec<Value> {
        split(&self.0, true, |w| &w["endpoint"])
    }
    fn others(&self) -> Vec<Value> {
        split(&self.0, false, |w| &w["endpoint"])
    }
    fn spoil(&mut self) {
        let ours = self.0.last_mut().expect("ours");
        ours["status"] = json!("inactive");
        ours["request_format"] = json!("xml");
        ours["subscriptions"] = json!(["zen:event-type:ticket.created"]);
    }
}

#[tokio::test]
async fn zendesk_is_connected_once_and_mended_and_its_secret_is_handed_over() {
    let others = (0..3)
        .map(|n| json!({"id": format!("o{n}"), "endpoint": format!("https://other.example/{OTHERS_SECRET}"), "status": "active", "subscriptions": []}))
        .collect();
    let running = Running::start(Zendesk(others)).await;
    let zendesk = source(Name::Zendesk, None);
    conforms(&running, &mut running.order(&zendesk)).await;
    let order = Order {
        token: Some(Secret::new(format!("admin@example.com/token:{TOKEN}"))),
        ..running.order(&zendesk)
    };
    let report = run(&order).await.0.expect("connected");
    assert!(
        matches!(report.kept_secret, Some(KeptSecret::SigningSecret(_))),
        "{report:?}"
    );
}
