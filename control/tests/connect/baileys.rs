//! baileys-api.

use control::connect::{ConnectError, Order, Registration, Sent};
use schemas::platform::Platform as Name;
use serde_json::{Value, json};

use super::conformance::refuses_strangers;
use super::fake::{Answer, Fake, Running, SECRET, Seen, TOKEN, URL_SECRET, run, source, two_proofs};

/// By its source: `controllers/connections/index.ts`, `middlewares/auth.ts`, and Elysia's answer to what its schema refuses.
struct Baileys(Vec<Value>);

impl Fake for Baileys {
    fn answer(&mut self, seen: &Seen) -> Answer {
        if seen.header("x-api-key") != TOKEN {
            return Answer::json(
                401,
                &json!({"error": "Unauthorized", "message": "Valid API key required"}),
            );
        }
        if seen.path == "/connections/%2B5511000000000" {
            return Answer::json(
                403,
                &json!({"error": "Forbidden", "message": "the connection belongs to another key"}),
            );
        }
        if seen.method != "POST" || seen.path != "/connections/%2B5511999990000" {
            return Answer::text(404, "NOT_FOUND");
        }
        let body = seen.json();
        if body["webhookVerifyToken"].as_str().is_none_or(|token| token.len() < 6) || !body["webhookUrl"].is_string() {
            let words = "Expected string length greater or equal to 6";
            return Answer::json(
                422,
                &json!({"type": "validation", "on": "body", "property": "/webhookVerifyToken", "message": words}),
            );
        }
        self.0.push(body);
        Answer::text(200, "")
    }
}

#[tokio::test]
async fn baileys_gets_a_url_with_the_second_proof_in_it_and_the_token_besides() {
    let running = Running::start(Baileys(Vec::new())).await;
    let baileys = two_proofs(Name::Baileys, None);
    let order = Order {
        instance: Some("+5511999990000".to_owned()),
        ..running.order(&baileys)
    };
    let (result, exchanges) = run(&order).await;
    assert_eq!(
        result.expect("connected").url,
        "https://hooks.example.com/in/line-1/[redacted]"
    );
    let shown = exchanges[0].body.as_deref().expect("a body");
    assert!(
        shown.contains("https://hooks.example.com/in/line-1/[redacted]"),
        "{shown}"
    );
    let expected = json!({
        "webhookUrl": format!("https://hooks.example.com/in/line-1/{URL_SECRET}"),
        "webhookVerifyToken": SECRET,
    });
    assert_eq!(running.state().0, [expected]);
}

#[tokio::test]
async fn baileys_is_set_every_time_since_it_shows_nothing() {
    let running = Running::start(Baileys(Vec::new())).await;
    let baileys = source(Name::Baileys, None);
    let mut order = Order {
        instance: Some("+5511999990000".to_owned()),
        dry_run: true,
        ..running.order(&baileys)
    };
    let (result, exchanges) = run(&order).await;
    result.expect("shown");
    assert!(running.take_seen().is_empty(), "a dry run sends nothing");
    assert_eq!(exchanges.len(), 1);
    assert_eq!(exchanges[0].sent, Sent::LeftOut);
    order.dry_run = false;
    for _ in 0..2 {
        let (result, _) = run(&order).await;
        assert!(matches!(
            result.expect("connected").registration,
            Registration::Updated { .. }
        ));
    }
    let expected = json!({"webhookUrl": "https://hooks.example.com/in/line-1", "webhookVerifyToken": SECRET});
    assert_eq!(running.state().0, [expected.clone(), expected]);
    refuses_strangers(&running, &mut order).await;

    order.instance = Some("+5511000000000".to_owned());
    let error = run(&order).await.0.expect_err("not ours");
    assert!(
        matches!(error, ConnectError::Token { .. }) && error.to_string().contains("another key"),
        "{error}"
    );
    order.instance = Some("5511999990000".to_owned());
    let error = run(&order).await.0.expect_err("no plus");
    assert!(error.to_string().contains("as + and 5 to 15 digits"), "{error}");
}
