//! Reads a captured request: from the wire, or from JSON.

use anyhow::{Context as _, anyhow, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use ingest::Captured;
use serde_json::Value;

/// Reads a captured request: the bytes of an HTTP/1.1 request as they went over the wire, or a JSON object
/// `{"method", "path", "headers": {…} or [[name, value], …], "body" or "body_base64"}`.
///
/// Returns a remark about what was added to it, if anything was.
pub(super) fn read(bytes: &[u8]) -> anyhow::Result<(Captured, Option<&'static str>)> {
    if bytes.trim_ascii_start().starts_with(b"{") {
        return read_json(bytes);
    }
    read_http(bytes)
}

fn read_json(bytes: &[u8]) -> anyhow::Result<(Captured, Option<&'static str>)> {
    let value: Value = serde_json::from_slice(bytes).context("begins like JSON, but is not")?;
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let mut headers = HeaderMap::new();
    let mut add = |name: &str, value: &Value| {
        let value = value
            .as_str()
            .ok_or_else(|| anyhow!("the value of the header `{name}` is not a text"))?;
        // Blanks around a value are no part of it (RFC 9110 §5.5).
        let value = value.trim_matches([' ', '\t']);
        headers.append(header_name(name)?, header_value(name, value.as_bytes())?);
        anyhow::Ok(())
    };
    match value.get("headers") {
        Some(Value::Object(members)) => {
            for (name, value) in members {
                for value in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
                    add(name, value)?;
                }
            }
        }
        Some(Value::Array(pairs)) => {
            for pair in pairs {
                match pair.as_array().map(Vec::as_slice) {
                    Some([Value::String(name), value]) => add(name, value)?,
                    _ => bail!("`headers` is a list, but not of pairs [name, value]"),
                }
            }
        }
        _ => bail!("`headers` is missing: an object, or a list of pairs [name, value]"),
    }
    let body = match (text("body"), text("body_base64")) {
        (Some(body), None) => body.as_bytes().to_vec(),
        (None, Some(base64)) => BASE64.decode(base64).context("`body_base64` is not base64")?,
        (None, None) => Vec::new(),
        (Some(_), Some(_)) => bail!("`body` and `body_base64` are both given: leave one out"),
    };
    let path = text("path").context("`path` is missing: path and query of the request")?;
    // Tools show the whole URL in its place.
    let (host, target) = match path.split_once("://") {
        Some((_, rest)) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", path),
    };
    let remark = add_host(&mut headers, host)?;
    let target = if target.is_empty() { "/" } else { target };
    Ok((
        captured(text("method").unwrap_or("POST"), target, headers, body)?,
        remark,
    ))
}

/// Adds the `Host` that a tool left out: that of the URL, or any, if the headers are clearly not all that were sent. Headers with
/// the length of the body, and without a `Host`, are taken for what they are.
fn add_host(headers: &mut HeaderMap, host: &str) -> anyhow::Result<Option<&'static str>> {
    if headers.contains_key(HOST) {
        return Ok(None);
    }
    if !host.is_empty() {
        headers.insert(HOST, header_value("Host", host.as_bytes())?);
        return Ok(None);
    }
    if headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING) {
        return Ok(None);
    }
    headers.insert(HOST, HeaderValue::from_static("localhost"));
    Ok(Some(
        "the capture has neither Host nor Content-Length, which every request has: judged as if it had a Host",
    ))
}

