//! The database: restarted without a checkpoint, one of its processes killed, stopped.

use std::time::Duration;

use crate::services::{POSTGRES, kill};
use crate::trial::{Setup, Trial};
use harness::eventually;

impl Trial {
    /// The processes of PostgreSQL that serve the deployment.
    pub(crate) async fn backends(&self) -> Vec<u32> {
        let sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let pids: Vec<i32> = sqlx::query_scalar(sql)
            .fetch_all(&self.database.pool)
            .await
            .unwrap_or_default();
        pids.into_iter().filter_map(|pid| u32::try_from(pid).ok()).collect()
    }

    /// Waits until the database answers.
    pub(crate) async fn database_answers(&self) {
        eventually("the database answers", Duration::from_mins(1), async || {
            sqlx::query("SELECT 1").execute(&self.database.pool).await.ok()
        })
        .await;
    }

    /// Kills one process of the database; the server then ends all others and recovers.
    pub(crate) async fn kill_a_backend(&self) {
        let backends = self.backends().await;
        if let Some(pid) = backends.first() {
            tokio::task::block_in_place(|| kill(&[*pid]));
        }
        self.database_answers().await;
    }

    pub(crate) fn restart_postgres_immediately(&self) {
        tokio::task::block_in_place(|| {
            self.services.stop_postgres_immediately();
            self.services.start(&[POSTGRES]);
        });
    }
}

#[ignore = "long: `./run faults`"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_restarts_at_once_has_each_event_once() {
    let mut trial = Trial::begin("PG immediate restart", Setup::default()).await;
    trial.load().await;
    while trial.goes_on(3) {
        trial.restart_postgres_immediately();
        trial.healed();
        trial.accept_more(trial.plan.short_or_long(200, 3000)).await;
    }
    trial.finish().await;
}

#[ignore = "long: `./run faults`"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_loses_a_process_has_each_event_once() {
    let mut trial = Trial::begin("PG backend kill -9", Setup::default()).await;
    trial.load().await;
    while trial.goes_on(3) {
        trial.kill_a_backend().await;
        trial.healed();
        trial.accept_more(trial.plan.short_or_long(200, 1500)).await;
    }
    trial.finish().await;
}

#[ignore = "long: `./run faults`"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_database_has_each_event_once() {
    let mut trial = Trial::begin("PG all STOP", Setup::default()).await;
    trial.load().await;
    while trial.goes_on(1) {
        let held = trial.services.hold(POSTGRES);
        trial.last(trial.plan.short_or_long(20, 60)).await;
        drop(held);
        trial.healed();
        trial.accept_more(trial.plan.events / 3).await;
    }
    trial.finish().await;
}
