//! An event's deliveries to one sink: the rules that match it, and the targets that the sink names for them.

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use schemas::event::Event;
use schemas::record::StoredRecord;
use schemas::sink::{Delivery, Sink, Target};

use crate::metrics::Metrics;
use crate::rules::{Rules, TypeIndex};

/// The rules seen from one sink. CEL runs only for rules that name the sink and can match the event's type.
#[derive(Debug)]
pub struct Router {
    rules: Arc<Rules>,
    sink: Arc<dyn Sink>,
    routes: Vec<Route>,
    index: TypeIndex,
}

#[derive(Debug)]
struct Route {
    /// Its place among the rules.
    rule: usize,
    arguments: Vec<Option<String>>,
    matches: Counter,
    errors: Counter,
}

impl Router {
    /// The rules that name this sink.
    pub fn new(rules: Arc<Rules>, sink: Arc<dyn Sink>, metrics: &Metrics) -> Self {
        let mut routes = Vec::new();
        let mut patterns = Vec::new();
        for (number, rule) in rules.iter().enumerate() {
            let arguments: Vec<Option<String>> = rule
                .to
                .iter()
                .filter(|to| to.sink == *sink.name())
                .map(|to| to.argument.clone())
                .collect();
            if !arguments.is_empty() {
                let (matches, errors) = metrics.rule(sink.name(), &rule.name);
                routes.push(Route {
                    rule: number,
                    arguments,
                    matches,
                    errors,
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
        }
    }

    /// The version of the rules.
    pub fn version(&self) -> &Arc<str> {
        self.rules.version()
    }

    /// One delivery per target; several rules that lead to the same target make one delivery, which names them all. Nothing
    /// if no rule matches. A condition that cannot be evaluated does not match.
    pub fn route(&self, event: &Arc<Event>, record: &Arc<StoredRecord>) -> Vec<Delivery> {
        let mut deliveries: Vec<Delivery> = Vec::new();
        let mut context = None;
        for number in self.index.candidates(event.event_type().as_str()) {
            let route = &self.routes[number];
            let rule = self.rules.get(route.rule);
            if !rule.condition.is_always() {
                let context = context.get_or_insert_with(|| self.rules.context(event));
                match rule.condition.evaluate(context) {
                    Ok(true) => {}
                    Ok(false) => continue,
                    Err(reason) => {
                        route.errors.inc();
                        tracing::debug!(rule = %rule.name, event_id = %event.id(), error = reason, "rule not evaluated");
                        continue;
                    }
                }
            }
            route.matches.inc();
            for argument in &route.arguments {
                for target in self.sink.targets(event, argument.as_deref()) {
                    self.add(&mut deliveries, event, record, target, route.rule);
                }
            }
        }
        deliveries
    }

    fn add(
        &self,
        deliveries: &mut Vec<Delivery>,
        event: &Arc<Event>,
        record: &Arc<StoredRecord>,
        target: Target,
        rule: usize,
    ) {
        let name = &self.rules.get(rule).name;
        match deliveries.iter_mut().find(|d| d.target == target) {
            Some(delivery) if delivery.rules.last() == Some(name) => {}
            Some(delivery) => delivery.rules.push(name.clone()),
            None => deliveries.push(Delivery {
                event: Arc::clone(event),
                record: Arc::clone(record),
                target,
                rules: vec![name.clone()],
                rules_version: Arc::clone(self.rules.version()),
                attempt: 1,
            }),
        }
    }
}
