//! `forebay check --connect`: whether the services exist, as configured, and grant every right that will be needed. Continues
//! after a problem, so that all of them are reported at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use schemas::log::{EventLog, LogError, Membership, Start, Subscription, TopicSpec};
use schemas::name::{GroupName, SinkName, TopicName};
use schemas::sink::Sink;
use store::Tables;
use tokio::task::JoinHandle;

use crate::config::{ConfigError, EventLogConfig, Topics};
use crate::output::{self, Printer};

/// The longest that one sink is waited for: beyond the time-outs of its own connections.
const PATIENCE: Duration = Duration::from_secs(30);
/// The sink that writes to topics which rules name.
const TOPIC: &str = "topic";
/// The sink that reports what happens to its endpoints.
const HTTP: &str = "http";

/// Whose rights are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Ingest,
    /// `forebay process`, with the sinks that are asked.
    Process,
    /// All roles, as one user.
    Whole,
}

/// What the services answered.
#[derive(Debug)]
pub(super) struct Answers {
    /// What differs from the configuration and can be worked with.
    pub(super) remarks: Vec<String>,
    /// What cannot be worked with.
    pub(super) problems: Vec<anyhow::Error>,
}

/// Asks every service, whatever the others answer, and at the same time. Prints what is as it should be, unless `out` is `None`.
pub(super) async fn check(
    log: &Arc<dyn EventLog>,
    sinks: &[Arc<dyn Sink>],
    rules: &rules::Rules,
    (config, part): (&EventLogConfig, Part),
    out: Option<&mut Printer>,
) -> anyhow::Result<Answers> {
    let topics = config.topics()?;
    let mut specs = config.topic_specs()?;
    if part == Part::Ingest {
        // It has nothing to do with operational events.
        specs.retain(|spec| spec.name != topics.operations);
    }
    let groups = |sink: &Arc<dyn Sink>| {
        let name = sink.name();
        Ok(Groups {
            sink: name.clone(),
            events: config.group(name)?,
            operations: config.operations_group(name)?,
        })
    };
    let named = Named {
        part,
        specs,
        groups: sinks.iter().map(groups).collect::<Result<_, ConfigError>>()?,
        topics,
    };
    let mut findings = Findings {
        out,
        answers: Answers {
            remarks: Vec::new(),
            problems: Vec::new(),
        },
    };
    let asked: Vec<_> = sinks
        .iter()
        .map(|sink| (sink.name().clone(), ask(Arc::clone(sink))))
        .collect();
    match findings.event_log(log, &named, rules).await {
        Ok(()) => {}
        // Whoever does not answer one question answers none, and each would be waited for.
        Err(Away(error)) => findings.problem(error.into()),
    }
    for (name, answer) in asked {
        match answer.await {
            Ok(Ok(())) => findings.good(&format!("sink {name}: ready")),
            Ok(Err(error)) => findings.problem(error),
            Err(_) => findings.problem(anyhow!("sink {name}: no answer, the question was broken off")),
        }
    }
    Ok(findings.answers)
}

/// Asks a sink whether it is ready, beside whatever else is done meanwhile.
fn ask(sink: Arc<dyn Sink>) -> JoinHandle<anyhow::Result<()>> {
    tokio::spawn(async move {
        match tokio::time::timeout(PATIENCE, sink.ready()).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(anyhow!(
                "sink {}: no answer within {} seconds",
                sink.name(),
                PATIENCE.as_secs()
            )),
        }
    })
}

impl Answers {
    /// Asks the database of the store. Prints that it is as it should be, unless `out` is `None`.
    pub(super) async fn ask_store(&mut self, config: &store::Config, out: Option<&mut Printer>) {
        let asked = async { Tables::open(config).await?.ready().await };
        match asked.await {
            Ok(_) => {
                if let Some(out) = out {
                    out.line("store: ready");
                }
            }
            Err(error) => self.problems.push(anyhow!("store: {error}")),
        }
    }

    /// Fails with all problems.
    pub(super) fn into_result(mut self) -> anyhow::Result<()> {
        if self.problems.len() < 2 {
            return self.problems.pop().map_or(Ok(()), Err);
        }
        let lines: Vec<String> = self.problems.iter().map(output::in_words).collect();
        Err(anyhow!("{} problems:\n- {}", lines.len(), lines.join("\n- ")))
    }
}

/// What is asked for in the event log.
struct Named {
    part: Part,
    topics: Topics,
    specs: Vec<TopicSpec>,
    groups: Vec<Groups>,
}

/// The groups that a sink reads in.
struct Groups {
    sink: SinkName,
    events: GroupName,
    operations: GroupName,
}

/// The event log does not answer.
struct Away(LogError);

struct Findings<'o> {
    out: Option<&'o mut Printer>,
    answers: Answers,
}

