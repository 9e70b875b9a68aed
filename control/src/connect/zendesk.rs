//! Zendesk: `GET/POST /api/v2/webhooks`, `PATCH /api/v2/webhooks/{id}`, `GET …/{id}/signing_secret`. It makes the secret.

use http::Method;
use schemas::source::percent_encoded;
use serde_json::{Value, json};

use super::access::{Access, Credentials};
use super::api::{Api, Body};
use super::error::ConnectError;
use super::hook::{self, Found, Hook};
use super::ingest_url::Proof;
use super::order::{Registration, Report, Task};

pub(super) const ACCESS: Access = Access {
    base: None,
    prefix: "/api/v2",
    credentials: Credentials::BasicOrBearer,
    headers: &[],
    token: "give an admin's API token as email/token:TOKEN, or an OAuth token that may write webhooks, in FOREBAY_PLATFORM_TOKEN",
    not_found: "is --api the address of your Zendesk, as in https://company.zendesk.com?",
};

const EVENTS: &[&str] = &[
    "zen:event-type:ticket.created",
    "zen:event-type:ticket.status_changed",
    "zen:event-type:ticket.agent_assignment_changed",
    "zen:event-type:ticket.group_assignment_changed",
    "zen:event-type:ticket.comment_added",
    "zen:event-type:user.created",
];

/// A webhook that triggers and automations call; Zendesk takes no other event beside it, and no change from one to the other.
const BY_TRIGGERS: &str = "conditional_ticket_events";

const MAX_PAGES: usize = 100;

pub(super) async fn connect(task: &Task<'_>, api: &mut Api<'_>) -> Result<Report, ConnectError> {
    if !matches!(
        task.proof,
        Proof::Signature | Proof::UrlSecret | Proof::Query(_) | Proof::Open
    ) {
        return Err(task.unfit("leave `auth` out for its signature, or use url_secret"));
    }
    task.needs_https()?;
    let hooks = list(api).await?;
    let (found, remarks) = hook::look(task, &hooks, task.ingest_url.url(), EVENTS, Some(BY_TRIGGERS), |hook| {
        let mut differences = Vec::new();
        if hook.raw["http_method"] != "POST" {
            differences.push("it does not POST".to_owned());
        }
        if hook.raw["request_format"] != "json" {
            differences.push("it does not send JSON".to_owned());
        }
        differences
    });
    let body = |events: &[String]| {
        json!({ "webhook": {
            "endpoint": task.ingest_url.url(),
            "http_method": "POST",
            "request_format": "json",
            "status": "active",
            "subscriptions": events,
        }})
    };
    let (registration, id, mut secret) = match found {
        Found::Right(hook) => (
            Registration::Unchanged(format!("webhook {}", hook.id)),
            hook.id.clone(),
            None,
        ),
        Found::Different {
            hook,
            differences,
            events,
        } => {
            let path = format!("/webhooks/{}", percent_encoded(hook.id.as_bytes()));
            api.change(Method::PATCH, &path, Body::Json(body(&events))).await?;
            let registration = Registration::Updated {
                hook: format!("webhook {}", hook.id),
                differences,
            };
            (registration, hook.id.clone(), None)
        }
        Found::Absent => {
            let mut body = body(&task.events(EVENTS));
            body["webhook"]["name"] = json!(task.name());
            let answer = api.change(Method::POST, "/webhooks", Body::Json(body)).await?;
            let made = answer.map(|answer| answer["webhook"].clone());
            let id = made.as_ref().map(hook::id).unwrap_or_default();
            let name = if id.is_empty() {
                String::new()
            } else {
                format!("webhook {id}")
            };
            let secret = made.as_ref().and_then(|made| secret_in(&made["signing_secret"]));
            (Registration::Created(name), id, secret)
        }
    };
    // It can be read at any time, so every run reports when the source lacks it.
    if task.proof == Proof::Signature && secret.is_none() && !id.is_empty() {
        let path = format!("/webhooks/{}/signing_secret", percent_encoded(id.as_bytes()));
        secret = secret_in(&api.read(&path).await?["signing_secret"]);
    }
    Ok(task
        .report(registration)
        .remarks(remarks)
        .signed_with(task, secret.as_deref()))
}

fn secret_in(signing_secret: &Value) -> Option<String> {
    signing_secret["secret"].as_str().map(str::to_owned)
}

async fn list(api: &mut Api<'_>) -> Result<Vec<Hook>, ConnectError> {
    let mut hooks = Vec::new();
    let mut path = "/webhooks?page[size]=100".to_owned();
    for _ in 0..MAX_PAGES {
        let answer = api.read(&path).await?;
        let Some(elements) = answer["webhooks"].as_array() else {
            return Err(api.unreadable("GET /api/v2/webhooks", "it holds no list of webhooks"));
        };
        hooks.extend(elements.iter().map(|raw| Hook {
            id: hook::id(raw),
            url: hook::text(raw, "endpoint").to_owned(),
            events: hook::texts(&raw["subscriptions"]),
            active: raw["status"] != "inactive",
            raw: raw.clone(),
        }));
        match answer["meta"]["after_cursor"].as_str() {
            Some(after) if answer["meta"]["has_more"] == true => {
                let after = percent_encoded(after.as_bytes());
                path = format!("/webhooks?page[size]=100&page[after]={after}");
            }
            _ => break,
        }
    }
    Ok(hooks)
}
