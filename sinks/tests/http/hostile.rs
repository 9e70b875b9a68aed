//! Receivers that hang, drip, flood and break the rules of HTTP (F48).

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::HeaderMap;
use schemas::sink::Outcome;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::stage::{Stage, endpoint, event, local, retry};
use harness::receiver::{Answer, Receiver, raw};

/// Delivers to `url` with a time limit of one second and says how it ended and how long it took.
async fn outcome_of(url: &str) -> (Outcome, Duration) {
    let mut crm = endpoint("crm", url);
    crm.timeout = Duration::from_secs(1);
    let started = Instant::now();
    let outcome = Stage::new([crm]).deliver_one("crm").await;
    (outcome, started.elapsed())
}

#[tokio::test]
async fn a_receiver_that_never_answers_costs_one_time_out() {
    let receiver = Receiver::start([Answer::Never]).await;
    let (outcome, took) = outcome_of(&receiver.url()).await;
    assert!(retry(&outcome).contains("no answer within 1s"), "{outcome:?}");
    assert!(
        took >= Duration::from_secs(1) && took < Duration::from_secs(4),
        "{took:?}"
    );
}

#[tokio::test]
async fn a_flood_of_interim_answers_costs_one_time_out() {
    async fn flood(mut stream: TcpStream) {
        while stream
            .write_all(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n")
            .await
            .is_ok()
        {
            tokio::task::yield_now().await;
        }
    }
    let (outcome, took) = outcome_of(&raw(flood).await).await;
    assert!(retry(&outcome).contains("no answer within"), "{outcome:?}");
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[tokio::test]
async fn a_body_that_drips_does_not_undo_the_status_and_ends_with_the_time_out() {
    async fn drip(mut stream: TcpStream) {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
        if stream.write_all(head).await.is_err() {
            return;
        }
        while stream.write_all(b".").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let (outcome, took) = outcome_of(&raw(drip).await).await;
    assert_eq!(outcome, Outcome::Delivered);
    assert!(took < Duration::from_secs(4), "{took:?}");
}

static SENT: AtomicUsize = AtomicUsize::new(0);

#[tokio::test]
async fn of_an_answer_of_a_gigabyte_only_the_beginning_is_read() {
    async fn flood(mut stream: TcpStream) {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n";
        stream.write_all(head).await.expect("room for the head");
        let block = vec![b'x'; 1 << 16];
        while SENT.load(Ordering::SeqCst) < 1 << 30 && stream.write_all(&block).await.is_ok() {
            SENT.fetch_add(block.len(), Ordering::SeqCst);
        }
    }
    let url = raw(flood).await;
    let (outcome, _) = outcome_of(&url).await;
    assert_eq!(outcome, Outcome::Delivered);
    let sent = SENT.load(Ordering::SeqCst);
    assert!(
        sent < 64 << 20,
        "{sent} bytes went through before the connection was closed"
    );

    let client = local().client().expect("a client");
    let url = url.parse().expect("a URL");
    let body = event("acme", "x").value().clone();
    let response = client
        .post(&url, HeaderMap::new(), body, Duration::from_secs(5))
        .await
        .expect("an answer");
    assert_eq!((response.body.len(), response.complete), (65_536, false));
}

#[tokio::test]
async fn a_compressed_answer_stays_compressed() {
    const GZIP: &[u8] = b"\x1f\x8b\x08\x00bomb";
    async fn bomb(mut stream: TcpStream) {
        let head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 8\r\n\r\n";
        stream.write_all(head).await.expect("room");
        stream.write_all(GZIP).await.expect("room");
    }
    let client = local().client().expect("a client");
    let url = raw(bomb).await.parse().expect("a URL");
    let body = event("acme", "x").value().clone();
    let response = client
        .post(&url, HeaderMap::new(), body, Duration::from_secs(5))
        .await
        .expect("an answer");
    assert_eq!((&response.body[..], response.complete), (GZIP, true));
}

#[tokio::test]
async fn answers_that_are_not_http_are_retried_with_their_class() {
    async fn ten_thousand_headers(mut stream: TcpStream) {
        let mut head = b"HTTP/1.1 200 OK\r\n".to_vec();
        for n in 0..10_000 {
            write!(head, "x-{n}: y\r\n").expect("memory");
        }
        head.extend_from_slice(b"content-length: 0\r\n\r\n");
        drop(stream.write_all(&head).await);
        // Wait for the other side, so that the answer is not lost in a reset.
        drop(stream.read_to_end(&mut Vec::new()).await);
    }
    async fn nonsense(mut stream: TcpStream) {
        drop(stream.write_all(b"220 mail.example.com ESMTP\r\n").await);
        drop(stream.read_to_end(&mut Vec::new()).await);
    }
    async fn reset(stream: TcpStream) {
        stream.set_zero_linger().expect("a socket");
    }
    async fn hang_up(stream: TcpStream) {
        drop(stream);
    }
    for (url, class) in [
        (raw(ten_thousand_headers).await, "protocol"),
        (raw(nonsense).await, "protocol"),
        (raw(reset).await, "network"),
        (raw(hang_up).await, "network"),
        ("http://127.0.0.1:1/closed".to_owned(), "connect"),
        ("http://no-such-name.invalid/".to_owned(), "dns"),
    ] {
        let stage = Stage::new([endpoint("crm", &url)]);
        let outcome = stage.deliver_one("crm").await;
        retry(&outcome);
        let line = format!(r#"forebay_sinks_http_attempts_total{{endpoint="crm",class="{class}"}} 1"#);
        assert!(stage.metrics().contains(&line), "{outcome:?}: {}", stage.metrics());
    }
}
