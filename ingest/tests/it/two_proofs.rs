//! Sources that ask for two proofs, on the wire: a wrong path is a source that does not exist, whatever the other proof is.

use std::time::{Duration, Instant};

use ingest::Config;

use crate::room::{OLD_URL_SECRET, Room, signed};

const IN_PATH: &str = "/new%2Fsecret%20of%20the%20path";
const BAILEYS: &str = r#"{"event":"connection.update","data":{"connection":"open"}}"#;
const SOURCES: [(&str, &str); 2] = [("two-chatwoot", "{}"), ("two-baileys", BAILEYS)];

/// Right in both proofs.
fn good(source: &str, body: &str) -> String {
    let request = String::from_utf8(signed(source, body)).expect("text");
    assert!(
        request.starts_with(&format!("POST /in/{source}{IN_PATH} ")),
        "{request}"
    );
    request
}

/// The same with another proof than the one in the path, of the same length.
fn forged(request: &str) -> String {
    let forged = request
        .replace("sha256=", "sha256=0000")
        .replace("verify-token-exemplo", "verify-token-exempla");
    assert_ne!(forged, request);
    forged
}

/// The answer as it came, all bytes but for the clock's.
async fn bytes(room: &Room, request: &str) -> String {
    let request = request.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    let mut client = room.connect().await;
    client.send(request).await;
    let mut answer = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut client.stream, &mut answer)
        .await
        .expect("an answer");
    let text = String::from_utf8(answer).expect("text");
    assert!(text.starts_with("HTTP/1.1 "), "{text}");
    text.lines()
        .filter(|line| !line.starts_with("date:"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn both_right_is_200_and_during_a_rotation_the_old_path_too() {
    let room = Room::start(Config::default()).await;
    for (source, body) in SOURCES {
        let new = good(source, body);
        let old = new.replace(IN_PATH, &format!("/{OLD_URL_SECRET}"));
        let suffixed = new.replace(IN_PATH, &format!("{IN_PATH}/messages-upsert"));
        for request in [&new, &old, &suffixed] {
            room.exchange(request).await.assert_accepted();
        }
        let metrics = room.metrics();
        for line in [
            format!("forebay_ingest_verified_total{{source=\"{source}\",secret=\"0\"}} 3"),
            format!("forebay_ingest_verified_url_secrets_total{{source=\"{source}\",secret=\"0\"}} 2"),
            format!("forebay_ingest_verified_url_secrets_total{{source=\"{source}\",secret=\"1\"}} 1"),
        ] {
            assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
        }
    }
    for event in room.log.events() {
        let text = String::from_utf8_lossy(event.value()).into_owned();
        assert!(!text.contains("secret") && !text.contains("verify-token"), "{text}");
    }
}

#[tokio::test]
async fn a_wrong_path_is_answered_byte_for_byte_as_a_source_that_is_not_there() {
    let room = Room::start(Config::default()).await;
    for (source, body) in SOURCES {
        let good = good(source, body);
        let unknown = bytes(&room, &good.replace(source, "two-no-one00")).await;
        assert!(unknown.starts_with("HTTP/1.1 404 Not Found\n"), "{unknown}");
        for path in [
            "",
            "/",
            "/wrong",
            "/new%2Fsecret%20of%20the%20pat",
            "/new/secret%20of%20the%20path",
            "//x",
            "/cw-secret-exemplo",
        ] {
            for request in [good.clone(), forged(&good)] {
                for method in ["POST", "GET", "PUT", "OPTIONS"] {
                    let request = request.replace(IN_PATH, path).replacen("POST", method, 1);
                    assert_eq!(bytes(&room, &request).await, unknown, "{method} {path}");
                }
            }
        }
        let wrong = forged(&good);
        room.exchange(&wrong).await.assert_refused(401, "unauthorized");
        let metrics = room.metrics();
        for (reason, count) in [
            ("not_found", 56),
            (if body == BAILEYS { "no_match" } else { "malformed" }, 1),
        ] {
            let line = format!("forebay_ingest_refused_total{{source=\"{source}\",reason=\"{reason}\"}} {count}");
            assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
        }
    }
    assert_eq!(room.log.handed_over(), []);
}

#[tokio::test]
async fn a_wrong_path_is_refused_before_the_body_is_looked_at() {
    let room = Room::start(Config::default()).await;
    for source in ["two-chatwoot", "two-baileys", "two-no-one00"] {
        let head = |path: &str, length: usize| {
            format!(
                "POST /in/{source}{path} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
            )
        };
        // Larger than the source may send, compressed, never sent: nothing of it is asked for.
        for request in [
            head("/wrong", 10_000_000),
            head("/wrong", 2),
            head("", 2).replace("Expect", "Content-Encoding: gzip\r\nExpect"),
        ] {
            room.exchange(request).await.assert_refused(404, "ingest URL");
        }
    }
}

#[tokio::test]
async fn a_handshake_is_answered_under_the_right_path_only() {
    let room = Room::start(Config::default()).await;
    let ask = |path: &str, token: &str| {
        let query = format!("?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}");
        format!("GET /in/two-whatsapp{path}{query} HTTP/1.1\r\nHost: h\r\n\r\n")
    };
    let reply = room.exchange(ask(IN_PATH, "metas%20token")).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "1158201444"));
    room.exchange(ask(IN_PATH, "another"))
        .await
        .assert_refused(403, "verify token");
    let unknown = bytes(
        &room,
        &ask(IN_PATH, "metas%20token").replace("two-whatsapp", "two-no-one"),
    )
    .await;
    for path in ["", "/wrong"] {
        for token in ["metas%20token", "another"] {
            assert_eq!(bytes(&room, &ask(path, token)).await, unknown, "{path} {token}");
        }
    }
}

/// Not a proof that nothing can be measured, but a net against the gross: reading or hashing a body before the path is looked at
/// would take many times as long as the rest of the exchange.
#[tokio::test]
async fn a_wrong_path_takes_no_longer_with_one_proof_than_with_another_or_without_a_source() {
    let room = Room::start(Config::default()).await;
    let body = format!("{{\"x\":\"{}\"}}", "y".repeat(15_000));
    let right = good("two-chatwoot", &body).replace(IN_PATH, "/wrong");
    let wrong = forged(&right);
    let unknown = right.replace("two-chatwoot", "two-no-one00");
    let requests = [right, wrong, unknown];
    let mut least = [Duration::MAX; 3];
    for round in 0..60 {
        for turn in 0..3 {
            // Whose turn comes first changes, so that none always pays for what warms up.
            let which = (turn + round) % 3;
            let begun = Instant::now();
            room.exchange(&requests[which]).await.assert_refused(404, "ingest URL");
            least[which] = least[which].min(begun.elapsed());
        }
    }
    let (shortest, longest) = (least.iter().min().expect("three"), least.iter().max().expect("three"));
    assert!(*longest < *shortest * 3, "{least:?}");
}
