//! The store of a process: waited for while its tables are missing, checked for readiness, and written until the last attempt.

use std::sync::Arc;
use std::time::Duration;

use database::SetupError;
use store::Tables;
use store::attempts::Writer;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::admin::Check;

/// How often is asked whether the tables are there.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// How long connections are waited for at the end.
const CLOSING: Duration = Duration::from_secs(2);

/// Waits while the tables are missing, are not those of this version, or may not be used: what is delivered meanwhile could never
/// wait. A database that is merely away is not waited for: deliveries go on without it.
pub(super) async fn set_up(tables: &Tables, shutdown: &CancellationToken) {
    let mut logged: Option<String> = None;
    loop {
        match tables.ready().await {
            Ok(newer) => {
                if logged.is_some() {
                    info!("the store is set up: deliveries to endpoints begin");
                }
                if let Some(version) = newer {
                    info!(
                        "the {} has migration {version} (store) of a newer `forebay`, which this version can work with",
                        tables.database()
                    );
                }
                return;
            }
            Err(SetupError::Unavailable(_)) if logged.is_none() => return,
            Err(SetupError::Unavailable(_)) => {}
            Err(SetupError::Misconfigured(reason)) => {
                if logged.as_ref() != Some(&reason) {
                    warn!(
                        error = reason,
                        "nothing is delivered to endpoints until the store is set up; asking again until it is"
                    );
                }
                logged = Some(reason);
            }
        }
        tokio::select! {
            () = sleep(ASK_AGAIN) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Whether deliveries could wait, and attempts be noted.
pub(super) fn check(tables: &Arc<Tables>) -> Check {
    let tables = Arc::clone(tables);
    Box::new(move || {
        let tables = Arc::clone(&tables);
        Box::pin(async move { tables.ready().await.map(|_| None).map_err(|e| e.to_string()) })
    })
}

/// Writes attempts until `delivered`, which the workers cancel by their end, and what they noted last after that.
pub(super) async fn write(writer: Writer, tables: Arc<Tables>, delivered: CancellationToken) -> anyhow::Result<()> {
    writer.run(delivered).await;
    // A connection whose server has gone without a word is not waited for.
    if timeout(CLOSING, tables.close()).await.is_err() {
        tracing::debug!("the connections to the store were not closed in time");
    }
    Ok(())
}
