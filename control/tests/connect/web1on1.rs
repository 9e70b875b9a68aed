//! Web1on1.

use control::connect::Registration;
use schemas::platform::Platform as Name;
use schemas::secret::Secret;
use schemas::source::Scheme;
use serde_json::{Value, json};

use super::conformance::{Platform, conforms, is_ours};
use super::fake::{Answer, Fake, OLD_SECRET, OTHERS_SECRET, Running, SECRET, Seen, TOKEN, run, source};

/// By its API reference ("Services"), with `params` as its page on webhooks shows them.
struct Web1on1 {
    services: Vec<Value>,
    shows_secret: bool,
}

impl Web1on1 {
    fn new(shows_secret: bool) -> Self {
        Self {
            services: vec![
                json!({"id": "s1", "name": "Widget", "type": "smartsupp", "params": {"jid": "a@b", "password": OTHERS_SECRET}}),
                json!({"id": "s2", "name": "Other", "type": "webhook", "status": "active", "params": {"url": "https://other.example/x", "secret": OTHERS_SECRET}}),
                json!({"id": "s3", "name": "Gone", "type": "webhook", "status": "archived", "params": {"url": "https://hooks.example.com/in/line-1"}}),
            ],
            shows_secret,
        }
    }

    fn shown(&self, service: &Value) -> Value {
        let mut shown = service.clone();
        if !self.shows_secret
            && let Some(params) = shown["params"].as_object_mut()
        {
            params.remove("secret");
        }
        shown
    }
}

impl Fake for Web1on1 {
    fn answer(&mut self, seen: &Seen) -> Answer {
        if seen.header("authorization") != format!("Bearer {TOKEN}") {
            return Answer::json(401, &json!({"message": "Unauthorized", "status": 401}));
        }
        let Some(rest) = seen.path.strip_prefix("/v2/services") else {
            return Answer::json(404, &json!({"message": "Not Found"}));
        };
        if seen.method == "GET" && rest.is_empty() {
            let shown: Vec<Value> = self.services.iter().map(|s| self.shown(s)).collect();
            return Answer::json(200, &json!(shown));
        }
        let body = seen.json();
        if !body["name"].is_string() || !body["params"]["url"].is_string() || body["type"] != "webhook" {
            return Answer::json(400, &json!({"message": "name and params are required"}));
        }
        let id = rest.trim_start_matches('/').to_owned();
        match seen.method.as_str() {
            "POST" => {
                let mut made = body;
                made["id"] = json!("made");
                self.services.push(made.clone());
                Answer::json(201, &self.shown(&made)).header("location", "/services/made")
            }
            "PATCH" => {
                let Some(there) = self.services.iter_mut().find(|s| s["id"] == *id) else {
                    return Answer::json(404, &json!({"message": "Not Found"}));
                };
                for (member, value) in body.as_object().expect("an object") {
                    there[member] = value.clone();
                }
                let there = there.clone();
                Answer::json(200, &self.shown(&there))
            }
            _ => Answer::json(405, &json!({"message": "Method Not Allowed"})),
        }
    }
}

impl Platform for Web1on1 {
    fn ours(&self) -> Vec<Value> {
        let is_ours = |s: &&Value| is_ours(&s["params"]["url"]) && s["status"] != "archived";
        self.services.iter().filter(is_ours).cloned().collect()
    }
    fn others(&self) -> Vec<Value> {
        let is_ours = |s: &Value| is_ours(&s["params"]["url"]) && s["status"] != "archived";
        self.services.iter().filter(|s| !is_ours(s)).cloned().collect()
    }
    fn spoil(&mut self) {
        let ours = self.services.last_mut().expect("ours");
        ours["status"] = json!("disabled");
        ours["params"]["url"] = json!("https://hooks.example.com/in/line-1/old");
    }
}

#[tokio::test]
async fn web1on1_is_connected_once_and_mended_whether_it_shows_the_secret_or_not() {
    for shows_secret in [true, false] {
        let running = Running::start(Web1on1::new(shows_secret)).await;
        let web1on1 = source(Name::Web1on1, None);
        conforms(&running, &mut running.order(&web1on1)).await;
        assert_eq!(
            running.state().ours()[0]["params"],
            json!({"url": "https://hooks.example.com/in/line-1", "secret": SECRET})
        );
    }
}

#[tokio::test]
async fn web1on1_is_given_the_newest_secret_and_asked_for_by_user_and_password_where_the_source_wants_that() {
    let mut fake = Web1on1::new(true);
    fake.services.push(json!({"id": "ours", "name": "n", "type": "webhook", "status": "unverified", "params": {"url": "https://hooks.example.com/in/line-1", "secret": OLD_SECRET}}));
    let running = Running::start(fake).await;
    let web1on1 = source(Name::Web1on1, None);
    let (result, _) = run(&running.order(&web1on1)).await;
    let report = result.expect("connected");
    let Registration::Updated { differences, .. } = &report.registration else {
        panic!("{report:?}")
    };
    assert!(
        differences.iter().any(|d| d.contains("newest")) && differences.iter().any(|d| d.contains("switched off")),
        "{differences:?}"
    );
    assert_eq!(running.state().ours()[0]["params"]["secret"], SECRET);

    let mut basic = source(Name::Web1on1, Some(Scheme::Basic));
    basic.secrets.insert(0, Secret::new(format!("user:{SECRET}")));
    let (result, _) = run(&running.order(&basic)).await;
    assert!(matches!(
        result.expect("connected").registration,
        Registration::Updated { .. }
    ));
    assert_eq!(
        running.state().ours()[0]["params"]["url"],
        format!("https://user:{SECRET}@hooks.example.com/in/line-1")
    );
}