impl Findings<'_> {
    fn good(&mut self, text: &str) {
        if let Some(out) = &mut self.out {
            out.line(text);
        }
    }

    /// Two questions may meet the same problem: it is reported once.
    fn problem(&mut self, error: anyhow::Error) {
        let text = output::in_words(&error);
        if !self
            .answers
            .problems
            .iter()
            .any(|known| output::in_words(known) == text)
        {
            self.answers.problems.push(error);
        }
    }

    /// Notes an answer of the log; true if it is good. One that does not come ends the questions.
    fn note(&mut self, answer: Result<(), LogError>, good: &str) -> Result<bool, Away> {
        match answer {
            Ok(()) => {
                self.good(good);
                Ok(true)
            }
            Err(error @ LogError::Unavailable(_)) => Err(Away(error)),
            Err(error) => {
                self.problem(error.into());
                Ok(false)
            }
        }
    }

    /// Notes an answer of a log that has answered before: whatever it says now is about what was asked. Kafka's clients do not
    /// always report that a right is missing, hence the hint.
    fn note_of(&mut self, answer: Result<(), LogError>, context: &str, right: &str, good: &str) {
        match answer {
            Ok(()) => self.good(good),
            Err(error) => {
                let context = match &error {
                    LogError::Unavailable(_) => format!("{context} (where the broker has ACLs: is {right} missing?)"),
                    _ => context.to_owned(),
                };
                self.problem(anyhow::Error::new(error).context(context));
            }
        }
    }

    async fn event_log(&mut self, log: &Arc<dyn EventLog>, named: &Named, rules: &rules::Rules) -> Result<(), Away> {
        let Named {
            part,
            topics,
            specs,
            groups,
        } = named;
        let whole = log.check_topics(specs).await;
        let whole = self.note(
            whole,
            "event log: the topics exist, and take and keep what is configured",
        )?;
        let states = match log.compare_topics(specs).await {
            Err(error) if whole => return Err(Away(error)),
            states => states.unwrap_or_default(),
        };
        if whole {
            self.answers
                .remarks
                .extend(states.iter().flat_map(|state| state.remarks.iter().cloned()));
        }
        // What is missing has been reported, and is asked nothing more.
        let is_missing = |topic: &TopicName| {
            states
                .iter()
                .any(|state| state.name == *topic && state.partitions.is_none())
        };
        let mut readable = *part != Part::Ingest;
        for topic in [&topics.events, &topics.operations] {
            if *part != Part::Ingest {
                let good = format!("topic {topic}: can be read");
                readable &= !is_missing(topic) && self.note(read(log, topic).await, &good)?;
            }
        }
        if whole || readable {
            let mut written = vec![(&topics.events, Part::Ingest), (&topics.dead_letters, Part::Process)];
            // What is reported are endpoints.
            if groups.iter().any(|group| group.sink.as_str() == HTTP) {
                written.push((&topics.operations, Part::Process));
            }
            for (topic, by) in written {
                if (*part == by || *part == Part::Whole) && !is_missing(topic) {
                    self.takes_records(log, topic, &format!("topic {topic} takes no records"))
                        .await;
                }
            }
            for Groups {
                sink,
                events,
                operations,
            } in groups
            {
                for (group, topic) in [(events, &topics.events), (operations, &topics.operations)] {
                    if is_missing(topic) {
                        continue;
                    }
                    let asked = group_answers(log, group, topic).await;
                    let context = format!("group {group}, which sink {sink} reads in, cannot be used");
                    let right = format!("Read on group `{group}`");
                    self.note_of(
                        asked,
                        &context,
                        &right,
                        &format!("group {group}: can be used, for sink {sink}"),
                    );
                }
            }
        }
        // They are the sink's: another process may have it, with another user.
        if groups.iter().any(|group| group.sink.as_str() == TOPIC) {
            self.named_topics(log, rules).await;
        }
        Ok(())
    }

    /// Nothing is appended: whether it could be, as far as the log can know.
    async fn takes_records(&mut self, log: &Arc<dyn EventLog>, topic: &TopicName, context: &str) {
        let right = format!("Write on topic `{topic}`");
        let good = format!("topic {topic}: takes records");
        self.note_of(log.ready(topic).await, context, &right, &good);
    }

    /// Whether the topics exist that rules send to, and take records: what is sent to one that is missing becomes dead letters.
    async fn named_topics(&mut self, log: &Arc<dyn EventLog>, rules: &rules::Rules) {
        let mut named: BTreeMap<TopicName, Vec<String>> = BTreeMap::new();
        for rule in rules.iter() {
            for to in rule.to.iter().filter(|to| to.sink.as_str() == TOPIC) {
                if let Some(topic) = to.argument.clone().and_then(|name| TopicName::new(name).ok()) {
                    named.entry(topic).or_default().push(rule.name.to_string());
                }
            }
        }
        for (topic, rules) in named {
            let context = format!("rule `{}` sends to the topic `{topic}`", rules.join("`, `"));
            match log.ready(&topic).await {
                Err(error) => self.problem(anyhow::Error::new(error).context(context)),
                Ok(()) => self.good(&format!("topic {topic}: takes records, for rule {}", rules.join(", "))),
            }
        }
    }
}

/// Reading it alone stores nothing, and fails where the topic does not exist or may not be read.
async fn read(log: &Arc<dyn EventLog>, topic: &TopicName) -> Result<(), LogError> {
    let subscription = Subscription {
        topic: topic.clone(),
        membership: Membership::Alone,
        start: Start::Latest,
    };
    log.subscribe(subscription).await?.close().await
}

/// Asks for a group's progress, and once more where there is no answer: on a new cluster the first question makes the topic
/// that groups are kept in.
async fn group_answers(log: &Arc<dyn EventLog>, group: &GroupName, topic: &TopicName) -> Result<(), LogError> {
    match log.progress(group, topic).await {
        Err(LogError::Unavailable(_)) => log.progress(group, topic).await.map(drop),
        answer => answer.map(drop),
    }
}
