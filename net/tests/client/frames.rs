//! A peer that speaks HTTP/2 frame by frame, and so can do what libraries of servers do not let one do.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::stage::server_config;

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const END_STREAM_AND_HEADERS: u8 = 5;
const REFUSED_STREAM: u32 = 7;

/// What a connection does with its requests.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Conduct {
    /// 200.
    Answer,
    /// Refuses the stream.
    Refuse,
    /// Goes away, and has looked at none.
    GoAway,
    /// Goes away, and may have looked at this one.
    GoAwayAfter,
    /// Takes them, and says nothing more, not even that it lives.
    Silence,
}

/// A peer of which each connection follows the next conduct, the last one for ever.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<usize>>>,
}

impl Peer {
    pub(crate) async fn start(script: &[Conduct]) -> Self {
        let acceptor = server_config(None, &[b"h2"]);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let peer = Self {
            address: listener.local_addr().expect("bound"),
            requests: Arc::default(),
        };
        let mut script: VecDeque<Conduct> = script.iter().copied().collect();
        let requests = Arc::clone(&peer.requests);
        tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.expect("accept");
                let next = if script.len() > 1 {
                    script.pop_front()
                } else {
                    script.front().copied()
                };
                let (acceptor, requests) = (acceptor.clone(), Arc::clone(&requests));
                tokio::spawn(async move {
                    let stream = acceptor.accept(stream).await.expect("TLS");
                    // The client may hang up at any time.
                    drop(serve(stream, next.expect("a script"), connection, &requests).await);
                });
            }
        });
        peer
    }

    /// The number of the connection of each request that came.
    pub(crate) fn requests(&self) -> Vec<usize> {
        self.requests.lock().expect("no panic").clone()
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}/", self.address)
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    conduct: Conduct,
    connection: usize,
    requests: &Mutex<Vec<usize>>,
) -> std::io::Result<()> {
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await?;
    assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    write(&mut stream, SETTINGS, 0, 0, &[]).await?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let (kind, flags) = (head[3], head[4]);
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut payload = vec![0; usize::try_from(length).expect("small")];
        stream.read_exact(&mut payload).await?;
        match (kind, conduct) {
            (SETTINGS, _) if flags & ACK == 0 => write(&mut stream, SETTINGS, ACK, 0, &[]).await?,
            (PING, Conduct::Silence) => {}
            (PING, _) if flags & ACK == 0 => write(&mut stream, PING, ACK, 0, &payload).await?,
            (HEADERS, _) => {
                requests.lock().expect("no panic").push(connection);
                match conduct {
                    // The static table's 8th entry: `:status: 200`.
                    Conduct::Answer => write(&mut stream, HEADERS, END_STREAM_AND_HEADERS, id, &[0x88]).await?,
                    Conduct::Refuse => {
                        write(&mut stream, RST_STREAM, 0, id, &REFUSED_STREAM.to_be_bytes()).await?;
                    }
                    Conduct::GoAway => write(&mut stream, GOAWAY, 0, 0, &[0; 8]).await?,
                    Conduct::GoAwayAfter => {
                        let last = [id.to_be_bytes(), [0; 4]].concat();
                        write(&mut stream, GOAWAY, 0, 0, &last).await?;
                        return stream.shutdown().await;
                    }
                    Conduct::Silence => {}
                }
            }
            _ => {}
        }
    }
}

async fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    kind: u8,
    flags: u8,
    id: u32,
    payload: &[u8],
) -> std::io::Result<()> {
    let length = u32::try_from(payload.len()).expect("small").to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(id.to_be_bytes());
    frame.extend(payload);
    stream.write_all(&frame).await?;
    stream.flush().await
}
