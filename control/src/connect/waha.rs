//! WAHA: `GET` and `PUT /api/sessions/{session}`; webhooks are a part of the session's configuration, which PUT replaces as a
//! whole. So all else in it is sent back as it was.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
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
    prefix: "",
    credentials: Credentials::Header("x-api-key"),
    headers: &[],
    token: "give the API key of WAHA (WAHA_API_KEY) in FOREBAY_PLATFORM_TOKEN",
    not_found: "is --instance the name of a session (often `default`), and --api the address of your WAHA?",
};

const EVENTS: &[&str] = &[
    "message.any",
    "message.ack",
    "message.reaction",
    "message.revoked",
    "session.status",
    "group.v2.join",
    "group.v2.leave",
    "group.v2.participants",
    "group.v2.update",
];

pub(super) async fn connect(task: &Task<'_>, api: &mut Api<'_>) -> Result<Report, ConnectError> {
    if matches!(task.proof, Proof::Body(_) | Proof::Jwt(_)) {
        return Err(task.unfit("leave `auth` out for its signature, or use url_secret, basic, or a token in a header"));
    }
    let session = task.instance("the name of the session in WAHA, often `default`")?;
    let path = format!("/api/sessions/{}", percent_encoded(session.as_bytes()));
    let answer = api.read(&path).await?;
    let mut config = match &answer["config"] {
        Value::Null if answer["name"].is_string() => json!({}),
        config if config.is_object() => config.clone(),
        _ => return Err(api.unreadable(&format!("GET {path}"), "it holds no `config` of a session")),
    };
    let listed = config["webhooks"].as_array().cloned().unwrap_or_default();
    let hooks: Vec<Hook> = listed
        .iter()
        .enumerate()
        .map(|(index, raw)| Hook {
            id: index.to_string(),
            url: hook::text(raw, "url").to_owned(),
            events: hook::texts(&raw["events"]),
            active: true,
            raw: raw.clone(),
        })
        .collect();
    let mut proof = json!({});
    prove(task, &mut proof)?;
    let (found, remarks) = hook::look(task, &hooks, task.ingest_url.url(), EVENTS, Some("*"), |hook| {
        differs(&hook.raw, &proof)
            .then(|| "it does not prove itself with the newest secret".to_owned())
            .into_iter()
            .collect()
    });
    let name = format!("the webhook of session {session}");
    let (registration, webhooks) = match found {
        Found::Right(_) => return Ok(task.report(Registration::Unchanged(name)).remarks(remarks)),
        Found::Different {
            hook,
            differences,
            events,
        } => {
            let mut changed = hook.raw.clone();
            changed["url"] = json!(task.ingest_url.url());
            changed["events"] = json!(events);
            prove(task, &mut changed)?;
            let mut webhooks = listed.clone();
            if let Some(place) = webhooks.iter_mut().find(|raw| **raw == hook.raw) {
                *place = changed;
            }
            let registration = Registration::Updated {
                hook: name,
                differences,
            };
            (registration, webhooks)
        }
        Found::Absent => {
            let mut added = json!({ "url": task.ingest_url.url(), "events": task.events(EVENTS) });
            prove(task, &mut added)?;
            let mut webhooks = listed.clone();
            webhooks.push(added);
            (Registration::Created(name), webhooks)
        }
    };
    config["webhooks"] = Value::Array(webhooks);
    api.change(Method::PUT, &path, Body::Json(json!({ "config": config })))
        .await?;
    let report = task.report(registration).remarks(remarks);
    Ok(report.remark("WAHA starts a running session anew for this, which takes some seconds; the pairing stays"))
}

/// Writes into a webhook how it is to prove itself.
fn prove(task: &Task<'_>, webhook: &mut Value) -> Result<(), ConnectError> {
    let header = match &task.proof {
        Proof::Signature => {
            webhook["hmac"] = json!({ "key": task.secret_text()? });
            return Ok(());
        }
        Proof::Header(name) => (name.clone(), task.secret_text()?.to_owned()),
        Proof::Basic => (
            "authorization".to_owned(),
            format!("Basic {}", BASE64.encode(task.secret_text()?)),
        ),
        Proof::UrlSecret | Proof::Query(_) | Proof::Open | Proof::Body(_) | Proof::Jwt(_) => return Ok(()),
    };
    let (name, value) = header;
    let mut headers = webhook["customHeaders"].as_array().cloned().unwrap_or_default();
    headers.retain(|header| !hook::text(header, "name").eq_ignore_ascii_case(&name));
    headers.push(json!({ "name": name, "value": value }));
    webhook["customHeaders"] = Value::Array(headers);
    Ok(())
}

/// Whether `webhook` lacks something of `proof`.
fn differs(webhook: &Value, proof: &Value) -> bool {
    let key = &proof["hmac"]["key"];
    let header = &proof["customHeaders"][0];
    let there = webhook["customHeaders"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let has_header = there.iter().any(|h| {
        hook::text(h, "name").eq_ignore_ascii_case(hook::text(header, "name")) && h["value"] == header["value"]
    });
    !key.is_null() && webhook["hmac"]["key"] != *key || !header.is_null() && !has_header
}
