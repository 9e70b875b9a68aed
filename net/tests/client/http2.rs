//! HTTP/2: agreed on or not, shared by requests, and left when it goes away.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use harness::receiver::{Answer, Receiver};
use harness::until;
use http::{HeaderMap, Method, Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use net::client::{Client, Guard, Options, SendError, Settings};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{self, Instant};

use crate::frames::{Conduct, Peer};
use crate::stage::{Asked, PATIENCE, Script, TestProxy, client, secure, server_config, status, trusting};

/// A receiver of HTTP/2 that answers as many requests as it is let.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    in_flight: Arc<AtomicUsize>,
    answers: Arc<Semaphore>,
    seen: Arc<Mutex<Vec<Request<Bytes>>>>,
}

impl Server {
    async fn start(max_streams: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let server = Self {
            address: listener.local_addr().expect("bound"),
            connections: Arc::default(),
            in_flight: Arc::default(),
            answers: Arc::new(Semaphore::new(0)),
            seen: Arc::default(),
        };
        let acceptor = server_config(None, &[b"h2", b"http/1.1"]);
        let connections = Arc::clone(&server.connections);
        let shared = (
            Arc::clone(&server.in_flight),
            Arc::clone(&server.answers),
            Arc::clone(&server.seen),
        );
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("accept");
                connections.fetch_add(1, Ordering::SeqCst);
                let (acceptor, shared) = (acceptor.clone(), shared.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let service = service_fn(move |request| answer(request, shared.clone()));
                    let mut builder = http2::Builder::new(TokioExecutor::new());
                    builder.max_concurrent_streams(max_streams);
                    // A client that hangs up is no failure.
                    drop(builder.serve_connection(TokioIo::new(stream), service).await);
                });
            }
        });
        server
    }

    fn url(&self) -> String {
        format!("https://receiver.test:{}/hook?x=1", self.address.port())
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    async fn holds(&self, requests: usize) {
        let holds = || self.in_flight.load(Ordering::SeqCst) == requests;
        until(&format!("{requests} requests at once"), PATIENCE, holds).await;
    }
}

type State = (Arc<AtomicUsize>, Arc<Semaphore>, Arc<Mutex<Vec<Request<Bytes>>>>);

async fn answer(
    request: Request<Incoming>,
    (in_flight, answers, seen): State,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    in_flight.fetch_add(1, Ordering::SeqCst);
    answers.acquire().await.expect("open").forget();
    in_flight.fetch_sub(1, Ordering::SeqCst);
    seen.lock().expect("no panic").push(Request::from_parts(head, body));
    Ok(Response::new(Full::from("done")))
}

fn options() -> Options {
    Options {
        http2: true,
        ..trusting("ca.pem")
    }
}

fn local() -> Client {
    client(&Script::new(&[&["127.0.0.1"]]))
}

/// Begins so many requests.
fn begin(client: &Client, url: &str, count: usize) -> Vec<tokio::task::JoinHandle<Result<u16, SendError>>> {
    let one = |_| {
        let (client, url) = (client.clone(), url.to_owned());
        tokio::spawn(async move { status(&client, &url, &options()).await })
    };
    (0..count).map(one).collect()
}

#[tokio::test]
async fn many_requests_share_one_connection() {
    let server = Server::start(250).await;
    let client = local();
    let all = begin(&client, &server.url(), 50);
    server.holds(50).await;
    assert_eq!(server.connections(), 1, "and one only is made at the start");
    server.answers.add_permits(60);
    for one in all {
        assert_eq!(one.await.expect("no panic"), Ok(200));
    }
    assert_eq!(status(&client, &server.url(), &options()).await, Ok(200));
    assert_eq!(server.connections(), 1, "it was kept");
    assert_eq!(client.metrics().connections.get(), 1);
    let seen = server.seen.lock().expect("no panic");
    let request = &seen[0];
    assert_eq!(request.version(), Version::HTTP_2);
    assert_eq!(request.uri().to_string(), server.url());
    assert!(!request.headers().contains_key("host"), "the URL says it");
    assert!(
        request.headers()["user-agent"]
            .to_str()
            .expect("text")
            .starts_with("forebay/")
    );
    assert_eq!(request.body(), "{}");
}

