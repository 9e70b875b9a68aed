//! Receivers of deliveries, as a process of their own: neither their processor time nor their stalls are then counted as ours.
//!
//! `bench receive COUNT` listens on as many ports, and prints them in one line. It takes commands on standard input, a line each,
//! and answers on standard output:
//!
//! | command | answer |
//! |---|---|
//! | `mode FIRST LAST MODE` | `ok`; the endpoints from FIRST to LAST, counted from 0, now do MODE |
//! | `note` | `ok`; from now on every delivery is noted, and not only counted |
//! | `count` | how many deliveries were answered 200 so far |
//! | `arrivals` | a line `ENDPOINT NUMBER MICROSECONDS` of each that was noted since the last time, and a line `.` |
//! | `bodies` | a body a line of the first deliveries, and a line `.` |
//!
//! It ends when its standard input does.

use std::fmt::Write as _;
use std::io::{BufRead as _, Write as _};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::arrival;

/// What an endpoint does with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Answers 200 at once.
    Well,
    /// Takes the request, and never answers.
    Hang,
    /// Answers 200, and then a body of a byte a second.
    Drip,
    /// Answers 500 at once.
    Fail,
    /// Does not listen, and has broken the connections that there were.
    Refuse,
}

impl Mode {
    /// Its name in commands.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Hang => "hang",
            Self::Drip => "drip",
            Self::Fail => "500",
            Self::Refuse => "refuse",
        }
    }
}

impl FromStr for Mode {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> anyhow::Result<Self> {
        let all = [Self::Well, Self::Hang, Self::Drip, Self::Fail, Self::Refuse];
        let found = all.into_iter().find(|mode| mode.name() == name);
        found.with_context(|| format!("there is no mode `{name}`"))
    }
}

/// How many bodies are kept.
const BODIES: usize = 64;
const WELL: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const DRIP: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n";
const FAIL: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 2\r\n\r\nno";

/// What all endpoints write to.
#[derive(Debug, Default)]
struct Seen {
    count: AtomicU64,
    notes: AtomicBool,
    /// Endpoint, number of the event, when it came.
    arrivals: Mutex<Vec<(usize, u64, u64)>>,
    bodies: Mutex<Vec<Vec<u8>>>,
}

impl Seen {
    fn delivered(&self, endpoint: usize, body: &[u8]) {
        let before = self.count.fetch_add(1, Ordering::Relaxed);
        if usize::try_from(before).is_ok_and(|before| before < BODIES) {
            self.bodies.lock().push(body.to_vec());
        }
        if self.notes.load(Ordering::Relaxed) {
            let at = arrival::now_us();
            if let Some(number) = arrival::number(body) {
                self.arrivals.lock().push((endpoint, number, at));
            }
        }
    }
}

/// Listens on `count` ports until standard input ends.
pub(crate) async fn serve(count: usize) -> anyhow::Result<()> {
    let seen = Arc::new(Seen::default());
    let mut modes = Vec::new();
    let mut ports = String::new();
    for endpoint in 0..count {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        write!(ports, "{} ", listener.local_addr()?.port())?;
        let (mode, of_endpoint) = watch::channel(Mode::Well);
        modes.push(mode);
        tokio::spawn(listen(endpoint, listener, of_endpoint, Arc::clone(&seen)));
    }
    say(ports.trim_end())?;
    tokio::task::spawn_blocking(move || obey(&modes, &seen)).await?
}

#[expect(clippy::print_stdout, reason = "standard output is how it answers")]
fn say(line: &str) -> anyhow::Result<()> {
    println!("{line}");
    Ok(std::io::stdout().flush()?)
}

