//! What every process does: bind a port, wait for the signal to end, wait for its tasks.

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

/// The version that each bound address is logged with.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Listens on `address`, which stands under `key` in the configuration.
pub(super) async fn bind(address: &str, key: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; choose another address in `{key}`"))
}

/// Cancels `shutdown` on SIGTERM or Ctrl-C.
pub(super) async fn end_on_signal(shutdown: CancellationToken) -> std::io::Result<()> {
    asked_to_end().await?;
    info!("stopping: what is under way is finished first");
    shutdown.cancel();
    Ok(())
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
