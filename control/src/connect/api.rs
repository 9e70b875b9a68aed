//! One platform's API for the length of one order: base URL, credentials, dry run, and errors that say what to do.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use net::client::Response;
use schemas::secret::Secret;
use serde_json::Value;
use url::Url;
use url::form_urlencoded::Serializer;

use super::access::{Access, headers};
use super::client::Client;
use super::error::ConnectError;
use super::ingest_url;
use super::order::Task;
use super::redact::Redactor;
use super::words::{Refused, words};

/// A request as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Its method: GET to look, POST, PUT, PATCH or DELETE to change.
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
        self.refusal(what, status, words.to_string().as_bytes(), &HeaderMap::new())
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
                Serializer::new(String::new()).extend_pairs(pairs).finish().into()
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
            return Err(self.refusal(what, answer.status, &answer.body, &answer.headers));
        }
        if answer.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer.body).map_err(|_| self.unreadable(what, "it is not JSON"))
    }

    fn refusal(&self, what: &str, status: StatusCode, body: &[u8], headers: &HeaderMap) -> ConnectError {
        let refused = Refused {
            platform: self.task.platform(),
            base: &self.base,
            access: &self.access,
            what: self.redactor.text(what),
            status,
            headers,
            words: words(body, &self.redactor),
        };
        refused.into_error()
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
