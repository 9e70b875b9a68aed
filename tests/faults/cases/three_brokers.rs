//! A cluster of three brokers that loses some: replication 3, and two in-sync replicas that must confirm.

use crate::kafka;
use crate::services::THREE;
use crate::trial::{Setup, Trial};

const CLUSTER: Setup = Setup {
    three_brokers: true,
    ingests: 2,
    processors: 2,
    proxied_ingests: false,
    proxied_processors: false,
    store: false,
};

impl Trial {
    /// Returns the broker that leads the most partitions of the events, by its position in the cluster.
    fn leader(&self) -> usize {
        let (brokers, topic) = (self.direct.kafka.clone(), self.deployment.topic("events"));
        let leaders = tokio::task::block_in_place(|| kafka::leaders(&brokers, &topic));
        let most = leaders.iter().filter(|(id, _)| *id > 0).max_by_key(|(_, count)| *count);
        usize::try_from(most.expect("a leader").0 - 1).expect("a node's id")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_killed_costs_nothing_that_was_accepted() {
    let mut trial = Trial::begin("three brokers: leader kill -9", CLUSTER).await;
    trial.load().await;
    while trial.goes_on(1) {
        let leader = THREE[trial.leader()];
        trial.kill_services(&[leader]);
        // The others take over, and accept meanwhile.
        trial.accept_more(trial.plan.short_or_long(200, 2000)).await;
        trial.start_services(&[leader]);
        trial.healed();
        trial.accept_more(trial.plan.short_or_long(100, 1500)).await;
    }
    trial.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_two_brokers_of_three_lost_nothing_is_accepted_and_nothing_is_lost() {
    let mut trial = Trial::begin("three brokers: two lost", CLUSTER).await;
    trial.load().await;
    while trial.goes_on(1) {
        let first = trial.acts % 3;
        let lost = [THREE[first], THREE[(first + 1) % 3]];
        trial.kill_services(&lost);
        // Answers confirmed at that moment are still in flight to the sender.
        trial.last(3).await;
        let (accepted, refused) = (trial.ledger.count_accepted(), trial.ledger.count_not_accepted());
        trial.last(trial.plan.short_or_long(4, 10)).await;
        assert_eq!(trial.ledger.count_accepted(), accepted, "one replica is not enough");
        assert!(
            trial.ledger.count_not_accepted() > refused,
            "and the senders get refusals"
        );
        trial.start_services(&lost);
        trial.healed();
        trial.accept_more(trial.plan.short_or_long(200, 2500)).await;
    }
    trial.finish().await;
}

#[ignore = "long: `./run faults`"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_is_lost_costs_nothing_that_was_accepted() {
    let mut trial = Trial::begin("three brokers: a follower kill -9", CLUSTER).await;
    trial.load().await;
    // Once killed, it leads no partition when it is back.
    let follower = trial.leader();
    trial.kill_services(&[THREE[follower]]);
    trial.last(8).await;
    trial.start_services(&[THREE[follower]]);
    trial.accept_more(trial.plan.rate as usize * 5).await;
    while trial.goes_on(1) {
        assert_ne!(trial.leader(), follower, "it follows");
        trial.kill_services(&[THREE[follower]]);
        trial.accept_more(trial.plan.short_or_long(300, 2000)).await;
        trial.start_services(&[THREE[follower]]);
        trial.healed();
        trial.accept_more(trial.plan.short_or_long(200, 1500)).await;
    }
    trial.finish().await;
}

#[ignore = "long: `./run faults`"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_brokers_killed_at_once_still_have_what_was_accepted() {
    let mut trial = Trial::begin("three brokers: all kill -9", CLUSTER).await;
    trial.load().await;
    while trial.goes_on(1) {
        trial.kill_services(&THREE);
        trial.last(5).await;
        trial.start_services(&THREE);
        trial.healed();
        trial.accept_more(trial.plan.short_or_long(300, 3500)).await;
    }
    trial.finish().await;
}
