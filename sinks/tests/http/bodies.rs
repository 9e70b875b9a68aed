//! An answer's head decides: what becomes of its body holds up no one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use schemas::sink::{Outcome, Sink as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::stage::{Stage, conversations, endpoint};
use harness::receiver::{Answer, Receiver};

/// How a receiver sends the body of its 200.
#[derive(Debug, Clone, Copy)]
enum Body {
    /// A byte now and then, for ten seconds.
    Drip,
    /// All at once, but later than the head.
    Late(Duration),
}

#[derive(Debug, Default)]
struct Counts {
    connections: AtomicUsize,
    open: AtomicUsize,
    requests: AtomicUsize,
}

async fn receiver(body: Body) -> (String, Arc<Counts>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/hook", listener.local_addr().expect("bound"));
    let counts = Arc::new(Counts::default());
    let shared = Arc::clone(&counts);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("accept");
            let counts = Arc::clone(&shared);
            counts.connections.fetch_add(1, Ordering::SeqCst);
            counts.open.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut request = Vec::new();
                'connection: loop {
                    // All test events end so; see `stage::event`.
                    while !request.ends_with(b"}}") {
                        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                            break 'connection;
                        }
                    }
                    request.clear();
                    counts.requests.fetch_add(1, Ordering::SeqCst);
                    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n";
                    if stream.write_all(head).await.is_err() {
                        break;
                    }
                    match body {
                        Body::Drip => {
                            for _ in 0..500 {
                                if stream.write_all(b".").await.is_err() {
                                    break 'connection;
                                }
                                tokio::time::sleep(Duration::from_millis(20)).await;
                            }
                            break;
                        }
                        Body::Late(wait) => {
                            tokio::time::sleep(wait).await;
                            if stream.write_all(&[b'x'; 1000]).await.is_err() {
                                break;
                            }
                        }
                    }
                }
                counts.open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    (url, counts)
}

async fn eventually(what: &str, holds: impl FnMut() -> bool) {
    harness::until(what, Duration::from_secs(8), holds).await;
}

#[tokio::test]
async fn a_body_that_drips_holds_up_neither_its_endpoint_nor_another() {
    let (url, counts) = receiver(Body::Drip).await;
    let other = Receiver::start([Answer::Status(200)]).await;
    let mut drip = endpoint("drip", &url);
    drip.concurrency = 1;
    let stage = Stage::new([drip, endpoint("other", &other.url())]);
    let started = Instant::now();
    let batch = conversations(&[("drip", 1), ("drip", 1), ("drip", 2), ("other", 1), ("other", 1)]);
    let outcomes = stage.sink.deliver(&batch).await.expect("available");
    let took = started.elapsed();
    assert!(outcomes.iter().all(|o| *o == Outcome::Delivered), "{outcomes:?}");
    assert!(took < Duration::from_secs(2), "the batch took {took:?}");
    assert_eq!(counts.requests.load(Ordering::SeqCst), 3);
    eventually("the dripping connections are closed long before their end", || {
        counts.open.load(Ordering::SeqCst) == 0
    })
    .await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_body_that_comes_a_little_late_leaves_its_connection_to_the_next_delivery() {
    let (url, counts) = receiver(Body::Late(Duration::from_millis(500))).await;
    let stage = Stage::new([endpoint("crm", &url)]);
    for _ in 0..3 {
        let started = Instant::now();
        assert_eq!(stage.deliver_one("crm").await, Outcome::Delivered);
        assert!(
            started.elapsed() < Duration::from_millis(450),
            "{:?}",
            started.elapsed()
        );
        let read = || stage.metrics().contains("forebay_sinks_http_bodies_aside 0");
        assert!(!read(), "its body is read aside");
        eventually("its body has been read", read).await;
    }
    assert_eq!(counts.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn ordinary_answers_are_read_before_the_next_delivery_so_one_connection_does() {
    for answer in [Answer::Body(&[b'x'; 16_000]), Answer::Status(204)] {
        let other = Receiver::start([answer]).await;
        let mut crm = endpoint("crm", &other.url());
        crm.concurrency = 1;
        let stage = Stage::new([crm]);
        let outcomes = stage.deliver(&["crm"; 50]).await;
        assert!(outcomes.iter().all(|o| *o == Outcome::Delivered), "{outcomes:?}");
        assert_eq!(other.connections(), 1);
    }
}

#[tokio::test]
async fn no_body_is_read_once_the_sink_is_gone() {
    let (url, counts) = receiver(Body::Drip).await;
    let stage = Stage::new([endpoint("crm", &url)]);
    assert_eq!(stage.deliver_one("crm").await, Outcome::Delivered);
    assert_eq!(counts.open.load(Ordering::SeqCst), 1, "the body is being read");
    let dropped = Instant::now();
    drop(stage);
    eventually("the connection is closed", || counts.open.load(Ordering::SeqCst) == 0).await;
    assert!(
        dropped.elapsed() < Duration::from_millis(900),
        "{:?}",
        dropped.elapsed()
    );
}
