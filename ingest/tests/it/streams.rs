//! A23: what HTTP/2 lets an unknown client heap up on one connection is bounded, and what its requests take is in the budget.

use ingest::Config;

use crate::frames::{
    CONTINUATION, END_HEADERS, END_STREAM, Framed, GOAWAY, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE, block, frame,
    head,
};
use crate::memory::{buffered, peak_bytes};
use crate::room::Room;

const STREAMS: u32 = 128;

/// `431` in the code of RFC 7541 (Appendix B), padded.
const STATUS_431: [u8; 3] = [0b0110_1001, 0b1001_0000, 0b1111_1111];

/// Opens streams whose bodies never come.
async fn open(client: &mut Framed, streams: u32, value: &str) {
    for n in 0..streams {
        let opening = frame(HEADERS, END_HEADERS, 2 * n + 1, &head("x", value));
        assert!(client.send(&opening).await, "stream {n}");
    }
}

#[tokio::test]
async fn the_bounds_of_a_connection_are_announced() {
    let room = Room::start(Config::default()).await;
    let mut client = Framed::connect(&room).await;
    let settings = client.next_of(SETTINGS).await.expect("settings");
    let mut announced: Vec<(u16, u32)> = settings
        .payload
        .chunks_exact(6)
        .map(|setting| {
            let (id, value) = setting.split_at(2);
            (
                u16::from_be_bytes(id.try_into().expect("two bytes")),
                u32::from_be_bytes(value.try_into().expect("four bytes")),
            )
        })
        .collect();
    announced.sort_unstable();
    let [streams, window, frame, list] = [3, 4, 5, 6];
    assert_eq!(
        announced,
        [(streams, STREAMS), (window, 65_535), (frame, 16_384), (list, 16_384)]
    );
    let more = client
        .next_of(WINDOW_UPDATE)
        .await
        .expect("the window of the connection");
    assert_eq!((more.stream, more.number(0)), (0, 4 * 65_536 - 65_535));
}

#[tokio::test]
async fn the_heads_of_all_streams_are_charged_and_one_stream_more_is_refused() {
    let room = Room::start(Config::default()).await;
    let mut client = Framed::connect(&room).await;
    open(&mut client, STREAMS, &"y".repeat(10_000)).await;
    room.eventually(&format!("forebay_ingest_received_total{{source=\"open\"}} {STREAMS}"))
        .await;
    let least = i64::from(STREAMS) * 26_000;
    assert!(buffered(&room) >= least, "{} of {least}", buffered(&room));

    let one_more = 2 * STREAMS + 1;
    client
        .send(&frame(HEADERS, END_HEADERS, one_more, &head("x", "y")))
        .await;
    let refused = client.next_of(RST_STREAM).await.expect("a refusal");
    assert_eq!((refused.stream, refused.number(0)), (one_more, 7), "REFUSED_STREAM");

    client.send(&frame(RST_STREAM, 0, 1, &8_u32.to_be_bytes())).await;
    let less = async {
        while buffered(&room) > least - 26_000 + i64::from(STREAMS) * 2_000 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(crate::room::PATIENCE, less)
        .await
        .expect("a reset gives the share back");
    drop(client);
    room.eventually("forebay_ingest_buffered_bytes 0").await;
}

#[test]
fn what_streams_hold_is_no_more_than_what_is_charged_for_them() {
    let charged = std::cell::Cell::new(0);
    let peak = peak_bytes(async {
        let room = Room::start(Config::default()).await;
        let mut client = Framed::connect(&room).await;
        open(&mut client, STREAMS, &"y".repeat(10_000)).await;
        room.eventually(&format!("forebay_ingest_received_total{{source=\"open\"}} {STREAMS}"))
            .await;
        charged.set(buffered(&room));
    });
    let allowed = u64::try_from(charged.get()).expect("positive") + 1024 * 1024;
    assert!(peak <= allowed, "{peak} bytes held, {} charged", charged.get());
}

#[tokio::test]
async fn streams_that_are_opened_and_reset_leave_nothing() {
    let room = Room::start(Config::default()).await;
    for _ in 0..10 {
        let mut client = Framed::connect(&room).await;
        for n in 0..1_000 {
            let stream = 2 * n + 1;
            let opening = frame(HEADERS, END_HEADERS, stream, &head("x", "y"));
            let reset = frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
            if !client.send(&[opening, reset].concat()).await {
                break;
            }
        }
    }
    room.eventually("forebay_ingest_connections 0").await;
    room.eventually("forebay_ingest_buffered_bytes 0").await;
}

#[tokio::test]
async fn a_stream_below_the_least_rate_ends_and_the_others_go_on() {
    let room = Room::start(Config {
        body_timeout_ms: 60_000,
        body_grace_ms: 200,
        ..Config::default()
    })
    .await;
    let mut client = Framed::connect(&room).await;
    open(&mut client, 1, "y").await;
    let answer = client.next_of(HEADERS).await.expect("an answer");
    assert_eq!(answer.stream, 1);
    assert_eq!(
        client.next_of(RST_STREAM).await.expect("the end of the stream").stream,
        1
    );
    room.eventually("forebay_ingest_refused_total{source=\"open\",reason=\"too_slow\"} 1")
        .await;
    client
        .send(&frame(HEADERS, END_HEADERS | END_STREAM, 3, &head("x", "y")))
        .await;
    assert_eq!(client.next_of(HEADERS).await.expect("an answer").stream, 3);
    assert_eq!(room.log.durable().len(), 1);
}

#[tokio::test]
async fn a_head_without_an_end_ends_the_connection() {
    let room = Room::start(Config::default()).await;
    for part in [
        block(&[("x", &"y".repeat(4_000))]).repeat(4),
        vec![],
        vec![0, 127, 255, 255, 255, 7],
    ] {
        let mut client = Framed::connect(&room).await;
        client.send(&frame(HEADERS, 0, 1, &head("x", "y"))).await;
        let mut taken = 0;
        while client.send(&frame(CONTINUATION, 0, 1, &part)).await {
            taken += part.len() + 9;
            // What lies in the sockets' buffers is taken by the kernel.
            assert!(taken < 64 * 1024 * 1024, "{taken} bytes of one head");
        }
        drop(client);
    }
    room.eventually("forebay_ingest_connections 0").await;
    assert_eq!(room.log.handed_over(), []);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_431_and_a_far_too_large_one_the_end() {
    let room = Room::start(Config::default()).await;
    let mut client = Framed::connect(&room).await;
    let over = head("x", &"y".repeat(16_200));
    client.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &over)).await;
    let answer = client.next_of(HEADERS).await.expect("an answer");
    assert!(
        answer
            .payload
            .windows(STATUS_431.len())
            .any(|bytes| bytes == STATUS_431),
        "{answer:?}"
    );
    let way_over = block(&[("x", &"y".repeat(4_000))]).repeat(4);
    client.send(&frame(HEADERS, 0, 3, &head("x", "y"))).await;
    for _ in 0..5 {
        client.send(&frame(CONTINUATION, 0, 3, &way_over)).await;
    }
    let gone = client.next_of(GOAWAY).await;
    assert!(gone.is_none_or(|frame| frame.number(4) != 0), "an error");
    assert_eq!(room.log.handed_over(), []);
}
