//! A single broker: killed, stopped.

use crate::services::ONE;
use crate::trial::{Setup, Trial};

#[ignore = "long: `./run faults`"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_killed_loses_and_doubles_nothing() {
    let mut trial = Trial::begin("broker kill -9", Setup::default()).await;
    trial.load().await;
    while trial.goes_on(2) {
        trial.kill_services(&[ONE]);
        trial.last(3).await;
        trial.start_services(&[ONE]);
        trial.healed();
        trial.accept_more(trial.plan.short_or_long(400, 3500)).await;
    }
    trial.finish().await;
}

#[ignore = "long: `./run faults`"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_broker_loses_and_doubles_nothing() {
    let mut trial = Trial::begin("broker STOP 45 s", Setup::default()).await;
    trial.load().await;
    while trial.goes_on(1) {
        let held = trial.services.hold(ONE);
        trial.last(45).await;
        drop(held);
        trial.healed();
        trial.accept_more(trial.plan.events).await;
    }
    trial.finish().await;
}
