//! Digisac: `GET/POST /api/v1/me/webhooks`, `PUT /api/v1/me/webhooks/{id}` ("Criar webhook" of its API document). It signs
//! nothing, so the secret stands in the URL.

use http::Method;
use serde_json::{Value, json};

use super::access::{Access, Credentials};
use super::api::{Api, Body};
use super::error::ConnectError;
use super::hook::{self, Found, Hook};
use super::ingest_url::Proof;
use super::order::{Registration, Report, Task};

pub(super) const ACCESS: Access = Access {
    base: None,
    prefix: "/api/v1",
    credentials: Credentials::Bearer,
    headers: &[],
    token: "give an access token of Digisac (panel: Configurações, then Tokens, of a user who may manage webhooks) in \
            FOREBAY_PLATFORM_TOKEN",
    not_found: "is --api the address of your Digisac, as in https://company.digisac.co?",
};

const EVENTS: &[&str] = &[
    "message.created",
    "message.updated",
    "ticket.created",
    "ticket.updated",
    "contact.created",
    "contact.updated",
    "bot.command",
];

/// A bound for answers that never come to a last page.
const MAX_PAGES: u64 = 100;

pub(super) async fn connect(task: &Task<'_>, api: &mut Api<'_>) -> Result<Report, ConnectError> {
    if !matches!(task.proof, Proof::UrlSecret | Proof::Query(_) | Proof::Open) {
        return Err(
            task.unfit("it signs nothing and sends no header of ours; leave `auth` out for a secret in the URL")
        );
    }
    let hooks = list(api).await?;
    let (found, remarks) = hook::look(task, &hooks, task.ingest_url.url(), EVENTS, None, |_| Vec::new());
    let registration = match found {
        Found::Right(hook) => Registration::Unchanged(format!("webhook {}", hook.id)),
        Found::Different {
            hook,
            differences,
            events,
        } => {
            let mut body = body(task, &events);
            // PUT writes the whole: what was chosen there and is not ours to choose stays.
            for member in ["name", "type", "userId", "accountId"] {
                if !hook.raw[member].is_null() {
                    body[member] = hook.raw[member].clone();
                }
            }
            let path = format!("/me/webhooks/{}", hook.id);
            api.change(Method::PUT, &path, Body::Json(body)).await?;
            Registration::Updated {
                hook: format!("webhook {}", hook.id),
                differences,
            }
        }
        Found::Absent => {
            let body = body(task, &task.events(EVENTS));
            let answer = api.change(Method::POST, "/me/webhooks", Body::Json(body)).await?;
            Registration::Created(answer.map_or_else(String::new, |made| format!("webhook {}", hook::id(&made))))
        }
    };
    Ok(task.report(registration).remarks(remarks))
}

fn body(task: &Task<'_>, events: &[String]) -> Value {
    let mut body = json!({
        "active": true,
        "name": task.name(),
        "url": task.ingest_url.url(),
        "events": events,
        "type": "general",
    });
    if let Some(account) = &task.order.account {
        body["accountId"] = json!(account);
    }
    body
}

/// All pages. Lists of Digisac are `{data, currentPage, lastPage, …}`; a bare array is taken, too.
async fn list(api: &mut Api<'_>) -> Result<Vec<Hook>, ConnectError> {
    let mut hooks = Vec::new();
    for page in 1..=MAX_PAGES {
        let path = format!("/me/webhooks?page={page}&perPage=40");
        let answer = api.read(&path).await?;
        let bare = answer.is_array();
        let elements = if bare { &answer } else { &answer["data"] };
        let Some(elements) = elements.as_array() else {
            return Err(api.unreadable("GET /me/webhooks", "it holds no list of webhooks"));
        };
        hooks.extend(elements.iter().map(|raw| Hook {
            id: hook::id(raw),
            url: hook::text(raw, "url").to_owned(),
            events: hook::texts(&raw["events"]),
            active: raw["active"].as_bool().unwrap_or(true),
            raw: raw.clone(),
        }));
        let last = answer["lastPage"].as_u64().unwrap_or(page);
        if bare || elements.is_empty() || page >= last {
            break;
        }
    }
    Ok(hooks)
}
