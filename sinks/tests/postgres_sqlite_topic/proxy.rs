//! A server that can go away, come back, and vanish without a word: a TCP proxy in front of the real one.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Passes everything on.
    Open,
    /// Takes bytes and connections, passes nothing on.
    Silent,
}

#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    upstream: String,
    way: watch::Sender<Way>,
    accepting: Option<JoinHandle<()>>,
}

impl Proxy {
    pub(crate) async fn start(server: &Url) -> Self {
        let upstream = format!(
            "{}:{}",
            server.host_str().expect("a host"),
            server.port().unwrap_or(5432)
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let mut proxy = Self {
            address: listener.local_addr().expect("bound"),
            upstream,
            way: watch::Sender::new(Way::Open),
            accepting: None,
        };
        proxy.accept(listener);
        proxy
    }

    /// The same database through the proxy.
    pub(crate) fn url(&self, url: &Url) -> Url {
        let mut url = url.clone();
        url.set_host(Some(&self.address.ip().to_string())).expect("a host");
        url.set_port(Some(self.address.port())).expect("a port");
        url
    }

    /// Ends all connections and takes no new ones.
    pub(crate) async fn go_away(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            drop(accepting.await);
        }
    }

    pub(crate) async fn come_back(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("the port is still free");
        self.accept(listener);
    }

    pub(crate) fn fall_silent(&self) {
        self.way.send_replace(Way::Silent);
    }

    pub(crate) fn speak_again(&self) {
        self.way.send_replace(Way::Open);
    }

    fn accept(&mut self, listener: TcpListener) {
        let (upstream, way) = (self.upstream.clone(), self.way.subscribe());
        self.accepting = Some(tokio::spawn(async move {
            // Dropped with this task, and the connections with it.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(pass(client, upstream.clone(), way.clone()));
            }
        }));
    }
}

async fn pass(mut client: TcpStream, upstream: String, mut way: watch::Receiver<Way>) {
    if way.wait_for(|way| *way == Way::Open).await.is_err() {
        return;
    }
    let mut server = TcpStream::connect(upstream).await.expect("the test server");
    let silence = async { way.wait_for(|way| *way == Way::Silent).await.map(drop) };
    tokio::select! {
        copied = copy_bidirectional(&mut client, &mut server) => return drop(copied),
        fell = silence => drop(fell),
    }
    // What was under way is lost for good; the client only never hears of it.
    drop(server);
    std::future::pending::<()>().await;
    drop(client);
}
