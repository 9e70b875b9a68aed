//! What `check --connect` says of an event log that refuses this and that.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Error;
use harness::destinations::Takes;
use schemas::BoxFuture;
use schemas::event::Event;
use schemas::log::{
    Administer, Change, Consumer, EventLog, LogError, PartitionState, Publish, PublishError, Subscribe, Subscription,
    TopicSpec, TopicState,
};
use schemas::name::{GroupName, SinkName, TopicName};
use schemas::record::{Partition, PartitionProgress, Position, Record};
use schemas::sink::{Batch, Handling, Outcome, Sink, Target, Unavailable};

use super::connected::{Answers, Part, check};
use crate::config::EventLogConfig;
use crate::output::{Printer, in_words};

/// Refuses what is asked about these names, or does not answer if they end with a question mark; lacks the topics that `missing`
/// stands before. `None` is a log that is away.
#[derive(Debug)]
struct Log(Option<&'static [&'static str]>);

impl Log {
    fn answer<'a, T: Send + 'a>(&self, what: &str, good: T) -> BoxFuture<'a, Result<T, LogError>> {
        let answer = match self.0 {
            None => Err(LogError::Unavailable("no broker answers".to_owned())),
            Some(refused) if refused.contains(&what) => Err(LogError::Misconfigured(format!("no right: {what}"))),
            Some(refused) if refused.contains(&&*format!("{what}?")) => {
                Err(LogError::Unavailable(format!("timed out: {what}")))
            }
            Some(_) => Ok(good),
        };
        Box::pin(std::future::ready(answer))
    }
}

struct Alone;

impl Consumer for Alone {
    fn next(&mut self) -> BoxFuture<'_, Result<Change, LogError>> {
        unreachable!("a check reads nothing")
    }

    fn lag(&self) -> BoxFuture<'static, Result<Vec<(Partition, u64)>, LogError>> {
        unreachable!("a check reads nothing")
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), LogError>> {
        Box::pin(async { Ok(()) })
    }
}

impl Publish for Log {
    fn publish<'a>(&'a self, _: &'a TopicName, _: Record) -> BoxFuture<'a, Result<Position, PublishError>> {
        unreachable!("a check writes nothing")
    }

    fn publish_to<'a>(&'a self, _: &'a Partition, _: Record) -> BoxFuture<'a, Result<Position, PublishError>> {
        unreachable!("a check writes nothing")
    }

    fn ready<'a>(&'a self, topic: &'a TopicName) -> BoxFuture<'a, Result<(), LogError>> {
        self.answer(&format!("write {topic}"), ())
    }

    fn answers<'a>(&'a self, _: &'a TopicName) -> BoxFuture<'a, Result<(), LogError>> {
        unreachable!("the sink that asks so is not here")
    }

    fn flush(&self, _: Duration) -> BoxFuture<'_, Result<(), LogError>> {
        Box::pin(async { Ok(()) })
    }
}

impl Subscribe for Log {
    fn subscribe(&self, subscription: Subscription) -> BoxFuture<'_, Result<Box<dyn Consumer>, LogError>> {
        let alone: Box<dyn Consumer> = Box::new(Alone);
        self.answer(&format!("read {}", subscription.topic), alone)
    }
}

impl Administer for Log {
    fn ensure_topics<'a>(&'a self, _: &'a [TopicSpec]) -> BoxFuture<'a, Result<(), LogError>> {
        unreachable!("a check makes nothing")
    }

    fn check_topics<'a>(&'a self, _: &'a [TopicSpec]) -> BoxFuture<'a, Result<(), LogError>> {
        self.answer("topics", ())
    }

    fn compare_topics<'a>(&'a self, topics: &'a [TopicSpec]) -> BoxFuture<'a, Result<Vec<TopicState>, LogError>> {
        let is_missing = |spec: &TopicSpec| {
            let what = format!("missing {}", spec.name);
            self.0.is_some_and(|refused| refused.contains(&what.as_str()))
        };
        let state = |spec: &TopicSpec| TopicState {
            name: spec.name.clone(),
            partitions: (!is_missing(spec)).then_some(spec.partitions),
            problems: Vec::new(),
            remarks: vec![format!("topic `{}` keeps records for longer", spec.name)],
        };
        let states = topics.iter().map(state).collect();
        Box::pin(std::future::ready(Ok(states)))
    }

    fn progress<'a>(
        &'a self,
        group: &'a GroupName,
        _: &'a TopicName,
    ) -> BoxFuture<'a, Result<Vec<PartitionState>, LogError>> {
        self.answer(&format!("group {group}"), Vec::new())
    }

    fn set_progress<'a>(&'a self, _: &'a GroupName, _: &'a [PartitionProgress]) -> BoxFuture<'a, Result<(), LogError>> {
        unreachable!("a check sets nothing")
    }
}

#[derive(Debug)]
struct Named(SinkName, Option<&'static str>);

impl Sink for Named {
    fn name(&self) -> &SinkName {
        &self.0
    }

    fn targets(&self, _: &Event, _: Option<&str>) -> Vec<Target> {
        vec![Target::Only]
    }

    fn delivers_apart(&self) -> bool {
        false
    }

    fn handling(&self, _: &Target) -> Option<Arc<Handling>> {
        None
    }

    fn deliver<'a>(&'a self, _: &'a Batch) -> BoxFuture<'a, Result<Vec<Outcome>, Unavailable>> {
        unreachable!("a check delivers nothing")
    }

    fn ready(&self) -> BoxFuture<'_, Result<(), Unavailable>> {
        let answer = self.1.map_or(Ok(()), |reason| {
            Err(Unavailable {
                sink: self.0.clone(),
                reason: reason.to_owned(),
            })
        });
        Box::pin(std::future::ready(answer))
    }
}

