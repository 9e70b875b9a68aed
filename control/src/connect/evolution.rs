//! Evolution API: `GET /webhook/find/{instance}` and `POST /webhook/set/{instance}` (2.x: the settings stand in `webhook`). An
//! instance has one webhook. Headers of our choice go with every post, and `jwt_key` among them becomes an HS256 token.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Method;
use schemas::source::percent_encoded;
use serde_json::{Map, Value, json};

use super::access::{Access, Credentials};
use super::api::{Api, Body};
use super::error::ConnectError;
use super::hook::{self, Found, Hook};
use super::ingest_url::{self, Proof};
use super::order::{Registration, Report, Task};

pub(super) const ACCESS: Access = Access {
    base: None,
    prefix: "",
    credentials: Credentials::Header("apikey"),
    headers: &[],
    token: "give the API key of Evolution API (AUTHENTICATION_API_KEY), or the token of the instance, in FOREBAY_PLATFORM_TOKEN",
    not_found: "is --instance the name of an instance, and --api the address of your Evolution API?",
};

const EVENTS: &[&str] = &[
    "MESSAGES_UPSERT",
    "MESSAGES_EDITED",
    "MESSAGES_UPDATE",
    "MESSAGES_DELETE",
    "SEND_MESSAGE",
    "CONTACTS_UPSERT",
    "CONTACTS_UPDATE",
    "GROUPS_UPSERT",
    "GROUP_UPDATE",
    "GROUP_PARTICIPANTS_UPDATE",
    "CONNECTION_UPDATE",
];

pub(super) async fn connect(task: &Task<'_>, api: &mut Api<'_>) -> Result<Report, ConnectError> {
    let header = proof(task)?;
    let instance = task.instance("the name of the instance in Evolution API")?;
    let instance_path = percent_encoded(instance.as_bytes());
    let there = api.read(&format!("/webhook/find/{instance_path}")).await?;
    let url = hook::text(&there, "url").to_owned();
    let hooks = [Hook {
        id: instance.to_owned(),
        url: url.clone(),
        events: hook::texts(&there["events"]),
        active: there["enabled"].as_bool().unwrap_or(true),
        raw: there.clone(),
    }];
    let (found, remarks) = hook::look(
        task,
        &hooks,
        task.ingest_url.url(),
        EVENTS,
        None,
        |hook| match &header {
            Some((name, value)) if !has(&hook.raw["headers"], name, value) => {
                vec![format!("its header `{name}` does not hold the newest secret")]
            }
            _ => Vec::new(),
        },
    );
    let name = format!("the webhook of instance {instance}");
    let (registration, events, old) = match found {
        Found::Right(_) => return Ok(task.report(Registration::Unchanged(name)).remarks(remarks)),
        Found::Different {
            differences,
            events,
            hook,
        } => {
            let registration = Registration::Updated {
                hook: name,
                differences,
            };
            (registration, events, hook.raw.clone())
        }
        Found::Absent if url.is_empty() || task.order.replace => {
            (Registration::Created(name), task.events(EVENTS), Value::Null)
        }
        Found::Absent => {
            return Err(ConnectError::Taken {
                what: format!("instance `{instance}`"),
                host: ingest_url::host_of(&url),
            });
        }
    };
    let mut headers = old["headers"].as_object().cloned().unwrap_or_else(Map::new);
    if let Some((name, value)) = header {
        headers.retain(|there, _| !there.eq_ignore_ascii_case(&name));
        headers.insert(name, Value::String(value));
    }
    // What ours already has of these stays: ingest takes a suffix on the path, and media in the body.
    let flag = |name: &str| old[name].as_bool().unwrap_or(false);
    let body = json!({ "webhook": {
        "enabled": true,
        "url": task.ingest_url.url(),
        "headers": headers,
        "byEvents": flag("webhookByEvents"),
        "base64": flag("webhookBase64"),
        "events": events,
    }});
    let path = format!("/webhook/set/{instance_path}");
    api.change(Method::POST, &path, Body::Json(body)).await?;
    Ok(task.report(registration).remarks(remarks))
}

fn has(headers: &Value, name: &str, value: &str) -> bool {
    let headers = headers.as_object();
    headers.is_some_and(|headers| headers.iter().any(|(n, v)| n.eq_ignore_ascii_case(name) && v == value))
}

/// The header that proves the source, if it is a header.
fn proof(task: &Task<'_>) -> Result<Option<(String, String)>, ConnectError> {
    Ok(match &task.proof {
        Proof::UrlSecret | Proof::Query(_) | Proof::Open => None,
        Proof::Header(name) if name == "authorization" => {
            Some((name.clone(), format!("Bearer {}", task.secret_text()?)))
        }
        Proof::Header(name) => Some((name.clone(), task.secret_text()?.to_owned())),
        Proof::Basic => Some((
            "authorization".to_owned(),
            format!("Basic {}", BASE64.encode(task.secret_text()?)),
        )),
        // It makes `Authorization: Bearer` of this one.
        Proof::Jwt(header) if header == "authorization" => Some(("jwt_key".to_owned(), task.secret_text()?.to_owned())),
        Proof::Jwt(_) => return Err(task.unfit("its token comes in `authorization`; leave `header` out")),
        Proof::Signature | Proof::Body(_) => {
            return Err(task.unfit("it signs no bodies; use url_secret, a token in a header, or jwt"));
        }
    })
}
