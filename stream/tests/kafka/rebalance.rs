//! Members join and leave: partitions are shared, revoked ones are drained and committed, nothing is lost or repeated.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use schemas::log::{Begin, Change, EventLog, PartitionReader, Start, Subscription};
use schemas::name::TopicName;
use schemas::record::Partition;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::conformance::{Harness, PATIENCE, group, publish, record, text, topic, within};
use crate::open;

const KEYS: usize = 30;
const PARTITIONS: usize = 6;

/// What all members have read, per key, in the order in which they settled it; and which partitions each member owns.
#[derive(Debug, Default)]
struct Ledger {
    seen: BTreeMap<String, Vec<usize>>,
    owned: BTreeMap<&'static str, BTreeSet<Partition>>,
    lost: usize,
}

type Shared = Arc<Mutex<Ledger>>;

/// Reads a partition until it is revoked or `leave`, a few records at a time, and settles each batch before the next.
async fn read(mut reader: Box<dyn PartitionReader>, ledger: Shared, leave: CancellationToken) {
    reader.begin(Begin::Stored).await.expect("a beginning");
    loop {
        let batch = tokio::select! {
            batch = reader.next_batch(7) => batch.expect("records"),
            () = leave.cancelled() => return,
        };
        let Some(batch) = batch else {
            return;
        };
        // A delivery takes time: a revocation comes in the middle of one.
        tokio::time::sleep(Duration::from_millis(2)).await;
        let next = batch.last().expect("at least one").offset.next();
        let mut locked = ledger.lock().expect("a ledger");
        for stored in batch {
            let key = text(&stored.record.key);
            let number = text(&stored.record.value).parse().expect("a number");
            locked.seen.entry(key).or_default().push(number);
        }
        reader.store(next).expect("stored");
    }
}

/// A member of the group, until `leave`.
async fn member(
    log: Arc<dyn EventLog>,
    name: &'static str,
    subscription: Subscription,
    ledger: Shared,
    leave: CancellationToken,
) {
    let mut consumer = log.subscribe(subscription).await.expect("a member");
    let mut readers: BTreeMap<Partition, JoinHandle<()>> = BTreeMap::new();
    loop {
        let change = tokio::select! {
            change = consumer.next() => change.expect("a change"),
            () = leave.cancelled() => break,
        };
        match change {
            Change::Assigned(assigned) => {
                for reader in assigned {
                    let partition = reader.partition().clone();
                    ledger
                        .lock()
                        .expect("a ledger")
                        .owned
                        .entry(name)
                        .or_default()
                        .insert(partition.clone());
                    readers.insert(
                        partition,
                        tokio::spawn(read(reader, Arc::clone(&ledger), leave.clone())),
                    );
                }
            }
            Change::Revoked(revocation) => {
                for partition in &revocation.partitions {
                    readers
                        .remove(partition)
                        .expect("an owned partition")
                        .await
                        .expect("no panic");
                    ledger
                        .lock()
                        .expect("a ledger")
                        .owned
                        .entry(name)
                        .or_default()
                        .remove(partition);
                }
                revocation.done();
            }
            Change::Lost(partitions) => ledger.lock().expect("a ledger").lost += partitions.len(),
        }
    }
    // As the processor drains: readers first, then the consumer.
    for (_, reader) in readers {
        reader.await.expect("no panic");
    }
    consumer.close().await.expect("a clean close");
    ledger.lock().expect("a ledger").owned.remove(name);
}

async fn eventually(what: &str, ledger: &Shared, condition: impl Fn(&Ledger) -> bool) {
    harness::until(what, PATIENCE, || condition(&ledger.lock().expect("a ledger"))).await;
}

