//! Web1on1: webhooks are services of the type `webhook` (`GET/POST /v2/services`, `PATCH /v2/services/{id}`) with URL, secret
//! and events in `params`. It asks our URL for a challenge before it uses it.

use http::Method;
use serde_json::{Value, json};

use super::access::{Access, Credentials};
use super::api::{Api, Body};
use super::error::ConnectError;
use super::hook::{self, Found, Hook};
use super::ingest_url::Proof;
use super::order::{Registration, Report, Task};

pub(super) const ACCESS: Access = Access {
    base: Some("https://api.web1on1.chat"),
    prefix: "/v2",
    credentials: Credentials::Bearer,
    headers: &[],
    token: "give the API token of an admin, best of a bot user with the role admin, in FOREBAY_PLATFORM_TOKEN",
    not_found: "is --api right?",
};

pub(super) async fn connect(task: &Task<'_>, api: &mut Api<'_>) -> Result<Report, ConnectError> {
    let (url, secret) = match task.proof {
        Proof::Signature => (task.ingest_url.url().to_owned(), Some(task.secret_text()?)),
        Proof::UrlSecret | Proof::Query(_) | Proof::Open => (task.ingest_url.url().to_owned(), None),
        // Its own advice: https://user:password@host/path.
        Proof::Basic => {
            let url = task
                .secret()
                .and_then(|secret| task.ingest_url.with_credentials(secret));
            let url =
                url.ok_or_else(|| ConnectError::Order("a secret of `scheme: basic` is `user:password`".to_owned()))?;
            (url, None)
        }
        Proof::Header(_) | Proof::Body(_) | Proof::Jwt(_) => {
            return Err(task.unfit("leave `auth` out for its signature, or use url_secret or basic"));
        }
    };
    let hooks = list(api).await?;
    let (found, mut remarks) = hook::look(task, &hooks, &url, &[], None, |hook| {
        // Whether the secret is shown is not documented; what is not shown cannot be compared.
        match (secret, hook.raw["params"]["secret"].as_str()) {
            (Some(_), Some(there)) if !task.is_newest(there) => vec!["its secret is not the newest one".to_owned()],
            _ => Vec::new(),
        }
    });
    let registration = match found {
        Found::Right(hook) => {
            remarks.extend(verification(&hook.raw));
            Registration::Unchanged(format!("service {}", hook.id))
        }
        Found::Different {
            hook,
            differences,
            events,
        } => {
            let mut params = hook.raw["params"].clone();
            fill(&mut params, &url, secret, &events);
            let name = hook.raw["name"].as_str().map_or_else(|| task.name(), str::to_owned);
            let body = json!({ "name": name, "type": "webhook", "status": "active", "params": params });
            let path = format!("/services/{}", hook.id);
            let answer = api.change(Method::PATCH, &path, Body::Json(body)).await?;
            remarks.extend(answer.as_ref().and_then(verification));
            Registration::Updated {
                hook: format!("service {}", hook.id),
                differences,
            }
        }
        Found::Absent => {
            let mut params = json!({});
            fill(&mut params, &url, secret, &task.order.events);
            let mut body = json!({ "name": task.name(), "type": "webhook", "status": "active", "params": params });
            if let Some(organization) = &task.order.account {
                body["organization"] = json!(organization);
            }
            let answer = api.change(Method::POST, "/services", Body::Json(body)).await?;
            remarks.extend(answer.as_ref().and_then(verification));
            Registration::Created(answer.map_or_else(String::new, |made| format!("service {}", hook::id(&made))))
        }
    };
    Ok(task.report(registration).remarks(remarks))
}

fn fill(params: &mut Value, url: &str, secret: Option<&str>, events: &[String]) {
    if !params.is_object() {
        *params = json!({});
    }
    params["url"] = json!(url);
    if let Some(secret) = secret {
        params["secret"] = json!(secret);
    }
    // Without events it sends all of them.
    if !events.is_empty() {
        params["events"] = json!(events);
    }
}

/// What its verification of our URL has come to.
fn verification(service: &Value) -> Option<String> {
    let status = service["status"].as_str().unwrap_or_default();
    matches!(status, "unverified" | "queued").then(|| {
        format!(
            "its status is `{status}`: it uses the URL once that has answered its challenge, so ingest must be reachable there; \
             connect again to see"
        )
    })
}

async fn list(api: &mut Api<'_>) -> Result<Vec<Hook>, ConnectError> {
    let answer = api.read("/services").await?;
    let Some(services) = answer.as_array() else {
        return Err(api.unreadable("GET /services", "it is no list of services"));
    };
    let webhooks = services.iter().filter(|service| {
        let archived = matches!(service["status"].as_str(), Some("archived" | "pendingArchive"));
        service["type"] == "webhook" && !archived
    });
    let hooks = webhooks.map(|raw| Hook {
        id: hook::id(raw),
        url: hook::text(&raw["params"], "url").to_owned(),
        events: hook::texts(&raw["params"]["events"]),
        active: raw["status"] != "disabled" && raw["status"] != "unverified",
        raw: raw.clone(),
    });
    Ok(hooks.collect())
}
