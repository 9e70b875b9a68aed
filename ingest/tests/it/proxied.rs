//! Load balancers and proxies in front: the health path, the base path, and the PROXY protocol.

use ingest::Config;

use crate::room::{Room, signed};

const FROM_A: &[u8] = b"PROXY TCP4 198.51.100.1 10.0.0.1 4711 80\r\n";
const FROM_B: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x02\x0a\0\0\x01\0\0\0\0";
const HEALTH_CHECK: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n")
}

fn behind_proxies(config: Config) -> Config {
    Config {
        proxy_protocol: true,
        trusted_proxies: vec!["127.0.0.0/8".to_owned()],
        ..config
    }
}

#[tokio::test]
async fn a_load_balancer_gets_200_and_is_not_counted() {
    let room = Room::start(Config::default()).await;
    let reply = room.exchange(get("/healthz")).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "ok\n"));
    let old = room.exchange("GET /healthz HTTP/1.0\r\n\r\n").await;
    assert_eq!(old.status, 200, "many ask without a Host");
    let mut client = room.connect().await;
    client
        .send("HEAD /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        .await;
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut client.stream, &mut answer)
        .await
        .expect("text");
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\n"),
        "{answer}"
    );
    for path in ["/healthz/", "/healthz/x", "/livez", "/readyz", "/metrics"] {
        room.exchange(get(path)).await.assert_refused(404, "no webhook address");
    }
    room.exchange("POST /healthz HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}")
        .await
        .assert_refused(404, "no webhook address");
    let metrics = room.metrics();
    let received: Vec<&str> = metrics
        .lines()
        .filter(|line| line.starts_with("forebay_ingest_received_total{"))
        .collect();
    assert!(received.iter().all(|line| line.ends_with("} 0")), "{received:?}");

    let room = Room::start(Config {
        health_path: String::new(),
        ..Config::default()
    })
    .await;
    room.exchange(get("/healthz"))
        .await
        .assert_refused(404, "no webhook address");
}

#[tokio::test]
async fn with_a_base_path_webhooks_come_below_it_and_nowhere_else() {
    let room = Room::start(Config {
        base_path: "/hooks/eu".to_owned(),
        ..Config::default()
    })
    .await;
    let at = |prefix: &str, source: &str| {
        let request = String::from_utf8(signed(source, "{}")).expect("text");
        request.replacen("POST /in/", &format!("POST {prefix}/in/"), 1)
    };
    for source in ["open", "chatwoot", "digisac"] {
        room.exchange(at("/hooks/eu", source)).await.assert_accepted();
        for prefix in ["", "/hooks", "/eu", "/hooks/eu/", "/HOOKS/eu", "/hooks/eu/hooks/eu"] {
            room.exchange(at(prefix, source))
                .await
                .assert_refused(404, "no webhook address");
        }
    }
    let wrong = at("/hooks/eu", "digisac").replacen("/in/digisac/", "/in/digisac/x", 1);
    room.exchange(wrong).await.assert_refused(404, "no webhook address");
    assert_eq!(room.log.durable().len(), 3);
    for path in ["/healthz", "/hooks/eu/healthz"] {
        assert_eq!(room.exchange(get(path)).await.status, 200, "{path}");
    }
    room.exchange(get("/hooks/healthz"))
        .await
        .assert_refused(404, "no webhook address");
}

#[tokio::test]
async fn a_header_of_the_proxy_protocol_may_come_in_any_pieces() {
    let room = Room::start(behind_proxies(Config::default())).await;
    let webhook = signed("chatwoot", "{}");
    for header in [FROM_A, FROM_B, HEALTH_CHECK] {
        for at in 0..=header.len() {
            let all = [header, &webhook].concat();
            let (first, rest) = all.split_at(at);
            let mut client = room.connect().await;
            client.stream.set_nodelay(true).expect("an open socket");
            client.send(first).await;
            tokio::task::yield_now().await;
            client.send(rest).await;
            client.reply().await.assert_accepted();
            // What follows on the connection is plain HTTP.
            client.send(signed("open", "{}")).await;
            client.reply().await.assert_accepted();
        }
    }
    let mut client = room.connect().await;
    for byte in [FROM_B, &webhook].concat() {
        client.send([byte]).await;
    }
    client.reply().await.assert_accepted();
}

#[tokio::test]
async fn without_a_valid_header_from_a_trusted_proxy_there_is_no_answer() {
    let room = Room::start(behind_proxies(Config::default())).await;
    let webhook = signed("open", "{}");
    let too_long = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 100], b"\r\n"].concat();
    for header in [
        &b""[..],
        b"PROXY TCP4 198.51.100.1\r\n",
        b"PROXY TCP4 nowhere 10.0.0.1 1 2\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
        b"\x16\x03\x01",
        &too_long,
    ] {
        let mut client = room.connect().await;
        let _sent = tokio::io::AsyncWriteExt::write_all(&mut client.stream, &[header, &webhook].concat()).await;
        assert_eq!(client.maybe_reply().await, None, "{}", header.escape_ascii());
    }
    let elsewhere = Room::start(Config {
        trusted_proxies: vec!["192.0.2.0/24".to_owned()],
        ..behind_proxies(Config::default())
    })
    .await;
    let mut client = elsewhere.connect().await;
    let _sent = tokio::io::AsyncWriteExt::write_all(&mut client.stream, &[FROM_A, &webhook].concat()).await;
    assert_eq!(client.maybe_reply().await, None);
    assert_eq!(room.log.handed_over(), []);
    assert_eq!(elsewhere.log.handed_over(), []);
}

#[tokio::test]
async fn a_header_that_does_not_come_ends_the_connection() {
    let room = Room::start(behind_proxies(Config {
        first_byte_timeout_ms: 100,
        ..Config::default()
    }))
    .await;
    for begun in [0, 5, FROM_A.len() - 1] {
        let mut client = room.connect().await;
        client.send(&FROM_A[..begun]).await;
        assert_eq!(client.maybe_reply().await, None, "{begun}");
    }
    room.eventually("forebay_ingest_timed_out_connections_total 3").await;
}

#[tokio::test]
async fn the_share_of_an_address_is_that_of_the_client_and_not_of_its_proxy() {
    let room = Room::start(behind_proxies(Config {
        max_connections_per_ip: Some(1),
        ..Config::default()
    }))
    .await;
    let open = async |header: &[u8]| {
        let mut client = room.connect().await;
        client.send([header, &signed("open", "{}")].concat()).await;
        let reply = client.maybe_reply().await;
        (client, reply.map(|reply| reply.status))
    };
    let (first, status) = open(FROM_A).await;
    assert_eq!(status, Some(200));
    assert_eq!(open(FROM_A).await.1, None, "it holds one already");
    assert_eq!(open(FROM_B).await.1, Some(200), "another client");
    drop(first);
    room.eventually("forebay_ingest_connections 0").await;
    assert_eq!(open(FROM_A).await.1, Some(200));
}
