//! GitHub.

use control::connect::Order;
use schemas::platform::Platform as Name;
use serde_json::{Value, json};

use super::conformance::{Platform, conforms, split};
use super::fake::{Answer, Fake, Running, SECRET, Seen, TOKEN, run, source};

/// By its REST reference: pages of `per_page`, a secret that is never shown, no two hooks alike.
struct Github(Vec<Value>);

impl Fake for Github {
    fn answer(&mut self, seen: &Seen) -> Answer {
        if seen.header("user-agent").is_empty() {
            return Answer::json(
                403,
                &json!({"message": "Request forbidden by administrative rules. Please make sure your request has a User-Agent header"}),
            );
        }
        if seen.header("authorization") != format!("Bearer {TOKEN}") {
            return Answer::json(
                401,
                &json!({"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest"}),
            );
        }
        let Some(rest) = seen.path.strip_prefix("/repos/acme/shop/hooks") else {
            return Answer::json(404, &json!({"message": "Not Found"}));
        };
        let hidden = |mut hook: Value| {
            if !hook["config"]["secret"].is_null() {
                hook["config"]["secret"] = json!("********");
            }
            hook
        };
        match (seen.method.as_str(), rest) {
            ("GET", "") => {
                let page: usize = seen.parameter("page").parse().unwrap_or(1);
                let per_page: usize = seen.parameter("per_page").parse().unwrap_or(30);
                let hooks = self.0.iter().skip((page - 1) * per_page).take(per_page.min(100));
                Answer::json(200, &json!(hooks.cloned().map(hidden).collect::<Vec<_>>()))
            }
            ("POST", "") => {
                let mut body = seen.json();
                if self.0.iter().any(|h| h["config"]["url"] == body["config"]["url"]) {
                    let words = "Hook already exists on this repository";
                    return Answer::json(
                        422,
                        &json!({"message": "Validation Failed", "errors": [{"resource": "Hook", "code": "custom", "message": words}]}),
                    );
                }
                body["id"] = json!(12_345_678);
                self.0.push(body.clone());
                Answer::json(201, &hidden(body))
            }
            ("PATCH", id) => {
                let body = seen.json();
                let Some(there) = self.0.iter_mut().find(|h| format!("/{}", h["id"]) == id) else {
                    return Answer::json(404, &json!({"message": "Not Found"}));
                };
                for (member, value) in body.as_object().expect("an object") {
                    there[member] = value.clone();
                }
                Answer::json(200, &hidden(there.clone()))
            }
            _ => Answer::json(404, &json!({"message": "Not Found"})),
        }
    }
}

impl Platform for Github {
    fn ours(&self) -> Vec<Value> {
        split(&self.0, true, |h| &h["config"]["url"])
    }
    fn others(&self) -> Vec<Value> {
        split(&self.0, false, |h| &h["config"]["url"])
    }
    fn spoil(&mut self) {
        let ours = self.0.last_mut().expect("ours");
        ours["active"] = json!(false);
        ours["events"] = json!(["push"]);
        ours["config"]["content_type"] = json!("form");
        ours["config"]["insecure_ssl"] = json!("1");
    }
}

#[tokio::test]
async fn github_is_connected_once_and_mended_beyond_the_first_page() {
    let others = (0..100)
        .map(|n| json!({"id": n, "name": "web", "active": true, "events": ["push"], "config": {"url": format!("https://other.example/{n}"), "content_type": "json"}}))
        .collect();
    let running = Running::start(Github(others)).await;
    let github = source(Name::Github, None);
    let mut order = Order {
        account: Some("acme/shop".to_owned()),
        ..running.order(&github)
    };
    conforms(&running, &mut order).await;
    let ours = running.state().ours().remove(0);
    assert_eq!(
        ours["config"],
        json!({"url": "https://hooks.example.com/in/line-1", "content_type": "json", "insecure_ssl": "0", "secret": SECRET})
    );
    assert_eq!(ours["events"], json!(["*"]));
    for (account, expected) in [
        ("acme", "Not Found"),
        ("acme/shop/x", "owner/name"),
        ("../x", "owner/name"),
    ] {
        order.account = Some(account.to_owned());
        let error = run(&order).await.0.expect_err(account);
        assert!(error.to_string().contains(expected), "{account}: {error}");
    }
}
