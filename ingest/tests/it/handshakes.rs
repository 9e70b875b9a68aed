//! What platforms ask before they send, and that each gets the answer that it asks for, over HTTP.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use ingest::Config;

use crate::room::{Reply, Room, SECRET, signed};

async fn ask(room: &Room, method: &str, target: &str, headers: &str) -> Reply {
    room.exchange(format!("{method} {target} HTTP/1.1\r\nHost: h\r\n{headers}\r\n"))
        .await
}

fn assert_text(reply: &Reply, text: &str) {
    assert_eq!((reply.status, reply.body.as_str()), (200, text), "{reply:?}");
    let content_type = reply.header("content-type").unwrap_or_default();
    assert!(content_type.starts_with("text/plain"), "{reply:?}");
    assert_eq!(
        reply.header("x-content-type-options"),
        Some("nosniff"),
        "what we repeat is no page: {reply:?}"
    );
}

#[tokio::test]
async fn web1on1_gets_its_challenge_back() {
    let room = Room::start(Config::default()).await;
    let challenge = "%3Cb%3E1%2B2%3C/b%3E";
    let reply = ask(
        &room,
        "GET",
        &format!("/in/web1on1?type=subscribe&challenge={challenge}"),
        "",
    )
    .await;
    assert_text(&reply, "<b>1+2</b>");
    for query in ["", "?type=subscribe", "?challenge=x", "?type=unsubscribe&challenge=x"] {
        ask(&room, "GET", &format!("/in/web1on1{query}"), "")
            .await
            .assert_refused(403, "verify token");
    }
}

#[tokio::test]
async fn meta_gets_its_challenge_back_only_for_the_verify_token() {
    let room = Room::start(Config::default()).await;
    let query = |token: &str| format!("?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}");
    for token in ["metas%20token", "metas+token"] {
        let reply = ask(&room, "GET", &format!("/in/whatsapp{}", query(token)), "").await;
        assert_text(&reply, "1158201444");
    }
    for (source, query) in [
        ("whatsapp", query("another")),
        ("whatsapp", query("")),
        ("whatsapp", query("metas%20token").replace("subscribe", "unsubscribe")),
        ("whatsapp", String::new()),
        ("whatsapp-open", query("")),
        ("whatsapp-open", query("anything")),
    ] {
        let reply = ask(&room, "GET", &format!("/in/{source}{query}"), "").await;
        reply.assert_refused(403, "verify token");
    }
}

#[tokio::test]
async fn twitter_gets_the_answer_that_only_the_secret_makes() {
    let room = Room::start(Config::default()).await;
    let reply = ask(&room, "GET", "/in/twitter?crc_token=a%20token&nonce=1", "").await;
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key");
    mac.update(b"a token");
    let expected = format!("sha256={}", BASE64.encode(mac.finalize().into_bytes()));
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, Some("application/json"))
    );
    let said: serde_json::Value = serde_json::from_str(&reply.body).expect("JSON");
    assert_eq!(said, serde_json::json!({ "response_token": expected }));
    ask(&room, "GET", "/in/twitter", "")
        .await
        .assert_refused(403, "verify token");
}

#[tokio::test]
async fn cloudevents_senders_get_permission() {
    let room = Room::start(Config::default()).await;
    let headers = "WebHook-Request-Origin: eventemitter.example.com\r\nWebHook-Request-Rate: 120\r\n";
    let reply = ask(&room, "OPTIONS", "/in/cloudevents", headers).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, ""));
    assert_eq!(reply.header("webhook-allowed-origin"), Some("eventemitter.example.com"));
    assert_eq!(reply.header("webhook-allowed-rate"), Some("120"));
    assert!(
        reply.header("allow").is_some_and(|allow| allow.contains("POST")),
        "{reply:?}"
    );
    // Without the headers it is no question that the specification knows.
    assert_ne!(ask(&room, "OPTIONS", "/in/cloudevents", "").await.status, 200);
}

#[tokio::test]
async fn intercom_looks_whether_we_are_there() {
    let room = Room::start(Config::default()).await;
    let mut client = room.connect().await;
    client
        .send("HEAD /in/intercom HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        .await;
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut client.stream, &mut answer)
        .await
        .expect("text");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn handshakes_by_post_are_answered_and_nothing_is_published() {
    let room = Room::start(Config::default()).await;
    let slack =
        r#"{"token":"t","type":"url_verification","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}"#;
    let reply = room.exchange(signed("slack", slack)).await;
    assert_text(&reply, "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P");
    let mut forged = signed("slack", slack);
    let last = forged.len() - 3;
    forged[last] ^= 1;
    room.exchange(forged).await.assert_refused(401, "unauthorized");

    let huggy = r#"{"token":"0123456789abcdef0123456789abcdef","validToken":true}"#;
    assert_text(
        &room.exchange(signed("huggy", huggy)).await,
        "0123456789abcdef0123456789abcdef",
    );
    room.exchange(signed("huggy-strict", huggy))
        .await
        .assert_refused(403, "verify token");
    let line = r#"forebay_ingest_refused_total{source="huggy-strict",reason="forbidden"} 1"#;
    assert!(room.metrics().contains(line), "{}", room.metrics());
    let right = r#"{"token":"huggys-token","validToken":true}"#;
    assert_text(&room.exchange(signed("huggy-strict", right)).await, "huggys-token");
    let length = right.len();
    let wrong_path =
        format!("POST /in/huggy-strict/wrong HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{right}");
    room.exchange(wrong_path)
        .await
        .assert_refused(404, "no webhook address");

    for (source, body) in [
        ("line", r#"{"destination":"U1","events":[]}"#),
        (
            "intercom",
            r#"{"type":"notification_event","topic":"ping","id":"n1","data":{"item":{"type":"ping"}}}"#,
        ),
    ] {
        let reply = room.exchange(signed(source, body)).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, ""), "{source}");
    }
    assert_eq!(room.log.handed_over(), []);
}
