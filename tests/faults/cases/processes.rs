//! Our own processes: undisturbed, killed, stopped, restarted.

use crate::deployment::Which;
use crate::trial::{Setup, Trial};

#[ignore = "long: `./run faults`"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_calm_nothing_is_lost_doubled_or_repeated() {
    let mut trial = Trial::begin("calm", Setup::default()).await;
    trial.load().await;
    trial.accept_more(trial.plan.events).await;
    trial.unload().await;
    trial.drain().await;
    let evidence = trial.evidence().await;
    let repeats = harness::load::judge::judge(&evidence).repeats;
    let complaints = if repeats == 0 {
        Vec::new()
    } else {
        vec![format!("{repeats} deliveries were repeated for no reason")]
    };
    trial.conclude(&evidence, complaints, serde_json::Value::Null).await;
}

#[ignore = "long: `./run faults`"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ingest_that_is_killed_loses_and_doubles_nothing() {
    let mut trial = Trial::begin("ingest kill -9", Setup::default()).await;
    trial.load().await;
    while trial.goes_on(3) {
        trial.kill_and_start(Which::Ingest(trial.acts % 2)).await;
        trial.accept_more(trial.plan.short_or_long(200, 1500)).await;
    }
    trial.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_processor_that_is_killed_loses_and_doubles_nothing() {
    let mut trial = Trial::begin("processor kill -9", Setup::default()).await;
    trial.load().await;
    while trial.goes_on(2) {
        trial.kill_and_start(Which::Processor(trial.acts % 2)).await;
        trial.accept_more(trial.plan.short_or_long(150, 1500)).await;
    }
    trial.finish().await;
}

#[ignore = "long: `./run faults`"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_processor_that_wakes_up_after_its_session_harms_nothing() {
    let mut trial = Trial::begin("zombie processor", Setup::default()).await;
    trial.load().await;
    while trial.goes_on(2) {
        let number = trial.acts % 2;
        let held = trial.deployment.processors[number].hold();
        // Three sessions.
        trial.last(19).await;
        drop(held);
        trial.healed();
        trial.accept_more(trial.plan.short_or_long(300, 1500)).await;
    }
    trial.finish().await;
}
