//! Chatwoot and its forks: `GET/POST /api/v1/accounts/{id}/webhooks`, `PATCH …/webhooks/{id}`. Its API document shows bare
//! objects, its source (`index.json.jbuilder`, `create.json.jbuilder`) answers in `payload`; both are read.
//!
//! Versions from 2026 make a secret per webhook and show it in every answer to an administrator; older ones sign nothing.

use http::Method;
use serde_json::{Value, json};

use super::access::{Access, Credentials};
use super::api::{Api, Body};
use super::error::ConnectError;
use super::hook::{self, Found, Hook};
use super::ingest_url::Proof;
use super::order::{Registration, Report, Task};

pub(super) const ACCESS: Access = Access {
    base: Some("https://app.chatwoot.com"),
    prefix: "/api/v1",
    credentials: Credentials::Header("api_access_token"),
    headers: &[],
    token: "give the access token of an administrator of the account (Chatwoot: profile settings, at the end of the page) in \
            FOREBAY_PLATFORM_TOKEN",
    not_found: "are --api (your Chatwoot) and --account (the number after /accounts/ in its address) right?",
};

const EVENTS: &[&str] = &[
    "conversation_created",
    "conversation_status_changed",
    "conversation_updated",
    "contact_created",
    "contact_updated",
    "message_created",
    "message_updated",
];

pub(super) async fn connect(task: &Task<'_>, api: &mut Api<'_>) -> Result<Report, ConnectError> {
    if !matches!(
        task.proof,
        Proof::Signature | Proof::UrlSecret | Proof::Query(_) | Proof::Open
    ) {
        return Err(task.unfit("new versions sign (leave `auth` out), old ones need `scheme: url_secret`"));
    }
    let account = task.account("the number after /accounts/ in the address of your Chatwoot")?;
    if account.is_empty() || !account.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ConnectError::Order(format!(
            "--account is `{account}`: give the number after /accounts/ in the address of your Chatwoot"
        )));
    }
    let path = format!("/accounts/{account}/webhooks");
    let hooks = list(api, &path).await?;
    let (found, remarks) = hook::look(task, &hooks, task.ingest_url.url(), EVENTS, None, |_| Vec::new());
    let (registration, hook) = match found {
        Found::Right(hook) => (
            Registration::Unchanged(format!("webhook {}", hook.id)),
            Some(hook.raw.clone()),
        ),
        Found::Different {
            hook,
            differences,
            events,
        } => {
            let body = json!({ "url": task.ingest_url.url(), "subscriptions": events });
            let path = format!("{path}/{}", hook.id);
            let answer = api.change(Method::PATCH, &path, Body::Json(body)).await?;
            let registration = Registration::Updated {
                hook: format!("webhook {}", hook.id),
                differences,
            };
            (registration, Some(answer.map_or_else(|| hook.raw.clone(), one)))
        }
        Found::Absent => {
            let body = json!({
                "url": task.ingest_url.url(),
                "name": task.name(),
                "subscriptions": task.events(EVENTS),
            });
            let made = api.change(Method::POST, &path, Body::Json(body)).await?.map(one);
            let name = made
                .as_ref()
                .map_or_else(String::new, |made| format!("webhook {}", hook::id(made)));
            (Registration::Created(name), made)
        }
    };
    let report = task.report(registration).remarks(remarks);
    let (true, Some(hook)) = (task.proof == Proof::Signature, hook) else {
        return Ok(report);
    };
    Ok(match hook["secret"].as_str().filter(|secret| !secret.is_empty()) {
        Some(secret) => report.signed_with(task, Some(secret)),
        None => report.remark(format!(
            "this Chatwoot returned no secret: it is an old version that signs nothing, or the token is not an administrator's. If it \
             is old, its webhooks will be refused (401) until source `{}` has `auth: {{ scheme: url_secret }}`; connect again then",
            task.source.id
        )),
    })
}

async fn list(api: &mut Api<'_>, path: &str) -> Result<Vec<Hook>, ConnectError> {
    let answer = api.read(path).await?;
    let elements = [&answer, &answer["payload"], &answer["payload"]["webhooks"]]
        .into_iter()
        .find_map(Value::as_array);
    let elements = elements.ok_or_else(|| api.unreadable(&format!("GET {path}"), "it holds no list of webhooks"))?;
    Ok(elements
        .iter()
        .map(|raw| Hook {
            id: hook::id(raw),
            url: hook::text(raw, "url").to_owned(),
            events: hook::texts(&raw["subscriptions"]),
            active: true,
            raw: raw.clone(),
        })
        .collect())
}

/// The webhook in an answer to POST or PATCH.
fn one(answer: Value) -> Value {
    let inner = [&answer["payload"]["webhook"], &answer["payload"]]
        .into_iter()
        .find(|v| v.is_object());
    inner.cloned().unwrap_or(answer)
}
