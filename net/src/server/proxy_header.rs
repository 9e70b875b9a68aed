//! The header of the PROXY protocol, versions 1 and 2, by which a proxy that does not speak HTTP names the client of a connection.
//!
//! It is the first thing that is read from a connection, so it is bounded: [`TEXT_BYTES`] for version 1, and [`BLOCK_BYTES`] after
//! the fixed part of version 2. Nothing but the client's address is used; the extensions (TLV) of version 2 are skipped.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// The longest header of version 1, its line end included; the specification's own bound.
const TEXT_BYTES: usize = 107;

/// The most that may follow the 16 fixed bytes of version 2. Addresses take 216 at most, the rest are extensions.
const BLOCK_BYTES: usize = 4096;

/// What version 2 begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// What is asked of the socket first: a header, and most of the request behind it.
const READ_BYTES: usize = 512;

/// A header that is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    /// How many bytes it has.
    length: usize,
    /// The client that it names. None: the proxy speaks for itself (a health check), or does not know.
    client: Option<IpAddr>,
}

/// Why what came is no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed(&'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What a connection begins with.
#[derive(Debug)]
pub(super) enum Beginning {
    /// A header: the client that it names, and what has been read of the bytes after it.
    Header(Option<IpAddr>, Bytes),
    /// Something else.
    Malformed(Malformed),
    /// Nothing: the connection ended or broke before a whole header came.
    Nothing,
}

/// Reads the header of a connection. Has no time limit of its own.
pub(super) async fn read(stream: &mut TcpStream) -> Beginning {
    let mut buffer = Vec::with_capacity(READ_BYTES);
    loop {
        match parse(&buffer) {
            Ok(Some(Header { length, client })) => {
                let ahead = buffer.split_off(length);
                return Beginning::Header(client, ahead.into());
            }
            Ok(None) => {}
            Err(malformed) => return Beginning::Malformed(malformed),
        }
        let came: io::Result<usize> = stream.read_buf(&mut buffer).await;
        match came {
            Ok(0) if buffer.is_empty() => return Beginning::Nothing,
            Ok(0) => return Beginning::Malformed(Malformed("the connection ended within it")),
            Ok(_) => {}
            Err(_) => return Beginning::Nothing,
        }
    }
}

/// `None` if `bytes` are the beginning of a header.
fn parse(bytes: &[u8]) -> Result<Option<Header>, Malformed> {
    let begins = |with: &[u8]| bytes.iter().zip(with).all(|(one, other)| one == other);
    if begins(SIGNATURE) {
        version_2(bytes)
    } else if begins(b"PROXY ") {
        version_1(bytes)
    } else {
        Err(Malformed("the connection begins with something else"))
    }
}

fn version_1(bytes: &[u8]) -> Result<Option<Header>, Malformed> {
    let within = bytes.get(..TEXT_BYTES).unwrap_or(bytes);
    let Some(end) = within.windows(2).position(|two| two == b"\r\n") else {
        return if within.len() == TEXT_BYTES {
            Err(Malformed("its line has no end within 107 bytes"))
        } else {
            Ok(None)
        };
    };
    let line = within.get(..end).and_then(|line| std::str::from_utf8(line).ok());
    let fields: Vec<&str> = line.unwrap_or_default().split(' ').collect();
    let client = match *fields.as_slice() {
        // What follows is to be ignored.
        ["PROXY", "UNKNOWN", ..] => None,
        ["PROXY", "TCP4", from, to, ref ports @ ..] if are_ports(ports) && to.parse::<Ipv4Addr>().is_ok() => {
            Some(from.parse().map(IpAddr::V4).map_err(|_| NO_ADDRESSES)?)
        }
        ["PROXY", "TCP6", from, to, ref ports @ ..] if are_ports(ports) && to.parse::<Ipv6Addr>().is_ok() => {
            Some(from.parse().map(IpAddr::V6).map_err(|_| NO_ADDRESSES)?)
        }
        _ => return Err(NO_ADDRESSES),
    };
    Ok(Some(Header {
        length: end + 2,
        client: client.map(|client| client.to_canonical()),
    }))
}

const NO_ADDRESSES: Malformed = Malformed("its line does not name two addresses of one family and two ports");

fn are_ports(fields: &[&str]) -> bool {
    let is_port = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok();
    fields.len() == 2 && fields.iter().all(is_port)
}

fn version_2(bytes: &[u8]) -> Result<Option<Header>, Malformed> {
    let Some((fixed, rest)) = bytes.split_first_chunk::<16>() else {
        return Ok(None);
    };
    let [.., command, family, high, low] = *fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > BLOCK_BYTES {
        return Err(Malformed("its length is more than 4096 bytes"));
    }
    let least = match (command, family) {
        // PROXY: TCP over IPv4 and IPv6, whose addresses are used.
        (0x21, 0x11) => 12,
        (0x21, 0x21) => 36,
        // LOCAL: the proxy's own connection. The rest is to be ignored, whatever it is. And what is neither TCP over IPv4 nor
        // IPv6: unspecified, datagrams, sockets of Unix.
        (0x20, _) | (0x21, 0x00 | 0x12 | 0x22 | 0x31 | 0x32) => 0,
        _ => return Err(Malformed("its version, command or address family is unknown")),
    };
    if length < least {
        return Err(Malformed("its length has no room for its addresses"));
    }
    let Some(block) = rest.get(..length) else {
        return Ok(None);
    };
    let client = match least {
        12 => block.first_chunk::<4>().map(|from| IpAddr::from(*from)),
        36 => block.first_chunk::<16>().map(|from| IpAddr::from(*from)),
        _ => None,
    };
    Ok(Some(Header {
        length: fixed.len() + length,
        client: client.map(|client| client.to_canonical()),
    }))
}

#[cfg(test)]
mod tests;
