//! The same over HTTP/2, by prior knowledge as proxies speak it.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use ingest::Config;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::room::{PATIENCE, Room};

type Sender = SendRequest<Full<Bytes>>;

async fn connect(room: &Room) -> (Sender, JoinHandle<()>) {
    let stream = TcpStream::connect(room.address).await.expect("it listens");
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .expect("HTTP/2");
    let ended = tokio::spawn(async move {
        // How it ended is not the point; that it did is.
        let _ended = connection.await;
    });
    (sender, ended)
}

fn post(host: Option<&str>) -> Request<Full<Bytes>> {
    let mut request = Request::post("http://hooks.example/in/open");
    if let Some(host) = host {
        request = request.header("host", host);
    }
    request.body(Full::from("{}")).expect("a request")
}

#[tokio::test]
async fn webhooks_over_http2_keep_the_same_rules() {
    let room = Room::start(Config::default()).await;
    let (mut sender, _) = connect(&room).await;
    let mut answers = Vec::new();
    for _ in 0..50 {
        sender.ready().await.expect("open");
        answers.push(sender.send_request(post(None)));
    }
    for answer in answers {
        let answer = answer.await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(
            answer
                .into_body()
                .collect()
                .await
                .expect("a body")
                .to_bytes()
                .is_empty()
        );
    }
    assert_eq!(room.log.durable().len(), 50);
    for (host, expected) in [
        ("hooks.example", StatusCode::OK),
        ("evil.example", StatusCode::BAD_REQUEST),
    ] {
        let answer = sender.send_request(post(Some(host))).await.expect("an answer");
        assert_eq!(answer.status(), expected, "{host}");
    }
}

#[tokio::test]
async fn an_idle_http2_connection_ends_at_its_limit_and_at_shutdown() {
    let config = Config {
        idle_timeout_ms: 200,
        ..Config::default()
    };
    let room = Room::start(config).await;
    let (mut sender, ended) = connect(&room).await;
    let answer = sender.send_request(post(None)).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    timeout(PATIENCE, ended).await.expect("closed").expect("no panic");

    let room = Room::start(Config::default()).await;
    let (mut sender, ended) = connect(&room).await;
    sender.send_request(post(None)).await.expect("an answer");
    room.shutdown.cancel();
    timeout(PATIENCE, ended).await.expect("closed").expect("no panic");
    let drained = timeout(PATIENCE, room.serving)
        .await
        .expect("in time")
        .expect("no panic");
    assert_eq!(drained.connections_cut_off, 0);
}
