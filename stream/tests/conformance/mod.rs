//! What every event log must do, as tests. A log takes part by implementing [`Harness`] and one call:
//!
//! ```text
//! #[macro_use]
//! mod conformance;
//! conformance_suite!(open(), open_in_child());
//! ```
//!
//! Both are expressions of futures. `open()` returns a [`Harness`] on a log of its own (or on names of its own);
//! `open_in_child()` returns the log itself (a type that implements [`EventLog`]) inside the process that
//! [`kill`](kill::what_was_acknowledged_survives_kill_9) starts and kills, from what [`Harness::child`] put into its
//! environment.
//!
//! Nothing here sleeps in order to wait: what must come is awaited with [`PATIENCE`], and that a record does not come
//! is shown by the next one coming first.

pub(crate) mod alone;
pub(crate) mod groups;
pub(crate) mod kill;
mod member;
pub(crate) mod progress;
pub(crate) mod publishing;
pub(crate) mod reading;
pub(crate) mod since;
pub(crate) mod topics;

use std::borrow::Cow;
use std::future::Future;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use harness::unique;
use schemas::BoxFuture;
use schemas::log::{EventLog, Membership, TopicSpec};
use schemas::name::{GroupName, TopicName};
use schemas::record::{Header, Offset, Partition, Position, Record};

pub(crate) use member::{Member, at, begin, join, read, values};

/// How long the suite waits for something that must come. Long, because two cores may be busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A log under test, and what only its owner can do to it.
pub(crate) trait Harness: Send {
    /// The log.
    fn log(&self) -> &dyn EventLog;

    /// Drops the log and opens it again, as a restart of the program does.
    fn restart(&mut self) -> BoxFuture<'_, ()>;

    /// Deletes the records before `before` from the log, as retention does.
    fn trim<'a>(&'a mut self, partition: &'a Partition, before: Offset) -> BoxFuture<'a, ()>;

    /// The largest record (as [`Record::size_bytes`] counts) that the log takes; [`topic`] makes topics with it.
    fn max_record_bytes(&self) -> u32;

    /// Releases the log until the next [`restart`](Self::restart), and returns a command that runs this test program
    /// with `--exact killed_writer --nocapture` and an environment from which `open_in_child()` opens the same log.
    fn child(&mut self) -> BoxFuture<'_, Command>;
}

/// One `#[tokio::test]` per function of the suite, and the process that the kill test starts.
macro_rules! conformance_suite {
    ($open:expr, $open_in_child:expr) => {
        conformance_suite! { @each $open;
            publishing {
                positions_grow_within_a_partition,
                equal_keys_keep_their_order,
                a_record_goes_to_the_partition_that_is_named,
                a_published_record_survives_a_restart,
                keys_headers_and_values_come_back_byte_for_byte,
                a_record_over_the_limit_is_too_large,
                what_was_handed_over_is_settled_by_flush,
                a_healthy_log_is_ready,
            }
            reading {
                batches_are_never_larger_than_asked,
                a_waiting_reader_gets_new_records,
                a_dropped_next_batch_loses_nothing,
                a_reader_that_is_not_asked_holds_back_only_itself,
                a_reader_may_begin_anywhere,
                close_ends_readers,
            }
            groups {
                a_group_without_progress_begins_where_it_says,
                a_group_continues_where_it_stored,
                what_was_not_stored_is_read_again,
                a_restart_resumes,
                groups_are_independent,
                a_group_that_began_at_the_end_keeps_that_beginning,
                lag_counts_what_is_not_stored,
            }
            alone {
                alone_from_the_earliest_sees_everything,
                alone_from_the_latest_sees_only_what_is_new,
                alone_stores_nothing,
            }
            since {
                since_a_time_sees_what_was_published_from_then_on,
                since_a_time_to_come_sees_only_what_is_new,
                a_group_that_began_at_a_time_keeps_that_beginning,
                since_a_time_is_each_partition_s_own_place,
            }
            progress {
                expired_progress_stops_loudly,
                progress_of_another_topic_stops_loudly,
                progress_without_an_id_is_taken,
                a_sink_without_progress_begins_at_the_oldest_record,
                what_is_stored_becomes_durable,
                an_operator_sees_and_sets_progress,
                progress_beyond_the_end_stops_loudly,
                a_lost_beginning_stops_loudly,
                a_beginning_that_expired_stops_loudly,
                progress_at_the_end_of_an_emptied_log_is_not_lost,
            }
            topics {
                ensure_makes_topics_once,
                another_partition_count_is_refused,
                a_missing_topic_is_named,
                a_subscription_to_a_missing_topic_is_refused,
            }
            kill { what_was_acknowledged_survives_kill_9, }
        }

        /// Does nothing except in the process that the kill test starts: there it writes until it is killed.
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn killed_writer() {
            if let Some(topic) = conformance::kill::asked() {
                let log = $open_in_child.await;
                conformance::kill::write(&log, &topic).await;
            }
        }
    };
    (@each $open:expr; $($module:ident { $($test:ident,)* })*) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let mut harness = $open.await;
                Box::pin(conformance::$module::$test(&mut harness)).await;
            }
        )*)*
    };
}

/// Awaits `future` with [`PATIENCE`].
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("{what} did not come within {PATIENCE:?}"))
}

/// Returns a group that no other test has.
pub(crate) fn group() -> Membership {
    Membership::Group(GroupName::new(unique("group")).expect("a valid name"))
}

/// Returns the specification of a topic that no other test has.
pub(crate) fn spec(partitions: i32, max_record_bytes: u32) -> TopicSpec {
    TopicSpec {
        name: TopicName::new(unique("topic")).expect("a valid name"),
        partitions,
        replication: 1,
        retention: Duration::from_hours(168),
        max_record_bytes,
    }
}

/// Makes a topic that no other test has.
pub(crate) async fn topic(harness: &dyn Harness, partitions: i32) -> TopicName {
    let spec = spec(partitions, harness.max_record_bytes());
    within("the topic", harness.log().ensure_topics(std::slice::from_ref(&spec)))
        .await
        .expect("a new topic");
    spec.name
}

/// A record with one header.
pub(crate) fn record(key: &str, value: impl Into<String>) -> Record {
    Record {
        key: Bytes::from(key.to_owned()),
        headers: vec![Header {
            name: Cow::Borrowed("ce_type"),
            value: Bytes::from_static(b"message.created"),
        }],
        value: Bytes::from(value.into()),
    }
}

/// Publishes and awaits the acknowledgement. It tries again, because a log may refuse records while a new topic's
/// leader is being found.
pub(crate) async fn publish(log: &dyn EventLog, topic: &TopicName, record: Record) -> Position {
    let mut last = String::new();
    for _ in 0..20 {
        match within("the acknowledgement", log.publish(topic, record.clone())).await {
            Ok(position) => return position,
            Err(error) => last = error.to_string(),
        }
    }
    panic!("20 attempts to publish were all refused: {last}");
}

/// Publishes `values` of one key, one after the other.
pub(crate) async fn publish_all(
    log: &dyn EventLog,
    topic: &TopicName,
    key: &str,
    values: std::ops::Range<usize>,
) -> Vec<Position> {
    let mut positions = Vec::new();
    for value in values {
        positions.push(publish(log, topic, record(key, value.to_string())).await);
    }
    positions
}

/// The values that [`publish_all`] writes.
pub(crate) fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

/// Bytes as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
