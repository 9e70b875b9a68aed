//! A client that writes requests as they are, on one connection for as long as the server keeps it.

use std::net::SocketAddr;

use http::Method;
use http::header::CONTENT_LENGTH;
use ingest::Captured;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::room::PATIENCE;

pub(super) struct Wire {
    address: SocketAddr,
    open: Option<TcpStream>,
}

impl Wire {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, open: None }
    }

    /// Sends the request, and returns the status of the answer.
    pub(super) async fn status(&mut self, request: &Captured) -> u16 {
        let exchange = async {
            let mut stream = match self.open.take() {
                Some(stream) => stream,
                None => TcpStream::connect(self.address).await.expect("it listens"),
            };
            stream.write_all(&bytes(request)).await.expect("it reads");
            let (status, keep) = read(&mut stream, request.method == Method::HEAD).await;
            self.open = Some(stream).filter(|_| keep);
            status
        };
        timeout(PATIENCE, exchange).await.expect("an answer in time")
    }
}

fn bytes(request: &Captured) -> Vec<u8> {
    let mut bytes = format!("{} {} HTTP/1.1\r\n", request.method, request.target).into_bytes();
    let mut header = |name: &str, value: &[u8]| {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    };
    for (name, value) in &request.headers {
        header(name.as_str(), value.as_bytes());
    }
    if !request.headers.contains_key(CONTENT_LENGTH) {
        header("content-length", request.body.len().to_string().as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&request.body);
    bytes
}

/// Reads an answer: its status, and whether the connection stays open.
async fn read(stream: &mut TcpStream, without_body: bool) -> (u16, bool) {
    let mut answer = Vec::new();
    loop {
        if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
            let status = head
                .split(' ')
                .nth(1)
                .and_then(|status| status.parse().ok())
                .expect("a status");
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            let length = if without_body { 0 } else { length.unwrap_or(0) };
            if answer.len() >= end + 4 + length {
                return (status, !head.contains("\r\nconnection: close"));
            }
        }
        assert_ne!(
            stream.read_buf(&mut answer).await.expect("an answer"),
            0,
            "an answer and not the end"
        );
    }
}
