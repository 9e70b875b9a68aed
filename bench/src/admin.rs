//! The operators' port of a program under measurement.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The port, on the loopback.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Admin(pub(crate) u16);

impl Admin {
    /// Waits until the program is ready.
    pub(crate) async fn ready(self, patience: Duration) -> anyhow::Result<()> {
        let begin = Instant::now();
        let mut answer = String::new();
        while begin.elapsed() < patience {
            answer = self.get("/readyz").await.unwrap_or_default();
            if answer.starts_with("HTTP/1.1 200") {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bail!("not ready after {patience:?}: {answer}")
    }

    /// Returns all metrics, in their text form.
    pub(crate) async fn metrics(self) -> anyhow::Result<Metrics> {
        self.get("/metrics").await.map(Metrics)
    }

    async fn get(self, path: &str) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.0)).await?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.context("no answer")?;
        Ok(answer)
    }
}

/// The metrics of one moment.
#[derive(Debug)]
pub(crate) struct Metrics(String);

impl Metrics {
    /// Returns the sum of all series of this name, whatever their labels; 0 if there is none.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        let of_line = |line: &str| {
            let rest = line.strip_prefix(name)?;
            if !rest.starts_with(['{', ' ']) {
                return None;
            }
            rest.rsplit_once(' ')?.1.parse::<f64>().ok()
        };
        self.0.lines().filter_map(of_line).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::Metrics;

    #[test]
    fn series_of_a_name_are_added_and_longer_names_are_not() {
        let metrics = Metrics("a_total{x=\"1\"} 2\na_total{x=\"2\"} 3\na_total_more 7\nb 1\n".to_owned());
        assert!((metrics.sum("a_total") - 5.0).abs() < f64::EPSILON);
        assert!((metrics.sum("b") - 1.0).abs() < f64::EPSILON);
        assert!(metrics.sum("c").abs() < f64::EPSILON);
    }
}
