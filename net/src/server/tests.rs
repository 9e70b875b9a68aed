use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;

use http_body_util::Full;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

/// Answers each request with the address of its client.
#[derive(Debug, Clone)]
struct Mirror;

impl HttpService for Mirror {
    type Body = Full<Bytes>;
    type Error = Infallible;
    type Responding = Ready<Result<Response<Full<Bytes>>, Infallible>>;

    fn respond(&self, request: Request<Incoming>) -> Self::Responding {
        let peer: Option<&Peer> = request.extensions().get();
        let text = peer.map_or_else(|| "nobody".to_owned(), |Peer(address)| address.to_string());
        ready(Ok(Response::new(Full::from(text))))
    }
}

/// Starts a server; with proxies, it expects the PROXY protocol from them.
async fn start(proxies: Option<&str>) -> (SocketAddr, Metrics) {
    let settings = Settings {
        max_connections: 100,
        max_connections_per_ip: None,
        proxy_protocol: proxies.map(|text| TrustedProxies::parse(&[text.to_owned()]).expect("a network")),
        max_header_bytes: 8192,
        first_byte_timeout: Duration::from_secs(20),
        header_timeout: Duration::from_secs(20),
        idle_timeout: Duration::from_secs(20),
        write_timeout: Duration::from_secs(20),
        drain_timeout: Duration::from_secs(1),
    };
    let metrics = Metrics::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let counted = metrics.clone();
    tokio::spawn(async move {
        serve(
            Mirror,
            &settings,
            counted,
            listener,
            CancellationToken::new(),
            &TaskTracker::new(),
        )
        .await
    });
    (address, metrics)
}

/// Everything that is answered to these bytes until the connection ends.
async fn answered(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    // The server may answer and close while it is written to.
    let _sent = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _whole = timeout(Duration::from_secs(20), stream.read_to_end(&mut answer))
        .await
        .expect("an end, in time");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Waits until all connections have ended, and so many of them for that reason.
async fn ended(metrics: &Metrics, reason: &'static str, expected: u64) {
    let count = || metrics.malformed.get_or_create(&ByReason { reason }).get();
    let waiting = async {
        while metrics.connections.get() > 0 || count() < expected {
            sleep(Duration::from_millis(5)).await;
        }
    };
    let _in_time = timeout(Duration::from_secs(20), waiting).await;
    assert_eq!(count(), expected, "{reason}");
}

const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn what_the_http_library_refuses_is_counted_and_what_clients_break_off_is_not() {
    let (address, metrics) = start(None).await;
    assert!(answered(address, GET.as_bytes()).await.ends_with("127.0.0.1"));
    drop(TcpStream::connect(address).await.expect("it listens"));
    ended(&metrics, "not_http", 0).await;

    let many = format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "X: y\r\n".repeat(HEADERS + 1));
    for (request, status, reason, count) in [
        ("nonsense\r\n\r\n", "HTTP/1.1 400", "not_http", 1),
        ("GET / HTTP/1.1\r\nHost : h\r\n\r\n", "HTTP/1.1 400", "not_http", 2),
        (many.as_str(), "HTTP/1.1 431", "head_too_large", 1),
        ("\u{16}\u{3}\u{1}\u{2}", "HTTP/1.1 400", "not_http", 3),
    ] {
        let answer = answered(address, request.as_bytes()).await;
        assert!(answer.starts_with(status), "{request:?}: {answer}");
        ended(&metrics, reason, count).await;
    }
}

#[tokio::test]
async fn the_client_is_the_one_that_a_trusted_proxy_names() {
    let (address, metrics) = start(Some("127.0.0.0/8")).await;
    for (header, client) in [
        (&b"PROXY TCP4 198.51.100.1 10.0.0.1 4711 80\r\n"[..], "198.51.100.1"),
        (b"PROXY TCP6 2001:db8::5 fd00::1 4711 80\r\n", "2001:db8::5"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", "127.0.0.1"),
        (
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x01\x0a\0\0\x01\0\0\0\0",
            "198.51.100.1",
        ),
    ] {
        let answer = answered(address, &[header, GET.as_bytes()].concat()).await;
        assert!(
            answer.starts_with("HTTP/1.1 200"),
            "{}: {answer}",
            header.escape_ascii()
        );
        assert!(answer.ends_with(client), "{}: {answer}", header.escape_ascii());
    }
    drop(TcpStream::connect(address).await.expect("it listens"));
    ended(&metrics, "no_proxy_header", 0).await;
    assert_eq!(answered(address, GET.as_bytes()).await, "", "closed without an answer");
    ended(&metrics, "no_proxy_header", 1).await;

    let (elsewhere, metrics) = start(Some("192.0.2.0/24")).await;
    let header = format!("PROXY TCP4 198.51.100.1 10.0.0.1 4711 80\r\n{GET}");
    assert_eq!(
        answered(elsewhere, header.as_bytes()).await,
        "",
        "not from a trusted proxy"
    );
    ended(&metrics, "no_proxy_header", 1).await;
}
