//! How a process that only reads learns of what another one writes.

use std::sync::Arc;
use std::time::Duration;

use schemas::log::LogError;
use sqlx::SqliteConnection;
use tokio_util::sync::CancellationToken;

use crate::journal::shared::Shared;

/// How often a process that only reads looks for new records.
const POLL_EVERY: Duration = Duration::from_millis(100);

/// Keeps the catalog of a process that only reads up to date until `ended`.
pub(in crate::journal) async fn poll(
    shared: Arc<Shared>,
    mut connection: SqliteConnection,
    ended: CancellationToken,
) -> Result<(), LogError> {
    shared
        .catalog
        .refresh(&mut connection)
        .await
        .map_err(|e| shared.read_error(&e))?;
    let mut every = tokio::time::interval(POLL_EVERY);
    tokio::spawn(async move {
        let mut seen = 0;
        let mut failing = false;
        loop {
            tokio::select! {
                () = ended.cancelled() => break,
                () = shared.closed.cancelled() => break,
                _ = every.tick() => {}
            }
            let result = look(&shared, &mut connection, &mut seen).await;
            if let Err(error) = &result
                && !failing
            {
                tracing::warn!(journal = %shared.path().display(), %error, "the journal cannot be read for now");
            }
            failing = result.is_err();
        }
    });
    Ok(())
}

/// `PRAGMA data_version` moves when another connection has committed.
async fn look(shared: &Shared, connection: &mut SqliteConnection, seen: &mut i64) -> Result<(), sqlx::Error> {
    let version: i64 = sqlx::query_scalar("PRAGMA data_version")
        .fetch_one(&mut *connection)
        .await?;
    if version != *seen {
        shared.catalog.refresh(connection).await?;
        *seen = version;
    }
    Ok(())
}
