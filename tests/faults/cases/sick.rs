//! One endpoint is sick, so that its deliveries wait in the database, while processes and services fail.

use std::time::Duration;

use crate::deployment::Which;
use crate::trial::{Setup, Trial};
use harness::load::judge::Evidence;
use harness::load::recorder::Condition;

/// The setup, with a place for what waits.
pub(super) fn setup() -> Setup {
    Setup {
        store: true,
        ..Setup::default()
    }
}

/// How long an endpoint that has been sick may be left alone before it is tried again, and some more.
const LEFT_ALONE: Duration = Duration::from_secs(100);

/// That an endpoint fails and works again are events, too, which no one has sent.
pub(super) fn leave_operations_out(evidence: &mut Evidence) {
    evidence.rows.retain(|row| !row.mark.is_empty());
    for arrivals in &mut evidence.receivers {
        arrivals.retain(|arrival| !arrival.mark.is_empty());
    }
}

impl Trial {
    /// The first endpoint is like that from now on; the others are healthy.
    pub(super) fn first_is(&self, condition: Condition) {
        self.receivers[0].be(condition);
    }

    /// How many deliveries wait.
    pub(super) async fn waiting(&self) -> i64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM backlog");
        count.fetch_one(&self.database.pool).await.unwrap_or(0)
    }

    /// Waits until deliveries wait in the database.
    pub(super) async fn some_wait(&self) {
        harness::eventually("deliveries wait", Duration::from_secs(30), async || {
            (self.waiting().await > 0).then_some(())
        })
        .await;
    }

    async fn finish_when_all_came(mut self) {
        self.first_is(Condition::Healthy);
        self.unload().await;
        self.drain_unless_quiet_for(LEFT_ALONE).await;
        let mut evidence = self.evidence().await;
        leave_operations_out(&mut evidence);
        let waiting = self.waiting().await;
        let complaints = match waiting {
            0 => Vec::new(),
            _ => vec![format!("{waiting} deliveries still wait")],
        };
        self.conclude(&evidence, complaints, serde_json::Value::Null).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_processor_that_is_killed_and_a_database_that_restarts_lose_nothing_of_a_sick_endpoint() {
    let mut trial = Trial::begin("sick endpoint, kill -9, PG restart", setup()).await;
    trial.load().await;
    trial.first_is(Condition::Hanging);
    trial.some_wait().await;
    while trial.goes_on(2) {
        trial.kill_and_start(Which::Processor(trial.acts % 2)).await;
        trial.accept_more(trial.plan.short_or_long(100, 1500)).await;
        trial.first_is(Condition::Failing);
        trial.restart_postgres_immediately();
        trial.healed();
        trial.accept_more(trial.plan.short_or_long(100, 1500)).await;
    }
    trial.finish_when_all_came().await;
}

#[ignore = "long: `./run faults`"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_processor_that_wakes_up_after_its_lease_harms_nothing_of_a_sick_endpoint() {
    let mut trial = Trial::begin("sick endpoint, zombie processor", setup()).await;
    trial.load().await;
    trial.first_is(Condition::Failing);
    trial.some_wait().await;
    while trial.goes_on(2) {
        let held = trial.deployment.processors[trial.acts % 2].hold();
        // Longer than its session and its lease.
        trial.last(19).await;
        drop(held);
        trial.healed();
        trial.first_is(if trial.acts % 2 == 0 {
            Condition::Failing
        } else {
            Condition::Hanging
        });
        trial.accept_more(trial.plan.short_or_long(300, 1500)).await;
    }
    trial.finish_when_all_came().await;
}

#[ignore = "long: `./run faults`"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_handed_over_while_an_endpoint_is_sick_repeat_nothing_at_the_others() {
    let mut trial = Trial::begin("sick endpoint, graceful restarts", setup()).await;
    trial.load().await;
    trial.first_is(Condition::Failing);
    trial.some_wait().await;
    while trial.goes_on(3) {
        trial.restart(Which::Processor(trial.acts % 2)).await;
        trial.accept_more(trial.plan.short_or_long(150, 1500)).await;
    }
    trial.finish_when_all_came().await;
}
