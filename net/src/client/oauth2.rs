//! Tokens for one destination, by client credentials (OAuth 2.0, RFC 6749 §4.4): asked for over the same client, so that the guard
//! judges the authorization server's address as any other.
//!
//! A token is kept until shortly before it ends, or until [`Tokens::invalidate`] where its end is not said. One request at a time is
//! under way; whoever needs a token meanwhile waits for it, and whoever stops waiting does not end it. Neither a request that failed
//! nor a token that was refused makes for more than one request a second.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use parking_lot::Mutex;
use schemas::secret::Secret;
use serde_json::Value;
use tokio::sync::Mutex as Turn;
use tokio::time::Instant;
use url::{Url, form_urlencoded};

use super::error::SendError;
use super::options::Options;
use super::{Client, Destination, Response};

/// How long before its end a token is replaced, at most; it is a tenth of its time if that is less.
const MARGIN: Duration = Duration::from_secs(30);
/// How often, at most, a token is asked for.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest that a token is kept, whatever its server says.
const MAX_LIFETIME: Duration = Duration::from_hours(24 * 30);
/// The errors that an authorization server may name (RFC 6749 §5.2). Anything else it says is not repeated.
const KNOWN_ERRORS: [&str; 6] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
];

/// How tokens are asked for.
#[derive(Debug, Clone)]
pub struct TokenSettings {
    /// The token endpoint of the authorization server.
    pub url: Url,
    /// Who we are there.
    pub client_id: String,
    /// What proves it.
    pub client_secret: Secret,
    /// What the token is to be good for; may be empty.
    pub scopes: Vec<String>,
    /// What else the server wants to be told, such as `audience` or `resource`.
    pub parameters: Vec<(String, String)>,
    /// Whether id and secret are members of the form instead of HTTP basic authentication, which every server must understand.
    pub credentials_in_body: bool,
    /// How the authorization server is reached.
    pub options: Options,
    /// The time limit of one request for a token, from resolving to the end of its answer.
    pub timeout: Duration,
}

/// The tokens of one destination. Cheap to clone; clones share the token.
#[derive(Debug, Clone)]
pub struct Tokens(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    client: Client,
    destination: Destination,
    host: String,
    settings: TokenSettings,
    state: Mutex<State>,
    /// Held by the request that is under way.
    turn: Arc<Turn<()>>,
}

#[derive(Debug, Default)]
struct State {
    token: Option<Token>,
    /// The last request for a token failed then.
    failed: Option<(Instant, SendError)>,
}

/// An access token. It does not print.
#[derive(Clone)]
pub struct Token(Arc<Issued>);

struct Issued {
    secret: Secret,
    header: HeaderValue,
    since: Instant,
    /// From when on a new one is asked for, and from when on this one is not used; `None`: until it is refused.
    lifetime: Option<(Instant, Instant)>,
}

impl Tokens {
    /// Tokens as `settings` say, asked for by `client`. None is asked for yet. Fails if the guard forbids the URL.
    pub fn new(client: Client, settings: TokenSettings) -> Result<Self, SendError> {
        let destination = client.destination_with(&settings.url, &settings.options)?;
        let host = settings.url.host_str().unwrap_or_default().to_owned();
        Ok(Self(Arc::new(Shared {
            client,
            destination,
            host,
            settings,
            state: Mutex::default(),
            turn: Arc::default(),
        })))
    }

    /// The token to use now; asks for one if there is none, or if the one that is there ends soon.
    pub async fn get(&self) -> Result<Token, SendError> {
        if let Some(known) = self.0.known() {
            return known;
        }
        let turn = Arc::clone(&self.0.turn).lock_owned().await;
        // Whoever had the turn before has asked.
        if let Some(known) = self.0.known() {
            return known;
        }
        let shared = Arc::clone(&self.0);
        // A task of its own: that this caller gives up is no reason to ask once more.
        let asking = tokio::spawn(async move {
            let _turn = turn;
            shared.renew().await
        });
        asking
            .await
            .unwrap_or_else(|_| Err(self.0.failure("the request for it was broken off")))
    }

    /// Throws away a token that was refused, so that the next use asks for another. Of no effect if there is a newer one, or if this
    /// one is younger than a second.
    pub fn invalidate(&self, token: &Token) {
        let mut state = self.0.state.lock();
        let is_current = state
            .token
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(&current.0, &token.0));
        if is_current && token.0.since.elapsed() >= PAUSE {
            state.token = None;
        }
    }
}

impl Shared {
    /// What needs no request: a token, or an error that is too young to ask again.
    fn known(&self) -> Option<Result<Token, SendError>> {
        let state = self.state.lock();
        let now = Instant::now();
        let usable = state.token.as_ref().filter(|token| token.is_usable(now));
        if let Some(token) = usable.filter(|token| !token.is_ending(now)) {
            return Some(Ok(token.clone()));
        }
        let (at, error) = state.failed.as_ref()?;
        if now.duration_since(*at) >= PAUSE {
            return None;
        }
        Some(usable.cloned().ok_or_else(|| error.clone()))
    }

