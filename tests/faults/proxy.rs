//! A TCP proxy in front of a real service. What passes through it can be delayed, slowed to a rate, held back or cut off, and
//! that can change while connections are open.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

/// The most that one read takes, and with [`QUEUE`] the bound on what one direction of one connection holds back.
const CHUNK: usize = 64 * 1024;
const QUEUE: usize = 1024;

/// One direction of every connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Link {
    /// How much later each byte arrives. The rate is not limited by it.
    pub(crate) delay: Duration,
    /// The rate, if it is limited.
    pub(crate) bytes_per_second: Option<u32>,
}

/// What the proxy does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Passes everything on, to the service and back.
    Pass { up: Link, down: Link },
    /// Takes connections and bytes, and passes nothing on.
    Stall,
    /// Resets all connections and refuses new ones.
    Cut,
}

impl Mode {
    fn link(self, direction: Direction) -> Option<Link> {
        match (self, direction) {
            (Self::Pass { up, .. }, Direction::Up) => Some(up),
            (Self::Pass { down, .. }, Direction::Down) => Some(down),
            (Self::Stall | Self::Cut, _) => None,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Direction {
    Up,
    Down,
}

/// Listens until it is dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    mode: watch::Sender<Mode>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens on `address` (port 0: any) and leads to `upstream`, both `host:port`.
    pub(crate) async fn start(address: &str, upstream: &str) -> Self {
        let listener = TcpListener::bind(address).await.expect("the port of the proxy is free");
        let address = listener.local_addr().expect("bound");
        let mode = watch::Sender::new(Mode::Pass {
            up: Link::default(),
            down: Link::default(),
        });
        let accepting = tokio::spawn(accept(listener, address, upstream.to_owned(), mode.subscribe()));
        Self {
            address,
            mode,
            accepting,
        }
    }

    /// Passes on, half of `rtt` later in each direction.
    pub(crate) fn slow(&self, rtt: Duration) {
        let link = Link {
            delay: rtt / 2,
            bytes_per_second: None,
        };
        self.links(link, link);
    }

    /// Passes on as the links say.
    pub(crate) fn links(&self, up: Link, down: Link) {
        self.mode.send_replace(Mode::Pass { up, down });
    }

    /// Passes on without delay.
    pub(crate) fn open(&self) {
        self.links(Link::default(), Link::default());
    }

    /// Takes everything, passes nothing on. What was held back arrives once it is opened.
    pub(crate) fn stall(&self) {
        self.mode.send_replace(Mode::Stall);
    }

    /// Resets all connections and refuses new ones, until it is opened.
    pub(crate) fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, address: SocketAddr, upstream: String, mut mode: watch::Receiver<Mode>) {
    // Dropped with this task, and the connections with it.
    let mut connections = JoinSet::new();
    let mut listener = Some(listener);
    loop {
        if *mode.borrow_and_update() == Mode::Cut {
            listener = None;
            connections.shutdown().await;
            if mode.changed().await.is_err() {
                return;
            }
            continue;
        }
        let Some(listening) = &listener else {
            match TcpListener::bind(address).await {
                Ok(bound) => listener = Some(bound),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
            continue;
        };
        tokio::select! {
            accepted = listening.accept() => {
                if let Ok((client, _)) = accepted {
                    connections.spawn(connection(client, upstream.clone(), mode.clone()));
                }
            }
            changed = mode.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Carries one connection until both sides have ended. Dropped earlier, both sides are reset.
async fn connection(client: TcpStream, upstream: String, mode: watch::Receiver<Mode>) {
    drop(client.set_zero_linger());
    drop(client.set_nodelay(true));
    let Ok(mut server) = TcpStream::connect(upstream).await else {
        return;
    };
    drop(server.set_zero_linger());
    drop(server.set_nodelay(true));
    let mut client = client;
    let ((client_reads, client_writes), (server_reads, server_writes)) = (client.split(), server.split());
    // A broken direction ends the other as well.
    drop(tokio::try_join!(
        carry(client_reads, server_writes, mode.clone(), Direction::Up),
        carry(server_reads, client_writes, mode.clone(), Direction::Down),
    ));
}

/// One direction, until its end has been passed on.
async fn carry(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mode: watch::Receiver<Mode>,
    direction: Direction,
) -> std::io::Result<()> {
    let (sender, mut queue) = mpsc::channel::<(Instant, Vec<u8>)>(QUEUE);
    let reading = mode.clone();
    let read = async move {
        let mut buffer = vec![0; CHUNK];
        loop {
            let length = from.read(&mut buffer).await?;
            if length == 0 {
                return Ok(());
            }
            let delay = reading.borrow().link(direction).unwrap_or_default().delay;
            if sender
                .send((Instant::now() + delay, buffer[..length].to_vec()))
                .await
                .is_err()
            {
                return Ok(());
            }
        }
    };
    let write = async move {
        let mut mode = mode;
        while let Some((due, bytes)) = queue.recv().await {
            tokio::time::sleep_until(due).await;
            let allowed = mode.wait_for(|m| m.link(direction).is_some()).await;
            let Some(link) = allowed.ok().and_then(|m| m.link(direction)) else {
                return Ok(());
            };
            to.write_all(&bytes).await?;
            if let Some(rate) = link.bytes_per_second {
                let seconds = f64::from(u32::try_from(bytes.len()).unwrap_or(u32::MAX)) / f64::from(rate.max(1));
                tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
            }
        }
        to.shutdown().await
    };
    tokio::try_join!(read, write).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that sends back what it gets, and a proxy in front of it.
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
    async fn a_delay_is_felt_both_ways_and_does_not_limit_the_rate() {
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
    async fn what_stalls_arrives_later_and_what_is_cut_never() {
        let proxy = echo().await;
        let mut stream = TcpStream::connect(proxy.address).await.expect("connected");
        trip(&mut stream, b"x").await.expect("echoed");
        proxy.stall();
        let mut late = TcpStream::connect(proxy.address)
            .await
            .expect("it still takes connections");
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
        crate::support::eventually("it listens again", Duration::from_secs(10), async || {
            TcpStream::connect(proxy.address).await.ok()
        })
        .await;
    }
}
