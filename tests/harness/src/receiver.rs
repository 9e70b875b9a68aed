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
pub enum Answer {
    /// This status, without a body.
    Status(u16),
    /// This status with one header.
    Header(u16, &'static str, String),
    /// 200 with a body.
    Body(&'static [u8]),
    /// This status with a body.
    StatusBody(u16, &'static [u8]),
    /// This status after a pause.
    After(Duration, u16),
    /// No response; the connection stays open.
    Never,
}

/// A request as it came in.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// What the script had for it.
    pub answer: Answer,
    /// The status that was asked for this event, if one was.
    pub status: Option<u16>,
}

impl Seen {
    /// The value of a header, which must be present and be text.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).unwrap_or_else(|| panic!("no header `{name}`"));
        value.to_str().expect("text")
    }
}

/// Answers by its script, and with the last entry for ever.
#[derive(Debug, Clone)]
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
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
    /// Listens on a free port.
    pub async fn start(script: impl IntoIterator<Item = Answer>) -> Self {
        Self::start_at("127.0.0.1:0", script).await
    }

    /// Listens on that address.
    pub async fn start_at(address: &str, script: impl IntoIterator<Item = Answer>) -> Self {
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
    pub fn detached(address: SocketAddr, script: impl IntoIterator<Item = Answer>) -> Self {
        Self::new(address, script)
    }

    /// Serves one connection until it ends.
    pub async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&self, stream: S) {
        Arc::clone(&self.state).serve(stream).await;
    }

    /// A URL of it, with a query.
    pub fn url(&self) -> String {
        format!("http://{}/hook?x=1", self.address)
    }

    /// The requests so far, in the order in which they came in.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().expect("no panic").clone()
    }

    /// Answers the event `id` with this status from now on, and not by the script; `None` ends that.
    pub fn answer_with(&self, id: &str, status: Option<u16>) {
        let mut statuses = self.state.statuses.lock().expect("no panic");
        match status {
            Some(status) => drop(statuses.insert(id.to_owned(), status)),
            None => drop(statuses.remove(id)),
        }
    }

    /// How many connections it has accepted.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// The largest number of requests that were in progress at once.
    pub fn most_in_flight(&self) -> usize {
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
        let answer = answer.expect("a script");
        self.seen.lock().expect("no panic").push(Seen {
            method: parts.method,
            target: parts.uri.to_string(),
            headers: parts.headers,
            body,
            status,
            answer: answer.clone(),
        });
        let response = Response::builder();
        let response = match answer {
            Answer::Status(status) => response.status(status).body(Full::default()),
            Answer::Header(status, name, value) => response.status(status).header(name, value).body(Full::default()),
            Answer::Body(body) => response.body(Full::from(body)),
            Answer::StatusBody(status, body) => response.status(status).body(Full::from(body)),
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
pub async fn raw<F: Future<Output = ()> + Send + 'static>(behave: fn(TcpStream) -> F) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/hook", listener.local_addr().expect("bound"));
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("accept");
            tokio::spawn(async move {
                let mut request = Vec::new();
                // All events of these tests end so.
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
