//! The status table of the design, row by row.

use ingest::Config;
use schemas::time::Timestamp;

use crate::room::{Room, signed, signed_at};
use harness::publish_log::Mode;

fn payload(name: &str) -> Vec<u8> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/samples");
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[tokio::test]
async fn durable_is_200_with_an_empty_body_for_every_platform() {
    let room = Room::start(Config::default()).await;
    for (source, file) in [
        ("chatwoot", "chatwoot/message_created.incoming.json"),
        ("header", "chatwoot/message_created.incoming.json"),
        ("query", "chatwoot/message_created.incoming.json"),
        ("digisac", "digisac/message.created.json"),
        ("baileys", "baileys/messages.upsert.text.json"),
    ] {
        let before = room.log.durable().len();
        room.exchange(signed(source, payload(file))).await.assert_accepted();
        let events = room.log.events().split_off(before);
        assert_eq!(events.len(), 1, "{source}");
        assert_eq!(events[0].event_type().as_str(), "message.created", "{source}");
        assert_eq!(events[0].attributes.source, format!("/acme/{source}"));
        assert!(
            !events[0].value().windows(12).any(|bytes| bytes == b"verify-token"),
            "{source}"
        );
    }
    let body = r#"{"type":"invoice.paid","timestamp":"2026-03-10T13:36:50Z","data":{"id":9007199254740993}}"#;
    room.exchange(signed("standard", body)).await.assert_accepted();
    let event = room.log.events().pop().expect("published");
    assert_eq!(event.event_type().as_str(), "invoice.paid");
    assert_eq!(event.raw(), body.as_bytes(), "verbatim");
    let metrics = room.metrics();
    for line in [
        r#"forebay_ingest_published_total{source="standard",family="foreign"} 1"#,
        r#"forebay_ingest_published_total{source="digisac",family="message"} 1"#,
        r#"forebay_ingest_verified_total{source="chatwoot",secret="0"} 1"#,
        r#"forebay_ingest_answered_total{source="chatwoot",class="2xx"} 1"#,
        "forebay_ingest_in_flight 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test]
async fn a_test_call_is_200_and_publishes_nothing() {
    let room = Room::start(Config::default()).await;
    let reply = room
        .exchange(signed("digisac", payload("digisac/test_ping.json")))
        .await;
    assert_eq!((reply.status, reply.body.as_str()), (200, ""));
    assert_eq!(room.log.handed_over(), []);
}

#[tokio::test]
async fn authentic_but_unreadable_is_200_and_kept_as_unmapped() {
    let room = Room::start(Config::default()).await;
    let deep = "[".repeat(10_000);
    let bodies: [&[u8]; 7] = [
        b"",
        b"\0",
        b"\xff\xfe{",
        b"{\"event\":\"\xc3\x28\"}",
        deep.as_bytes(),
        b"{\"event\":\"no-one.knows\",\"data\":{}}",
        b"{\"event\":\"message_created\",\"content\":\"\\u0000\\ud800\"",
    ];
    for body in bodies {
        room.exchange(signed("chatwoot", body)).await.assert_accepted();
        let event = room.log.events().pop().expect("published");
        assert_eq!(event.event_type().as_str(), "unmapped");
        assert_eq!(event.raw(), body, "kept as it came");
    }
    assert_eq!(room.log.durable().len(), bodies.len());
}

#[tokio::test]
async fn no_such_source_and_a_wrong_secret_in_the_path_are_the_same_404() {
    let room = Room::start(Config::default()).await;
    let post = |path: &str| format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{{}}");
    let unknown = room.exchange(post("/in/no-one")).await;
    unknown.assert_refused(404, "ingest URL");
    for path in [
        "/in/no-one/url%2Fsecret%2B1",
        "/in/digisac",
        "/in/digisac/",
        "/in/digisac/wrong",
        "/in/digisac/url%2Fsecret%2B1x",
        "/in/digisac/x/url%2Fsecret%2B1",
        "/in/digisac//url%2Fsecret%2B1",
        "/in/digisac?url%2Fsecret%2B1",
        "/in/Digisac/url%2Fsecret%2B1",
        "/in/..%2Fdigisac/url%2Fsecret%2B1",
        "/in/",
        "/in",
        "/",
        "/IN/chatwoot",
        "/in//chatwoot",
        "/metrics",
    ] {
        let reply = room.exchange(post(path)).await;
        reply.assert_refused(404, "ingest URL");
        assert_eq!(reply.body, unknown.body, "{path}");
    }
    for path in [
        "/in/digisac/url%2Fsecret%2B1",
        "/in/digisac/url%2fsecret+1/messages-upsert/",
        "/in/open/",
        "/in/open/x/y",
    ] {
        assert_eq!(room.exchange(post(path)).await.status, 200, "{path}");
    }
    assert_eq!(room.log.durable().len(), 4);
}

#[tokio::test]
async fn without_proof_it_is_401_and_nothing_is_published() {
    let room = Room::start(Config::default()).await;
    let good = String::from_utf8(signed("chatwoot", "{}")).expect("text");
    let minutes_ago = |minutes: i64| {
        let then = Timestamp::from_millis(Timestamp::now().millis() - minutes * 60_000);
        String::from_utf8(signed_at("chatwoot", "{}", then.expect("in range"))).expect("text")
    };
    let header_line = |name: &str| {
        good.lines()
            .find(|line| line.starts_with(name))
            .expect("there")
            .to_owned()
    };
    let signature = header_line("x-chatwoot-signature");
    for (request, why) in [
        (
            "POST /in/chatwoot HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}".to_owned(),
            "no headers",
        ),
        (good.replace("{}", "[]"), "another body"),
        (good.replace("/in/chatwoot", "/in/header"), "another source"),
        (
            good.replace(&signature, &format!("{signature}\r\n{signature}")),
            "two signatures",
        ),
        (good.replace("sha256=", "sha1="), "another algorithm"),
        (minutes_ago(6), "a replay after the window"),
        (minutes_ago(-6), "from the future"),
        (
            "POST /in/header HTTP/1.1\r\nHost: h\r\nX-Token: wrong\r\nContent-Length: 2\r\n\r\n{}".to_owned(),
            "a wrong token",
        ),
        (
            "POST /in/query?token= HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}".to_owned(),
            "an empty token",
        ),
        (
            "POST /in/baileys HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}".to_owned(),
            "no token in the body",
        ),
        (
            "POST /in/baileys HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{\0".to_owned(),
            "no JSON to hold a token",
        ),
    ] {
        let reply = room.exchange(request).await;
        reply.assert_refused(401, "unauthorized");
        assert_eq!(
            reply.body, r#"{"error":"unauthorized"}"#,
            "{why}: the client learns no reason"
        );
    }
    assert_eq!(room.log.handed_over(), []);
    let metrics = room.metrics();
    assert!(
        metrics.contains(r#"refused_total{source="chatwoot",reason="outside_tolerance"} 2"#),
        "{metrics}"
    );
    assert!(
        metrics.contains(r#"refused_total{source="chatwoot",reason="missing"} 1"#),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_source_without_a_secret_lets_no_one_in() {
    let room = Room::start(Config::default()).await;
    let request = "POST /in/broken HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}";
    room.exchange(request).await.assert_refused(503, "not in use");
    assert_eq!(room.log.handed_over(), []);
}

#[tokio::test]
async fn too_large_is_413_by_its_length_while_it_comes_and_by_the_log() {
    let room = Room::start(Config::default()).await;
    let fits = format!("\"{}\"", "x".repeat(19_998));
    room.exchange(signed("open", &fits)).await.assert_accepted();
    let over = format!("{fits} ");
    room.exchange(signed("open", &over))
        .await
        .assert_refused(413, "20000 bytes");

    // Refused on sight, when the sender asks first.
    let ask = "POST /in/open HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n";
    let mut client = room.connect().await;
    client.send(ask).await;
    client.reply().await.assert_refused(413, "20000 bytes");

    let mut chunked = b"POST /in/open HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..30 {
        chunked.extend_from_slice(b"400\r\n");
        chunked.extend_from_slice(&[b'x'; 0x400]);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    room.exchange(&chunked).await.assert_refused(413, "20000 bytes");

    room.log.set(Mode::AtMost(10_000));
    room.exchange(signed("open", &fits))
        .await
        .assert_refused(413, "10000 bytes");
    assert_eq!(room.log.durable().len(), 1);
}

#[tokio::test]
async fn a_compressed_body_is_415() {
    let room = Room::start(Config::default()).await;
    let request = |encoding: &str| {
        format!("POST /in/open HTTP/1.1\r\nHost: h\r\nContent-Encoding: {encoding}\r\nContent-Length: 2\r\n\r\n{{}}")
    };
    for encoding in [
        "gzip",
        "zstd",
        "br",
        "identity, gzip",
        "x",
        "gzip\r\nContent-Encoding: identity",
    ] {
        room.exchange(request(encoding))
            .await
            .assert_refused(415, "uncompressed");
    }
    room.exchange(request("Identity")).await.assert_accepted();
    assert_eq!(room.log.durable().len(), 1);
}

#[tokio::test]
async fn other_methods_are_405_and_never_a_redirect() {
    let room = Room::start(Config::default()).await;
    for method in ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
        for path in ["/in/chatwoot", "/in/chatwoot/", "/in/digisac/url%2Fsecret+1/y"] {
            let reply = room
                .exchange(format!("{method} {path} HTTP/1.1\r\nHost: h\r\n\r\n"))
                .await;
            reply.assert_refused(405, "POST");
            assert_eq!(reply.header("allow"), Some("POST"));
        }
        for path in ["/in/digisac/x/y", "/in/no-one"] {
            let reply = room
                .exchange(format!("{method} {path} HTTP/1.1\r\nHost: h\r\n\r\n"))
                .await;
            reply.assert_refused(404, "no webhook address");
        }
    }
    let mut client = room.connect().await;
    client
        .send("HEAD /in/chatwoot HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        .await;
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut client.stream, &mut answer)
        .await
        .expect("text");
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
}
