//! Two kinds of load over plain sockets, so that the tool costs little compared with the server: as fast as possible on
//! N connections (closed loop), and at a fixed rate with latencies from the planned start (open loop).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// One keep-alive connection.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(port: u16) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(1024),
        })
    }

    /// Sends a request and reads the answer, which must be 200 with an empty body.
    async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!(
                    "the server closed the connection: {}",
                    String::from_utf8_lossy(&self.buffer)
                );
            }
            if self.buffer.ends_with(b"\r\n\r\n") {
                break;
            }
        }
        if !self.buffer.starts_with(b"HTTP/1.1 200") {
            bail!("not 200: {}", String::from_utf8_lossy(&self.buffer));
        }
        Ok(())
    }
}

/// Sends as fast as `connections` allow for `time`; returns how many requests were answered 200.
pub(crate) async fn closed(
    port: u16,
    requests: &Arc<Vec<Vec<u8>>>,
    connections: usize,
    time: Duration,
) -> anyhow::Result<u64> {
    let done = Arc::new(AtomicU64::new(0));
    let end = Instant::now() + time;
    let mut tasks = JoinSet::new();
    for lane in 0..connections {
        let (requests, done) = (Arc::clone(requests), Arc::clone(&done));
        tasks.spawn(async move {
            let mut connection = Connection::open(port).await?;
            let mut next = lane;
            while Instant::now() < end {
                connection.exchange(&requests[next % requests.len()]).await?;
                next += 1;
                done.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task?.context("closed-loop load")?;
    }
    Ok(done.load(Ordering::Relaxed))
}

/// Sends each request once over `connections`; returns how many were answered 200.
pub(crate) async fn closed_once(port: u16, requests: &Arc<Vec<Vec<u8>>>, connections: usize) -> anyhow::Result<u64> {
    let mut tasks = JoinSet::new();
    for lane in 0..connections {
        let requests = Arc::clone(requests);
        tasks.spawn(async move {
            let mut connection = Connection::open(port).await?;
            let mut done = 0_u64;
            for request in requests.iter().skip(lane).step_by(connections) {
                connection.exchange(request).await?;
                done += 1;
            }
            anyhow::Ok(done)
        });
    }
    let mut done = 0;
    while let Some(task) = tasks.join_next().await {
        done += task?.context("closed-loop load")?;
    }
    Ok(done)
}

/// Returns the moment of the first request of an open loop that is started now.
pub(crate) fn open_begin() -> Instant {
    Instant::now() + Duration::from_millis(200)
}

/// Returns the planned moment of request `number`.
pub(crate) fn planned(begin: Instant, number: u64, rate: u32) -> Instant {
    let (seconds, rest) = (number / u64::from(rate), number % u64::from(rate));
    begin + Duration::from_secs(seconds) + Duration::from_nanos(rest * 1_000_000_000 / u64::from(rate))
}

/// Sends `rate` requests per second for `time`, each at its planned moment; returns latencies in µs from that moment.
pub(crate) async fn open(
    port: u16,
    requests: &Arc<Vec<Vec<u8>>>,
    rate: u32,
    time: Duration,
) -> anyhow::Result<Histogram<u64>> {
    open_from(open_begin(), port, requests, rate, time).await
}

/// The same with a given beginning.
pub(crate) async fn open_from(
    begin: Instant,
    port: u16,
    requests: &Arc<Vec<Vec<u8>>>,
    rate: u32,
    time: Duration,
) -> anyhow::Result<Histogram<u64>> {
    const CONNECTIONS: u32 = 64;
    let total = u64::from(rate) * time.as_secs();
    let mut tasks = JoinSet::new();
    for lane in 0..CONNECTIONS {
        let requests = Arc::clone(requests);
        tasks.spawn(async move {
            let mut connection = Connection::open(port).await?;
            let mut latencies = Histogram::<u64>::new(3)?;
            for number in (u64::from(lane)..total).step_by(CONNECTIONS as usize) {
                let planned = planned(begin, number, rate);
                tokio::time::sleep_until(planned.into()).await;
                let index = usize::try_from(number)? % requests.len();
                connection.exchange(&requests[index]).await?;
                latencies.record(u64::try_from(planned.elapsed().as_micros())?.max(1))?;
            }
            anyhow::Ok(latencies)
        });
    }
    let mut all = Histogram::<u64>::new(3)?;
    while let Some(task) = tasks.join_next().await {
        all.add(task?.context("open-loop load")?)?;
    }
    Ok(all)
}
