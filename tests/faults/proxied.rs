//! Tests of the proxy: a fault that does not happen proves nothing.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use harness::proxy::{CHUNK, Link, Proxy};

/// Starts a server that echoes what it gets, and a proxy in front of it.
async fn echo() -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let upstream = listener.local_addr().expect("bound").to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reads, mut writes) = stream.split();
                tokio::io::copy(&mut reads, &mut writes).await
            });
        }
    });
    Proxy::start("127.0.0.1:0", &upstream).await
}

async fn trip(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<Duration> {
    let started = Instant::now();
    let mut back = vec![0; bytes.len()];
    let (mut reads, mut writes) = stream.split();
    tokio::try_join!(writes.write_all(bytes), reads.read_exact(&mut back))?;
    assert_eq!(back, bytes, "unchanged");
    Ok(started.elapsed())
}

#[tokio::test]
async fn a_delay_applies_both_ways_and_does_not_limit_the_rate() {
    let proxy = echo().await;
    let mut stream = TcpStream::connect(proxy.address).await.expect("connected");
    trip(&mut stream, b"x").await.expect("echoed");
    proxy.slow(Duration::from_millis(300));
    // At one chunk per delay these would take 10 s.
    let took = trip(&mut stream, &vec![7; 32 * CHUNK]).await.expect("echoed");
    assert!(took >= Duration::from_millis(300), "{took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    proxy.links(
        Link::default(),
        Link {
            delay: Duration::from_millis(200),
            bytes_per_second: None,
        },
    );
    let took = trip(&mut stream, b"x").await.expect("echoed");
    assert!(took >= Duration::from_millis(200), "{took:?}");
}

#[tokio::test]
async fn a_rate_is_kept() {
    let proxy = echo().await;
    let mut stream = TcpStream::connect(proxy.address).await.expect("connected");
    proxy.links(
        Link {
            delay: Duration::ZERO,
            bytes_per_second: Some(1_000_000),
        },
        Link::default(),
    );
    let took = trip(&mut stream, &vec![7; 500_000]).await.expect("echoed");
    assert!(took >= Duration::from_millis(400), "{took:?}");
}

#[tokio::test]
async fn stalled_bytes_arrive_later_and_cut_ones_never() {
    let proxy = echo().await;
    let mut stream = TcpStream::connect(proxy.address).await.expect("connected");
    trip(&mut stream, b"x").await.expect("echoed");
    proxy.stall();
    let mut late = TcpStream::connect(proxy.address)
        .await
        .expect("it still accepts connections");
    let nothing = tokio::time::timeout(Duration::from_millis(200), trip(&mut stream, b"held")).await;
    assert!(nothing.is_err(), "nothing passes");
    proxy.open();
    let mut back = [0; 4];
    stream.read_exact(&mut back).await.expect("what was held back");
    assert_eq!(&back, b"held");
    trip(&mut late, b"x").await.expect("echoed");

    proxy.cut();
    assert!(stream.read_exact(&mut back).await.is_err(), "reset");
    assert!(TcpStream::connect(proxy.address).await.is_err(), "refused");
    proxy.open();
    harness::eventually("it listens again", Duration::from_secs(10), async || {
        TcpStream::connect(proxy.address).await.ok()
    })
    .await;
}
