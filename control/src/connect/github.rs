//! GitHub: `GET/POST /repos/{owner}/{repo}/hooks`, `PATCH …/hooks/{id}`; the same below `/orgs/{org}`. It never shows the secret
//! that it has.

use http::Method;
use serde_json::{Value, json};

use super::access::{Access, Credentials};
use super::api::{Api, Body};
use super::error::ConnectError;
use super::hook::{self, Found, Hook};
use super::ingest_url::Proof;
use super::order::{Registration, Report, Task};

pub(super) const ACCESS: Access = Access {
    base: Some("https://api.github.com"),
    prefix: "",
    credentials: Credentials::Bearer,
    headers: &[
        ("accept", "application/vnd.github+json"),
        ("x-github-api-version", "2022-11-28"),
    ],
    token: "give a token that may manage webhooks (fine-grained: Webhooks read and write; classic: admin:repo_hook or \
            admin:org_hook) in FOREBAY_PLATFORM_TOKEN",
    not_found: "is --account right? GitHub says so, too, of what the token may not see",
};

const ALL: &str = "*";
const PER_PAGE: usize = 100;
/// GitHub allows 20 webhooks per event and place; this is a bound for answers that never end.
const MAX_PAGES: usize = 100;

pub(super) async fn connect(task: &Task<'_>, api: &mut Api<'_>) -> Result<Report, ConnectError> {
    let secret = match task.proof {
        Proof::Signature => Some(task.secret_text()?),
        Proof::UrlSecret | Proof::Query(_) | Proof::Open => None,
        _ => return Err(task.unfit("leave `auth` out for its signature, or use url_secret")),
    };
    let path = path(task.account("the repository, as owner/name, or the organization")?)?;
    let hooks = list(api, &path).await?;
    let (found, mut remarks) = hook::look(task, &hooks, task.ingest_url.url(), &[ALL], Some(ALL), |hook| {
        let config = &hook.raw["config"];
        let mut differences = Vec::new();
        if config["content_type"] != "json" {
            differences.push("it sends forms, not JSON".to_owned());
        }
        if config["insecure_ssl"].as_str().unwrap_or("0") != "0" {
            differences.push("it does not check our certificate".to_owned());
        }
        if secret.is_some() && config["secret"].is_null() {
            differences.push("it has no secret".to_owned());
        }
        differences
    });
    let body = |events: Vec<String>| {
        let mut config = json!({ "url": task.ingest_url.url(), "content_type": "json", "insecure_ssl": "0" });
        if let Some(secret) = secret {
            config["secret"] = json!(secret);
        }
        json!({ "active": true, "events": events, "config": config })
    };
    let registration = match found {
        Found::Right(hook) => {
            if secret.is_some() {
                remarks.push(
                    "GitHub does not show which secret it has: after a change of `secrets`, connect with --force"
                        .to_owned(),
                );
            }
            Registration::Unchanged(format!("hook {}", hook.id))
        }
        Found::Different {
            hook,
            differences,
            events,
        } => {
            // Beside `*` GitHub takes no other names.
            let events = if events.iter().any(|e| e == ALL) {
                vec![ALL.to_owned()]
            } else {
                events
            };
            api.change(Method::PATCH, &format!("{path}/{}", hook.id), Body::Json(body(events)))
                .await?;
            Registration::Updated {
                hook: format!("hook {}", hook.id),
                differences,
            }
        }
        Found::Absent => {
            let mut body = body(task.events(&[ALL]));
            body["name"] = json!("web");
            let answer = api.change(Method::POST, &path, Body::Json(body)).await?;
            Registration::Created(answer.map_or_else(String::new, |made| format!("hook {}", hook::id(&made))))
        }
    };
    Ok(task.report(registration).remarks(remarks))
}

fn path(account: &str) -> Result<String, ConnectError> {
    let name = |text: &str| {
        !matches!(text, "" | "." | "..") && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    match account.split_once('/') {
        Some((owner, repo)) if name(owner) && name(repo) => Ok(format!("/repos/{owner}/{repo}/hooks")),
        None if name(account) => Ok(format!("/orgs/{account}/hooks")),
        _ => Err(ConnectError::Order(format!(
            "--account is `{account}`: give the repository, as owner/name, or the organization"
        ))),
    }
}

async fn list(api: &mut Api<'_>, path: &str) -> Result<Vec<Hook>, ConnectError> {
    let mut hooks = Vec::new();
    for page in 1..=MAX_PAGES {
        let answer = api.read(&format!("{path}?per_page={PER_PAGE}&page={page}")).await?;
        let Some(elements) = answer.as_array() else {
            return Err(api.unreadable(&format!("GET {path}"), "it is no list of hooks"));
        };
        hooks.extend(elements.iter().map(hook_of));
        if elements.len() < PER_PAGE {
            break;
        }
    }
    Ok(hooks)
}

fn hook_of(raw: &Value) -> Hook {
    Hook {
        id: hook::id(raw),
        url: hook::text(&raw["config"], "url").to_owned(),
        events: hook::texts(&raw["events"]),
        active: raw["active"].as_bool().unwrap_or(true),
        raw: raw.clone(),
    }
}
