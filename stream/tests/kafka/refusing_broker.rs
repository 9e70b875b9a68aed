//! The part of a Kafka broker that refuses a password: the answers to `ApiVersions`, `SaslHandshake` and
//! `SaslAuthenticate` (Kafka protocol guide, the versions without tagged fields).

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

const SASL_HANDSHAKE: i16 = 17;
const API_VERSIONS: i16 = 18;
const SASL_AUTHENTICATE: i16 = 36;
const UNSUPPORTED_VERSION: i16 = 35;
const SASL_AUTHENTICATION_FAILED: i16 = 58;

/// Serves until the process ends.
pub(crate) fn serve(listener: &TcpListener) {
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || while answer(&stream).is_some() {});
    }
}

/// Answers one request; `None` once the connection has ended.
fn answer(mut stream: &TcpStream) -> Option<()> {
    let mut size = [0; 4];
    stream.read_exact(&mut size).ok()?;
    let mut request = vec![0; usize::try_from(u32::from_be_bytes(size)).ok()?];
    stream.read_exact(&mut request).ok()?;
    let number = |at: usize| Some(i16::from_be_bytes(request.get(at..at + 2)?.try_into().ok()?));
    let (api, version) = (number(0)?, number(2)?);
    let mut response = request.get(4..8)?.to_vec();
    match api {
        API_VERSIONS => {
            let error = if version == 0 { 0 } else { UNSUPPORTED_VERSION };
            response.extend(error.to_be_bytes());
            // Produce, Fetch, Metadata and the three that are answered here.
            let ranges: [(i16, i16); 6] = [
                (0, 7),
                (1, 11),
                (3, 4),
                (SASL_HANDSHAKE, 1),
                (API_VERSIONS, 0),
                (SASL_AUTHENTICATE, 0),
            ];
            response.extend(6_i32.to_be_bytes());
            for (key, highest) in ranges {
                response.extend([key, 0, highest].iter().flat_map(|n| n.to_be_bytes()));
            }
        }
        SASL_HANDSHAKE => {
            response.extend(0_i16.to_be_bytes());
            response.extend(1_i32.to_be_bytes());
            text(&mut response, "PLAIN");
        }
        SASL_AUTHENTICATE => {
            response.extend(SASL_AUTHENTICATION_FAILED.to_be_bytes());
            text(&mut response, "no such user");
            response.extend(0_i32.to_be_bytes());
        }
        _ => return None,
    }
    let size = u32::try_from(response.len()).ok()?;
    stream.write_all(&[&size.to_be_bytes()[..], &response].concat()).ok()
}

fn text(response: &mut Vec<u8>, text: &str) {
    response.extend(i16::try_from(text.len()).unwrap_or(i16::MAX).to_be_bytes());
    response.extend(text.as_bytes());
}
