//! Stripe.

use control::connect::{KeptSecret, Order, Registration};
use schemas::platform::Platform as Name;
use serde_json::{Value, json};

use super::conformance::{Platform, conforms, split};
use super::fake::{Answer, Fake, MADE_THERE, OTHERS_SECRET, Running, Seen, TOKEN, run, source};

/// By its API reference: forms in, pages by `starting_after`, the secret once.
struct Stripe(Vec<Value>);

impl Fake for Stripe {
    fn answer(&mut self, seen: &Seen) -> Answer {
        let refusal = |status: u16, words: &str| {
            Answer::json(
                status,
                &json!({"error": {"message": words, "type": "invalid_request_error"}}),
            )
        };
        if seen.header("authorization") != format!("Bearer {TOKEN}") {
            return refusal(401, "Invalid API Key provided");
        }
        let Some(rest) = seen.path.strip_prefix("/v1/webhook_endpoints") else {
            return refusal(404, "Unrecognized request URL");
        };
        if seen.method == "GET" {
            let after = seen.parameter("starting_after");
            let from = self.0.iter().position(|e| e["id"] == after).map_or(0, |at| at + 1);
            let page: Vec<&Value> = self.0.iter().skip(from).take(2).collect();
            let has_more = from + page.len() < self.0.len();
            return Answer::json(
                200,
                &json!({"object": "list", "data": page, "has_more": has_more, "url": "/v1/webhook_endpoints"}),
            );
        }
        let form = seen.form();
        let of = |name: &str| {
            form.iter()
                .filter(|(n, _)| n == name)
                .map(|(_, v)| v.clone())
                .collect::<Vec<_>>()
        };
        let events = of("enabled_events[]");
        if events.len() > 1 && events.contains(&"*".to_owned()) {
            return refusal(400, "You may only specify '*' by itself");
        }
        if rest.is_empty() {
            let mut made = json!({"id": "we_made", "object": "webhook_endpoint", "url": of("url")[0], "enabled_events": events, "status": "enabled"});
            self.0.push(made.clone());
            made["secret"] = json!(MADE_THERE);
            return Answer::json(200, &made);
        }
        let Some(there) = self
            .0
            .iter_mut()
            .find(|e| format!("/{}", e["id"].as_str().unwrap_or_default()) == rest)
        else {
            return refusal(404, "No such webhook endpoint");
        };
        there["url"] = json!(of("url")[0]);
        there["enabled_events"] = json!(events);
        there["status"] = json!(if of("disabled") == ["false"] {
            "enabled"
        } else {
            "disabled"
        });
        Answer::json(200, there)
    }
}

impl Platform for Stripe {
    fn ours(&self) -> Vec<Value> {
        split(&self.0, true, |e| &e["url"])
    }
    fn others(&self) -> Vec<Value> {
        split(&self.0, false, |e| &e["url"])
    }
    fn spoil(&mut self) {
        let ours = self.0.last_mut().expect("ours");
        ours["status"] = json!("disabled");
        ours["enabled_events"] = json!(["charge.failed"]);
    }
}

fn stripe() -> Stripe {
    let other = |n: u32| json!({"id": format!("we_{n}"), "url": format!("https://other.example/{OTHERS_SECRET}"), "enabled_events": ["*"], "status": "enabled"});
    Stripe((0..3).map(other).collect())
}

#[tokio::test]
async fn stripe_is_connected_once_and_mended() {
    let running = Running::start(stripe()).await;
    let stripe = source(Name::Stripe, None);
    conforms(&running, &mut running.order(&stripe)).await;
}

#[tokio::test]
async fn stripe_is_not_asked_for_a_secret_that_no_one_would_keep() {
    let running = Running::start(stripe()).await;
    let stripe = source(Name::Stripe, None);
    let mut order = Order {
        keeps_secret: false,
        ..running.order(&stripe)
    };
    let error = run(&order).await.0.expect_err("it would be lost");
    assert!(error.to_string().contains("--secret-out"), "{error}");
    assert!(running.state().ours().is_empty());
    order.keeps_secret = true;
    let report = run(&order).await.0.expect("connected");
    let Some(KeptSecret::SigningSecret(secret)) = &report.kept_secret else {
        panic!("{report:?}")
    };
    assert_eq!(secret.expose_str(), Some(MADE_THERE));
    order.keeps_secret = false;
    assert!(matches!(
        run(&order).await.0.expect("connected").registration,
        Registration::Unchanged(_)
    ));
}
