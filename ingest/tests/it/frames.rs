//! A client that speaks HTTP/2 frame by frame, so that it can do what no library does.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::room::{PATIENCE, Room};

pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// A frame as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// Four bytes of the payload as a number.
    pub(crate) fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.payload[at..at + 4].try_into().expect("four bytes"))
    }
}

/// The bytes of a frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A list of headers, each spelled out, nothing indexed.
pub(crate) fn block(headers: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in headers {
        out.push(0);
        for text in [name, value] {
            number(&mut out, text.len());
            out.extend_from_slice(text.as_bytes());
        }
    }
    out
}

/// RFC 7541 §5.1, with a prefix of seven bits.
fn number(out: &mut Vec<u8>, mut value: usize) {
    if value < 127 {
        out.push(u8::try_from(value).expect("below 127"));
        return;
    }
    out.push(127);
    value -= 127;
    while value >= 128 {
        out.push(u8::try_from(value % 128).expect("below 128") | 128);
        value /= 128;
    }
    out.push(u8::try_from(value).expect("below 128"));
}

/// The head of a webhook to the source `open`, with one header more.
pub(crate) fn head(name: &str, value: &str) -> Vec<u8> {
    block(&[
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "h"),
        (":path", "/in/open"),
        (name, value),
    ])
}

/// One connection.
pub(crate) struct Framed(TcpStream);

impl Framed {
    pub(crate) async fn connect(room: &Room) -> Self {
        let mut stream = TcpStream::connect(room.address).await.expect("it listens");
        let preface = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &[])].concat();
        stream.write_all(&preface).await.expect("open");
        Self(stream)
    }

    /// Whether the server still takes something.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> bool {
        timeout(PATIENCE, self.0.write_all(bytes))
            .await
            .is_ok_and(|sent| sent.is_ok())
    }

    /// The next frame, or `None` at the end of the connection.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let reading = async {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).await.ok()?;
            let mut payload = vec![0; usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2])];
            self.0.read_exact(&mut payload).await.ok()?;
            Some(Frame {
                kind: head[3],
                stream: u32::from_be_bytes(head[5..].try_into().expect("four bytes")),
                payload,
            })
        };
        timeout(PATIENCE, reading).await.expect("a frame or the end, in time")
    }

    /// Waits for a frame of this kind; `None` if the connection ends before.
    pub(crate) async fn next_of(&mut self, kind: u8) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if frame.kind == kind {
                return Some(frame);
            }
        }
    }
}
