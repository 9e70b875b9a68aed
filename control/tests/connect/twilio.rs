//! Twilio.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use control::connect::Order;
use schemas::platform::Platform as Name;
use schemas::source::Scheme;
use serde_json::{Value, json};

use super::conformance::{Platform, conforms, split};
use super::fake::{Answer, Fake, Running, Seen, TOKEN, run, source};

/// By its REST reference: Basic with account and token, forms in, a filter that finds parts of numbers.
struct Twilio(Vec<Value>);

impl Fake for Twilio {
    fn answer(&mut self, seen: &Seen) -> Answer {
        if seen.header("authorization") != format!("Basic {}", BASE64.encode(format!("AC1:{TOKEN}"))) {
            return Answer::json(401, &json!({"code": 20003, "message": "Authenticate", "status": 401}));
        }
        match (
            seen.method.as_str(),
            seen.path.strip_prefix("/2010-04-01/Accounts/AC1/IncomingPhoneNumbers"),
        ) {
            ("GET", Some(".json")) => {
                let part = seen.parameter("PhoneNumber").trim_start_matches('+');
                let found: Vec<&Value> = self
                    .0
                    .iter()
                    .filter(|n| n["phone_number"].as_str().unwrap_or_default().contains(part))
                    .collect();
                Answer::json(200, &json!({"incoming_phone_numbers": found, "page": 0}))
            }
            ("POST", Some("/PN2.json")) => {
                for (name, value) in seen.form() {
                    let member = if name == "SmsUrl" { "sms_url" } else { "sms_method" };
                    self.0[1][member] = json!(value);
                }
                Answer::json(200, &self.0[1])
            }
            _ => Answer::json(
                404,
                &json!({"code": 20404, "message": "The requested resource was not found", "status": 404}),
            ),
        }
    }
}

impl Platform for Twilio {
    fn ours(&self) -> Vec<Value> {
        split(&self.0, true, |n| &n["sms_url"])
    }
    fn others(&self) -> Vec<Value> {
        vec![self.0[0].clone()]
    }
    fn spoil(&mut self) {
        self.0[1]["sms_method"] = json!("GET");
    }
}

#[tokio::test]
async fn twilio_is_connected_once_and_mended_for_the_very_number() {
    let number = |sid: &str, number: &str| json!({"sid": sid, "phone_number": number, "sms_url": "https://demo.twilio.com/welcome/sms/reply", "sms_method": "POST"});
    let running = Running::start(Twilio(vec![
        number("PN1", "+55119999900001"),
        number("PN2", "+5511999990000"),
    ]))
    .await;
    let scheme = Scheme::Twilio {
        url: Some("https://elsewhere.example".to_owned()),
    };
    let twilio = source(Name::Twilio, Some(scheme));
    let mut order = Order {
        account: Some("AC1".to_owned()),
        instance: Some("+5511999990000".to_owned()),
        ..running.order(&twilio)
    };
    conforms(&running, &mut order).await;
    let report = run(&order).await.0.expect("connected");
    assert!(report.remarks.iter().any(|r| r.contains("`auth.url`")), "{report:?}");
    order.instance = Some("+551199999".to_owned());
    let error = run(&order).await.0.expect_err("no such number");
    assert!(error.to_string().contains("has no number"), "{error}");
}
