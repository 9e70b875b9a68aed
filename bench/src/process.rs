//! A program under measurement: started as a child, its processor time read from the kernel, killed on drop.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::net::TcpStream;

/// A child process that listens on a port.
#[derive(Debug)]
pub(crate) struct Program(Child);

impl Program {
    /// Starts it with its logs in `log`, and waits until it accepts connections on `port`.
    pub(crate) async fn start(program: &Path, args: &[&str], log: &Path, port: u16) -> anyhow::Result<Self> {
        let mut started = Self::spawn(program, args, log)?;
        for _ in 0..400 {
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Ok(started);
            }
            if let Some(status) = started.0.try_wait()? {
                bail!(
                    "{} {} ended with {status}:\n{}",
                    program.display(),
                    args.join(" "),
                    fs::read_to_string(log)?
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!(
            "{} does not listen on port {port} after 20 s:\n{}",
            program.display(),
            fs::read_to_string(log)?
        )
    }

    /// The same, without waiting for anything.
    pub(crate) fn spawn(program: &Path, args: &[&str], log: &Path) -> anyhow::Result<Self> {
        let file = fs::File::create(log).with_context(|| format!("cannot write `{}`", log.display()))?;
        let child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::from(file))
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self(child))
    }

    /// Returns how it ended, if it has.
    pub(crate) fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.0.try_wait()?)
    }

    /// Returns the memory that it occupies now, in MB of 2^20 bytes.
    pub(crate) fn resident_mb(&self) -> anyhow::Result<f64> {
        self.memory("VmRSS:")
    }

    /// Returns the most memory that it has occupied, in MB of 2^20 bytes.
    pub(crate) fn peak_mb(&self) -> anyhow::Result<f64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> anyhow::Result<f64> {
        let path = format!("/proc/{}/status", self.0.id());
        let status = fs::read_to_string(&path).with_context(|| format!("cannot read `{path}`"))?;
        let kilobytes = status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
        let kilobytes: f64 = kilobytes.with_context(|| format!("no `{name}` in `{path}`"))?.parse()?;
        Ok(kilobytes / 1024.0)
    }

    /// Returns the user and system time used so far (proc(5), fields 14 and 15 of `stat`, in ticks of 10 ms).
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        cpu_of(&self.0.id().to_string())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The same for any process; `self` is this one.
pub(crate) fn cpu_of(pid: &str) -> anyhow::Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("cannot read `{path}`"))?;
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .context("no `)` in stat")?
        .1
        .split_whitespace()
        .collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 10))
}

/// Returns the microseconds of `time` for each of `count`.
pub(crate) fn micros_per(time: Duration, count: u64) -> f64 {
    time.as_secs_f64() * 1e6 / count.max(1) as f64
}

/// Returns a port that is free now.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
