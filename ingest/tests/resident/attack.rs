//! The clients: many that drip, many that send much at once, and one that behaves and is timed.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use ingest::sign;
use schemas::time::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{interval, sleep, timeout};

use super::child::{Server, source};

/// Answers by status; 0 is a connection that ended without one.
pub(crate) type Statuses = BTreeMap<u16, usize>;

const PATIENCE: Duration = Duration::from_mins(2);

/// How long a client that behaves waits between two webhooks.
const PACE: Duration = Duration::from_millis(10);

/// Times of answers.
pub(crate) struct Latency(Vec<Duration>);

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = |percent: usize| {
            sorted
                .get(sorted.len() * percent / 100)
                .or(sorted.last())
                .copied()
                .unwrap_or_default()
        };
        write!(
            f,
            "p50 {:?} p99 {:?} max {:?} of {}",
            at(50),
            at(99),
            at(100),
            sorted.len()
        )
    }
}

/// What became of an attack with drips.
pub(crate) struct Outcome {
    pub(crate) others: Latency,
    pub(crate) others_refused: usize,
    pub(crate) attackers: Statuses,
}

/// A signed message whose text is as long as asked.
fn webhook(text: usize) -> Vec<u8> {
    let source = source();
    let body = format!(
        r#"{{"event":"message_created","id":1,"content":"{}","conversation":{{"id":2}},"message_type":"incoming"}}"#,
        "x".repeat(text)
    );
    let request = sign(&source, &source.secrets[0], body, Timestamp::now(), "delivery-1").expect("signs");
    let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        format!("{name}: {}\r\n", value.to_str().expect("text"))
    };
    let headers: String = request.headers.iter().map(header).collect();
    let head = format!(
        "POST /in/chatwoot{} HTTP/1.1\r\nHost: h\r\n{headers}Content-Length: {}\r\n\r\n",
        request.path_suffix,
        request.body.len()
    );
    [head.as_bytes(), &request.body].concat()
}

async fn status(stream: &mut TcpStream) -> u16 {
    let mut head = [0; 12];
    match stream.read_exact(&mut head).await {
        Ok(_) => String::from_utf8_lossy(&head[9..]).parse().unwrap_or(0),
        Err(_) => 0,
    }
}

async fn exchange(server: &Server, request: &[u8]) -> u16 {
    let Ok(mut stream) = TcpStream::connect(server.address).await else {
        return 0;
    };
    // An answer may come before everything is sent.
    let _sent = stream.write_all(request).await;
    status(&mut stream).await
}

async fn timed(server: &Server, latency: &mut Latency, refused: &mut usize) {
    let request = webhook(2_000);
    let begun = Instant::now();
    if exchange(server, &request).await != 200 {
        *refused += 1;
    }
    latency.0.push(begun.elapsed());
}

/// One client, on its own.
pub(crate) async fn calm(server: &Server, webhooks: usize) -> Latency {
    let (mut latency, mut refused) = (Latency(Vec::new()), 0);
    let mut pace = interval(PACE);
    for _ in 0..webhooks {
        pace.tick().await;
        timed(server, &mut latency, &mut refused).await;
    }
    assert_eq!(refused, 0, "nothing is refused in calm weather");
    latency
}

/// Bodies of a megabyte, a byte a second, and one client that behaves.
pub(crate) async fn drip(server: &Server, connections: usize, lasting: Duration) -> Outcome {
    let mut attackers = Vec::new();
    for _ in 0..connections {
        let mut stream = TcpStream::connect(server.address).await.expect("it listens");
        let head = "POST /in/chatwoot HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n{";
        stream.write_all(head.as_bytes()).await.expect("open");
        attackers.push(stream);
    }
    let dripping = async {
        let end = Instant::now() + lasting;
        while Instant::now() < end {
            sleep(Duration::from_secs(1)).await;
            for stream in &attackers {
                // Those that were answered are closed, or will be.
                let _sent = stream.try_write(b" ");
            }
        }
    };
    let (mut others, mut others_refused) = (Latency(Vec::new()), 0);
    let behaving = async {
        let mut pace = interval(PACE);
        loop {
            pace.tick().await;
            timed(server, &mut others, &mut others_refused).await;
        }
    };
    tokio::select! {
        () = dripping => {}
        () = behaving => {}
    }
    let mut statuses = Statuses::new();
    for mut stream in attackers {
        let answer = timeout(Duration::from_millis(1), status(&mut stream))
            .await
            .unwrap_or(0);
        *statuses.entry(answer).or_default() += 1;
    }
    Outcome {
        others,
        others_refused,
        attackers: statuses,
    }
}

/// Signed webhooks of this size, all begun before the first is ended.
pub(crate) async fn send_at_once(server: &Server, webhooks: usize, bytes: usize) -> Statuses {
    let request: &[u8] = webhook(bytes).leak();
    let mut sending = tokio::task::JoinSet::new();
    let address = server.address;
    for _ in 0..webhooks {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream.write_all(&request[..1_000]).await.expect("open");
        sending.spawn(async move {
            let (mut reader, mut writer) = stream.split();
            let rest = writer.write_all(&request[1_000..]);
            let mut head = [0; 12];
            let answer = reader.read_exact(&mut head);
            let (_sent, read) = tokio::join!(rest, answer);
            match read {
                Ok(_) => String::from_utf8_lossy(&head[9..]).parse().unwrap_or(0),
                Err(_) => 0,
            }
        });
    }
    let mut statuses = Statuses::new();
    let all = async {
        while let Some(status) = sending.join_next().await {
            *statuses.entry(status.expect("no panic")).or_default() += 1;
        }
    };
    timeout(PATIENCE, all).await.expect("all are answered");
    statuses
}