async fn write(log: &dyn EventLog, topic: &TopicName, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let all = (0..KEYS).map(|key| publish(log, topic, record(&format!("key {key}"), number.to_string())));
        futures_util::future::join_all(all).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_share_partitions_and_lose_nothing() {
    const EACH: usize = 100;
    let harness = open().await;
    let topic = topic(&harness, i32::try_from(PARTITIONS).expect("small")).await;
    let log: Arc<dyn EventLog> = Arc::new(crate::connect());
    let subscription = Subscription {
        topic: topic.clone(),
        membership: group(),
        start: Start::Earliest,
    };
    let ledger = Shared::default();
    let join = |name, leave| {
        tokio::spawn(member(
            Arc::clone(&log),
            name,
            subscription.clone(),
            Arc::clone(&ledger),
            leave,
        ))
    };
    let owns = |ledger: &Ledger, name: &str, count: usize| ledger.owned.get(name).map_or(0, BTreeSet::len) == count;

    let writer = write(harness.log(), &topic, 0..EACH);
    let moving = async {
        let first_leaves = CancellationToken::new();
        let first = join("first", first_leaves.clone());
        eventually("the first has everything", &ledger, |l| {
            owns(l, "first", PARTITIONS) && !l.seen.is_empty()
        })
        .await;
        let second_leaves = CancellationToken::new();
        let second = join("second", second_leaves.clone());
        eventually("they share", &ledger, |l| owns(l, "first", 3) && owns(l, "second", 3)).await;
        first_leaves.cancel();
        within("the first", first).await.expect("no panic");
        eventually("the second has everything", &ledger, |l| owns(l, "second", PARTITIONS)).await;
        (second_leaves, second)
    };
    let ((), (second_leaves, second)) = within("all movements", async { tokio::join!(writer, moving) }).await;
    let complete = |l: &Ledger| l.seen.len() == KEYS && l.seen.values().all(|n| n.contains(&(EACH - 1)));
    eventually("everything is read", &ledger, complete).await;
    second_leaves.cancel();
    within("the second", second).await.expect("no panic");

    let ledger = ledger.lock().expect("a ledger");
    assert_eq!(ledger.lost, 0, "no member was expelled");
    for (key, numbers) in &ledger.seen {
        // Drained and committed before it was given up: so nothing is even read twice.
        assert_eq!(
            *numbers,
            (0..EACH).collect::<Vec<_>>(),
            "{key}: nothing missing, out of order or twice"
        );
    }
}

/// A member that does not answer a revocation delays the group for a few seconds and not longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_that_is_not_answered_does_not_stop_the_group() {
    let harness = open().await;
    let topic = topic(&harness, 2).await;
    write(harness.log(), &topic, 0..1).await;
    let membership = group();
    let subscription = Subscription {
        topic: topic.clone(),
        membership: membership.clone(),
        start: Start::Earliest,
    };
    let mut stubborn = harness.log().subscribe(subscription.clone()).await.expect("a member");
    let Change::Assigned(mut readers) = within("the assignment", stubborn.next()).await.expect("a change") else {
        panic!("the first change is an assignment");
    };
    for reader in &mut readers {
        reader.begin(Begin::Stored).await.expect("a beginning");
    }
    let mut other = harness.log().subscribe(subscription).await.expect("a member");
    let Change::Revoked(held) = within("the revocation", stubborn.next()).await.expect("a change") else {
        panic!("the second change is a revocation");
    };
    let assigned = loop {
        match within("the assignment", other.next()).await.expect("a change") {
            Change::Assigned(readers) if !readers.is_empty() => break readers,
            Change::Assigned(_) => {}
            change => panic!("no one else joins: {change:?}"),
        }
    };
    assert_eq!(assigned.len(), 1);
    assert_eq!(*assigned[0].partition(), held.partitions[0]);

    // Too late: the partition has a new owner, whose progress must stay.
    let reader = readers
        .iter_mut()
        .find(|r| *r.partition() == held.partitions[0])
        .expect("the reader");
    assert!(reader.next_batch(1).await.expect("no error").is_none());
    reader.store(schemas::record::Offset(1_000_000)).expect("does nothing");
    held.done();
    within("the close", stubborn.close()).await.expect("a clean close");
    within("the close", other.close()).await.expect("a clean close");
    let mut last = crate::conformance::Member::join(harness.log(), &topic, &membership, Start::Earliest, 2).await;
    for reader in last.readers.values_mut() {
        crate::conformance::begin(&mut **reader).await;
    }
    let lag: u64 = within("the lag", last.consumer.lag())
        .await
        .expect("a lag")
        .iter()
        .map(|(_, n)| n)
        .sum();
    assert_eq!(usize::try_from(lag).expect("small"), KEYS, "nothing was settled");
    last.close().await;
}

/// More members than partitions: a member without any is notified, and need not wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_without_partitions_is_notified_that_it_has_none() {
    let kafka = open().await;
    let topic = topic(&kafka, 1).await;
    let membership = group();
    let first = crate::conformance::join(kafka.log(), &topic, &membership, Start::Earliest).await;
    let subscription = Subscription {
        topic,
        membership,
        start: Start::Earliest,
    };
    let mut second = within("the subscription", kafka.log().subscribe(subscription))
        .await
        .expect("a member");
    match within("the assignment", second.next()).await.expect("a change") {
        Change::Assigned(readers) => assert!(readers.is_empty(), "the partition stays where it is"),
        change => panic!("it had no partition: {change:?}"),
    }
    within("the close", second.close()).await.expect("a clean close");
    first.close().await;
}