#[tokio::test]
async fn a_connection_carries_no_more_than_its_peer_allows() {
    let server = Server::start(2).await;
    let client = local();
    server.answers.add_permits(1);
    assert_eq!(status(&client, &server.url(), &options()).await, Ok(200));
    let all = begin(&client, &server.url(), 10);
    server.holds(10).await;
    assert!((5..=6).contains(&server.connections()), "{}", server.connections());
    server.answers.add_permits(10);
    for one in all {
        assert_eq!(one.await.expect("no panic"), Ok(200));
    }
}

#[tokio::test]
async fn a_receiver_without_http2_is_spoken_to_as_ever() {
    let (secured, handshakes) = secure(None).await;
    let plain = Receiver::start([Answer::Status(200)]).await;
    let client = local();
    for _ in 0..3 {
        let url = format!("https://receiver.test:{}/hook", secured.address.port());
        assert_eq!(status(&client, &url, &options()).await, Ok(200));
        assert_eq!(status(&client, &plain.url(), &options()).await, Ok(200));
    }
    let all = begin(
        &client,
        &format!("https://receiver.test:{}/", secured.address.port()),
        10,
    );
    for one in all {
        assert_eq!(one.await.expect("no panic"), Ok(200));
    }
    assert!((1..=11).contains(&handshakes.load(Ordering::SeqCst)));
    assert_eq!(plain.connections(), 1);
    let seen = &secured.seen()[0];
    assert_eq!(seen.target, "/hook");
    assert_eq!(seen.header("host"), format!("receiver.test:{}", secured.address.port()));
}

