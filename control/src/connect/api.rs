//! One platform's API for the length of one order: base URL, credentials, dry run, and errors that say what to do.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use net::client::Response;
use schemas::secret::Secret;
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use super::client::Client;
use super::error::ConnectError;
use super::ingest_url;
use super::order::Task;
use super::redact::{self, Redactor};

/// What is common to all requests to a platform.
#[derive(Debug, Clone, Copy)]
pub(super) struct Access {
    /// Where its API is; `None`: every customer has another, which is named in --api.
    pub(super) base: Option<&'static str>,
    /// What all its paths begin with; may stand at the end of --api or not.
    pub(super) prefix: &'static str,
    /// How the token travels.
    pub(super) credentials: Credentials,
    /// Further headers.
    pub(super) headers: &'static [(&'static str, &'static str)],
    /// Which token is wanted, and where it is to be had.
    pub(super) token: &'static str,
    /// What to look at when something is not found.
    pub(super) not_found: &'static str,
}

/// How the token travels.
#[derive(Debug, Clone, Copy)]
pub(super) enum Credentials {
    /// `Authorization: Bearer`.
    Bearer,
    /// As it is, in this header.
    Header(&'static str),
    /// `Authorization: Basic` if it is `user:password`, else `Bearer`.
    BasicOrBearer,
    /// `Authorization: Basic` with the account in front of it.
    AccountAndToken,
    /// In the path; the platform's file puts it there.
    Path,
}

/// A request as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Its method.
    pub method: Method,
    /// Its URL, without secrets.
    pub url: String,
    /// Its body on one line, without secrets.
    pub body: Option<String>,
    /// What became of it.
    pub sent: Sent,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It was answered with this status.
    Answered(StatusCode),
    /// It was sent and not answered.
    Unanswered,
    /// A dry run leaves it out.
    LeftOut,
}

/// What a request carries.
pub(super) enum Body {
    Json(Value),
    Form(Vec<(&'static str, String)>),
}

/// One platform's API.
pub(super) struct Api<'a> {
    task: &'a Task<'a>,
    client: &'a Client,
    show: &'a mut (dyn FnMut(&Exchange) + Send),
    access: Access,
    base: Url,
    headers: HeaderMap,
    redactor: Redactor,
}

impl<'a> Api<'a> {
    pub(super) fn new(
        task: &'a Task<'a>,
        client: &'a Client,
        show: &'a mut (dyn FnMut(&Exchange) + Send),
        access: Access,
    ) -> Result<Self, ConnectError> {
        let order = task.order;
        let platform = task.platform();
        task.own_signature()?;
        let wrong = |reason: String| Err(ConnectError::Order(reason));
        let mut base = match (&order.api, access.base) {
            (Some(base), _) => base.clone(),
            (None, Some(base)) => Url::parse(base).unwrap_or_else(|_| unreachable!("a literal URL is valid")),
            (None, None) => {
                return wrong(format!(
                    "--api is missing: the address of your {platform}, as in https://{platform}.example.com"
                ));
            }
        };
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return wrong("--api is not usable: write scheme and host, as in https://api.example.com".to_owned());
        }
        if !base.username().is_empty() || base.password().is_some() || base.query().is_some() {
            return wrong(
                "--api takes scheme, host, port and path only; the token comes from the environment".to_owned(),
            );
        }
        let path = base.path().trim_end_matches('/');
        let path = path.strip_suffix(access.prefix).unwrap_or(path).to_owned();
        base.set_path(&path);
        base.set_fragment(None);

        let Some(token) = order.token.as_ref().filter(|token| !token.is_empty()) else {
            return wrong(format!("the token for {platform} is missing: {}", access.token));
        };
        let mut redactor = Redactor::new(
            order
                .source
                .secrets
                .iter()
                .chain(&order.source.url_secrets)
                .chain(&order.source.verify_token),
        );
        redactor.learn(token);
        let headers = headers(&access, token, task)?;
        Ok(Self {
            task,
            client,
            show,
            access,
            base,
            headers,
            redactor,
        })
    }

    /// The token as text, for the platform that has it in the path.
    pub(super) fn token(&self) -> &str {
        let token = self.task.order.token.as_ref().and_then(Secret::expose_str);
        token.unwrap_or_default()
    }

    /// Reads: sent in a dry run, too. `path` begins after the prefix and may hold a query.
    pub(super) async fn read(&mut self, path: &str) -> Result<Value, ConnectError> {
        self.request(Method::GET, path, None).await
    }

