//! What every process does: bind a port, wait for the signals to end, wait for its tasks.

use std::fmt;
use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// The version that each bound address is logged with.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Listens on `address`, which stands under `key` in the configuration.
pub(super) async fn bind(address: &str, key: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; choose another address in `{key}`"))
}

/// How long a drain goes on after the signal that hurries it.
const HURRY: Duration = Duration::from_millis(300);

/// What the signals cancel, one after another.
#[derive(Debug, Clone)]
pub(super) struct Ending {
    /// The process is asked to end: it is no longer ready, and still does all of its work.
    pub(super) asked: CancellationToken,
    /// The drain begins.
    pub(super) shutdown: CancellationToken,
    /// What is unfinished is not waited for.
    pub(super) hurried: CancellationToken,
}

impl Ending {
    pub(super) fn new() -> Self {
        let shutdown = CancellationToken::new();
        Self {
            // What drains for another reason is not ready either.
            asked: shutdown.child_token(),
            shutdown,
            hurried: CancellationToken::new(),
        }
    }

    /// Follows the signals: SIGTERM or Ctrl-C ends the process, `delay` later; the next one skips what is left of the delay;
    /// one more hurries the drain. A hangup is only logged, unless `terminal` says that a person has closed it.
    pub(super) async fn on_signals(self, delay: Duration, terminal: bool) -> std::io::Result<()> {
        let mut signals = Signals::new()?;
        signals.next(terminal).await;
        // Before the line, which a terminal that is closed may not take.
        self.asked.cancel();
        if !delay.is_zero() {
            let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
            info!(
                delay_ms,
                "stopping: not ready any more, and still accepting for this time"
            );
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = signals.next(false) => {}
            }
        }
        self.shutdown.cancel();
        info!("stopping: what is under way is finished first");
        signals.next(false).await;
        self.hurried.cancel();
        warn!("second signal: what is unfinished is not waited for");
        Ok(())
    }

    /// Returns when the time of a hurried drain is over.
    pub(super) async fn cut_off(&self) {
        self.hurried.cancelled().await;
        tokio::time::sleep(HURRY).await;
    }
}

/// A second signal ended the process before everything was finished.
#[derive(Debug)]
pub(crate) struct CutOff;

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "ended by a second signal before everything was finished: what was not settled is read again after the next start",
        )
    }
}

impl std::error::Error for CutOff {}

/// Whether a person has started this process in a terminal.
pub(super) fn in_terminal() -> bool {
    std::io::stdin().is_terminal() || std::io::stdout().is_terminal()
}

/// The signals that mean something to a process that runs until it is ended.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for SIGTERM or Ctrl-C, or for a hangup if that ends, too.
    async fn next(&mut self, hangup_ends: bool) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => {
                    if hangup_ends {
                        return;
                    }
                    info!("hangup: the configuration is not read again; restart to apply changes");
                }
            }
        }
    }
}

/// Waits for SIGTERM or Ctrl-C.
pub(crate) async fn asked_to_end() -> std::io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Waits for all tasks. The first that fails stops the others; they still drain.
pub(super) async fn supervise(
    mut tasks: JoinSet<anyhow::Result<()>>,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let mut result = Ok(());
    while let Some(ended) = tasks.join_next().await {
        let ended = ended
            .context("a task of the program ended by a bug")
            .and_then(|inner| inner);
        if let Err(error) = ended {
            shutdown.cancel();
            if result.is_ok() {
                result = Err(error);
            } else {
                error!(error = format!("{error:#}"), "another task failed");
            }
        }
    }
    result
}