#[tokio::test]
async fn who_does_not_ask_for_http2_does_not_get_it() {
    let server = Server::start(250).await;
    // This one speaks nothing else, whatever is agreed on.
    let error = status(&local(), &server.url(), &trusting("ca.pem")).await;
    assert!(
        matches!(error, Err(SendError::Protocol(_) | SendError::Network(_))),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_request_that_was_not_looked_at_moves_to_another_connection() {
    for conduct in [Conduct::Refuse, Conduct::GoAway] {
        let peer = Peer::start(&[conduct, Conduct::Answer]).await;
        let client = local();
        for _ in 0..3 {
            assert_eq!(status(&client, &peer.url(), &options()).await, Ok(200), "{conduct:?}");
        }
        assert_eq!(peer.requests(), [0, 1, 1, 1], "{conduct:?}");
    }
}

#[tokio::test]
async fn a_request_that_may_have_been_looked_at_is_sent_once() {
    let peer = Peer::start(&[Conduct::GoAwayAfter, Conduct::Answer]).await;
    let client = local();
    let error = status(&client, &peer.url(), &options()).await.expect_err("broken off");
    assert!(matches!(error, SendError::Network(_)), "{error}");
    assert_eq!(peer.requests(), [0]);
    assert_eq!(status(&client, &peer.url(), &options()).await, Ok(200));
}

#[tokio::test]
async fn a_peer_that_refuses_all_is_not_asked_for_ever() {
    let peer = Peer::start(&[Conduct::Refuse]).await;
    let error = status(&local(), &peer.url(), &options()).await.expect_err("refused");
    assert!(error.to_string().contains("refused stream"), "{error}");
    assert_eq!(peer.requests(), [0, 1, 2, 3]);
}

#[tokio::test]
async fn a_connection_on_which_time_ran_out_gets_no_more_requests() {
    let peer = Peer::start(&[Conduct::Silence, Conduct::Answer]).await;
    let client = local();
    let destination = client
        .destination_with(&peer.url().parse().expect("a URL"), &options())
        .expect("allowed");
    let limit = Duration::from_millis(200);
    let asked = client.request_to(Method::POST, &destination, HeaderMap::new(), Bytes::new(), limit);
    assert_eq!(asked.await.expect_err("silence"), SendError::Timeout(limit));
    assert_eq!(status(&client, &peer.url(), &options()).await, Ok(200));
    assert_eq!(peer.requests(), [0, 1]);
}

#[tokio::test]
async fn a_dead_connection_is_noticed_before_the_time_of_a_request_is_up() {
    let peer = Peer::start(&[Conduct::Silence]).await;
    let client = local();
    let destination = client
        .destination_with(&peer.url().parse().expect("a URL"), &options())
        .expect("allowed");
    let asking = tokio::spawn(async move {
        let hour = Duration::from_hours(1);
        client
            .request_to(Method::POST, &destination, HeaderMap::new(), Bytes::new(), hour)
            .await
    });
    until("the request", PATIENCE, || peer.requests().len() == 1).await;
    time::pause();
    let begun = Instant::now();
    let error = asking.await.expect("no panic").expect_err("dead");
    assert!(matches!(error, SendError::Network(_)), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(30), "after {:?}", begun.elapsed());
}

#[tokio::test]
async fn all_that_wait_for_a_connection_get_its_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!(
        "https://receiver.test:{}/",
        listener.local_addr().expect("bound").port()
    );
    let accepted = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&accepted);
    tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            held.push(listener.accept().await.expect("accept"));
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    // The first gives up before the others; the connection is made for them all the same.
    let client = local();
    let mut all = begin(&client, &url, 20);
    until("a connection", PATIENCE, || accepted.load(Ordering::SeqCst) == 1).await;
    all.remove(0).abort();
    for one in all {
        let error = one.await.expect("no panic").expect_err("no TLS");
        assert!(error.to_string().contains("no connection within"), "{error}");
    }
    assert_eq!(accepted.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_unused_connection_is_closed_in_time() {
    let server = Server::start(250).await;
    server.answers.add_permits(2);
    let settings = Settings {
        pool_idle: Duration::from_millis(50),
        ..Settings::default()
    };
    let client = Client::new(&settings, Guard::allow_all(), Script::new(&[&["127.0.0.1"]])).expect("a client");
    for expected in 1..=2 {
        assert_eq!(status(&client, &server.url(), &options()).await, Ok(200));
        assert_eq!(server.connections(), expected);
        until("its end", PATIENCE, || client.metrics().connections.get() == 0).await;
    }
}

#[tokio::test]
async fn whatever_becomes_of_its_requests_no_connection_is_left_behind() {
    let server = Server::start(10).await;
    let settings = Settings {
        pool_idle: Duration::from_millis(50),
        ..Settings::default()
    };
    let client = Client::new(&settings, Guard::allow_all(), Script::new(&[&["127.0.0.1"]])).expect("a client");
    for round in 0..4 {
        let all = begin(&client, &server.url(), 60);
        let some = || server.in_flight.load(Ordering::SeqCst) >= 10;
        until("requests under way", PATIENCE, some).await;
        for one in all.iter().skip(round).step_by(3) {
            one.abort();
        }
        server.answers.add_permits(60);
        for one in all {
            if let Ok(answered) = one.await {
                assert_eq!(answered, Ok(200));
            }
        }
    }
    until("their end", PATIENCE, || client.metrics().connections.get() == 0).await;
}

#[tokio::test]
async fn it_goes_through_a_proxy_and_other_options_do_not_share_it() {
    let server = Server::start(250).await;
    server.answers.add_permits(4);
    let proxy = TestProxy::start(&[Asked::Tunnel]).await;
    let client = local();
    let through = Options {
        proxy: proxy.options("").proxy,
        ..options()
    };
    for _ in 0..2 {
        assert_eq!(status(&client, &server.url(), &through).await, Ok(200));
        assert_eq!(status(&client, &server.url(), &options()).await, Ok(200));
    }
    assert_eq!((server.connections(), proxy.connections()), (2, 1));
}
