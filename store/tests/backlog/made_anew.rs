//! A topic that was deleted and made anew: what waited for the old one is taken over. On both databases.

use std::sync::Arc;

use schemas::backlog::{Backlog, BacklogError, Claim};
use schemas::record::{Offset, TopicId};
use store::backlog::{Again, Lease};

use crate::deliveries::{END, add, due, in_line, of_key, offsets, one, remove, waiting, write};
use crate::stage::{on_both, partition, process, sink, with_postgres};

async fn claim_of(backlog: &dyn Backlog, index: i32, id: &str) -> Arc<dyn Claim> {
    let id = TopicId::new(id);
    let claimed = backlog.claim(&sink(), &partition(index), Some(&id)).await;
    claimed.expect("free")
}

/// What a topic's offset is after the topic was made anew so many times.
fn earlier(offset: i64, times: i64) -> i64 {
    offset - times * (1 << 40)
}

#[tokio::test]
async fn what_waits_for_an_earlier_topic_goes_out_before_what_is_new() {
    on_both(async |both| {
        let old = claim_of(both.backlog(), 0, "one").await;
        add(&*old, [waiting("a", 1, "k"), waiting("a", 2, "l"), due("a", 3, "k", 5)]).await;
        let elsewhere = claim_of(both.backlog(), 1, "one").await;
        add(&*elsewhere, [waiting("a", 1, "k")]).await;

        let new = claim_of(both.backlog(), 0, "two").await;
        assert_eq!(
            old.write([remove("a", 2)].into()).await,
            Err(BacklogError::NotOwner),
            "who had it before changes nothing"
        );
        let contents = new.contents(Offset(0)).await.expect("available");
        assert_eq!(contents.in_line, ["a"]);
        let places: Vec<_> = contents.due.iter().map(|due| (due.offset.0, &due.key[..])).collect();
        assert_eq!(places, [(earlier(3, 1), &b"k"[..])]);
        assert_eq!(contents.read_again, [], "the log has none of them");
        // A record of the same offset is another one.
        add(&*new, [waiting("a", 1, "k"), waiting("a", 0, "l")]).await;
        assert_eq!(
            offsets(&*new, in_line("a", None, 9)).await,
            [earlier(1, 1), earlier(2, 1), 0, 1]
        );
        assert_eq!(
            offsets(&*new, of_key("a", "k", None, 9)).await,
            [earlier(1, 1), earlier(3, 1), 1]
        );
        assert_eq!(offsets(&*new, in_line("a", Some(earlier(2, 1)), 1)).await, [0]);
        let found = new.fetch(vec![one("a", earlier(2, 1))], END).await.expect("available");
        assert_eq!(
            &found[0].record.record.value[..],
            b"{\"offset\":2}",
            "the event as it was"
        );
        write(&*new, [remove("a", earlier(2, 1))]).await;
        assert_eq!(offsets(&*new, in_line("a", None, 9)).await, [earlier(1, 1), 0, 1]);
        // Other partitions have theirs still, until they are claimed.
        assert_eq!(
            offsets(&*claim_of(both.backlog(), 1, "two").await, in_line("a", None, 9)).await,
            [earlier(1, 1)]
        );
    })
    .await;
}

#[tokio::test]
async fn a_topic_that_is_made_anew_again_and_again_keeps_the_order() {
    on_both(async |both| {
        for (times, id) in ["one", "two", "three"].iter().enumerate() {
            let claim = claim_of(both.backlog(), 0, id).await;
            assert_eq!(offsets(&*claim, in_line("a", None, 9)).await.len(), times);
            add(&*claim, [waiting("a", 7, "k")]).await;
            // The same topic, claimed again, moves nothing.
            claim.release().await;
        }
        let claim = claim_of(both.backlog(), 0, "three").await;
        let all = [earlier(7, 2), earlier(7, 1), 7];
        assert_eq!(offsets(&*claim, in_line("a", None, 9)).await, all);
        let counted = both.targets(&sink()).await;
        assert_eq!((counted.len(), counted[0].in_line), (1, 3), "people see them all");
    })
    .await;
}

#[tokio::test]
async fn a_log_without_ids_takes_nothing_over() {
    on_both(async |both| {
        add(&*claim_of(both.backlog(), 0, "one").await, [waiting("a", 1, "k")]).await;
        let claim = both.claim(0).await;
        assert_eq!(claim.contents(Offset(0)).await.expect("available").in_line, [""; 0]);
        assert_eq!(
            both.add_from_outside(None, vec![(0, waiting("a", 1, "k"))], Again::AsItIs)
                .await,
            1
        );
    })
    .await;
}

#[tokio::test]
async fn many_rows_are_taken_over_in_pieces() {
    with_postgres(async |pool| {
        let one = process(&pool, Lease::default());
        let old = claim_of(&one, 0, "one").await;
        let rows = (0..12_000).map(|n| waiting(if n % 3 == 0 { "a" } else { "b" }, n, "k"));
        add(&*old, rows).await;
        let new = claim_of(&one, 0, "two").await;
        let first = offsets(&*new, in_line("b", None, 400)).await;
        assert_eq!((first[0], first.len()), (earlier(1, 1), 400));
        let moved: i64 = sqlx::query_scalar("SELECT count(*) FROM backlog WHERE off < 0")
            .fetch_one(&pool)
            .await
            .expect("the table");
        assert_eq!(moved, 12_000);
    })
    .await;
}

#[tokio::test]
async fn what_another_process_still_has_is_left_to_it() {
    with_postgres(async |pool| {
        let [one, other] = [1, 2].map(|_| process(&pool, Lease::default()));
        let old = claim_of(&one, 0, "one").await;
        add(&*old, [waiting("a", 1, "k")]).await;
        let new = claim_of(&other, 0, "two").await;
        assert_eq!(new.contents(Offset(0)).await.expect("available").in_line, [""; 0]);
        add(&*old, [waiting("a", 2, "k")]).await;
        // Once it has ended, the next claim takes them.
        old.release().await;
        let new = claim_of(&other, 0, "two").await;
        assert_eq!(
            offsets(&*new, in_line("a", None, 9)).await,
            [earlier(1, 1), earlier(2, 1)]
        );
    })
    .await;
}
