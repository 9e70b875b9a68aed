//! What commands and the API ask. On both databases.

use schemas::backlog::{Finding, Waiting, What};
use schemas::name::SinkName;
use schemas::record::Offset;
use schemas::time::Timestamp;
use store::backlog::Again;

use crate::deliveries::{END, add, at, due, in_line, offsets, one, waiting};
use crate::stage::{on_both, sink};

#[tokio::test]
async fn it_is_counted_what_waits_for_each_target() {
    on_both(async |both| {
        let mut older = waiting("a", 2, "k");
        older.since = at(-60);
        add(
            &*both.claim(0).await,
            [waiting("a", 1, "k"), older, due("a", 3, "k", 70)],
        )
        .await;
        add(&*both.claim(1).await, [due("a", 1, "k", 50), waiting("b", 1, "k")]).await;
        let targets = both.targets(&sink()).await;
        let rows: Vec<_> = targets
            .iter()
            .map(|t| (&*t.target, t.in_line, t.with_time, t.oldest_since, t.next_due))
            .collect();
        assert_eq!(rows, [("a", 2, 2, at(-60), Some(at(50))), ("b", 1, 0, at(0), None)]);
        assert_eq!(both.targets(&SinkName::new("other").expect("valid")).await, []);
    })
    .await;
}

#[tokio::test]
async fn what_is_added_from_outside_is_due_now_and_the_owners_are_told() {
    on_both(async |both| {
        let claim = both.claim(3).await;
        let later = Timestamp::MAX;
        let mut known = due("a", 1, "k", 0);
        known.due = Some(later);
        add(&*claim, [known.clone(), waiting("a", 2, "k")]).await;
        let mut other = waiting("a", 2, "other");
        other.attempts = 7;
        let added = both
            .add_from_outside(
                None,
                vec![
                    (3, known),
                    (3, other.clone()),
                    (3, other),
                    (3, waiting("b", 5, "k")),
                    (9, waiting("a", 1, "k")),
                ],
                Again::DueNow,
            )
            .await;
        assert_eq!(added, 4);
        let found = claim
            .fetch(vec![one("a", 1), one("a", 2), one("b", 5)], END)
            .await
            .expect("available");
        let now = Timestamp::now().before(std::time::Duration::from_mins(1));
        assert!(
            found.iter().all(|w| w.due.is_some_and(|due| due > now && due < later)),
            "{found:?}"
        );
        assert_eq!(&found[1].record.record.key[..], b"k", "one that waits stays as it is");
        assert_eq!(found[1].attempts, 0);
        assert_eq!(offsets(&*claim, in_line("a", None, 5)).await, [0; 0]);
        assert_eq!(
            both.claim(9)
                .await
                .contents(Offset(0))
                .await
                .expect("available")
                .due
                .len(),
            1
        );
        let orders = both.backlog().orders(&sink(), 0).await.expect("available");
        let orders: Vec<_> = orders.iter().map(|order| (&*order.target, order.what)).collect();
        assert_eq!(orders, [("a", What::Look), ("b", What::Look)]);
    })
    .await;
}

#[tokio::test]
async fn one_that_waits_already_may_be_left_as_it_is_and_is_not_counted() {
    on_both(async |both| {
        let claim = both.claim(3).await;
        let known = due("a", 1, "k", 3600);
        add(&*claim, [known.clone()]).await;
        let newest = || async { both.backlog().newest_order(&sink()).await.expect("available") };
        let before = newest().await;
        let again = both.add_from_outside(None, vec![(3, known.clone())], Again::AsItIs);
        assert_eq!(again.await, 0);
        assert_eq!(newest().await, before, "there is nothing to look at");
        let both_of_them = vec![(3, known.clone()), (3, waiting("a", 2, "k"))];
        assert_eq!(both.add_from_outside(None, both_of_them, Again::AsItIs).await, 1);
        assert!(newest().await > before);
        let found = claim.fetch(vec![one("a", 1), one("a", 2)], END).await;
        let found = found.expect("available");
        assert_eq!(found[0].due, known.due);
        assert!(found[1].due.is_some_and(|due| due <= Timestamp::now()));
    })
    .await;
}

#[tokio::test]
async fn it_is_known_where_all_deliveries_of_a_target_lie() {
    on_both(async |both| {
        let rows = [waiting("a", 1, "k"), due("a", 2, "k", 3600), waiting("b", 3, "k")];
        add(&*both.claim(3).await, rows).await;
        add(&*both.claim(4).await, [waiting("a", 1, "k")]).await;
        let places = both.outside().places(&sink(), "a").await.expect("available");
        let mut places: Vec<_> = places.iter().map(|p| (&*p.topic, p.partition, p.offset)).collect();
        places.sort_unstable();
        assert_eq!(places, [("events", 3, 1), ("events", 3, 2), ("events", 4, 1)]);
        let places = both.outside().places(&sink(), "c").await.expect("available");
        assert!(places.is_empty());
    })
    .await;
}

#[tokio::test]
async fn one_that_is_disabled_is_enabled_and_another_one_is_left_alone() {
    on_both(async |both| {
        let outside = both.outside();
        assert!(
            !outside.enable(&sink(), "a").await.expect("available"),
            "nothing is known of it"
        );
        let since = Timestamp::now();
        let of = sink();
        let note = |finding| both.backlog().note(&of, "a", finding);
        note(Finding::Failing { since }).await.expect("available");
        assert!(
            !outside.enable(&sink(), "a").await.expect("available"),
            "it fails, and is tried"
        );
        let reason = "410".to_owned();
        note(Finding::Refuses { reason }).await.expect("available");
        add(
            &*both.claim(3).await,
            [Waiting {
                due: Some(Timestamp::MAX),
                ..waiting("a", 1, "k")
            }],
        )
        .await;
        assert!(outside.enable(&sink(), "a").await.expect("available"));
        let conditions = outside.conditions(&sink()).await.expect("available");
        assert!(
            conditions
                .iter()
                .all(|c| c.disabled.is_none() && c.failing_since.is_none())
        );
        let next = both.targets(&sink()).await[0].next_due;
        assert!(next.is_some_and(|next| next < Timestamp::MAX), "{next:?}");
    })
    .await;
}

#[tokio::test]
async fn a_target_that_is_tried_now_has_all_due_but_what_may_be_under_way() {
    on_both(async |both| {
        let claim = both.claim(0).await;
        let now = Timestamp::now();
        let in_seconds = |seconds: i64| Timestamp::from_millis(now.millis() + seconds * 1000);
        let mut rows = [
            due("a", 1, "k", 0),
            due("a", 2, "k", 0),
            due("b", 3, "k", 0),
            waiting("a", 4, "k"),
        ];
        for (row, seconds) in rows.iter_mut().zip([3600, 30, 3600]) {
            row.due = in_seconds(seconds);
        }
        add(&*claim, rows).await;
        assert_eq!(both.try_now("a").await, 1);
        let found = claim
            .fetch(vec![one("a", 1), one("a", 2), one("b", 3)], END)
            .await
            .expect("available");
        assert!(found[0].due < in_seconds(60) && found[0].due.is_some());
        assert_eq!((found[1].due, found[2].due), (in_seconds(30), in_seconds(3600)));
        assert_eq!(offsets(&*claim, in_line("a", None, 5)).await, [4]);
        let orders = both.backlog().orders(&sink(), 0).await.expect("available");
        let orders: Vec<_> = orders.iter().map(|order| (&*order.target, order.what)).collect();
        assert_eq!(orders, [("a", What::Look), ("a", What::Try)]);
    })
    .await;
}
