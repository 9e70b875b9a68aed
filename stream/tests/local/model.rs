//! The journal behaves like a few vectors, whatever the order of operations.

use std::collections::BTreeMap;

use proptest::prelude::*;
use schemas::log::{Membership, Start};
use schemas::name::TopicName;
use schemas::record::{Offset, Partition, StoredRecord};
use stream::journal::{Config, Journal};

use super::{close, config, events, open};
use crate::conformance::{Member, begin, group, publish, read, record, text};

const PARTITIONS: usize = 3;

#[derive(Debug, Clone)]
enum Step {
    Publish {
        key: u8,
        count: usize,
    },
    /// Reads up to `count` records of a partition, and stores the progress of some of them.
    Read {
        partition: usize,
        count: usize,
        stored: usize,
    },
    /// Leaves the group and joins again.
    Rejoin,
    Reopen,
    Trim {
        partition: usize,
        count: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6_u8, 1..80_usize).prop_map(|(key, count)| Step::Publish { key, count }),
        4 => (0..PARTITIONS, 1..60_usize, 0..60_usize)
            .prop_map(|(partition, count, stored)| Step::Read { partition, count, stored }),
        1 => Just(Step::Rejoin),
        1 => Just(Step::Reopen),
        1 => (0..PARTITIONS, 0..40_usize).prop_map(|(partition, count)| Step::Trim { partition, count }),
    ]
}

/// One partition, as it must be.
#[derive(Debug, Default)]
struct Model {
    /// All values ever written; the index is the offset.
    values: Vec<String>,
    earliest: usize,
    /// The next to read, and what is stored.
    next: usize,
    stored: Option<usize>,
}

struct Run {
    config: Config,
    journal: Journal,
    topic: TopicName,
    group: Membership,
    member: Option<Member>,
    models: Vec<Model>,
    keys: BTreeMap<u8, usize>,
    written: usize,
}

impl Run {
    async fn step(&mut self, step: &Step) {
        match *step {
            Step::Publish { key, count } => {
                for _ in 0..count {
                    let value = self.written.to_string();
                    self.written += 1;
                    let position = publish(&self.journal, &self.topic, record(&format!("key {key}"), &value)).await;
                    let partition = usize::try_from(position.partition.index).expect("a partition");
                    assert_eq!(
                        *self.keys.entry(key).or_insert(partition),
                        partition,
                        "one key, one partition"
                    );
                    assert_eq!(
                        position.offset,
                        offset(self.models[partition].values.len()),
                        "dense offsets"
                    );
                    self.models[partition].values.push(value);
                }
            }
            Step::Read {
                partition,
                count,
                stored,
            } => {
                let model = &mut self.models[partition];
                let count = count.min(model.values.len() - model.next);
                let member = self.member.as_mut().expect("a member");
                let reader = member
                    .readers
                    .get_mut(&i32::try_from(partition).expect("few"))
                    .expect("a reader");
                let found: Vec<(Offset, String)> = read(&mut **reader, count).await.iter().map(seen).collect();
                let wanted: Vec<_> = (model.next..model.next + count)
                    .map(|n| (offset(n), model.values[n].clone()))
                    .collect();
                assert_eq!(found, wanted);
                model.next += count;
                if count > 0 {
                    let stored = model.next - stored.min(count);
                    reader.store(offset(stored)).expect("stored");
                    model.stored = Some(stored);
                }
            }
            Step::Rejoin => self.rejoin().await,
            Step::Reopen => {
                self.member.take().expect("a member").close().await;
                self.journal.close().await.expect("a clean close");
                self.journal = open(&self.config).await;
                self.join().await;
            }
            Step::Trim { partition, count } => {
                // Not beyond what is stored: the conformance suite tests lost progress.
                let model = &mut self.models[partition];
                let bound = model
                    .stored
                    .unwrap_or(model.earliest)
                    .max(model.earliest)
                    .min(model.next);
                let before = (model.earliest + count).min(bound);
                let at = Partition {
                    topic: self.topic.clone(),
                    index: i32::try_from(partition).expect("few"),
                };
                self.journal.trim(&at, offset(before)).await.expect("trimmed");
                model.earliest = before;
            }
        }
        self.check_lag().await;
    }

    async fn rejoin(&mut self) {
        self.member.take().expect("a member").close().await;
        self.join().await;
    }

    async fn join(&mut self) {
        let mut member = Member::join(&self.journal, &self.topic, &self.group, Start::Earliest, PARTITIONS).await;
        for reader in member.readers.values_mut() {
            begin(&mut **reader).await;
        }
        for model in &mut self.models {
            model.next = model.stored.unwrap_or(model.earliest);
        }
        self.member = Some(member);
    }

    async fn check_lag(&self) {
        let lags = self
            .member
            .as_ref()
            .expect("a member")
            .consumer
            .lag()
            .await
            .expect("a lag");
        let found: Vec<_> = lags.iter().map(|(_, lag)| *lag).collect();
        let lag = |m: &Model| u64::try_from(m.values.len() - m.stored.unwrap_or(m.earliest)).expect("few");
        assert_eq!(found, self.models.iter().map(lag).collect::<Vec<_>>());
    }
}

fn offset(n: usize) -> Offset {
    Offset(i64::try_from(n).expect("few"))
}

fn seen(stored: &StoredRecord) -> (Offset, String) {
    (stored.offset, text(&stored.record.value))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_operations_has_the_same_result_as_with_vectors(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let folder = tempfile::tempdir().expect("a folder");
            let config = config(folder.path());
            let journal = open(&config).await;
            let topic = events(&journal, 3).await;
            let models = (0..PARTITIONS).map(|_| Model::default()).collect();
            let mut run =
                Run { config, journal, topic, group: group(), member: None, models, keys: BTreeMap::new(), written: 0 };
            run.join().await;
            for step in &steps {
                Box::pin(run.step(step)).await;
            }
            run.member.take().expect("a member").close().await;
            close(run.journal).await;
        });
    }
}
