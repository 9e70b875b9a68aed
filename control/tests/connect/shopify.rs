//! Shopify.

use control::connect::Registration;
use schemas::platform::Platform as Name;
use serde_json::{Value, json};

use super::conformance::{Platform, conforms, split};
use super::fake::{Answer, Fake, Running, Seen, TOKEN, run, source};

/// By its REST Admin reference: one webhook per topic and address.
struct Shopify(Vec<Value>);

impl Fake for Shopify {
    fn answer(&mut self, seen: &Seen) -> Answer {
        if seen.header("x-shopify-access-token") != TOKEN {
            return Answer::json(
                401,
                &json!({"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"}),
            );
        }
        let path = seen.path.strip_prefix("/admin/api/").and_then(|p| p.split_once('/'));
        match (seen.method.as_str(), path.map(|(_, rest)| rest)) {
            ("GET", Some("webhooks.json")) => Answer::json(200, &json!({"webhooks": self.0})),
            ("POST", Some("webhooks.json")) => {
                let mut webhook = seen.json()["webhook"].clone();
                if self
                    .0
                    .iter()
                    .any(|w| w["topic"] == webhook["topic"] && w["address"] == webhook["address"])
                {
                    return Answer::json(
                        422,
                        &json!({"errors": {"address": ["for this topic has already been taken"]}}),
                    );
                }
                webhook["id"] = json!(1000 + self.0.len());
                self.0.push(webhook.clone());
                Answer::json(201, &json!({"webhook": webhook}))
            }
            ("PUT", Some(rest)) => {
                let webhook = seen.json()["webhook"].clone();
                let Some(there) = self.0.iter_mut().find(|w| format!("webhooks/{}.json", w["id"]) == rest) else {
                    return Answer::json(404, &json!({"errors": "Not Found"}));
                };
                for member in ["topic", "address", "format"] {
                    there[member] = webhook[member].clone();
                }
                Answer::json(200, &json!({"webhook": there}))
            }
            _ => Answer::json(404, &json!({"errors": "Not Found"})),
        }
    }
}

impl Platform for Shopify {
    fn ours(&self) -> Vec<Value> {
        split(&self.0, true, |w| &w["address"])
    }
    fn others(&self) -> Vec<Value> {
        split(&self.0, false, |w| &w["address"])
    }
    fn spoil(&mut self) {
        self.0.last_mut().expect("ours")["address"] = json!("https://hooks.example.com/in/line-1/old");
    }
}

#[tokio::test]
async fn shopify_is_connected_topic_by_topic() {
    let running = Running::start(Shopify(vec![
        json!({"id": 1, "topic": "orders/create", "address": "https://other.example/", "format": "json"}),
    ]))
    .await;
    let shopify = source(Name::Shopify, None);
    let mut order = running.order(&shopify);
    let error = run(&order).await.0.expect_err("no topics");
    assert!(error.to_string().contains("--events"), "{error}");
    order.events = vec!["orders/create".to_owned(), "orders/paid".to_owned()];
    conforms(&running, &mut order).await;
    order.events = vec!["orders/create".to_owned(), "customers/create".to_owned()];
    let report = run(&order).await.0.expect("connected");
    assert!(
        matches!(&report.registration, Registration::Updated { differences, .. } if differences == &["not subscribed to customers/create"]),
        "{report:?}"
    );
    assert!(report.remarks.iter().any(|r| r.contains("orders/paid")), "{report:?}");
    assert_eq!(running.state().ours().len(), 3);
}
