//! A database of its own for a measurement, and the processor time that the server spends on it.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::{AssertSqlSafe, PgConnection, PgPool};

use crate::process::cpu_of;

/// An empty database, to be removed by [`Self::remove`].
#[derive(Debug)]
pub(crate) struct Database {
    admin: PgPool,
    name: String,
    /// Its URL.
    pub(crate) url: String,
}

impl Database {
    /// Makes one on the server of `url`.
    pub(crate) async fn create(url: &str) -> anyhow::Result<Self> {
        let name = format!("forebay_bench_{}", uuid::Uuid::new_v4().simple());
        let admin = PgPool::connect(url).await?;
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&admin)
            .await?;
        let server = url.rsplit_once('/').map_or("", |(server, _)| server);
        let url = format!("{server}/{name}");
        Ok(Self { admin, name, url })
    }

    /// Removes it, with the connections to it.
    pub(crate) async fn remove(self) -> anyhow::Result<()> {
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        sqlx::query(AssertSqlSafe(sql)).execute(&self.admin).await?;
        Ok(())
    }

    /// Returns the processor time so far of each process of the server that works for this database, and of those that write
    /// for all databases. Of a server on another machine there is none.
    pub(crate) async fn cpu(&self) -> anyhow::Result<HashMap<i32, Duration>> {
        let pids: Vec<i32> = sqlx::query_scalar(
            "SELECT pid FROM pg_stat_activity WHERE datname = $1
                OR backend_type IN ('walwriter', 'checkpointer', 'background writer')",
        )
        .bind(&self.name)
        .fetch_all(&self.admin)
        .await?;
        let times = pids.into_iter().map(|pid| Some((pid, cpu_of(&pid.to_string()).ok()?)));
        Ok(times.flatten().collect())
    }
}

/// Returns the settings of the server on which the cost of writing depends, in one line.
pub(crate) async fn settings(connection: &mut PgConnection) -> anyhow::Result<String> {
    let settings: Vec<String> = sqlx::query_scalar(
        "SELECT name || '=' || current_setting(name) FROM pg_settings
         WHERE name IN ('server_version', 'shared_buffers', 'max_wal_size', 'checkpoint_timeout', 'wal_compression', 'synchronous_commit',
                        'fsync', 'full_page_writes', 'work_mem', 'max_parallel_workers_per_gather', 'jit') ORDER BY name",
    )
    .fetch_all(connection)
    .await?;
    Ok(settings.join(", "))
}

/// Returns the processor time between two answers of [`Database::cpu`].
pub(crate) fn spent(before: &HashMap<i32, Duration>, after: &HashMap<i32, Duration>) -> Duration {
    let of_one = |(pid, time): (&i32, &Duration)| time.saturating_sub(before.get(pid).copied().unwrap_or_default());
    after.iter().map(of_one).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_came_meanwhile_counts_whole_and_one_that_was_there_by_what_it_added() {
        let seconds = Duration::from_secs;
        let before = HashMap::from([(1, seconds(5)), (2, seconds(7))]);
        let after = HashMap::from([(1, seconds(6)), (3, seconds(2))]);
        assert_eq!(spent(&before, &after), seconds(3));
    }
}
