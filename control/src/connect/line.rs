//! LINE: `GET/PUT /v2/bot/channel/webhook/endpoint` of the Messaging API. A channel has one webhook URL; whether it is used is
//! switched in the console only. It signs with the channel secret.

use http::Method;
use serde_json::{Value, json};

use super::access::{Access, Credentials};
use super::api::{Api, Body};
use super::error::ConnectError;
use super::hook::{self, Found, Hook};
use super::ingest_url::{self, Proof};
use super::order::{Registration, Report, Task};

pub(super) const ACCESS: Access = Access {
    base: Some("https://api.line.me"),
    prefix: "",
    credentials: Credentials::Bearer,
    headers: &[],
    token: "give a channel access token (LINE Developers console: the channel, Messaging API) in FOREBAY_PLATFORM_TOKEN",
    not_found: "is --api right?",
};

const PATH: &str = "/v2/bot/channel/webhook/endpoint";

/// What LINE allows for the URL.
const MAX_CHARACTERS: usize = 500;

pub(super) async fn connect(task: &Task<'_>, api: &mut Api<'_>) -> Result<Report, ConnectError> {
    if !matches!(
        task.proof,
        Proof::Signature | Proof::UrlSecret | Proof::Query(_) | Proof::Open
    ) {
        return Err(task.unfit("leave `auth` out for its signature, or use url_secret"));
    }
    task.needs_https()?;
    if task.ingest_url.url().chars().count() > MAX_CHARACTERS {
        return Err(ConnectError::Order(format!(
            "the URL is longer than the {MAX_CHARACTERS} characters that LINE takes"
        )));
    }
    if !task.order.events.is_empty() {
        return Err(ConnectError::Order(
            "LINE sends all events: leave --events out".to_owned(),
        ));
    }
    // 404 while none was ever set.
    let there = api.read_if_there(PATH).await?.unwrap_or(Value::Null);
    let url = hook::text(&there, "endpoint").to_owned();
    let hooks = [Hook {
        id: String::new(),
        url: url.clone(),
        events: [].into(),
        // Not ours to switch: reported as a remark.
        active: true,
        raw: there.clone(),
    }];
    let (found, mut remarks) = hook::look(task, &hooks, task.ingest_url.url(), &[], None, |_| Vec::new());
    let name = "the webhook URL of the channel".to_owned();
    let registration = match found {
        Found::Right(_) => Registration::Unchanged(name),
        Found::Different { differences, .. } => Registration::Updated {
            hook: name,
            differences,
        },
        Found::Absent if url.is_empty() || task.order.replace => Registration::Created(name),
        Found::Absent => {
            return Err(ConnectError::Taken {
                what: "the channel".to_owned(),
                host: ingest_url::host_of(&url),
            });
        }
    };
    if !matches!(registration, Registration::Unchanged(_)) {
        let body = json!({ "endpoint": task.ingest_url.url() });
        api.change(Method::PUT, PATH, Body::Json(body)).await?;
    }
    if there["active"] != true {
        remarks.push(
            "LINE sends nothing until «Use webhook» is switched on in the LINE Developers console (the channel, Messaging API)"
                .to_owned(),
        );
    }
    let report = task.report(registration).remarks(remarks);
    Ok(if task.proof == Proof::Signature {
        report.remark(format!(
            "LINE signs with the channel secret (console: the channel, Basic settings): it must be in `secrets` of source `{}`",
            task.source.id
        ))
    } else {
        report
    })
}
