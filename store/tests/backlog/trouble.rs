//! What is known of targets, and orders. On both databases.

use schemas::backlog::{Condition, Finding, Order, What};
use schemas::name::SinkName;
use schemas::time::Timestamp;

use crate::deliveries::at;
use crate::stage::{Both, on_both, sink, with_postgres};

async fn note(both: &Both, target: &str, finding: Finding) -> Option<Condition> {
    both.backlog().note(&sink(), target, finding).await.expect("available")
}

async fn conditions(both: &Both, after: Option<i64>) -> Vec<Condition> {
    both.backlog().conditions(&sink(), after).await.expect("available")
}

fn failing(second: i64) -> Finding {
    Finding::Failing { since: at(second) }
}

fn refuses(reason: &str) -> Finding {
    Finding::Refuses {
        reason: reason.to_owned(),
    }
}

fn failed_since(second: i64) -> Finding {
    Finding::FailedSince {
        before: at(second),
        reason: "5 days".to_owned(),
    }
}

#[tokio::test]
async fn a_target_fails_since_the_first_failure_and_until_a_success() {
    on_both(async |both| {
        assert_eq!(note(&both, "a", Finding::Works).await, None, "nothing was wrong");
        let first = note(&both, "a", failing(1)).await.expect("a change");
        assert_eq!((first.failing_since, &first.disabled), (Some(at(1)), &None));
        assert_eq!(note(&both, "a", failing(2)).await, None, "it is known");
        assert_eq!(conditions(&both, None).await, std::slice::from_ref(&first));
        let healed = note(&both, "a", Finding::Works).await.expect("a change");
        assert_eq!(healed.failing_since, None);
        assert!(healed.version > first.version);
        assert_eq!(note(&both, "a", Finding::Works).await, None);
        assert_eq!(conditions(&both, None).await, [], "it is not in trouble");
        assert_eq!(
            conditions(&both, Some(first.version)).await,
            std::slice::from_ref(&healed)
        );
        assert_eq!(conditions(&both, Some(healed.version)).await, []);
        let again = note(&both, "a", failing(3)).await.expect("a change");
        assert_eq!(again.failing_since, Some(at(3)));
    })
    .await;
}

#[tokio::test]
async fn a_target_that_refuses_is_disabled_once_and_until_it_is_enabled() {
    on_both(async |both| {
        let before = Timestamp::now().before(std::time::Duration::from_mins(1));
        let disabled = note(&both, "a", refuses("410 Gone"))
            .await
            .expect("a change")
            .disabled
            .expect("disabled");
        assert_eq!(disabled.reason, "410 Gone");
        assert!(disabled.at > before);
        assert_eq!(note(&both, "a", refuses("again")).await, None);
        assert_eq!(
            note(&both, "a", failing(1)).await,
            None,
            "it gets nothing that could fail"
        );
        let enabled = note(&both, "a", Finding::Enabled).await.expect("a change");
        assert_eq!((enabled.disabled, enabled.failing_since), (None, None));
        assert_eq!(note(&both, "a", Finding::Enabled).await, None);
    })
    .await;
}

#[tokio::test]
async fn a_target_is_disabled_if_it_has_failed_for_too_long() {
    on_both(async |both| {
        assert_eq!(note(&both, "a", failed_since(100)).await, None, "it does not fail");
        note(&both, "a", failing(50)).await.expect("a change");
        assert_eq!(note(&both, "a", failed_since(50)).await, None, "not before that moment");
        let disabled = note(&both, "a", failed_since(51)).await.expect("a change");
        assert_eq!(disabled.failing_since, Some(at(50)));
        assert_eq!(disabled.disabled.expect("disabled").reason, "5 days");
        assert_eq!(note(&both, "a", failed_since(51)).await, None);
        note(&both, "b", failing(10)).await.expect("a change");
        note(&both, "b", Finding::Works).await.expect("a change");
        assert_eq!(note(&both, "b", failed_since(51)).await, None, "it has worked since");
    })
    .await;
}

#[tokio::test]
async fn orders_are_read_once_each_and_by_their_sink() {
    on_both(async |both| {
        let (backlog, sink) = (both.backlog(), sink());
        assert_eq!(backlog.newest_order(&sink).await, Ok(0));
        note(&both, "a", Finding::Enabled).await;
        let first = backlog.newest_order(&sink).await.expect("available");
        assert_eq!(both.try_now("b").await, 0);
        let order = |id, target: &str| Order {
            id,
            target: target.to_owned(),
            what: What::Try,
        };
        let second = backlog.newest_order(&sink).await.expect("available");
        assert!(second > first && first > 0);
        assert_eq!(
            backlog.orders(&sink, 0).await,
            Ok(vec![order(first, "a"), order(second, "b")])
        );
        assert_eq!(backlog.orders(&sink, first).await, Ok(vec![order(second, "b")]));
        assert_eq!(backlog.orders(&sink, second).await, Ok(vec![]));
        let other = SinkName::new("other").expect("valid");
        assert_eq!(backlog.orders(&other, 0).await, Ok(vec![]));
        assert_eq!(backlog.conditions(&other, None).await, Ok(vec![]));
    })
    .await;
}

#[tokio::test]
async fn of_several_that_find_the_same_one_is_told() {
    on_both(async |both| {
        for finding in [
            failing(1),
            refuses("410"),
            Finding::Enabled,
            failing(2),
            failed_since(3),
            Finding::Enabled,
        ] {
            let all = (0..8).map(|_| note(&both, "a", finding.clone()));
            let told = futures_util::future::join_all(all).await.into_iter().flatten().count();
            assert_eq!(told, 1, "{finding:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn two_processes_that_find_the_same_are_not_both_told_and_versions_only_rise() {
    with_postgres(async |pool| {
        let processes = [1, 2].map(|_| {
            let lease = store::backlog::Lease::default();
            Both::Postgres(crate::stage::process(&pool, lease))
        });
        let mut last = 0;
        for turn in 0..20 {
            let finding = if turn % 2 == 0 { failing(turn) } else { Finding::Works };
            let (one, other) = tokio::join!(
                note(&processes[0], "a", finding.clone()),
                note(&processes[1], "a", finding.clone())
            );
            let told: Vec<_> = [one, other].into_iter().flatten().collect();
            assert_eq!(told.len(), 1, "{finding:?}");
            assert!(told[0].version > last);
            last = told[0].version;
        }
    })
    .await;
}