fn read_http(bytes: &[u8]) -> anyhow::Result<(Captured, Option<&'static str>)> {
    let mut rest = bytes;
    let mut line = || -> anyhow::Result<&[u8]> {
        let end = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .context("ends before the empty line after the headers")?;
        let line = &rest[..end];
        rest = &rest[end + 1..];
        Ok(line.strip_suffix(b"\r").unwrap_or(line))
    };
    let request = std::str::from_utf8(line()?)
        .context("the first line is not text")?
        .to_owned();
    let mut words = request.split(' ');
    let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next()) else {
        bail!("the first line is not `METHOD /path HTTP/1.1`, and the file is not a JSON object");
    };
    ensure!(
        version.starts_with("HTTP/"),
        "the first line does not end with `HTTP/1.1`"
    );
    let mut headers = HeaderMap::new();
    loop {
        let line = line()?;
        if line.is_empty() {
            break;
        }
        let colon = line
            .iter()
            .position(|byte| *byte == b':')
            .context("a header line has no colon")?;
        let name = String::from_utf8_lossy(&line[..colon]).into_owned();
        headers.append(
            header_name(&name)?,
            header_value(&name, line[colon + 1..].trim_ascii())?,
        );
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next() {
        // Any other coding is refused, whatever the body is.
        let chunked = codings.next().is_none() && coding.as_bytes().eq_ignore_ascii_case(b"chunked");
        let (body, remark) = match chunked.then(|| put_together(rest)).transpose()?.flatten() {
            Some(body) => (body, None),
            None if chunked => (
                rest.to_vec(),
                Some("the body is not in chunks, although Transfer-Encoding says so: taken as put together already"),
            ),
            None => (rest.to_vec(), None),
        };
        return Ok((captured(method, target, headers, body)?, remark));
    }
    // A body ends where its length says; what follows was added by an editor.
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let body = rest.get(..length.unwrap_or(rest.len())).unwrap_or(rest);
    let remark = (length.is_none() && !body.is_empty()).then_some(
        "the capture has a body and no Content-Length, without which ingest reads none: judged as if it had one",
    );
    Ok((captured(method, target, headers, body.to_vec())?, remark))
}

/// The body of a chunked request (RFC 9112 §7.1), without extensions and trailers; `None` if it does not begin with the size of a
/// chunk.
fn put_together(mut rest: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    for number in 1.. {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (line, after) = end.map_or((rest, &[][..]), |end| (&rest[..end], &rest[end + 1..]));
        let digits = line.split(|byte| *byte == b';').next().unwrap_or(line).trim_ascii();
        let size = std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| usize::from_str_radix(digits, 16).ok());
        let size = match size {
            Some(0) => return Ok(Some(body)),
            Some(size) => size,
            None if number == 1 => return Ok(None),
            None => bail!("the capture ends, or is damaged, before chunk {number} of its body"),
        };
        let chunk = after.get(..size);
        body.extend_from_slice(chunk.with_context(|| format!("the capture ends within chunk {number} of its body"))?);
        rest = after.get(size..).unwrap_or_default();
        rest = rest.strip_prefix(b"\r").unwrap_or(rest);
        rest = rest.strip_prefix(b"\n").unwrap_or(rest);
    }
    Ok(Some(body))
}

fn captured(method: &str, target: &str, headers: HeaderMap, body: Vec<u8>) -> anyhow::Result<Captured> {
    let absolute = target.contains("://") && !target.starts_with('/');
    ensure!(
        absolute || target.starts_with('/'),
        "the path does not begin with a slash"
    );
    Ok(Captured {
        method: Method::from_bytes(method.as_bytes()).context("the method is not one of HTTP")?,
        target: target.to_owned(),
        headers,
        body: body.into(),
    })
}

fn header_name(name: &str) -> anyhow::Result<HeaderName> {
    HeaderName::from_bytes(name.trim().as_bytes()).with_context(|| format!("`{name}` is not a name of a header"))
}