    /// Changes something; in a dry run it is only shown, and nothing comes back.
    pub(super) async fn change(
        &mut self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<Option<Value>, ConnectError> {
        if self.task.order.dry_run {
            let url = self.url(path)?;
            self.show(&method, &url, Some(&body), Sent::LeftOut);
            return Ok(None);
        }
        self.request(method, path, Some(body)).await.map(Some)
    }

    /// The answer to `what` is not what the documents say.
    pub(super) fn unreadable(&self, what: &str, reason: &str) -> ConnectError {
        ConnectError::Unreadable {
            platform: self.task.platform(),
            what: self.redactor.text(what),
            reason: reason.to_owned(),
        }
    }

    /// The platform says no in an answer that HTTP calls good.
    pub(super) fn rejected(&self, what: &str, status: StatusCode, words: &Value) -> ConnectError {
        let words = self.words(words.to_string().as_bytes());
        self.refusal(what, status, words, &HeaderMap::new())
    }

    /// Like [`Self::read`], where 404 means that there is nothing yet.
    pub(super) async fn read_if_there(&mut self, path: &str) -> Result<Option<Value>, ConnectError> {
        match self.read(path).await {
            Ok(value) => Ok(Some(value)),
            Err(ConnectError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn request(&mut self, method: Method, path: &str, body: Option<Body>) -> Result<Value, ConnectError> {
        let url = self.url(path)?;
        let mut headers = self.headers.clone();
        let bytes = match &body {
            None => Bytes::new(),
            Some(Body::Json(json)) => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                json.to_string().into()
            }
            Some(Body::Form(pairs)) => {
                let form = HeaderValue::from_static("application/x-www-form-urlencoded");
                headers.insert(CONTENT_TYPE, form);
                form_text(pairs).into()
            }
        };
        let what = format!("{method} {}", url.path());
        let answer = self.client.send(method.clone(), &url, headers, bytes).await;
        let sent = answer.as_ref().map_or(Sent::Unanswered, |a| Sent::Answered(a.status));
        self.show(&method, &url, body.as_ref(), sent);
        let answer = answer.map_err(|reason| ConnectError::Unreachable {
            host: ingest_url::origin(&url),
            reason: self.redactor.text(&reason),
            after: if body.is_some() {
                "; whether the change was made is not known: run it again, it begins by looking"
            } else {
                ""
            },
        })?;
        self.read_answer(&what, &answer)
    }

    fn read_answer(&self, what: &str, answer: &Response) -> Result<Value, ConnectError> {
        if !answer.status.is_success() {
            let words = self.words(&answer.body);
            return Err(self.refusal(what, answer.status, words, &answer.headers));
        }
        if answer.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer.body).map_err(|_| self.unreadable(what, "it is not JSON"))
    }

    fn refusal(&self, what: &str, status: StatusCode, words: String, headers: &HeaderMap) -> ConnectError {
        let platform = self.task.platform();
        let what = self.redactor.text(what);
        match status.as_u16() {
            401 | 403 => ConnectError::Token {
                platform,
                status,
                words,
                token: self.access.token,
            },
            404 => ConnectError::NotFound {
                platform,
                what,
                status,
                words,
                way_out: self.access.not_found,
            },
            300..=399 => {
                let location = headers.get(LOCATION).and_then(|to| to.to_str().ok());
                let to = location.and_then(|to| self.base.join(to).ok());
                ConnectError::Redirect {
                    platform,
                    to: to.map_or_else(|| "nowhere".to_owned(), |to| ingest_url::origin(&to)),
                }
            }
            429 | 500.. => {
                let seconds = headers
                    .get(RETRY_AFTER)
                    .and_then(|v| v.to_str().ok()?.parse::<u32>().ok());
                ConnectError::Later {
                    platform,
                    status,
                    words,
                    when: seconds.map_or_else(|| "later".to_owned(), |s| format!("in {s} seconds")),
                }
            }
            _ => ConnectError::Rejected {
                platform,
                what,
                status,
                words,
            },
        }
    }

    /// The platform's own words, from the members that platforms put them in; else the text as it is.
    fn words(&self, body: &[u8]) -> String {
        const LONGEST: usize = 400;
        let text = match serde_json::from_slice::<Value>(body) {
            Ok(json) => {
                let mut found = Vec::new();
                gather_words(&json, false, &mut found);
                found.dedup();
                found.join("; ")
            }
            // A page of a proxy says nothing that the status does not.
            Err(_) if body.trim_ascii_start().starts_with(b"<") => String::new(),
            Err(_) => String::from_utf8_lossy(body).into_owned(),
        };
        let text: String = self.redactor.text(&text);
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let text = text.trim();
        match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text.to_owned(),
        }
    }

    fn url(&self, path: &str) -> Result<Url, ConnectError> {
        let text = format!(
            "{}{}{path}",
            self.base.as_str().trim_end_matches('/'),
            self.access.prefix
        );
        Url::parse(&text).map_err(|e| ConnectError::Order(format!("--api is not usable: {e}")))
    }

    fn show(&mut self, method: &Method, url: &Url, body: Option<&Body>, sent: Sent) {
        let ours = |url: &str| self.task.ingest_url.is_led_to_by(url);
        let body = body.map(|body| match body {
            Body::Json(json) => self.redactor.json(json, &ours),
            Body::Form(pairs) => {
                let shown: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
                self.redactor.text(&shown.join("&"))
            }
        });
        (self.show)(&Exchange {
            method: method.clone(),
            url: self.redactor.text(url.as_str()),
            body,
            sent,
        });
    }
}

fn headers(access: &Access, token: &Secret, task: &Task<'_>) -> Result<HeaderMap, ConnectError> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(
        USER_AGENT,
        HeaderValue::from_static(concat!("forebay/", env!("CARGO_PKG_VERSION"))),
    );
    for (name, value) in access.headers {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let unfit = || ConnectError::Order("the token holds characters that cannot stand in a header".to_owned());
    let text = token.expose_str().ok_or_else(unfit)?;
    let (name, value) = match access.credentials {
        Credentials::Path => return Ok(headers),
        Credentials::Header(name) => (HeaderName::from_static(name), text.to_owned()),
        Credentials::BasicOrBearer if text.contains(':') => (AUTHORIZATION, format!("Basic {}", BASE64.encode(text))),
        Credentials::Bearer | Credentials::BasicOrBearer => (AUTHORIZATION, format!("Bearer {text}")),
        Credentials::AccountAndToken => {
            let account = task.order.account.as_deref().unwrap_or_default();
            let pair = Zeroizing::new(format!("{account}:{text}"));
            (AUTHORIZATION, format!("Basic {}", BASE64.encode(pair.as_str())))
        }
    };
    let value = Zeroizing::new(value);
    let mut value = HeaderValue::from_str(&value).map_err(|_| unfit())?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(headers)
}

fn form_text(pairs: &[(&'static str, String)]) -> String {
    let pairs = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", redact::form_encoded(name), redact::form_encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// Collects texts below the members that platforms put words in.
fn gather_words(json: &Value, meant: bool, found: &mut Vec<String>) {
    const MEMBERS: &[&str] = &[
        "message",
        "messages",
        "error",
        "errors",
        "description",
        "detail",
        "details",
        "title",
        "reason",
        "response",
        "error_description",
    ];
    match json {
        Value::String(text) if meant && !text.is_empty() => found.push(text.clone()),
        Value::Array(elements) => elements.iter().for_each(|e| gather_words(e, meant, found)),
        Value::Object(members) => {
            for (name, value) in members {
                let known = MEMBERS.contains(&name.as_str());
                if meant && !known && value.is_array() {
                    // {"errors": {"address": ["is invalid"]}}: the name of the member is part of what is said.
                    let mut inner = Vec::new();
                    gather_words(value, true, &mut inner);
                    found.extend(inner.into_iter().map(|words| format!("{name}: {words}")));
                } else {
                    gather_words(value, known, found);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(json: &str) -> String {
        let mut found = Vec::new();
        gather_words(&serde_json::from_str(json).expect("JSON"), false, &mut found);
        // In the order of the document, or of the names: that depends on a feature of serde_json that other crates set.
        found.sort();
        found.join("; ")
    }

    #[test]
    fn the_words_of_every_platform_are_found() {
        for (json, expected) in [
            // Digisac (recorded), Chatwoot, Telegram, Evolution API, GitHub, Stripe, Shopify, Zendesk, LINE.
            (
                r#"{"error":"HttpError","message":"Invalid token: access token is invalid","status":401}"#,
                "HttpError; Invalid token: access token is invalid",
            ),
            (
                r#"{"message":"Url has already been taken","attributes":["url"]}"#,
                "Url has already been taken",
            ),
            (
                r#"{"ok":false,"error_code":400,"description":"Bad Request: bad webhook: HTTPS url must be provided"}"#,
                "Bad Request: bad webhook: HTTPS url must be provided",
            ),
            (
                r#"{"status":400,"error":"Bad Request","response":{"message":["Invalid \"url\" property"]}}"#,
                "Bad Request; Invalid \"url\" property",
            ),
            (
                r#"{"message":"Validation Failed","errors":[{"resource":"Hook","code":"custom","message":"Hook already exists on this repository"}]}"#,
                "Hook already exists on this repository; Validation Failed",
            ),
            (
                r#"{"error":{"code":"url_invalid","message":"Invalid URL","param":"url","type":"invalid_request_error"}}"#,
                "Invalid URL",
            ),
            (
                r#"{"errors":{"address":["for this topic has already been taken"]}}"#,
                "address: for this topic has already been taken",
            ),
            (
                r#"{"errors":[{"code":"InvalidWebhook","title":"endpoint is invalid"}]}"#,
                "endpoint is invalid",
            ),
            (
                r#"{"message":"The request body has 1 error(s)","details":[{"message":"Must be https","property":"endpoint"}]}"#,
                "Must be https; The request body has 1 error(s)",
            ),
        ] {
            assert_eq!(words(json), expected);
        }
    }
}
