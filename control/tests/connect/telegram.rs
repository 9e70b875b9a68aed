//! Telegram.

use control::connect::{ConnectError, Order};
use schemas::platform::Platform as Name;
use schemas::secret::Secret;
use serde_json::{Value, json};
use url::Url;

use super::conformance::{Platform, conforms, split};
use super::fake::{Answer, Fake, OTHERS_SECRET, Running, SECRET, Seen, TOKEN, order, run, source};

/// By the Bot API: answers are `{ok, result}` or `{ok, error_code, description}`.
struct Telegram {
    info: Value,
    secret_token: Option<String>,
}

impl Fake for Telegram {
    fn answer(&mut self, seen: &Seen) -> Answer {
        let refusal = |code: u16, words: &str| {
            Answer::json(code, &json!({"ok": false, "error_code": code, "description": words}))
        };
        let Some(method) = seen.path.strip_prefix(&format!("/bot{TOKEN}/")) else {
            return refusal(401, "Unauthorized");
        };
        match method {
            "getWebhookInfo" => Answer::json(200, &json!({"ok": true, "result": self.info})),
            "setWebhook" => {
                let body = seen.json();
                let url = Url::parse(body["url"].as_str().unwrap_or_default()).expect("a URL");
                if url.scheme() != "https" {
                    return refusal(400, "Bad Request: bad webhook: HTTPS url must be provided for webhook");
                }
                if !matches!(url.port_or_known_default(), Some(443 | 80 | 88 | 8443)) {
                    return refusal(
                        400,
                        "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443",
                    );
                }
                let token = body["secret_token"].as_str();
                if token.is_some_and(|t| {
                    t.is_empty() || !t.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
                }) {
                    return refusal(400, "Bad Request: secret token contains unallowed characters");
                }
                self.secret_token = token.map(str::to_owned);
                self.info = json!({"url": body["url"], "has_custom_certificate": false, "pending_update_count": 0,
                    "max_connections": body["max_connections"].as_u64().unwrap_or(40), "allowed_updates": body["allowed_updates"]});
                Answer::json(
                    200,
                    &json!({"ok": true, "result": true, "description": "Webhook was set"}),
                )
            }
            _ => refusal(404, "Not Found"),
        }
    }
}

impl Platform for Telegram {
    fn ours(&self) -> Vec<Value> {
        split(std::slice::from_ref(&self.info), true, |i| &i["url"])
    }
    fn others(&self) -> Vec<Value> {
        Vec::new()
    }
    fn spoil(&mut self) {
        self.info["allowed_updates"] = json!(["message", "edited_message"]);
    }
}

fn telegram(url: &str) -> Telegram {
    Telegram {
        info: json!({"url": url, "has_custom_certificate": false, "pending_update_count": 3, "max_connections": 7}),
        secret_token: None,
    }
}

#[tokio::test]
async fn telegram_is_connected_once_and_mended() {
    let running = Running::start(telegram("")).await;
    let bot = source(Name::Telegram, None);
    conforms(&running, &mut running.order(&bot)).await;
    let state = running.state();
    assert_eq!(state.secret_token.as_deref(), Some(SECRET));
    assert_eq!(state.info["max_connections"], 7, "what was chosen stays");
    let updates = state.info["allowed_updates"].as_array().expect("a list");
    assert!(
        updates.contains(&json!("chat_member")) && updates.contains(&json!("message_reaction")),
        "{updates:?}"
    );
}

#[tokio::test]
async fn what_telegram_would_refuse_is_reported_before_and_a_bot_is_not_taken_from_another() {
    let running = Running::start(telegram(&format!("https://other.example/{OTHERS_SECRET}"))).await;
    let mut bot = source(Name::Telegram, None);
    let error = run(&running.order(&bot)).await.0.expect_err("it is taken");
    assert!(
        matches!(&error, ConnectError::Taken { host, .. } if host == "other.example"),
        "{error:?}"
    );
    for (base, expected) in [
        ("http://hooks.example.com", "https"),
        ("https://hooks.example.com:9443", "8443"),
    ] {
        let base = Url::parse(base).expect("a URL");
        let public = Order {
            base: base.clone(),
            ..order(&bot)
        };
        let error = run(&public).await.0.expect_err("not sent at all");
        assert!(matches!(error, ConnectError::Order(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
        let own_server = Order {
            base,
            replace: true,
            ..running.order(&bot)
        };
        let error = run(&own_server).await.0.expect_err("refused there");
        assert!(matches!(error, ConnectError::Rejected { .. }), "{error:?}");
        assert!(error.to_string().to_lowercase().contains(expected), "{error}");
    }
    running.take_seen();
    bot.secrets.insert(0, Secret::new("not fit!"));
    let error = run(&running.order(&bot)).await.0.expect_err("not fit");
    assert!(error.to_string().contains("letters, digits"), "{error}");
    assert!(
        running
            .take_seen()
            .iter()
            .all(|seen| seen.path.ends_with("/getWebhookInfo"))
    );
}

#[tokio::test]
async fn what_telegram_last_had_to_say_is_shown() {
    let mut fake = telegram("https://hooks.example.com/in/line-1");
    fake.info["last_error_message"] = json!("Wrong response from the webhook: 401 Unauthorized");
    let running = Running::start(fake).await;
    let bot = source(Name::Telegram, None);
    let order = Order {
        events: vec!["message".to_owned()],
        ..running.order(&bot)
    };
    run(&order).await.0.expect("connected");
    running.state().info["last_error_message"] = json!("Wrong response from the webhook: 401 Unauthorized");
    let report = run(&order).await.0.expect("connected");
    assert!(
        report.remarks.iter().any(|r| r.contains("401 Unauthorized")),
        "{report:?}"
    );
    assert!(report.remarks.iter().any(|r| r.contains("--force")), "{report:?}");
}
