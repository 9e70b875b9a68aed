//! Finds an event's deliveries to one sink: the rules that match it, and the targets that the sink returns for them.
//!
//! Where a rule cannot be evaluated, it is unknown whether it sends the event to its targets. Targets of another rule
//! that matches get it as usual. The others are [`Undecided`] and become one dead letter each, which names target and
//! rules: a redrive evaluates these rules again for this target, and repeats no other delivery.

use std::sync::Arc;
use std::time::Duration;

use rules::{Rule, Rules, TypeIndex, Verdict};
use schemas::event::Event;
use schemas::name::RuleName;
use schemas::record::{Partition, StoredRecord};
use schemas::sink::{Delivery, Sink, Target};
use schemas::throttle::LogThrottle;
use schemas::time::Timestamp;
use tokio::time::Instant;

use crate::metrics::{Metrics, RuleMetrics};

/// How often the failures of one rule are logged, at most.
const REPORT_EVERY: Duration = Duration::from_mins(1);

/// The rules that name one sink. CEL runs only for those that can match the event's type.
#[derive(Debug)]
pub struct Router {
    rules: Arc<Rules>,
    sink: Arc<dyn Sink>,
    routes: Vec<Route>,
    index: TypeIndex,
    /// What the intervals of log lines are counted from.
    started: Instant,
}

#[derive(Debug)]
struct Route {
    rule: Arc<Rule>,
    arguments: Vec<Option<String>>,
    metrics: RuleMetrics,
    throttle: LogThrottle,
}

/// The deliveries of an event to one sink.
#[derive(Debug, Default)]
pub struct Routed {
    /// One per target; several rules with the same target make one delivery, which names them all.
    pub deliveries: Vec<Delivery>,
    /// One per target of which it is unknown whether the event goes there.
    pub undecided: Vec<Undecided>,
}

/// A target that no matching rule has, but a rule that could not be evaluated.
#[derive(Debug, PartialEq, Eq)]
pub struct Undecided {
    /// The target, which may or may not be meant to get the event.
    pub target: Target,
    /// The rules, in the order of the file.
    pub rules: Vec<RuleName>,
    /// Which rules cannot be evaluated, and why.
    pub reason: String,
}

impl Routed {
    /// Whether the event could not be routed at all: it goes to no target, and some are undecided. An event that goes
    /// somewhere does not count, because one bad rule is no reason to stop the others.
    pub(crate) fn is_nowhere(&self) -> bool {
        self.deliveries.is_empty() && !self.undecided.is_empty()
    }
}

impl Router {
    /// Makes the router of the rules that name this sink.
    pub fn new(rules: Arc<Rules>, sink: Arc<dyn Sink>, metrics: &Metrics) -> Self {
        let mut routes = Vec::new();
        let mut patterns = Vec::new();
        for rule in rules.iter() {
            let arguments: Vec<Option<String>> = rule
                .to
                .iter()
                .filter(|to| to.sink == *sink.name())
                .map(|to| to.argument.clone())
                .collect();
            if !arguments.is_empty() {
                routes.push(Route {
                    rule: Arc::clone(rule),
                    arguments,
                    metrics: metrics.rule(sink.name(), &rule.name),
                    throttle: LogThrottle::new(REPORT_EVERY),
                });
                patterns.push(rule.condition.types());
            }
        }
        let index = TypeIndex::new(patterns);
        Self {
            rules,
            sink,
            routes,
            index,
            started: Instant::now(),
        }
    }

    /// Returns the version of the rules, the first 12 hex digits of the SHA-256 of their text.
    pub fn version(&self) -> &Arc<str> {
        self.rules.version()
    }

    /// Routes the event of a `record` that was read from `partition`; it goes nowhere if no rule matches.
    pub fn route(&self, event: &Arc<Event>, partition: &Arc<Partition>, record: &Arc<StoredRecord>) -> Routed {
        let delivery = |target, name: &RuleName| Delivery {
            event: Arc::clone(event),
            partition: Arc::clone(partition),
            record: Arc::clone(record),
            target,
            rules: vec![name.clone()],
            rules_version: Arc::clone(self.rules.version()),
            attempt: 1,
        };
        let mut deliveries: Vec<Delivery> = Vec::new();
        let mut failed: Vec<(&Route, String)> = Vec::new();
        let mut subject = None;
        for number in self.index.candidates(event.event_type().as_str()) {
            let route = &self.routes[number];
            let condition = &route.rule.condition;
            if !condition.is_always() {
                let subject = subject.get_or_insert_with(|| self.rules.subject(event));
                match condition.evaluate(subject) {
                    Verdict::Yes => {}
                    Verdict::No => continue,
                    Verdict::Absent => {
                        route.metrics.absent.inc();
                        continue;
                    }
                    Verdict::Failed(reason) => {
                        self.failure(route, event, &reason);
                        failed.push((route, reason));
                        continue;
                    }
                }
            }
            route.metrics.matches.inc();
            for target in self.targets(route, event) {
                let name = &route.rule.name;
                match deliveries.iter_mut().find(|d| d.target == target) {
                    Some(delivery) if delivery.rules.last() == Some(name) => {}
                    Some(delivery) => delivery.rules.push(name.clone()),
                    None => deliveries.push(delivery(target, name)),
                }
            }
        }
        let undecided = self.undecided(&failed, &deliveries, event);
        Routed { deliveries, undecided }
    }

    fn targets<'a>(&'a self, route: &'a Route, event: &'a Event) -> impl Iterator<Item = Target> + 'a {
        let targets = |argument: &'a Option<String>| self.sink.targets(event, argument.as_deref());
        route.arguments.iter().flat_map(targets)
    }

    fn undecided(&self, failed: &[(&Route, String)], deliveries: &[Delivery], event: &Event) -> Vec<Undecided> {
        let mut undecided: Vec<Undecided> = Vec::new();
        for (route, reason) in failed {
            let name = &route.rule.name;
            for target in self.targets(route, event) {
                if deliveries.iter().any(|delivery| delivery.target == target) {
                    continue;
                }
                let reason = format!("rule `{name}` cannot be evaluated: {reason}");
                match undecided.iter_mut().find(|u| u.target == target) {
                    Some(known) if known.rules.last() == Some(name) => {}
                    Some(known) => {
                        known.rules.push(name.clone());
                        known.reason.extend(["; ", &reason]);
                    }
                    None => undecided.push(Undecided {
                        target,
                        rules: vec![name.clone()],
                        reason,
                    }),
                }
            }
        }
        undecided
    }

    /// Counts a failure, and logs it at most once a minute per rule.
    fn failure(&self, route: &Route, event: &Event, reason: &str) {
        route.metrics.errors.inc();
        let since_start = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        let now = Timestamp::from_millis(since_start).unwrap_or(Timestamp::MAX);
        let Some(held_back) = route.throttle.allow(now) else {
            return;
        };
        tracing::warn!(sink = %self.sink.name(), rule = %route.rule.name, event_id = %event.id(),
            error = reason, held_back,
            "rule cannot be evaluated: where no other rule sends the event, it becomes a dead letter; logged once a minute");
    }
}
