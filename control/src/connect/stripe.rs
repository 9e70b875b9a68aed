//! Stripe: `GET/POST /v1/webhook_endpoints`, `POST /v1/webhook_endpoints/{id}`, in forms. It makes the signing secret and shows
//! it once, in the answer that creates the endpoint.

use http::Method;
use schemas::source::percent_encoded;
use serde_json::Value;

use super::access::{Access, Credentials};
use super::api::{Api, Body};
use super::error::ConnectError;
use super::hook::{self, Found, Hook};
use super::ingest_url::Proof;
use super::order::{Registration, Report, Task};

pub(super) const ACCESS: Access = Access {
    base: Some("https://api.stripe.com"),
    prefix: "/v1",
    credentials: Credentials::Bearer,
    headers: &[],
    token: "give a secret key of the account, or a restricted one that may write webhook endpoints (dashboard: Developers, API keys), \
            in FOREBAY_PLATFORM_TOKEN",
    not_found: "is --api right?",
};

const ALL: &str = "*";
const MAX_PAGES: usize = 100;

pub(super) async fn connect(task: &Task<'_>, api: &mut Api<'_>) -> Result<Report, ConnectError> {
    if !matches!(
        task.proof,
        Proof::Signature | Proof::UrlSecret | Proof::Query(_) | Proof::Open
    ) {
        return Err(task.unfit("leave `auth` out for its signature, or use url_secret"));
    }
    let signed = task.proof == Proof::Signature;
    let hooks = list(api).await?;
    let (found, mut remarks) = hook::look(task, &hooks, task.ingest_url.url(), &[ALL], Some(ALL), |_| Vec::new());
    let mut secret = None;
    let registration = match found {
        Found::Right(hook) => Registration::Unchanged(format!("endpoint {}", hook.id)),
        Found::Different {
            hook,
            differences,
            events,
        } => {
            let mut form = form(task, &events);
            form.push(("disabled", "false".to_owned()));
            let path = format!("/webhook_endpoints/{}", percent_encoded(hook.id.as_bytes()));
            api.change(Method::POST, &path, Body::Form(form)).await?;
            Registration::Updated {
                hook: format!("endpoint {}", hook.id),
                differences,
            }
        }
        Found::Absent => {
            if signed && !task.order.keeps_secret && !task.order.dry_run {
                return Err(ConnectError::Order(
                    "stripe shows the signing secret only once, when the endpoint is made: say with --secret-out FILE where to keep it"
                        .to_owned(),
                ));
            }
            let mut form = form(task, &task.events(&[ALL]));
            form.push(("description", task.name()));
            let answer = api.change(Method::POST, "/webhook_endpoints", Body::Form(form)).await?;
            secret = answer
                .as_ref()
                .and_then(|made| made["secret"].as_str().map(str::to_owned));
            Registration::Created(answer.map_or_else(String::new, |made| format!("endpoint {}", hook::id(&made))))
        }
    };
    if signed && secret.is_none() && !matches!(registration, Registration::Created(_)) {
        remarks.push(format!(
            "Stripe showed its signing secret when the endpoint was made; if it is not in `secrets` of source `{}`, reveal it in the \
             dashboard (Developers, Webhooks)",
            task.source.id
        ));
    }
    Ok(task
        .report(registration)
        .remarks(remarks)
        .signed_with(task, secret.as_deref()))
}

fn form(task: &Task<'_>, events: &[String]) -> Vec<(&'static str, String)> {
    let mut form = vec![("url", task.ingest_url.url().to_owned())];
    // Beside `*` Stripe takes no other names.
    if events.iter().any(|event| event == ALL) {
        form.push(("enabled_events[]", ALL.to_owned()));
    } else {
        form.extend(events.iter().map(|event| ("enabled_events[]", event.clone())));
    }
    form
}

async fn list(api: &mut Api<'_>) -> Result<Vec<Hook>, ConnectError> {
    let mut hooks: Vec<Hook> = Vec::new();
    let mut path = "/webhook_endpoints?limit=100".to_owned();
    for _ in 0..MAX_PAGES {
        let answer = api.read(&path).await?;
        let Some(elements) = answer["data"].as_array() else {
            return Err(api.unreadable("GET /v1/webhook_endpoints", "it holds no list of endpoints"));
        };
        hooks.extend(elements.iter().map(hook_of));
        match hooks.last() {
            Some(last) if answer["has_more"] == true && !elements.is_empty() => {
                let after = percent_encoded(last.id.as_bytes());
                path = format!("/webhook_endpoints?limit=100&starting_after={after}");
            }
            _ => break,
        }
    }
    Ok(hooks)
}

fn hook_of(raw: &Value) -> Hook {
    Hook {
        id: hook::id(raw),
        url: hook::text(raw, "url").to_owned(),
        events: hook::texts(&raw["enabled_events"]),
        active: raw["status"] != "disabled",
        raw: raw.clone(),
    }
}
