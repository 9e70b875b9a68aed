//! WAHA.

use control::connect::{Order, Registration};
use schemas::platform::Platform as Name;
use schemas::source::{Scheme, TokenPlace};
use serde_json::{Value, json};

use super::conformance::{Platform, conforms, split};
use super::fake::{Answer, Fake, OLD_SECRET, OTHERS_SECRET, Running, SECRET, Seen, TOKEN, run, source};

/// By its source: `sessions.controller.ts`, `webhooks.config.dto.ts`. PUT replaces the configuration as a whole.
struct Waha(Value);

impl Waha {
    fn new() -> Self {
        Self(json!({
            "proxy": {"server": "proxy:3128", "username": "u", "password": OTHERS_SECRET},
            "metadata": {"user.id": "1"},
            "webhooks": [{"url": format!("https://other.example/{OTHERS_SECRET}"), "events": ["*"], "hmac": {"key": OTHERS_SECRET},
                "customHeaders": [{"name": "X-Key", "value": OTHERS_SECRET}]}],
        }))
    }

    fn webhooks(&self, ours: bool) -> Vec<Value> {
        let webhooks = self.0["webhooks"].as_array().cloned().unwrap_or_default();
        split(&webhooks, ours, |w| &w["url"])
    }
}

impl Fake for Waha {
    fn answer(&mut self, seen: &Seen) -> Answer {
        if seen.header("x-api-key") != TOKEN {
            return Answer::json(401, &json!({"message": "Unauthorized", "statusCode": 401}));
        }
        let session = |config: &Value| json!({"name": "default", "status": "WORKING", "config": config, "me": null});
        match (seen.method.as_str(), seen.path.as_str()) {
            ("GET", "/api/sessions/default") => Answer::json(200, &session(&self.0)),
            ("PUT", "/api/sessions/default") => {
                let config = seen.json()["config"].clone();
                for webhook in config["webhooks"].as_array().into_iter().flatten() {
                    let events = webhook["events"].as_array().cloned().unwrap_or_default();
                    if !webhook["url"].is_string() || events.is_empty() {
                        let words = ["webhooks.0.url must be a URL address"];
                        return Answer::json(
                            422,
                            &json!({"message": words, "error": "Unprocessable Entity", "statusCode": 422}),
                        );
                    }
                }
                self.0 = config;
                Answer::json(200, &session(&self.0))
            }
            _ => Answer::json(
                404,
                &json!({"message": "Session not found", "error": "Not Found", "statusCode": 404}),
            ),
        }
    }
}

impl Platform for Waha {
    fn ours(&self) -> Vec<Value> {
        self.webhooks(true)
    }
    fn others(&self) -> Vec<Value> {
        let mut others = self.webhooks(false);
        others.push(self.0["proxy"].clone());
        others.push(self.0["metadata"].clone());
        others
    }
    fn spoil(&mut self) {
        let ours = self.0["webhooks"]
            .as_array_mut()
            .and_then(|w| w.last_mut())
            .expect("ours");
        ours["events"] = json!(["message.any"]);
        if let Some(hmac) = ours.get_mut("hmac") {
            hmac["key"] = json!(OLD_SECRET);
        }
    }
}

#[tokio::test]
async fn waha_is_connected_once_and_mended_and_the_rest_of_the_session_stays() {
    for scheme in [
        None,
        Some(Scheme::Token(TokenPlace::Header("x-forebay".into()))),
        Some(Scheme::UrlSecret),
    ] {
        let running = Running::start(Waha::new()).await;
        let waha = source(Name::Waha, scheme.clone());
        let mut order = Order {
            instance: Some("default".to_owned()),
            ..running.order(&waha)
        };
        conforms(&running, &mut order).await;
        let ours = running.state().ours().remove(0);
        match scheme {
            None => assert_eq!(ours["hmac"], json!({"key": SECRET})),
            Some(Scheme::UrlSecret) => assert_eq!(ours["url"], format!("https://hooks.example.com/in/line-1/{SECRET}")),
            Some(_) => assert_eq!(ours["customHeaders"], json!([{"name": "x-forebay", "value": SECRET}])),
        }
    }
}

#[tokio::test]
async fn a_session_without_configuration_gets_one_and_one_that_does_not_exist_is_reported() {
    let running = Running::start(Waha(Value::Null)).await;
    let waha = source(Name::Waha, None);
    let mut order = Order {
        instance: Some("default".to_owned()),
        ..running.order(&waha)
    };
    let (result, _) = run(&order).await;
    assert!(matches!(
        result.expect("connected").registration,
        Registration::Created(_)
    ));
    assert_eq!(running.state().ours().len(), 1);
    order.instance = Some("other/../default".to_owned());
    let error = run(&order).await.0.expect_err("no such session");
    assert!(error.to_string().contains("Session not found"), "{error}");
    assert!(
        running
            .take_seen()
            .iter()
            .any(|seen| seen.path == "/api/sessions/other%2F..%2Fdefault"),
        "a name is no path"
    );
    order.instance = Some("..".to_owned());
    let error = run(&order).await.0.expect_err("no name");
    assert!(error.to_string().contains("dots only"), "{error}");
}