    /// Asks for a token and keeps it. A failure is none as long as the token before can be used.
    async fn renew(&self) -> Result<Token, SendError> {
        let asked = self.ask().await;
        let mut state = self.state.lock();
        match asked {
            Ok(token) => {
                state.failed = None;
                state.token = Some(token.clone());
                Ok(token)
            }
            Err(error) => {
                tracing::debug!(host = self.host, %error, "no token");
                let now = Instant::now();
                state.failed = Some((now, error.clone()));
                let before = state.token.as_ref().filter(|token| token.is_usable(now));
                before.cloned().ok_or(error)
            }
        }
    }

    async fn ask(&self) -> Result<Token, SendError> {
        let (headers, body) = self.request();
        let asked_at = Instant::now();
        let answer = self
            .client
            .request_to(Method::POST, &self.destination, headers, body, self.settings.timeout)
            .await;
        match answer {
            Ok(response) => Token::read(&response, asked_at).map_err(|reason| self.failure(reason)),
            // What this process lacks is no fault of the server.
            Err(error @ SendError::Lack(_)) => Err(error),
            Err(error) => Err(self.failure(error.to_string())),
        }
    }

    fn request(&self) -> (HeaderMap, Bytes) {
        let settings = &self.settings;
        let secret = String::from_utf8_lossy(settings.client_secret.expose());
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if !settings.scopes.is_empty() {
            form.append_pair("scope", &settings.scopes.join(" "));
        }
        for (name, value) in &settings.parameters {
            form.append_pair(name, value);
        }
        let mut headers = HeaderMap::new();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if settings.credentials_in_body {
            form.append_pair("client_id", &settings.client_id);
            form.append_pair("client_secret", &secret);
        } else {
            // Encoded as in a form first (RFC 6749 §2.3.1), so that neither has a colon.
            let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = Secret::new(format!("{}:{}", encode(&settings.client_id), encode(&secret)));
            let value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair.expose())));
            // Base64 always is a header's value.
            if let Ok(mut value) = value {
                value.set_sensitive(true);
                headers.insert(AUTHORIZATION, value);
            }
        }
        (headers, form.finish().into())
    }

    fn failure(&self, reason: impl Into<String>) -> SendError {
        SendError::Token {
            host: self.host.clone(),
            reason: reason.into(),
        }
    }
}

impl Token {
    /// The value of `authorization` for a request, marked as sensitive.
    pub fn authorization(&self) -> HeaderValue {
        self.0.header.clone()
    }

    /// The token itself.
    pub fn secret(&self) -> &Secret {
        &self.0.secret
    }

    fn is_usable(&self, now: Instant) -> bool {
        self.0.lifetime.is_none_or(|(_, end)| now < end)
    }

    fn is_ending(&self, now: Instant) -> bool {
        self.0.lifetime.is_some_and(|(renew, _)| now >= renew)
    }

    /// Reads the answer to a request that was sent at `asked_at`, or says what is wrong with it.
    fn read(response: &Response, asked_at: Instant) -> Result<Self, String> {
        let body: Option<Value> = serde_json::from_slice(&response.body).ok();
        let member = |name: &str| body.as_ref().and_then(|body| body.get(name));
        if !response.status.is_success() {
            let named = member("error").and_then(Value::as_str);
            let known = KNOWN_ERRORS.iter().find(|known| Some(**known) == named);
            return Err(match known {
                Some(error) => format!("it answered {} with `{error}`", response.status),
                None => format!("it answered {}", response.status),
            });
        }
        if !response.complete {
            return Err("its answer is too long, or did not come in time".to_owned());
        }
        if body.is_none() {
            return Err("its answer is not JSON".to_owned());
        }
        let token = member("access_token")
            .and_then(Value::as_str)
            .filter(|token| !token.is_empty());
        let token = token.ok_or("its answer has no `access_token`")?;
        let kind = member("token_type").and_then(Value::as_str);
        if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
            return Err("its answer's `token_type` is not `Bearer`, the only kind that is understood".to_owned());
        }
        let secret = Secret::new(token);
        let header = HeaderValue::try_from(format!("Bearer {token}"));
        let mut header = header.map_err(|_| "its token cannot stand in a header")?;
        header.set_sensitive(true);
        Ok(Self(Arc::new(Issued {
            secret,
            header,
            since: Instant::now(),
            lifetime: member("expires_in").and_then(seconds).map(|lifetime| {
                let margin = MARGIN.min(lifetime / 10);
                (asked_at + lifetime.saturating_sub(margin), asked_at + lifetime)
            }),
        })))
    }
}

/// A number of seconds, which some servers write as text.
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::String(text) => text.parse().ok()?,
        value => value.as_f64()?,
    };
    let given = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(MAX_LIFETIME);
    Some(given.clamp(PAUSE, MAX_LIFETIME))
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([redacted])")
    }
}
