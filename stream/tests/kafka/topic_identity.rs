//! A topic that was deleted and created again is another one, whatever it holds by then.

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use schemas::log::{Begin, EventLog, LogError, LostBecause, Start};
use schemas::name::TopicName;
use schemas::record::PartitionProgress;

use crate::conformance::{Harness, Member, group, join, publish, record, spec, values, within};
use crate::{brokers, config, open};

async fn delete(topic: &TopicName) {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", brokers())
        .create()
        .expect("an admin client");
    let deleted = admin.delete_topics(&[topic.as_str()], &AdminOptions::new()).await;
    deleted.expect("an answer")[0].as_ref().expect("deleted");
}

/// Creates the topic again; tries until the cluster has really deleted the old one.
async fn create_again(log: &dyn EventLog, topic: &TopicName) {
    let spec = schemas::log::TopicSpec {
        name: topic.clone(),
        ..spec(1, config().max_record_bytes)
    };
    let deadline = std::time::Instant::now() + crate::conformance::PATIENCE;
    while let Err(error) = within("the topic", log.ensure_topics(std::slice::from_ref(&spec))).await {
        assert!(std::time::Instant::now() < deadline, "{error}");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_that_a_sink_kept_is_not_taken_for_that_of_the_new_topic() {
    let mut harness = open().await;
    let topic = crate::conformance::topic(&harness, 1).await;
    publish(harness.log(), &topic, record("k", "old")).await;
    let mut member = join(harness.log(), &topic, &group(), Start::Earliest).await;
    assert_eq!(values(member.reader(), 1).await, ["old"]);
    let kept = PartitionProgress {
        partition: member.reader().partition().clone(),
        topic_id: member.reader().topic_id(),
        next: schemas::record::Offset(1),
    };
    member.close().await;
    delete(&topic).await;
    create_again(harness.log(), &topic).await;
    harness.restart().await;
    // It has grown beyond the old progress.
    for n in 0..5 {
        publish(harness.log(), &topic, record("k", n.to_string())).await;
    }
    let mut member = Member::join(harness.log(), &topic, &group(), Start::Earliest, 1).await;
    let refused = within("the refusal", member.reader().begin(Begin::At(kept))).await;
    match refused.expect_err("another topic") {
        LogError::ProgressLost {
            why: LostBecause::OtherTopic { stored, found },
            ..
        } => assert_ne!(stored, found),
        other => panic!("not reported as lost: {other}"),
    }
    member.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_is_created_again_under_a_reader_stops_it() {
    let harness = open().await;
    let topic = crate::conformance::topic(&harness, 1).await;
    let membership = group();
    for n in 0..5 {
        publish(harness.log(), &topic, record("k", n.to_string())).await;
    }
    let mut member = join(harness.log(), &topic, &membership, Start::Earliest).await;
    assert_eq!(values(member.reader(), 5).await.len(), 5);
    member.reader().store(schemas::record::Offset(5)).expect("stored");
    delete(&topic).await;
    create_again(harness.log(), &topic).await;
    let other = open().await;
    for n in 0..20 {
        publish(other.log(), &topic, record("k", format!("new {n}"))).await;
    }
    // Either the consumer gets the error that the topic is missing, or the reader that it is another one; within
    // seconds, during which records of the new one may come. Progress keeps the id of the old one, so none of it is
    // skipped at the next start.
    tokio::select! {
        change = member.consumer.next() => {
            let error = change.expect_err("nothing new is assigned to the member that has it");
            assert!(matches!(error, LogError::Misconfigured(_)), "{error}");
        }
        error = async {
            let reader = member.readers.get_mut(&0).expect("assigned");
            loop {
                match within("the end", reader.next_batch(100)).await {
                    Ok(batch) => {
                        let next = batch.expect("assigned").last().expect("a record").offset.next();
                        reader.store(next).expect("stored");
                    }
                    Err(error) => break error,
                }
            }
        } => {
            assert!(matches!(error, LogError::ProgressLost { .. }), "{error}");
        }
    }
    // The commit of stored progress may be refused by now; the member leaves the group either way.
    within("the close", member.consumer.close()).await.ok();
    let mut member = Member::join(other.log(), &topic, &membership, Start::Earliest, 1).await;
    match within("the beginning", member.reader().begin(Begin::Stored)).await {
        // Kafka deletes the progress of a topic with the topic.
        Ok(()) => assert_eq!(values(member.reader(), 1).await, ["new 0"], "from the first record on"),
        Err(error) => assert!(matches!(error, LogError::ProgressLost { .. }), "{error}"),
    }
    member.close().await;
}
