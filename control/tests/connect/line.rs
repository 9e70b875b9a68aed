//! LINE.

use schemas::platform::Platform as Name;
use serde_json::{Value, json};

use super::conformance::{Platform, conforms};
use super::fake::{Answer, Fake, Running, Seen, TOKEN, run, source};

/// By the Messaging API reference: 404 until an endpoint is set; https and 500 characters.
struct Line(Option<(String, bool)>);

impl Fake for Line {
    fn answer(&mut self, seen: &Seen) -> Answer {
        if seen.header("authorization") != format!("Bearer {TOKEN}") {
            return Answer::json(
                401,
                &json!({"message": "Authentication failed. Confirm that the access token in the authorization header is valid."}),
            );
        }
        match (seen.method.as_str(), seen.path.as_str(), &self.0) {
            ("GET", "/v2/bot/channel/webhook/endpoint", None) => {
                Answer::json(404, &json!({"message": "Webhook endpoint not found"}))
            }
            ("GET", "/v2/bot/channel/webhook/endpoint", Some((endpoint, active))) => {
                Answer::json(200, &json!({"endpoint": endpoint, "active": active}))
            }
            ("PUT", "/v2/bot/channel/webhook/endpoint", _) => {
                let endpoint = seen.json()["endpoint"].as_str().unwrap_or_default().to_owned();
                if !endpoint.starts_with("https://") || endpoint.len() > 500 {
                    return Answer::json(400, &json!({"message": "Invalid webhook endpoint URL"}));
                }
                self.0 = Some((endpoint, self.0.as_ref().is_some_and(|(_, active)| *active)));
                Answer::json(200, &json!({}))
            }
            _ => Answer::json(404, &json!({"message": "Not found"})),
        }
    }
}

impl Platform for Line {
    fn ours(&self) -> Vec<Value> {
        self.0.iter().map(|(endpoint, _)| json!(endpoint)).collect()
    }
    fn others(&self) -> Vec<Value> {
        Vec::new()
    }
    fn spoil(&mut self) {
        self.0 = Some(("https://hooks.example.com/in/line-1/old".to_owned(), false));
    }
}

#[tokio::test]
async fn line_is_connected_once_and_mended_and_its_switch_is_reported() {
    let running = Running::start(Line(None)).await;
    let line = source(Name::Line, None);
    conforms(&running, &mut running.order(&line)).await;
    let report = run(&running.order(&line)).await.0.expect("connected");
    assert!(report.remarks.iter().any(|r| r.contains("Use webhook")), "{report:?}");
    running.state().0 = Some(("https://hooks.example.com/in/line-1".to_owned(), true));
    let report = run(&running.order(&line)).await.0.expect("connected");
    assert!(!report.remarks.iter().any(|r| r.contains("Use webhook")), "{report:?}");
}
