//! Receivers for tests: one that follows a script and keeps what it got, and raw ones that break the rules of HTTP.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// What the receiver does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Status(u16),
    Header(u16, &'static str, String),
    Body(&'static [u8]),
    After(Duration, u16),
    Never,
}

/// A request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The status that was asked for this event, if one was.
    pub(crate) status: Option<u16>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).unwrap_or_else(|| panic!("no header `{name}`"));
        value.to_str().expect("text")
    }
}

/// Answers by its script, and with the last entry for ever.
#[derive(Debug, Clone)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    script: Mutex<VecDeque<Answer>>,
    /// Statuses that go before the script, by the event's id.
    statuses: Mutex<HashMap<String, u16>>,
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

impl Receiver {
    pub(crate) async fn start(script: impl IntoIterator<Item = Answer>) -> Self {
        Self::start_at("127.0.0.1:0", script).await
    }

    pub(crate) async fn start_at(address: &str, script: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let receiver = Self::new(listener.local_addr().expect("bound"), script);
        let state = Arc::clone(&receiver.state);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("accept");
                state.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(Arc::clone(&state).serve(stream));
            }
        });
        receiver
    }

    fn new(address: SocketAddr, script: impl IntoIterator<Item = Answer>) -> Self {
        let state = State {
            script: Mutex::new(script.into_iter().collect()),
            statuses: Mutex::default(),
            seen: Mutex::default(),
            connections: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
        };
        Self {
            address,
            state: Arc::new(state),
        }
    }

    /// A receiver that is handed its connections: `serve` is called for each.
    pub(crate) fn detached(address: SocketAddr, script: impl IntoIterator<Item = Answer>) -> Self {
        Self::new(address, script)
    }

    pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&self, stream: S) {
        Arc::clone(&self.state).serve(stream).await;
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook?x=1", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().expect("no panic").clone()
    }

    /// Answers the event `id` with this status from now on, and not by the script; `None` ends that.
    pub(crate) fn answer_with(&self, id: &str, status: Option<u16>) {
        let mut statuses = self.state.statuses.lock().expect("no panic");
        match status {
            Some(status) => drop(statuses.insert(id.to_owned(), status)),
            None => drop(statuses.remove(id)),
        }
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn most_in_flight(&self) -> usize {
        self.state.most_in_flight.load(Ordering::SeqCst)
    }
}

impl State {
    async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self: Arc<Self>, stream: S) {
        let service = service_fn(move |request| Arc::clone(&self).answer(request));
        // A client that hangs up is no failure of the receiver.
        drop(
            http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await,
        );
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let in_flight = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_in_flight.fetch_max(in_flight, Ordering::SeqCst);
        let (parts, body) = request.into_parts();
        let body = body.collect().await.expect("the body").to_bytes();
        let id = parts.headers.get("webhook-id").and_then(|id| id.to_str().ok());
        let status = id.and_then(|id| self.statuses.lock().expect("no panic").get(id).copied());
        self.seen.lock().expect("no panic").push(Seen {
            method: parts.method,
            target: parts.uri.to_string(),
            headers: parts.headers,
            body,
            status,
        });
        let answer = if let Some(status) = status {
            Some(Answer::Status(status))
        } else {
            let mut script = self.script.lock().expect("no panic");
            if script.len() > 1 {
                script.pop_front()
            } else {
                script.front().cloned()
            }
        };
        let response = Response::builder();
        let response = match answer.expect("a script") {
            Answer::Status(status) => response.status(status).body(Full::default()),
            Answer::Header(status, name, value) => response.status(status).header(name, value).body(Full::default()),
            Answer::Body(body) => response.body(Full::from(body)),
            Answer::After(delay, status) => {
                tokio::time::sleep(delay).await;
                response.status(status).body(Full::default())
            }
            Answer::Never => std::future::pending().await,
        };
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        Ok(response.expect("a response"))
    }
}

/// Calls `behave` for each connection once a whole request was read.
pub(crate) async fn raw<F: Future<Output = ()> + Send + 'static>(behave: fn(TcpStream) -> F) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/hook", listener.local_addr().expect("bound"));
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("accept");
            tokio::spawn(async move {
                let mut request = Vec::new();
                // All test events end so; see `stage::event`.
                while !request.ends_with(b"}}") {
                    if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                behave(stream).await;
            });
        }
    });
    url
}
