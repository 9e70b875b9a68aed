//! Evolution API.

use control::connect::{ConnectError, Order, Registration};
use schemas::platform::Platform as Name;
use schemas::source::{JwtScheme, Scheme, TokenPlace};
use serde_json::{Value, json};

use super::conformance::{Platform, conforms};
use super::fake::{Answer, Fake, OLD_SECRET, OTHERS_SECRET, Running, SECRET, Seen, TOKEN, run, source};

/// By its source: `webhook.router.ts`, `webhook.schema.ts`, `webhook.controller.ts` of 2.x.
struct Evolution(Value);

impl Fake for Evolution {
    fn answer(&mut self, seen: &Seen) -> Answer {
        const EVENTS: &str = "APPLICATION_STARTUP QRCODE_UPDATED MESSAGES_SET MESSAGES_UPSERT MESSAGES_EDITED MESSAGES_UPDATE \
            MESSAGES_DELETE SEND_MESSAGE CONTACTS_SET CONTACTS_UPSERT CONTACTS_UPDATE PRESENCE_UPDATE CHATS_SET CHATS_UPSERT \
            CHATS_UPDATE CHATS_DELETE GROUPS_UPSERT GROUP_UPDATE GROUP_PARTICIPANTS_UPDATE CONNECTION_UPDATE LABELS_EDIT \
            LABELS_ASSOCIATION CALL TYPEBOT_START TYPEBOT_CHANGE_STATUS";
        let refusal = |status: u16, error: &str, words: &str| {
            Answer::json(
                status,
                &json!({"status": status, "error": error, "response": {"message": [words]}}),
            )
        };
        if seen.header("apikey") != TOKEN {
            return refusal(401, "Unauthorized", "Unauthorized");
        }
        let unknown = || refusal(404, "Not Found", "The \"x\" instance does not exist");
        match (seen.method.as_str(), seen.path.as_str()) {
            ("GET", "/webhook/find/my%20line") => Answer::json(200, &self.0),
            ("POST", "/webhook/set/my%20line") => {
                let webhook = seen.json()["webhook"].clone();
                let events = webhook["events"].as_array().cloned().unwrap_or_default();
                let known = |e: &Value| EVENTS.split_whitespace().any(|name| e == name);
                if !webhook["enabled"].is_boolean() || !webhook["url"].is_string() || !events.iter().all(known) {
                    return refusal(400, "Bad Request", "webhook is not valid");
                }
                self.0 = json!({"id": "w", "url": webhook["url"], "enabled": webhook["enabled"], "events": events, "headers": webhook["headers"],
                    "webhookByEvents": webhook["byEvents"], "webhookBase64": webhook["base64"]});
                Answer::json(201, &self.0)
            }
            _ => unknown(),
        }
    }
}

impl Platform for Evolution {
    fn ours(&self) -> Vec<Value> {
        let is_ours = self.0["url"].as_str().unwrap_or_default().contains("hooks.example.com");
        is_ours.then(|| self.0.clone()).into_iter().collect()
    }
    fn others(&self) -> Vec<Value> {
        Vec::new()
    }
    fn spoil(&mut self) {
        self.0["enabled"] = json!(false);
        self.0["events"] = json!(["MESSAGES_UPSERT", "MESSAGES_EDITED"]);
    }
}

#[tokio::test]
async fn evolution_is_connected_once_and_mended_under_every_scheme_that_it_can_do() {
    let header = |name: &str| Scheme::Token(TokenPlace::Header(name.to_owned()));
    let jwt = Scheme::Jwt(JwtScheme {
        header: "authorization".to_owned(),
        leeway: std::time::Duration::from_mins(30),
    });
    for (scheme, headers) in [
        (None, json!({})),
        (Some(header("x-forebay")), json!({"x-forebay": SECRET})),
        (
            Some(header("authorization")),
            json!({"authorization": format!("Bearer {SECRET}")}),
        ),
        (Some(jwt), json!({"jwt_key": SECRET})),
    ] {
        let running = Running::start(Evolution(Value::Null)).await;
        let in_url = scheme.is_none();
        let evolution = source(Name::Evolution, scheme);
        let mut order = Order {
            instance: Some("my line".to_owned()),
            ..running.order(&evolution)
        };
        conforms(&running, &mut order).await;
        let ours = running.state().0.clone();
        assert_eq!(ours["headers"], headers);
        let secret = if in_url { format!("/{SECRET}") } else { String::new() };
        assert_eq!(ours["url"], format!("https://hooks.example.com/in/line-1{secret}"));
    }
}

#[tokio::test]
async fn evolution_gets_the_newest_secret_and_keeps_the_headers_and_flags_that_are_there() {
    let running = Running::start(Evolution(json!({"url": "https://hooks.example.com/in/line-1", "enabled": true, "events": ["MESSAGES_UPSERT"],
        "headers": {"X-Forebay": OLD_SECRET, "x-tenant": OTHERS_SECRET}, "webhookByEvents": true, "webhookBase64": true})))
    .await;
    let evolution = source(
        Name::Evolution,
        Some(Scheme::Token(TokenPlace::Header("x-forebay".into()))),
    );
    let order = Order {
        instance: Some("my line".to_owned()),
        ..running.order(&evolution)
    };
    let (result, _) = run(&order).await;
    let report = result.expect("connected");
    assert!(
        matches!(&report.registration, Registration::Updated { differences, .. } if differences.iter().any(|d| d.contains("newest")))
    );
    let ours = running.state().0.clone();
    assert_eq!(ours["headers"], json!({"x-tenant": OTHERS_SECRET, "x-forebay": SECRET}));
    assert_eq!(
        (&ours["webhookByEvents"], &ours["webhookBase64"]),
        (&json!(true), &json!(true))
    );
}

#[tokio::test]
async fn the_one_webhook_of_an_instance_is_not_taken_from_another_unless_asked_for() {
    let theirs = json!({"url": format!("https://crm.example/{OTHERS_SECRET}"), "enabled": true, "events": []});
    let running = Running::start(Evolution(theirs.clone())).await;
    let evolution = source(Name::Evolution, None);
    let mut order = Order {
        instance: Some("my line".to_owned()),
        ..running.order(&evolution)
    };
    let error = run(&order).await.0.expect_err("it is taken");
    assert!(
        matches!(&error, ConnectError::Taken { host, .. } if host == "crm.example"),
        "{error:?}"
    );
    assert!(error.to_string().contains("--replace"), "{error}");
    assert_eq!(running.state().0, theirs);
    order.replace = true;
    let (result, _) = run(&order).await;
    assert!(matches!(
        result.expect("connected").registration,
        Registration::Created(_)
    ));
    assert_eq!(running.state().ours().len(), 1);

    order.instance = Some("no such line".to_owned());
    let error = run(&order).await.0.expect_err("no such instance");
    assert!(
        error.to_string().contains("does not exist") && error.to_string().contains("--instance"),
        "{error}"
    );
}
