//! Many publishers share a commit.

use futures_util::future::join_all;
use schemas::log::Publish;
use schemas::record::Record;

use super::{close, config, events, open, sized};
use crate::conformance::within;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_concurrent_publishes_need_far_fewer_commits() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = open(&config(folder.path())).await;
    let topic = events(&journal, 12).await;
    let publishes = (0..1000).map(|n| journal.publish(&topic, sized(n, 2300)));
    for result in within("the acknowledgements", join_all(publishes)).await {
        result.expect("acknowledged");
    }
    let metrics = journal.metrics();
    assert_eq!(metrics.records.get(), 1000);
    assert!(
        (1..=50).contains(&metrics.commits.get()),
        "{} commits",
        metrics.commits.get()
    );
    close(journal).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_without_a_key_are_spread_over_all_partitions() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = open(&config(folder.path())).await;
    let topic = events(&journal, 4).await;
    let mut found = [0; 4];
    for n in 0..40 {
        let record = Record {
            key: bytes::Bytes::new(),
            ..sized(n, 100)
        };
        let position = within("the acknowledgement", journal.publish(&topic, record))
            .await
            .expect("acknowledged");
        found[usize::try_from(position.partition.index).expect("a partition")] += 1;
    }
    assert_eq!(found, [10; 4]);
    close(journal).await;
}
