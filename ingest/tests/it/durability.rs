//! Never a 2xx before durability; our own trouble is 503; what is verified is still published.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use ingest::Config;

use crate::room::{Room, signed};
use harness::publish_log::Mode;

fn batch(texts: usize) -> String {
    let mut messages = String::new();
    for n in 0..texts {
        let comma = if n == 0 { "" } else { "," };
        let key = format!(r#"{{"remoteJid":"5511999990000@s.whatsapp.net","fromMe":false,"id":"M{n}"}}"#);
        write!(
            messages,
            r#"{comma}{{"key":{key},"messageTimestamp":1773149811,"message":{{"conversation":"{n}"}}}}"#
        )
        .expect("a string takes everything");
    }
    format!(r#"{{"event":"messages.upsert","data":{{"type":"notify","messages":[{messages}]}}}}"#)
}

#[tokio::test]
async fn there_is_no_answer_before_the_log_has_acknowledged() {
    let room = Room::start(Config {
        ack_budget_ms: 20_000,
        ..Config::default()
    })
    .await;
    room.log.set(Mode::Hold);
    let mut client = room.connect().await;
    client.send(signed("chatwoot", "{}")).await;
    room.eventually("forebay_ingest_in_flight 1").await;
    let early = tokio::time::timeout(Duration::from_millis(200), client.maybe_reply()).await;
    assert!(early.is_err(), "answered before durability: {early:?}");
    assert_eq!(room.log.durable(), []);
    room.log.set(Mode::Acknowledge);
    client.reply().await.assert_accepted();
    assert_eq!(room.log.durable().len(), 1);
}

#[tokio::test]
async fn no_acknowledgement_within_the_budget_is_503_and_the_work_continues() {
    let room = Room::start(Config {
        ack_budget_ms: 100,
        ..Config::default()
    })
    .await;
    room.log.set(Mode::Hold);
    let begun = Instant::now();
    room.exchange(signed("chatwoot", "{}"))
        .await
        .assert_refused(503, "not stored in time");
    assert!(begun.elapsed() >= Duration::from_millis(100));
    room.log.set(Mode::Acknowledge);
    room.eventually(r#"forebay_ingest_published_total{source="chatwoot",family="unmapped"} 1"#)
        .await;
    // The sender tries again, as the answer asks: the same event, the same id.
    room.exchange(signed("chatwoot", "{}")).await.assert_accepted();
    let ids: Vec<_> = room.log.events().iter().map(schemas::event::Event::id).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_log_that_is_down_is_503_without_our_inside() {
    let room = Room::start(Config::default()).await;
    room.log.set(Mode::Down);
    let reply = room.exchange(signed("chatwoot", "{}")).await;
    reply.assert_refused(503, "not stored");
    assert!(
        !reply.body.contains("10.1.2.3") && !reply.body.contains("broker"),
        "{reply:?}"
    );
    room.log.set(Mode::Acknowledge);
    room.exchange(signed("chatwoot", "{}")).await.assert_accepted();
    let metrics = room.metrics();
    assert!(
        metrics.contains(r#"refused_total{source="chatwoot",reason="log_unavailable"} 1"#),
        "{metrics}"
    );
    assert!(
        metrics.contains(r#"answered_total{source="chatwoot",class="5xx"} 1"#),
        "{metrics}"
    );
}

#[tokio::test]
async fn more_webhooks_in_flight_than_allowed_are_503_until_there_is_room() {
    let room = Room::start(Config {
        max_in_flight: 2,
        ack_budget_ms: 20_000,
        ..Config::default()
    })
    .await;
    room.log.set(Mode::Hold);
    let mut waiting = Vec::new();
    for body in ["1", "2"] {
        let mut client = room.connect().await;
        client.send(signed("chatwoot", body)).await;
        waiting.push(client);
    }
    room.eventually("forebay_ingest_in_flight 2").await;
    room.exchange(signed("chatwoot", "3"))
        .await
        .assert_refused(503, "too many webhooks");
    let forged = room.exchange(signed("chatwoot", "3").repeat(1)).await;
    assert_eq!(forged.status, 503);
    let unsigned = "POST /in/chatwoot HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n";
    room.exchange(unsigned).await.assert_refused(401, "unauthorized");
    room.log.set(Mode::Acknowledge);
    for client in &mut waiting {
        client.reply().await.assert_accepted();
    }
    room.exchange(signed("chatwoot", "3")).await.assert_accepted();
    assert_eq!(room.log.durable().len(), 3, "what was refused is nowhere");
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_cancel_what_is_verified() {
    let room = Room::start(Config {
        ack_budget_ms: 20_000,
        ..Config::default()
    })
    .await;
    room.log.set(Mode::Hold);
    let mut client = room.connect().await;
    client.send(signed("baileys", batch(3))).await;
    room.eventually("forebay_ingest_in_flight 1").await;
    drop(client);
    room.eventually("forebay_ingest_connections 0").await;
    assert_eq!(room.log.durable(), []);
    room.log.set(Mode::Acknowledge);
    room.eventually("forebay_ingest_in_flight 0").await;
    assert_eq!(room.log.durable().len(), 3);
}

#[tokio::test]
async fn a_batch_is_handed_over_whole_and_in_its_order() {
    let room = Room::start(Config {
        ack_budget_ms: 20_000,
        ..Config::default()
    })
    .await;
    room.log.set(Mode::Hold);
    let mut client = room.connect().await;
    client.send(signed("baileys", batch(100))).await;
    room.eventually("forebay_ingest_in_flight 1").await;
    let all = async {
        while room.log.handed_over().len() < 100 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(crate::room::PATIENCE, all)
        .await
        .expect("it does not wait for the first acknowledgement");
    let texts: Vec<String> = room
        .log
        .handed_over()
        .iter()
        .map(|record| schemas::event::Event::decode(&record.value).expect("an event"))
        .map(|event| {
            serde_json::from_str::<serde_json::Value>(event.data()).expect("JSON")["message"]["text"].to_string()
        })
        .collect();
    let expected: Vec<String> = (0..100).map(|n| format!("\"{n}\"")).collect();
    assert_eq!(texts, expected);
    let keys: std::collections::HashSet<_> = room.log.handed_over().into_iter().map(|record| record.key).collect();
    assert_eq!(keys.len(), 1, "one conversation, one key");
    room.log.set(Mode::Acknowledge);
    client.reply().await.assert_accepted();
}

#[tokio::test]
async fn a_batch_of_which_a_part_failed_is_not_200() {
    let room = Room::start(Config::default()).await;
    let long = batch(3).replace(
        r#""conversation":"1""#,
        &format!(r#""conversation":"{}""#, "x".repeat(8000)),
    );
    room.log.set(Mode::AtMost(5000));
    room.exchange(signed("baileys", long))
        .await
        .assert_refused(413, "5000 bytes");
    assert_eq!(
        room.log.durable().len(),
        2,
        "the others are kept; a second attempt gives them the same ids"
    );
}

#[tokio::test]
async fn a_panic_is_503_and_harms_no_other_request() {
    let room = Room::start(Config::default()).await;
    room.log.set(Mode::Panic);
    let mut client = room.connect().await;
    client.send(signed("chatwoot", "{}")).await;
    client.reply().await.assert_refused(503, "internal error");
    let line = r#"forebay_ingest_refused_total{source="chatwoot",reason="internal_error"} 1"#;
    assert!(room.metrics().contains(line), "{}", room.metrics());
    room.log.set(Mode::Acknowledge);
    client.send(signed("chatwoot", "{}")).await;
    client.reply().await.assert_accepted();
    room.eventually("forebay_ingest_in_flight 0").await;
}

#[tokio::test]
async fn bodies_that_would_not_fit_into_memory_together_are_503() {
    let config = Config {
        max_body_bytes: 20_000,
        max_buffered_bytes: 700_000,
        ..Config::default()
    };
    let room = Room::start(config).await;
    let head = "POST /in/open HTTP/1.1\r\nHost: h\r\nContent-Length: 15000\r\n\r\n";
    let mut begun = Vec::new();
    for _ in 0..12 {
        let mut client = room.connect().await;
        client.send(head.to_owned() + &" ".repeat(14_998)).await;
        begun.push(client);
    }
    // Twelve heads and bodies are in memory, or on their way there.
    let large = signed("large", " ".repeat(150_000));
    let refused = async {
        loop {
            let reply = room.exchange(&large).await;
            if reply.status != 200 {
                return reply;
            }
        }
    };
    let reply = tokio::time::timeout(crate::room::PATIENCE, refused)
        .await
        .expect("no room for all");
    reply.assert_refused(503, "too many bodies");
    for client in &mut begun {
        client.send("{}").await;
        client.reply().await.assert_accepted();
    }
    room.exchange(&large).await.assert_accepted();
}