async fn checked(log: Log, postgres: Option<&'static str>) -> Result<(), Error> {
    answers(log, postgres).await.into_result()
}

async fn answers(log: Log, postgres: Option<&'static str>) -> Answers {
    answers_to(Part::Whole, log, postgres).await
}

async fn answers_to(part: Part, log: Log, postgres: Option<&'static str>) -> Answers {
    let name = |name: &str| SinkName::new(name.to_owned()).expect("a name");
    let sinks: Vec<Arc<dyn Sink>> = vec![
        Arc::new(Named(name("http"), None)),
        Arc::new(Named(name("postgres"), postgres)),
    ];
    let both = Takes {
        sinks: &["http", "postgres"],
        argument: true,
    };
    let rules = rules::Rules::everything(&both);
    let log: Arc<dyn EventLog> = Arc::new(log);
    check(
        &log,
        &sinks,
        &rules,
        (&EventLogConfig::default(), part),
        Some(&mut Printer::default()),
    )
    .await
    .expect("the names are valid")
}

#[tokio::test]
async fn everything_that_is_missing_is_reported_at_once() {
    checked(Log(Some(&[])), None).await.expect("all is well");

    let one = checked(Log(Some(&["group forebay.http"])), None).await;
    let one = in_words(&one.expect_err("a group is refused"));
    assert!(
        one.contains("sink http") && one.contains("no right: group forebay.http"),
        "{one}"
    );

    let refused: &[&str] = &[
        "read forebay.events",
        "write forebay.dead-letters",
        "group forebay.http",
        "group forebay.postgres",
    ];
    let many = checked(Log(Some(refused)), Some("lacks rights")).await;
    let many = in_words(&many.expect_err("much is refused"));
    for part in refused.iter().chain(&["5 problems", "lacks rights"]) {
        assert!(many.contains(part), "lacks {part}: {many}");
    }
}

#[tokio::test]
async fn a_part_is_asked_for_its_own_rights_only() {
    for (part, others) in [
        (Part::Process, &["write forebay.events"][..]),
        (Part::Ingest, &["read forebay.events", "write forebay.dead-letters"]),
        (
            Part::Ingest,
            &[
                "missing forebay.operations",
                "read forebay.operations",
                "write forebay.operations",
            ],
        ),
    ] {
        let answers = answers_to(part, Log(Some(others)), None).await;
        answers.into_result().expect("no right of another part");
    }
    for (part, own) in [
        (Part::Process, &["write forebay.dead-letters"][..]),
        (Part::Process, &["read forebay.events"]),
        (Part::Process, &["read forebay.operations"]),
        (Part::Process, &["write forebay.operations"]),
        (Part::Process, &["group forebay.postgres.operations"]),
        (Part::Ingest, &["write forebay.events"]),
    ] {
        let answers = answers_to(part, Log(Some(own)), None).await;
        answers.into_result().expect_err("a right of its own");
    }
}

#[tokio::test]
async fn what_differs_and_can_be_worked_with_is_remarked_and_no_problem() {
    let answers = answers(Log(Some(&[])), None).await;
    assert_eq!(
        answers.remarks,
        [
            "topic `forebay.events` keeps records for longer",
            "topic `forebay.dead-letters` keeps records for longer",
            "topic `forebay.operations` keeps records for longer"
        ]
    );
    answers.into_result().expect("no problem");
}

#[tokio::test]
async fn a_log_that_is_away_is_asked_once_and_the_sinks_all_the_same() {
    let text = checked(Log(None), Some("lacks rights")).await;
    let text = in_words(&text.expect_err("it is away"));
    assert_eq!(text.matches("no broker answers").count(), 1, "{text}");
    assert!(text.contains("lacks rights"), "{text}");
}

#[tokio::test]
async fn a_topic_that_is_missing_is_reported_without_what_follows_from_it() {
    let refused = &[
        "topics",
        "read forebay.events",
        "write forebay.events",
        "group forebay.http",
    ];
    let text = checked(Log(Some(refused)), None).await;
    let text = in_words(&text.expect_err("a topic is missing"));
    assert!(
        text.contains("2 problems") && !text.contains("no right: group"),
        "{text}"
    );
}

#[tokio::test]
async fn own_topics_that_are_missing_are_reported_once() {
    let events: &'static [&'static str] = &["topics", "missing forebay.events", "read forebay.events"];
    let letters: &'static [&'static str] = &["topics", "missing forebay.dead-letters", "write forebay.dead-letters"];
    let both: &'static [&'static str] = &[
        "topics",
        "missing forebay.events",
        "missing forebay.dead-letters",
        "read forebay.events",
        "write forebay.dead-letters",
    ];
    for refused in [events, letters, both] {
        let answers = answers(Log(Some(refused)), None).await;
        let problems: Vec<String> = answers.problems.iter().map(in_words).collect();
        assert!(
            matches!(&problems[..], [text] if text.contains("no right: topics")),
            "{refused:?}: {problems:?}"
        );
    }
}

#[tokio::test]
async fn a_group_that_is_not_answered_for_may_want_a_right_and_the_others_are_asked() {
    let refused = &["write forebay.events?", "group forebay.http?", "group forebay.postgres"];
    let text = checked(Log(Some(refused)), None).await;
    let text = in_words(&text.expect_err("rights are missing"));
    for part in [
        "3 problems",
        "is Write on topic `forebay.events` missing?",
        "is Read on group `forebay.http` missing?",
        "no right: group forebay.postgres",
    ] {
        assert!(text.contains(part), "lacks {part}: {text}");
    }
}
