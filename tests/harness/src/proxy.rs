//! A TCP proxy in front of a real service. Traffic through it can be delayed, limited to a rate, held back or cut off,
//! and that can change while connections are open.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use url::Url;

/// The most that one read takes, and, times the length of the queue, the bound on what one direction of one connection holds back.
pub const CHUNK: usize = 64 * 1024;
const QUEUE: usize = 1024;

/// One direction of every connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Link {
    /// How much later each byte arrives. It does not limit the rate.
    pub delay: Duration,
    /// The rate, if it is limited.
    pub bytes_per_second: Option<u32>,
}

/// The mode of the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Passes everything on, to the service and back.
    Pass { up: Link, down: Link },
    /// Accepts connections and bytes, and passes nothing on.
    Stall,
    /// Drops the connections to the service, and keeps those of the clients without a word; new ones wait.
    Vanish,
    /// Resets all connections and refuses new ones.
    Cut,
}

impl Mode {
    fn link(self, direction: Direction) -> Option<Link> {
        match (self, direction) {
            (Self::Pass { up, .. }, Direction::Up) => Some(up),
            (Self::Pass { down, .. }, Direction::Down) => Some(down),
            (Self::Stall | Self::Vanish | Self::Cut, _) => None,
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
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    mode: watch::Sender<Mode>,
    /// Whether it listens; changed by the task that does.
    listening: watch::Receiver<bool>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens on `address` (port 0: any) and forwards to `upstream`, both `host:port`.
    pub async fn start(address: &str, upstream: &str) -> Self {
        let listener = bind(address).await;
        let address = listener.local_addr().expect("bound");
        let mode = watch::Sender::new(Mode::Pass {
            up: Link::default(),
            down: Link::default(),
        });
        let listens = watch::Sender::new(true);
        let listening = listens.subscribe();
        let accepting = tokio::spawn(accept(
            listener,
            address,
            upstream.to_owned(),
            mode.subscribe(),
            listens,
        ));
        Self {
            address,
            mode,
            listening,
            accepting,
        }
    }

    /// Passes everything on, half of `rtt` later in each direction.
    pub fn slow(&self, rtt: Duration) {
        let link = Link {
            delay: rtt / 2,
            bytes_per_second: None,
        };
        self.links(link, link);
    }

    /// Passes everything on, as the links specify.
    pub fn links(&self, up: Link, down: Link) {
        self.mode.send_replace(Mode::Pass { up, down });
    }

    /// Passes everything on without delay.
    pub fn open(&self) {
        self.links(Link::default(), Link::default());
    }

    /// Accepts everything, passes nothing on. What was held back arrives once it is opened.
    pub fn stall(&self) {
        self.mode.send_replace(Mode::Stall);
    }

    /// Resets all connections and refuses new ones, until it is opened.
    pub fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    /// The service loses all connections, their clients do not learn of it, and new connections wait until it is opened.
    pub fn vanish(&self) {
        self.mode.send_replace(Mode::Vanish);
    }

    /// Waits until it listens, or does not.
    pub async fn listening(&self, whether: bool) {
        let mut listening = self.listening.clone();
        let reached = listening.wait_for(|listens| *listens == whether).await;
        reached.expect("the proxy runs until it is dropped");
    }

    /// A URL of the service with this proxy in place of its host and port.
    pub fn url(&self, of_service: &Url) -> Url {
        let mut url = of_service.clone();
        url.set_host(Some(&self.address.ip().to_string())).expect("a host");
        url.set_port(Some(self.address.port())).expect("a port");
        url
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Binds the address; an earlier proxy may still be releasing the port.
async fn bind(address: &str) -> TcpListener {
    let patience = Instant::now() + Duration::from_secs(10);
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(error) if Instant::now() >= patience => panic!("no port for the proxy at {address}: {error}"),
            Err(_in_use) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn accept(
    listener: TcpListener,
    address: SocketAddr,
    upstream: String,
    mut mode: watch::Receiver<Mode>,
    listens: watch::Sender<bool>,
) {
    // Dropped with this task, which drops the connections.
    let mut connections = JoinSet::new();
    let mut listener = Some(listener);
    loop {
        if *mode.borrow_and_update() == Mode::Cut {
            listener = None;
            connections.shutdown().await;
            listens.send_replace(false);
            if mode.changed().await.is_err() {
                return;
            }
            continue;
        }
        let Some(listening) = &listener else {
            match TcpListener::bind(address).await {
                Ok(bound) => {
                    listener = Some(bound);
                    listens.send_replace(true);
                }
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

/// Forwards one connection until both sides have ended. If dropped earlier, both sides are reset.
async fn connection(mut client: TcpStream, upstream: String, mut mode: watch::Receiver<Mode>) {
    drop(client.set_zero_linger());
    drop(client.set_nodelay(true));
    if mode.wait_for(|mode| *mode != Mode::Vanish).await.is_err() {
        return;
    }
    let Ok(mut server) = TcpStream::connect(upstream).await else {
        return;
    };
    drop(server.set_zero_linger());
    drop(server.set_nodelay(true));
    let forwarding = async {
        let ((client_reads, client_writes), (server_reads, server_writes)) = (client.split(), server.split());
        // A broken direction ends the other as well.
        drop(tokio::try_join!(
            forward(client_reads, server_writes, mode.clone(), Direction::Up),
            forward(server_reads, client_writes, mode.clone(), Direction::Down),
        ));
    };
    let mut vanishing = mode.clone();
    tokio::select! {
        () = forwarding => return,
        vanished = vanishing.wait_for(|mode| *mode == Mode::Vanish) => if vanished.is_err() { return },
    }
    drop(server);
    std::future::pending::<()>().await;
    drop(client);
}

/// Forwards one direction, until its end has been passed on.
async fn forward(
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
