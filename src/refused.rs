//! The requests that `forebay dev` refused: the last ones, kept for `forebay verify` as they came, a file each in the folder
//! `refused` of its data.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use ingest::Captured;

/// How many are kept.
const KEPT: u32 = 100;

/// Where the request with this number is.
pub(crate) fn path(data: &Path, number: u32) -> PathBuf {
    data.join("refused").join(format!("{number:03}.http"))
}

/// Writes requests, and removes the oldest.
#[derive(Debug)]
pub(crate) struct Keeper {
    data: PathBuf,
    last: u32,
}

impl Keeper {
    /// Goes on after the last number that is there.
    pub(crate) fn new(data: &Path) -> Self {
        let there = fs::read_dir(data.join("refused")).into_iter().flatten().flatten();
        let number = |entry: fs::DirEntry| {
            let name = entry.file_name().into_string().ok()?;
            name.strip_suffix(".http")?.parse::<u32>().ok()
        };
        Self {
            data: data.to_owned(),
            last: there.filter_map(number).max().unwrap_or_default(),
        }
    }

    /// Keeps a request, for its owner's eyes only: it may hold the right secret. Returns its number.
    pub(crate) fn keep(&mut self, request: &Captured) -> io::Result<u32> {
        let number = self.last + 1;
        let file = path(&self.data, number);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut written: File = File::options().write(true).create_new(true).mode(0o600).open(&file)?;
        written.write_all(&wire(request))?;
        self.last = number;
        if let Some(oldest) = number.checked_sub(KEPT) {
            // It may have been removed by hand.
            drop(fs::remove_file(path(&self.data, oldest)));
        }
        Ok(number)
    }
}

/// The bytes of the request in HTTP/1.1. A body that came in chunks is whole here, and has its length.
fn wire(request: &Captured) -> Vec<u8> {
    let mut out = format!("{} {} HTTP/1.1\r\n", request.method, request.target).into_bytes();
    let chunked = request.headers.contains_key(TRANSFER_ENCODING) && !request.body.is_empty();
    for (name, value) in &request.headers {
        if chunked && (name == TRANSFER_ENCODING || name == CONTENT_LENGTH) {
            continue;
        }
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    if chunked {
        out.extend_from_slice(format!("content-length: {}\r\n", request.body.len()).as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&request.body);
    out
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use http::{HeaderMap, HeaderValue, Method};

    use super::*;

    fn request(body: &'static [u8]) -> Captured {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("localhost"));
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        Captured {
            method: Method::POST,
            target: "/in/a?b=c".to_owned(),
            headers,
            body: body.into(),
        }
    }

    #[test]
    fn a_request_is_written_with_the_length_of_its_body() {
        let text = String::from_utf8(wire(&request(b"hello"))).expect("UTF-8");
        assert_eq!(
            text,
            "POST /in/a?b=c HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\nhello"
        );
    }

    #[test]
    fn the_last_ones_are_kept_and_numbers_go_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut keeper = Keeper::new(folder.path());
        for number in 1..=KEPT + 2 {
            assert_eq!(keeper.keep(&request(b"x")).expect("kept"), number);
        }
        assert!(!path(folder.path(), 2).exists() && path(folder.path(), 3).exists());
        let mode = fs::metadata(path(folder.path(), 3))
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(Keeper::new(folder.path()).keep(&request(b"x")).expect("kept"), KEPT + 3);
    }
}
