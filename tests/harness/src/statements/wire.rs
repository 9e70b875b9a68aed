//! As much of PostgreSQL's frontend/backend protocol 3 as is needed to know which statement a message is about.

use std::collections::HashMap;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The longest message that is taken; a longer one is a framing error of the reader.
const LONGEST: usize = 1 << 30;

/// One message, with the bytes of its header.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) kind: u8,
    pub(super) bytes: Vec<u8>,
}

impl Message {
    /// Reads one message; `None` if the other side has ended before it, or within it.
    pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> Option<Self> {
        let mut header = [0; 5];
        from.read_exact(&mut header).await.ok()?;
        let bytes = rest(from, header.to_vec(), 1).await.ok()?;
        Some(Self { kind: header[0], bytes })
    }

    fn body(&self) -> &[u8] {
        &self.bytes[5..]
    }

    /// Whether it ends the answer to a request: the server then waits for the client.
    pub(super) fn ends_an_answer(&self) -> bool {
        // ReadyForQuery, and the three that begin a copy.
        matches!(self.kind, b'Z' | b'G' | b'H' | b'W')
    }

    /// Whether it says that a transaction is open, failed or not.
    pub(super) fn is_within_transaction(&self) -> bool {
        self.kind == b'Z' && self.body() != b"I"
    }

    /// An error that the server would send as it ends a connection.
    pub(super) fn error(code: &str, text: &str) -> Vec<u8> {
        let fields = format!("SFATAL\0VFATAL\0C{code}\0M{text}\0\0");
        let length = u32::try_from(fields.len() + 4).expect("short");
        [&b"E"[..], &length.to_be_bytes(), fields.as_bytes()].concat()
    }
}

/// Reads what follows a header whose length field begins at `at` and counts from there.
async fn rest(from: &mut (impl AsyncRead + Unpin), mut bytes: Vec<u8>, at: usize) -> io::Result<Vec<u8>> {
    let length: [u8; 4] = bytes[at..at + 4].try_into().expect("four bytes");
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if !(4..LONGEST).contains(&length) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "not the PostgreSQL protocol",
        ));
    }
    let begun = bytes.len();
    bytes.resize(at + length, 0);
    from.read_exact(&mut bytes[begun..]).await?;
    Ok(bytes)
}

/// Reads the first message of a connection, which has no kind. Requests for encryption are an error: the proxy reads
/// what passes.
pub(super) async fn startup(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut header = [0; 8];
    from.read_exact(&mut header).await?;
    let code = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
    // SSLRequest and GSSENCRequest.
    if matches!(code, 80_877_103 | 80_877_104) {
        let reason = "the client asks for encryption: give `sslmode=disable` in its URL";
        return Err(io::Error::new(io::ErrorKind::Unsupported, reason));
    }
    rest(from, header.to_vec(), 0).await
}

/// The messages of a client up to the one that it waits after, and what they are about.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) bytes: Vec<u8>,
    /// The text of the statement; empty for a request without one.
    pub(super) statement: String,
    /// Whether the statement is executed, not only parsed.
    pub(super) executes: bool,
}

/// The texts of the prepared statements of one connection, and of the portals, by name.
#[derive(Debug, Default)]
pub(super) struct Names {
    statements: HashMap<Vec<u8>, String>,
    portals: HashMap<Vec<u8>, String>,
}

impl Request {
    /// Adds a message; returns whether the request is whole.
    pub(super) fn add(&mut self, message: &Message, names: &mut Names) -> bool {
        self.bytes.extend_from_slice(&message.bytes);
        let mut strings = message.body().split(|byte| *byte == 0);
        let mut next = || strings.next().unwrap_or_default().to_vec();
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        match message.kind {
            b'Q' => {
                self.statement = text(next());
                self.executes = true;
            }
            b'P' => {
                let name = next();
                self.statement = text(next());
                names.statements.insert(name, self.statement.clone());
            }
            b'B' => {
                let (portal, name) = (next(), next());
                self.statement = names.statements.get(&name).cloned().unwrap_or_default();
                names.portals.insert(portal, self.statement.clone());
            }
            b'E' => {
                self.statement = names.portals.get(&next()).cloned().unwrap_or_default();
                self.executes = true;
            }
            b'H' => panic!("a client that sends Flush is more than this proxy understands"),
            _ => {}
        }
        // Query, Sync, and the two that end a copy.
        matches!(message.kind, b'Q' | b'S' | b'c' | b'f')
    }
}