fn header_value(name: &str, value: &[u8]) -> anyhow::Result<HeaderValue> {
    HeaderValue::from_bytes(value).with_context(|| format!("the value of `{name}` cannot stand in a header"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_from_the_wire_and_from_json() {
        let wire = b"POST /in/a/secret?x=1 HTTP/1.1\r\nHost: h\r\nX-A:  b \r\nContent-Length: 7\r\n\r\n{\"a\":1}\n";
        let json = br#"{"method":"POST","path":"https://h/in/a/secret?x=1","headers":{"Host":"h","X-A":[" b"],"Content-Length":"7"},"body":"{\"a\":1}"}"#;
        let pairs = br#"{"path":"/in/a/secret?x=1","headers":[["host","h"],["x-a","b"],["content-length","7"]],"body_base64":"eyJhIjoxfQ=="}"#;
        for bytes in [&wire[..], json, pairs] {
            let (captured, remark) = read(bytes).expect("a request");
            assert_eq!(remark, None);
            assert_eq!(captured.headers.get(HOST).map(HeaderValue::as_bytes), Some(&b"h"[..]));
            assert_eq!(captured.source_id(""), "a");
            assert_eq!(captured.target, "/in/a/secret?x=1");
            assert_eq!(captured.headers.get("x-a").map(HeaderValue::as_bytes), Some(&b"b"[..]));
            assert_eq!(captured.method, Method::POST);
            assert_eq!(&captured.body[..], br#"{"a":1}"#);
        }
    }

    #[test]
    fn a_host_that_a_tool_left_out_is_added_and_one_that_was_not_sent_is_not() {
        let host = |bytes: &[u8]| {
            let (captured, remark) = read(bytes).expect("a request");
            let host = captured
                .headers
                .get(HOST)
                .map(|host| host.to_str().expect("text").to_owned());
            (host, remark.is_some())
        };
        let of = |host: &str| Some(host.to_owned());
        assert_eq!(host(br#"{"path":"/in/a","headers":{}}"#), (of("localhost"), true));
        assert_eq!(host(br#"{"path":"https://h:1/in/a","headers":{}}"#), (of("h:1"), false));
        assert_eq!(
            host(br#"{"path":"https://h","headers":{"Host":"i"}}"#),
            (of("i"), false)
        );
        let all = br#"{"path":"/in/a","headers":{"Content-Length":"2"},"body":"{}"}"#;
        assert_eq!(host(all), (None, false));
        assert_eq!(host(b"POST /in/a HTTP/1.1\r\n\r\n"), (None, false));
    }

    #[test]
    fn chunks_are_put_together() {
        let body = |bytes: &str| {
            let wire = format!("POST /in/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{bytes}");
            let (captured, remark) = read(wire.as_bytes()).expect("a request");
            (String::from_utf8_lossy(&captured.body).into_owned(), remark.is_some())
        };
        let chunks = "5;x=1\r\n{\"a\":\r\nA\r\n\"12345678\"\r\n1\r\n}\r\n0\r\nTrailer: x\r\n\r\n";
        assert_eq!(body(chunks), ("{\"a\":\"12345678\"}".to_owned(), false));
        assert_eq!(
            body("{\"a\":1}"),
            ("{\"a\":1}".to_owned(), true),
            "the tool has done it"
        );
        assert_eq!(body("0\r\n\r\n"), (String::new(), false));
    }

    #[test]
    fn what_is_no_request_is_refused_with_the_reason() {
        for (bytes, reason) in [
            (&b"{}"[..], "`headers` is missing"),
            (br#"{"headers":{},"body":"x","path":"x"}"#, "begin with a slash"),
            (br#"{"headers":{"a":1},"path":"/"}"#, "not a text"),
            (br#"{"headers":[["a"]],"path":"/"}"#, "pairs"),
            (br#"{"headers":{},"path":"/","body_base64":"%"}"#, "not base64"),
            (b"hello", "ends before"),
            (b"hello\n\n", "METHOD"),
            (b"POST / HTTP/1.1\r\nno colon\r\n\r\n", "no colon"),
            (
                b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n5\r\n{}",
                "within chunk 2",
            ),
            (
                b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
                "before chunk 2",
            ),
        ] {
            let Err(error) = read(bytes) else { panic!("{reason}") };
            assert!(format!("{error:#}").contains(reason), "{error:#}");
        }
    }
}
