//! Telegram: `getWebhookInfo` and `setWebhook` of the Bot API. A bot has one webhook.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::access::{Access, Credentials};
use super::api::{Api, Body};
use super::error::ConnectError;
use super::hook::{self, Found, Hook};
use super::ingest_url::{self, Proof};
use super::order::{Registration, Report, Task};

pub(super) const ACCESS: Access = Access {
    base: Some("https://api.telegram.org"),
    prefix: "",
    credentials: Credentials::Path,
    headers: &[],
    token: "give the bot's token, as @BotFather gave it (123456:ABC…), in FOREBAY_PLATFORM_TOKEN",
    not_found: "Telegram says so of a token that it does not know, too: is it whole? And is --api right?",
};

/// Without this list Telegram leaves some of them out (`chat_member`, `message_reaction`).
const EVENTS: &[&str] = &[
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
    "message_reaction",
    "callback_query",
    "my_chat_member",
    "chat_member",
    "chat_join_request",
];

pub(super) async fn connect(task: &Task<'_>, api: &mut Api<'_>) -> Result<Report, ConnectError> {
    let secret = match &task.proof {
        Proof::Header(name) if name == "x-telegram-bot-api-secret-token" => Some(secret(task)?),
        Proof::UrlSecret | Proof::Query(_) | Proof::Open => None,
        _ => return Err(task.unfit("leave `auth` out for its secret token, or use url_secret")),
    };
    // A Bot API server of one's own, which --api leads to, may have other rules; and words of its own.
    if task.order.api.is_none() {
        task.needs_https()?;
        if !matches!(task.ingest_url.port(), Some(443 | 80 | 88 | 8443)) {
            return Err(ConnectError::Order(
                "telegram sends to the ports 443, 80, 88 and 8443 only: give such a URL with --url".to_owned(),
            ));
        }
    }
    // The token is checked for what would make another path of it.
    if !api
        .token()
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b":_-".contains(&b))
    {
        return Err(ConnectError::Order(format!(
            "the token does not look like one of a bot: {}",
            ACCESS.token
        )));
    }
    let method = |name: &str, token: &str| format!("/bot{token}/{name}");
    let path = method("getWebhookInfo", api.token());
    let answer = api.read(&path).await?;
    let info = result(api, "getWebhookInfo", &answer)?.clone();
    let there = hook::text(&info, "url").to_owned();
    let hooks = [Hook {
        id: String::new(),
        url: there.clone(),
        events: hook::texts(&info["allowed_updates"]),
        active: true,
        raw: info.clone(),
    }];
    let (found, mut remarks) = hook::look(task, &hooks, task.ingest_url.url(), EVENTS, None, |_| Vec::new());
    let bot = || "the bot's webhook".to_owned();
    let (registration, events) = match found {
        Found::Right(_) => {
            if secret.is_some() {
                remarks.push(
                    "Telegram does not show which secret token it has: after a change of `secrets`, connect with --force".to_owned(),
                );
            }
            remarks.extend(trouble(&info));
            return Ok(task.report(Registration::Unchanged(bot())).remarks(remarks));
        }
        Found::Different {
            differences, events, ..
        } => {
            let hook = bot();
            (Registration::Updated { hook, differences }, events)
        }
        Found::Absent if there.is_empty() || task.order.replace => (Registration::Created(bot()), task.events(EVENTS)),
        Found::Absent => {
            return Err(ConnectError::Taken {
                what: "the bot".to_owned(),
                host: ingest_url::host_of(&there),
            });
        }
    };
    let mut body = json!({ "url": task.ingest_url.url(), "allowed_updates": events });
    if let Some(secret) = secret {
        body["secret_token"] = json!(secret);
    }
    if let Some(connections) = info["max_connections"].as_u64() {
        body["max_connections"] = json!(connections);
    }
    let path = method("setWebhook", api.token());
    if let Some(answer) = api.change(Method::POST, &path, Body::Json(body)).await? {
        result(api, "setWebhook", &answer)?;
    }
    Ok(task.report(registration).remarks(remarks))
}

/// `{ok, result}`, or the reason why not.
fn result<'a>(api: &Api<'_>, what: &str, answer: &'a Value) -> Result<&'a Value, ConnectError> {
    match answer["ok"].as_bool() {
        Some(true) => Ok(&answer["result"]),
        Some(false) => {
            let code = answer["error_code"].as_u64().and_then(|code| u16::try_from(code).ok());
            let status = code.and_then(|code| StatusCode::from_u16(code).ok());
            Err(api.rejected(what, status.unwrap_or(StatusCode::BAD_REQUEST), answer))
        }
        None => Err(api.unreadable(what, "it has no `ok`")),
    }
}

/// What Telegram last had to say of our URL.
fn trouble(info: &Value) -> Option<String> {
    let words = info["last_error_message"].as_str()?;
    let waiting = info["pending_update_count"].as_u64().unwrap_or_default();
    Some(format!("its last delivery failed: {words}; {waiting} updates wait"))
}

/// Telegram takes 1 to 256 of `A-Z a-z 0-9 _ -`; refused here, because the newest secret would have to change.
fn secret<'a>(task: &'a Task<'_>) -> Result<&'a str, ConnectError> {
    let secret = task.secret_text()?;
    let fits = secret.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    if fits && secret.len() <= 256 {
        return Ok(secret);
    }
    Err(ConnectError::Order(format!(
        "the newest secret of source `{}` cannot be Telegram's secret token: use 1 to 256 letters, digits, `_` or `-`",
        task.source.id
    )))
}