fn obey(modes: &[watch::Sender<Mode>], seen: &Seen) -> anyhow::Result<()> {
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["mode", first, last, mode] => {
                let mode = mode.parse()?;
                let meant = modes.get(first.parse()?..=last.parse()?);
                for endpoint in meant.context("there are not so many endpoints")? {
                    endpoint.send_replace(mode);
                }
                say("ok")?;
            }
            ["note"] => {
                seen.notes.store(true, Ordering::Relaxed);
                say("ok")?;
            }
            ["count"] => say(&seen.count.load(Ordering::Relaxed).to_string())?,
            ["arrivals"] => {
                let arrivals = std::mem::take(&mut *seen.arrivals.lock());
                let mut text = String::new();
                for (endpoint, number, at) in arrivals {
                    writeln!(text, "{endpoint} {number} {at}")?;
                }
                say(&format!("{text}."))?;
            }
            ["bodies"] => {
                for body in &*seen.bodies.lock() {
                    say(std::str::from_utf8(body)?)?;
                }
                say(".")?;
            }
            _ => bail!("there is no command `{line}`"),
        }
    }
    Ok(())
}

/// One endpoint, for ever.
async fn listen(
    endpoint: usize,
    listener: TcpListener,
    mut mode: watch::Receiver<Mode>,
    seen: Arc<Seen>,
) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    let mut listener = Some(listener);
    // Dropping it breaks them.
    let mut connections = JoinSet::new();
    loop {
        if *mode.borrow_and_update() == Mode::Refuse {
            listener = None;
            connections.shutdown().await;
            mode.changed().await?;
            continue;
        }
        let listening = match &listener {
            Some(listening) => listening,
            None => listener.insert(TcpListener::bind(address).await?),
        };
        tokio::select! {
            accepted = listening.accept() => {
                let (stream, _) = accepted?;
                stream.set_nodelay(true)?;
                connections.spawn(serve_one(endpoint, stream, mode.clone(), Arc::clone(&seen)));
                while connections.try_join_next().is_some() {}
            }
            changed = mode.changed() => changed?,
        }
    }
}

/// One connection, until the other side closes it.
async fn serve_one(
    endpoint: usize,
    mut stream: TcpStream,
    mode: watch::Receiver<Mode>,
    seen: Arc<Seen>,
) -> anyhow::Result<()> {
    let mut buffer = Vec::with_capacity(16 * 1024);
    loop {
        let whole = loop {
            if let Some((head, length)) = extent(&buffer)?
                && buffer.len() >= head + length
            {
                break head..head + length;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let end = whole.end;
        let mode_now = *mode.borrow();
        match mode_now {
            Mode::Well => {
                seen.delivered(endpoint, &buffer[whole]);
                stream.write_all(WELL).await?;
            }
            Mode::Fail => stream.write_all(FAIL).await?,
            Mode::Hang => {
                while stream.read_buf(&mut buffer).await? > 0 {
                    buffer.clear();
                }
                return Ok(());
            }
            Mode::Drip => {
                stream.write_all(DRIP).await?;
                loop {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    stream.write_all(b"x").await?;
                }
            }
            Mode::Refuse => return Ok(()),
        }
        buffer.drain(..end);
    }
}

/// Returns the lengths of the head and the body of the request at the beginning of `buffer`; `None` while the head is not whole.
fn extent(buffer: &[u8]) -> anyhow::Result<Option<(usize, usize)>> {
    let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&buffer[..head])?;
    let length = text.lines().skip(1).find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim())
    });
    let length = length.context("a delivery without a content-length")?;
    Ok(Some((head + 4, length.parse()?)))
}

#[cfg(test)]
mod tests {
    use super::extent;

    #[test]
    fn a_request_is_as_long_as_its_head_and_the_body_that_it_announces() {
        let request = b"POST / HTTP/1.1\r\nhost: h\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(extent(request).expect("a head"), Some((request.len() - 5, 5)));
    }

    #[test]
    fn a_head_that_is_not_whole_says_nothing_yet() {
        assert_eq!(extent(b"POST / HTTP/1.1\r\nhost").expect("no error"), None);
    }
}
