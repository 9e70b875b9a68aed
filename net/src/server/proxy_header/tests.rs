use proptest::prelude::*;

use super::*;

/// A header of version 2.
fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).expect("short");
    [&SIGNATURE[..], &[command, family], &length.to_be_bytes(), block].concat()
}

const FROM_4: [u8; 12] = [198, 51, 100, 1, 10, 0, 0, 1, 0x12, 0x67, 0, 80];

fn from_6(address: &str) -> Vec<u8> {
    let address: Ipv6Addr = address.parse().expect("an address");
    [&address.octets()[..], &[0; 16], &[0x12, 0x67, 0, 80]].concat()
}

/// Headers that are in order, and the client that they name.
fn valid() -> Vec<(Vec<u8>, Option<&'static str>)> {
    let v1 = |line: &str| format!("{line}\r\n").into_bytes();
    let unknown_and_more = format!("PROXY UNKNOWN {}", "x".repeat(TEXT_BYTES - 16));
    vec![
        (v1("PROXY TCP4 198.51.100.1 10.0.0.1 4711 80"), Some("198.51.100.1")),
        (
            v1("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535"),
            Some("255.255.255.255"),
        ),
        (v1("PROXY TCP6 2001:db8::5 fd00::1 4711 80"), Some("2001:db8::5")),
        (v1("PROXY TCP6 ::ffff:198.51.100.1 ::1 1 2"), Some("198.51.100.1")),
        (v1("PROXY UNKNOWN"), None),
        (v1("PROXY UNKNOWN anything at all"), None),
        (v1(&unknown_and_more), None),
        (v2(0x21, 0x11, &FROM_4), Some("198.51.100.1")),
        (
            v2(0x21, 0x11, &[&FROM_4[..], &[0x04, 0, 1, 0]].concat()),
            Some("198.51.100.1"),
        ),
        (
            v2(0x21, 0x11, &[&FROM_4[..], &[0xEE; BLOCK_BYTES - 12]].concat()),
            Some("198.51.100.1"),
        ),
        (v2(0x21, 0x21, &from_6("2001:db8::5")), Some("2001:db8::5")),
        (v2(0x21, 0x21, &from_6("::ffff:198.51.100.1")), Some("198.51.100.1")),
        (v2(0x20, 0x00, &[]), None),
        (v2(0x20, 0x11, &FROM_4), None),
        (v2(0x20, 0xFF, &[1, 2, 3]), None),
        (v2(0x21, 0x00, &[]), None),
        (v2(0x21, 0x12, &FROM_4), None),
        (v2(0x21, 0x31, &[0; 216]), None),
    ]
}

#[test]
fn every_valid_header_is_read_whatever_follows_it() {
    for (bytes, client) in valid() {
        let expected = Header {
            length: bytes.len(),
            client: client.map(|text| text.parse().expect("an address")),
        };
        for after in [
            &b""[..],
            b"POST / HTTP/1.1\r\n\r\n",
            b"\r\n",
            b"PROXY UNKNOWN\r\n",
            &[0; 5000],
        ] {
            let all = [&bytes, after].concat();
            assert_eq!(parse(&all), Ok(Some(expected)), "{bytes:?}, then {} bytes", after.len());
        }
    }
}

#[test]
fn every_beginning_of_a_header_waits_for_the_rest() {
    for (bytes, _) in valid() {
        for length in 0..bytes.len() {
            assert_eq!(parse(&bytes[..length]), Ok(None), "{length} of {bytes:?}");
        }
    }
}

#[test]
fn a_header_with_a_byte_changed_is_never_read_past_what_is_there() {
    for (bytes, _) in valid() {
        for index in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[index] ^= 1 << bit;
                if let Ok(Some(header)) = parse(&changed) {
                    assert!(header.length <= changed.len(), "{changed:?}");
                }
            }
        }
    }
}

#[test]
fn the_signature_and_the_fixed_bytes_decide() {
    let bytes = v2(0x21, 0x11, &FROM_4);
    for index in 0..13 {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[index] ^= 1 << bit;
            // Of those bits one turns PROXY into LOCAL.
            let local = (index, bit) == (12, 0);
            assert_eq!(parse(&changed).is_err(), !local, "byte {index}, bit {bit}");
        }
    }
}

#[test]
fn what_is_no_header_is_refused_as_soon_as_that_is_known() {
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(TEXT_BYTES - 15));
    let too_long = [&SIGNATURE[..], &[0x21, 0x11, 0x10, 0x01]].concat();
    let no_room = [&SIGNATURE[..], &[0x21, 0x11, 0, 11]].concat();
    let no_room_6 = [&SIGNATURE[..], &[0x21, 0x21, 0, 35]].concat();
    for (bytes, word) in [
        (&b"P0"[..], "something else"),
        (b"POST /in/a HTTP/1.1\r\nHost: h\r\n\r\n", "something else"),
        (b"GET / HTTP/1.1\r\n\r\n", "something else"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "something else"),
        (b"\x16\x03\x01\x02\x00\x01", "something else"),
        (b"\r\n\r\n\0\r\nQUIT\r", "something else"),
        (b"proxy TCP4", "something else"),
        (b"PROXY\r\n", "something else"),
        (b"PROXY \r\n", "two addresses"),
        (b"PROXY TCP4\r\n", "two addresses"),
        (b"PROXY TCP4 198.51.100.1 10.0.0.1 4711\r\n", "two addresses"),
        (b"PROXY TCP4 198.51.100.1 10.0.0.1 4711 80 \r\n", "two addresses"),
        (b"PROXY TCP4  198.51.100.1 10.0.0.1 4711 80\r\n", "two addresses"),
        (b"PROXY TCP4 198.51.100.1 10.0.0.1 4711 65536\r\n", "two addresses"),
        (b"PROXY TCP4 198.51.100.1 10.0.0.1 +11 80\r\n", "two addresses"),
        (b"PROXY TCP4 198.51.100.1 10.0.0.1  80\r\n", "two addresses"),
        (b"PROXY TCP4 2001:db8::5 fd00::1 4711 80\r\n", "two addresses"),
        (b"PROXY TCP6 198.51.100.1 10.0.0.1 4711 80\r\n", "two addresses"),
        (b"PROXY TCP6 2001:db8::5 10.0.0.1 4711 80\r\n", "two addresses"),
        (b"PROXY TCP4 198.51.100.256 10.0.0.1 4711 80\r\n", "two addresses"),
        (b"PROXY TCP4 198.51.100.01 10.0.0.1 4711 80\r\n", "two addresses"),
        (b"PROXY UDP4 198.51.100.1 10.0.0.1 4711 80\r\n", "two addresses"),
        (b"PROXY \xff\xfe\r\n", "two addresses"),
        (long.as_bytes(), "no end"),
        (&too_long, "4096"),
        (&no_room, "no room"),
        (&no_room_6, "no room"),
    ] {
        let Malformed(reason) = parse(bytes).expect_err("no header");
        assert!(reason.contains(word), "{reason}: {}", bytes.escape_ascii());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_judged_within_bounds(version in 0..3_u8, bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let begin: &[u8] = match version {
            0 => b"",
            1 => b"PROXY TCP4 ",
            _ => SIGNATURE,
        };
        let all = [begin, &bytes].concat();
        match parse(&all) {
            Ok(Some(header)) => prop_assert!(header.length <= all.len()),
            Ok(None) => prop_assert!(all.len() < 16 + BLOCK_BYTES),
            Err(_) => {}
        }
    }
}
