//! A18: malformed and ambiguous requests. One request, one answer, and nothing smuggled after it.

use ingest::Config;

use crate::room::Room;

async fn status(room: &Room, request: &[u8]) -> u16 {
    room.exchange(request).await.status
}

#[tokio::test]
async fn a_request_names_exactly_one_host() {
    let room = Room::start(Config::default()).await;
    let head = |lines: &str| format!("POST /in/open HTTP/1.1\r\n{lines}Content-Length: 2\r\n\r\n{{}}");
    for (lines, words) in [
        ("", "no Host"),
        ("Host: a\r\nHost: b\r\n", "more than one Host"),
        ("Host: a\r\nHost: a\r\n", "more than one Host"),
        ("Host:\r\n", "not a host"),
        ("Host: a, b\r\n", "not a host"),
        ("Host: a/b\r\n", "not a host"),
        ("Host: user@a\r\n", "not a host"),
    ] {
        room.exchange(head(lines)).await.assert_refused(400, words);
    }
    let absolute =
        |target: &str, host: &str| format!("POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n\r\n{{}}");
    for target in [
        "http://evil.example/in/open",
        "http://a:81/in/open",
        "http://user@a/in/open",
    ] {
        room.exchange(absolute(target, "a"))
            .await
            .assert_refused(400, "different hosts");
    }
    for (target, host) in [
        ("http://a/in/open", "a"),
        ("http://A:80/in/open", "a"),
        ("/in/open", "[::1]:8080"),
        ("/in/open", "hooks.example.com"),
    ] {
        assert_eq!(
            status(&room, absolute(target, host).as_bytes()).await,
            200,
            "{target} {host}"
        );
    }
    assert_eq!(room.log.durable().len(), 4);
}

#[tokio::test]
async fn malformed_framing_is_400_and_the_connection_ends() {
    let room = Room::start(Config::default()).await;
    let with = |lines: &str| format!("POST /in/open HTTP/1.1\r\nHost: h\r\n{lines}\r\n{{}}");
    for lines in [
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Content-Length: +2\r\n",
        "Content-Length: 0x2\r\n",
        "Content-Length: 2, 2\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length : 2\r\n",
        "X: a\r\n b\r\nContent-Length: 2\r\n",
        "X: a\0b\r\nContent-Length: 2\r\n",
        "X: a\rb\r\nContent-Length: 2\r\n",
        ": x\r\n",
    ] {
        let mut client = room.connect().await;
        client.send(with(lines)).await;
        assert_eq!(client.reply().await.status, 400, "{lines:?}");
        assert_eq!(client.maybe_reply().await, None, "{lines:?}: the connection is closed");
    }
    for request in [
        "POST /in/open HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /in/open HTTP/9.9\r\nHost: h\r\n\r\n",
        "nonsense\r\n\r\n",
        "POST /in/open HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        "POST /in/open HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    ] {
        assert_eq!(status(&room, request.as_bytes()).await, 400, "{request:?}");
    }
    assert_eq!(room.log.handed_over(), []);
}

#[tokio::test]
async fn length_and_chunks_together_are_one_request_and_the_last_on_its_connection() {
    // RFC 9112 §6.1: the chunks count, and the connection is closed after the answer, so that what a front-end might have
    // taken for a second request is never read.
    let room = Room::start(Config::default()).await;
    let second = "POST /in/open HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\nsmuggled";
    for lines in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
    ] {
        let before = room.log.durable().len();
        let mut client = room.connect().await;
        let first = format!("POST /in/open HTTP/1.1\r\nHost: h\r\n{lines}\r\n2\r\n{{}}\r\n0\r\n\r\n{second}");
        client.send(first).await;
        assert_eq!(client.reply().await.status, 200, "{lines:?}");
        assert_eq!(
            client.maybe_reply().await,
            None,
            "{lines:?}: closed, and the rest not read"
        );
        assert_eq!(room.log.durable().len(), before + 1);
    }
}

#[tokio::test]
async fn a_head_is_bounded() {
    let room = Room::start(Config::default()).await;
    let many = "X: y\r\n".repeat(100);
    let long = format!("X: {}\r\n", "y".repeat(64 * 1024));
    for lines in [many, long] {
        let request = format!("POST /in/open HTTP/1.1\r\nHost: h\r\n{lines}Content-Length: 0\r\n\r\n");
        let mut client = room.connect().await;
        // The answer may come, and the connection close, while the client still writes.
        let _sent = tokio::io::AsyncWriteExt::write_all(&mut client.stream, request.as_bytes()).await;
        assert!(client.maybe_reply().await.is_none_or(|reply| reply.status == 431));
    }
    assert_eq!(room.log.handed_over(), []);
}

#[tokio::test]
async fn requests_on_one_connection_are_answered_in_their_order() {
    let room = Room::start(Config::default()).await;
    let post = |path: &str, n: u32| format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n{n}");
    let mut client = room.connect().await;
    client
        .send([post("/in/open", 1), post("/in/no-one", 2), post("/in/open", 3)].concat())
        .await;
    let statuses = [
        client.reply().await.status,
        client.reply().await.status,
        client.reply().await.status,
    ];
    assert_eq!(statuses, [200, 404, 200]);
    let bodies: Vec<_> = room.log.events().iter().map(|event| event.raw().to_vec()).collect();
    assert_eq!(bodies, [b"1", b"3"]);
}

#[tokio::test]
async fn a_chunked_body_and_one_that_was_asked_for_are_read_whole() {
    let room = Room::start(Config::default()).await;
    let chunked = "POST /in/open HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
                   3;x=y\r\n{\"a\r\n4\r\n\":1}\r\n0\r\nX-Trailer: z\r\n\r\n";
    assert_eq!(status(&room, chunked.as_bytes()).await, 200);
    let mut client = room.connect().await;
    client
        .send("POST /in/open HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 7\r\n\r\n")
        .await;
    assert_eq!(client.reply().await.status, 100);
    client.send("{\"a\":1}").await;
    client.reply().await.assert_accepted();
    let bodies: Vec<_> = room.log.events().iter().map(|event| event.raw().to_vec()).collect();
    assert_eq!(bodies, [br#"{"a":1}"#, br#"{"a":1}"#]);
}
