//! The frame of a fake platform: a real HTTP server, what it was asked, and orders that lead to it.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use control::connect::{Client, ConnectError, Exchange, Order, Report, connect};
use parking_lot::{Mutex, MutexGuard};
use schemas::name::{SourceId, Tenant};
use schemas::platform::Platform;
use schemas::secret::Secret;
use schemas::source::{Scheme, Source};
use serde_json::Value;
use tokio::net::TcpListener;
use url::Url;

/// The token that every fake takes.
pub(crate) const TOKEN: &str = "token-of-the-operator-1";
/// The newest secret of every source.
pub(crate) const SECRET: &str = "newest-secret-of-the-source";
/// The one before.
pub(crate) const OLD_SECRET: &str = "older-secret-of-the-source";

/// A request as a fake got it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    pub(crate) fn parameter(&self, name: &str) -> &str {
        let found = self.query.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    pub(crate) fn form(&self) -> Vec<(String, String)> {
        assert_eq!(self.header("content-type"), "application/x-www-form-urlencoded");
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

/// What a fake answers.
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_string().into_bytes(),
        }
    }

    pub(crate) fn text(status: u16, body: &str) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A platform by its documents.
pub(crate) trait Fake: Send + 'static {
    fn answer(&mut self, seen: &Seen) -> Answer;
}

/// A fake that runs.
pub(crate) struct Running<F> {
    fake: Arc<Mutex<F>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    pub(crate) url: Url,
}

impl<F: Fake> Running<F> {
    pub(crate) async fn start(fake: F) -> Self {
        let (fake, seen) = (Arc::new(Mutex::new(fake)), Arc::new(Mutex::new(Vec::new())));
        let state = (Arc::clone(&fake), Arc::clone(&seen));
        let handler = move |request: Request| {
            let (fake, log) = state.clone();
            async move {
                let seen = read(request).await;
                let answer = lock(&fake).answer(&seen);
                lock(&log).push(seen);
                let mut response = Response::builder().status(answer.status);
                for (name, value) in answer.headers {
                    response = response.header(name, value);
                }
                response.body(Body::from(answer.body)).expect("an answer")
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
        Self {
            fake,
            seen,
            url: Url::parse(&format!("http://{address}")).expect("a URL"),
        }
    }

    /// The state, to look at or to spoil.
    pub(crate) fn state(&self) -> MutexGuard<'_, F> {
        lock(&self.fake)
    }

    /// What came since the last time.
    pub(crate) fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut lock(&self.seen))
    }

    /// An order for this platform; the caller changes what is special.
    pub(crate) fn order<'a>(&self, source: &'a Source) -> Order<'a> {
        Order {
            api: Some(self.url.clone()),
            ..order(source)
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

async fn read(request: Request) -> Seen {
    let (parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    Seen {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
            .collect(),
        body: to_bytes(body, usize::MAX).await.expect("the body"),
    }
}

/// An order that leads to the platform itself.
pub(crate) fn order(source: &Source) -> Order<'_> {
    Order {
        source,
        base: Url::parse("https://hooks.example.com").expect("a URL"),
        api: None,
        account: None,
        instance: None,
        events: Vec::new(),
        token: Some(Secret::new(TOKEN)),
        dry_run: false,
        force: false,
        replace: false,
        keeps_secret: true,
    }
}

/// A source with two secrets, called `line-1`.
pub(crate) fn source(platform: Platform, scheme: Option<Scheme>) -> Source {
    Source {
        scheme,
        ..Source::new(
            SourceId::new("line-1").expect("a name"),
            Tenant::new("default").expect("a name"),
            platform,
            vec![Secret::new(SECRET), Secret::new(OLD_SECRET)],
        )
    }
}

/// The same, with two secrets for its path besides.
pub(crate) fn two_proofs(platform: Platform, scheme: Option<Scheme>) -> Source {
    Source {
        url_secrets: vec![Secret::new(URL_SECRET), Secret::new(OLD_URL_SECRET)],
        ..source(platform, scheme)
    }
}

/// What stands in the path as a second proof.
pub(crate) const URL_SECRET: &str = "secret-of-the-path-2";
/// What may stand there while it is rotated.
pub(crate) const OLD_URL_SECRET: &str = "secret-of-the-path-1";

/// Runs an order; also what was shown of it. Nothing shown may hold a secret, whatever comes of it.
pub(crate) async fn run(order: &Order<'_>) -> (Result<Report, ConnectError>, Vec<Exchange>) {
    let client = Client::new(None).expect("a client");
    run_with(order, &client).await
}

pub(crate) async fn run_with(order: &Order<'_>, client: &Client) -> (Result<Report, ConnectError>, Vec<Exchange>) {
    let mut exchanges = Vec::new();
    let mut show = |exchange: &Exchange| exchanges.push(exchange.clone());
    let result = connect(order, client, &mut show).await;
    let shown = match &result {
        Ok(report) => format!(
            "{exchanges:?} {:?} {} {:?}",
            report.registration, report.url, report.remarks
        ),
        Err(error) => format!("{exchanges:?} {error:?} {error}"),
    };
    for secret in [
        TOKEN,
        SECRET,
        OLD_SECRET,
        URL_SECRET,
        OLD_URL_SECRET,
        OTHERS_SECRET,
        MADE_THERE,
    ] {
        assert!(!shown.contains(secret), "{secret} is shown in {shown}");
    }
    (result, exchanges)
}

/// A secret in what belongs to others.
pub(crate) const OTHERS_SECRET: &str = "secret-of-someone-else";
/// A secret that the platform makes.
pub(crate) const MADE_THERE: &str = "secret-made-by-the-platform";
