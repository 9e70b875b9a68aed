//! A member of a group, or a reader alone, as the tests of the suite use it.

use std::collections::BTreeMap;

use schemas::log::{Begin, Change, Consumer, EventLog, Membership, PartitionReader, Start, Subscription};
use schemas::name::TopicName;
use schemas::record::{Offset, Partition, PartitionProgress, StoredRecord};

use super::{text, within};

/// A member with the readers of its partitions, none of them begun.
pub(crate) struct Member {
    pub(crate) consumer: Box<dyn Consumer>,
    pub(crate) readers: BTreeMap<i32, Box<dyn PartitionReader>>,
}

impl Member {
    /// Subscribes and waits until all `partitions` are assigned.
    pub(crate) async fn join(
        log: &dyn EventLog,
        topic: &TopicName,
        membership: &Membership,
        start: Start,
        partitions: usize,
    ) -> Self {
        let subscription = Subscription {
            topic: topic.clone(),
            membership: membership.clone(),
            start,
        };
        let mut consumer = within("the subscription", log.subscribe(subscription))
            .await
            .expect("a member");
        let mut readers = BTreeMap::new();
        while readers.len() < partitions {
            match within("the assignment", consumer.next()).await.expect("a change") {
                Change::Assigned(assigned) => readers.extend(assigned.into_iter().map(|r| (r.partition().index, r))),
                change => panic!("no one else is in the group, and yet: {change:?}"),
            }
        }
        Self { consumer, readers }
    }

    /// The reader of a topic with one partition.
    pub(crate) fn reader(&mut self) -> &mut dyn PartitionReader {
        assert_eq!(self.readers.len(), 1);
        &mut **self.readers.get_mut(&0).expect("partition 0")
    }

    /// Leaves the group, what was stored is durable.
    pub(crate) async fn close(self) {
        within("the close", self.consumer.close()).await.expect("a clean close");
    }
}

/// Joins a topic with one partition and begins at the group's progress.
pub(crate) async fn join(log: &dyn EventLog, topic: &TopicName, membership: &Membership, start: Start) -> Member {
    let mut member = Member::join(log, topic, membership, start, 1).await;
    begin(member.reader()).await;
    member
}

/// A beginning at an offset that a sink kept, without the id of its topic.
pub(crate) fn at(topic: &TopicName, next: Offset) -> Begin {
    Begin::At(PartitionProgress {
        partition: Partition {
            topic: topic.clone(),
            index: 0,
        },
        topic_id: None,
        next,
    })
}

/// Begins at the stored progress, or at the start.
pub(crate) async fn begin(reader: &mut dyn PartitionReader) {
    within("the beginning", reader.begin(Begin::Stored))
        .await
        .expect("a beginning");
}

/// Reads the next `count` records, never more.
pub(crate) async fn read(reader: &mut dyn PartitionReader, count: usize) -> Vec<StoredRecord> {
    let mut records = Vec::new();
    while records.len() < count {
        let batch = within("a batch", reader.next_batch(count - records.len()))
            .await
            .expect("records");
        records.extend(batch.expect("a partition that is still assigned"));
    }
    records
}

/// Reads the values of the next `count` records, as text.
pub(crate) async fn values(reader: &mut dyn PartitionReader, count: usize) -> Vec<String> {
    read(reader, count)
        .await
        .iter()
        .map(|r| text(&r.record.value))
        .collect()
}
