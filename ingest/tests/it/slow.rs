//! A20: clients that are silent or slow. Each wait has a limit, and no other client waits for them.

use std::time::{Duration, Instant};

use ingest::Config;
use tokio::net::TcpSocket;

use crate::room::{Client, Room, signed};

fn short() -> Config {
    Config {
        first_byte_timeout_ms: 500,
        header_timeout_ms: 600,
        body_timeout_ms: 700,
        idle_timeout_ms: 4_000,
        write_timeout_ms: 700,
        ..Config::default()
    }
}

/// Sends a byte every few milliseconds until the end of the connection.
async fn drip(client: &mut Client, byte: &[u8]) {
    while client.stream.try_write(byte).is_ok() {
        let next = tokio::time::timeout(Duration::from_millis(20), client.maybe_reply());
        if let Ok(None) = next.await {
            return;
        }
    }
}

/// `at_least` is the limit; the upper bound is for busy machines.
fn assert_took(begun: Instant, at_least: u64) {
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(at_least), "closed too early: {took:?}");
    assert!(
        took < Duration::from_millis(at_least) + Duration::from_secs(5),
        "closed late: {took:?}"
    );
}

#[tokio::test]
async fn a_connection_without_a_byte_is_closed() {
    let room = Room::start(short()).await;
    let begun = Instant::now();
    assert_eq!(room.connect().await.maybe_reply().await, None);
    assert_took(begun, 499);
    room.eventually("forebay_ingest_timed_out_connections_total 1").await;
    room.eventually("forebay_ingest_connections 0").await;
}

#[tokio::test]
async fn half_a_head_and_a_dripping_head_are_closed() {
    let room = Room::start(short()).await;
    for dripping in [false, true] {
        let begun = Instant::now();
        let mut client = room.connect().await;
        client.send("POST /in/open HTTP/1.1\r\nHost: h\r\nX: ").await;
        if dripping {
            drip(&mut client, b"y").await;
        } else {
            assert_eq!(client.maybe_reply().await, None);
        }
        assert_took(begun, 599);
    }
}

#[tokio::test]
async fn half_a_preface_of_http2_is_closed() {
    let room = Room::start(short()).await;
    let begun = Instant::now();
    let mut client = room.connect().await;
    client.send("PRI * HTTP/2.0\r\n").await;
    assert_eq!(client.maybe_reply().await, None);
    assert_took(begun, 599);
}

#[tokio::test]
async fn a_dripping_body_is_408() {
    let room = Room::start(short()).await;
    let begun = Instant::now();
    let mut client = room.connect().await;
    client
        .send("POST /in/open HTTP/1.1\r\nHost: h\r\nContent-Length: 10000\r\n\r\n{")
        .await;
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        client.send(" ").await;
    }
    client.reply().await.assert_refused(408, "in time");
    assert_eq!(client.maybe_reply().await, None, "and the connection is closed");
    assert_took(begun, 699);
    assert_eq!(room.log.handed_over(), []);
}

#[tokio::test]
async fn a_body_below_the_least_rate_is_408_long_before_the_deadline() {
    let room = Room::start(Config {
        body_timeout_ms: 60_000,
        body_grace_ms: 300,
        ..short()
    })
    .await;
    for framing in [
        "Content-Length: 10000\r\n\r\n{",
        "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    ] {
        let begun = Instant::now();
        let mut client = room.connect().await;
        client
            .send(format!("POST /in/open HTTP/1.1\r\nHost: h\r\n{framing}"))
            .await;
        let reply = loop {
            let next = tokio::time::timeout(Duration::from_millis(20), client.maybe_reply());
            match next.await {
                Ok(reply) => break reply.expect("an answer before the end"),
                // The last drips may meet a closed socket.
                Err(_) if framing.starts_with('C') => drop(client.stream.try_write(b" ")),
                Err(_) => drop(client.stream.try_write(b"1\r\n \r\n")),
            }
        };
        reply.assert_refused(408, "in time");
        assert_eq!(client.maybe_reply().await, None, "and the connection is closed");
        assert_took(begun, 299);
    }
    room.eventually("forebay_ingest_refused_total{source=\"open\",reason=\"too_slow\"} 2")
        .await;
    room.eventually("forebay_ingest_buffered_bytes 0").await;
    assert_eq!(room.log.handed_over(), []);
}

#[tokio::test]
async fn an_idle_connection_is_kept_for_its_own_limit() {
    let room = Room::start(short()).await;
    let mut client = room.connect().await;
    client.send(signed("open", "{}")).await;
    client.reply().await.assert_accepted();
    // Longer than a head or a first byte may take, and still welcome.
    tokio::time::sleep(Duration::from_millis(900)).await;
    client.send(signed("open", "[]")).await;
    client.reply().await.assert_accepted();
    let begun = Instant::now();
    assert_eq!(client.maybe_reply().await, None);
    assert_took(begun, 3_900);
    assert_eq!(room.log.durable().len(), 2);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let room = Room::start(short()).await;
    // A small window, so that it is soon full.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a size");
    let stream = socket.connect(room.address).await.expect("it listens");
    let request = "GET /in/open HTTP/1.1\r\nHost: h\r\n\r\n".repeat(1000);
    let writing = async {
        loop {
            stream.writable().await.expect("a socket");
            match stream.try_write(request.as_bytes()) {
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    };
    tokio::time::timeout(crate::room::PATIENCE, writing)
        .await
        .expect("the server hangs up");
    room.eventually("forebay_ingest_timed_out_connections_total 1").await;
}

#[tokio::test]
async fn hundreds_of_silent_clients_do_not_keep_out_the_others() {
    let room = Room::start(Config {
        max_connections: 50,
        ..short()
    })
    .await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        let mut client = room.connect().await;
        client.send("POST /in").await;
        silent.push(client);
    }
    room.exchange(signed("open", "{}")).await.assert_accepted();
}

#[tokio::test]
async fn one_address_holds_no_more_than_its_share() {
    let room = Room::start(Config {
        max_connections_per_ip: Some(1),
        ..Config::default()
    })
    .await;
    let mut first = room.connect().await;
    first.send(signed("open", "{}")).await;
    first.reply().await.assert_accepted();
    assert_eq!(room.connect().await.maybe_reply().await, None, "closed at once");
    drop(first);
    room.eventually("forebay_ingest_connections 0").await;
    room.exchange(signed("open", "{}")).await.assert_accepted();
}
