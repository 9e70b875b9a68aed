//! What every process has beside its roles: the operators' port.

use std::net::SocketAddr;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{Base, lifetime};
use crate::admin::{self, Admin};

/// The port, bound.
pub(super) struct Bound {
    port: TcpListener,
}

/// The port while it is served.
pub(super) struct Running {
    task: JoinHandle<()>,
    ended: CancellationToken,
}

/// Binds `admin.listen`, and logs the address.
pub(super) async fn bind(base: &Base) -> anyhow::Result<Bound> {
    let port = lifetime::bind(&base.loaded.config.admin.listen, base.key("admin.listen", "--admin")).await?;
    info!(address = %port.local_addr()?, version = lifetime::VERSION, "answering /livez, /readyz and /metrics");
    Ok(Bound { port })
}

impl Bound {
    /// The address that is listened on.
    pub(super) fn address(&self) -> std::io::Result<SocketAddr> {
        self.port.local_addr()
    }

    /// Serves what `base` has registered so far. The port outlives the roles, so that a drain can be watched.
    pub(super) fn spawn(self, base: &mut Base) -> Running {
        let ended = CancellationToken::new();
        let admin = Admin {
            metrics: std::mem::take(&mut base.metrics),
            checks: std::mem::take(&mut base.checks),
            asked_to_end: base.ending.asked.clone(),
        };
        let task = tokio::spawn(admin::serve(admin, self.port, ended.clone()));
        Running { task, ended }
    }
}

impl Running {
    /// Ends the port.
    pub(super) async fn end(self) -> anyhow::Result<()> {
        self.ended.cancel();
        self.task.await.context("admin port")
    }
}
