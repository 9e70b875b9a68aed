//! One event to one endpoint, once more.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use control::past::{self, Piece};
use schemas::endpoint::Endpoint;
use schemas::event::Event;
use schemas::id::EventId;
use schemas::record::{Offset, Partition, Position, StoredRecord};
use schemas::sink::Target;
use store::attempts::Row;
use store::backlog::Again;
use tokio::time::{Instant, sleep};

use super::Deliveries;
use crate::config::ConfigError;

/// How often it is asked whether there was an attempt. The log is written in batches.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// An event that waits to be sent.
#[derive(Debug)]
pub(crate) struct Resent {
    pub(crate) event: EventId,
    pub(crate) event_type: String,
    pub(crate) position: Position,
    /// How many attempts there were before, according to the log.
    pub(crate) attempts: usize,
    target: String,
}

impl Deliveries {
    /// Adds a row for the event, due now.
    pub(crate) async fn resend(&self, endpoint: &Endpoint, found: Piece) -> anyhow::Result<Resent> {
        let Piece {
            partition,
            topic_id,
            records,
        } = found;
        let record = records.first().context("a piece has a record")?;
        let position = place(&partition, record);
        let event = Event::decode(&record.record.value).with_context(|| position.to_string())?;
        let tenant = &event.attributes.tenant;
        if *tenant != endpoint.tenant {
            return Err(ConfigError(format!(
                "event {} is of the tenant `{tenant}`, and endpoint `{}` of `{}`: no one gets events of another tenant",
                event.id(),
                endpoint.id,
                endpoint.tenant
            ))
            .into());
        }
        let event = Arc::new(event);
        let rules = self.rules_for(endpoint, &event, &partition, record);
        let target = endpoint.id.to_string();
        let resent = Resent {
            event: event.id(),
            event_type: event.event_type().to_string(),
            position,
            attempts: self.attempts(event.id(), &target).await?.len(),
            target,
        };
        let row = (partition.index, self.row(endpoint, record, rules.unwrap_or_default()));
        let (topic, topic_id) = (&partition.topic, topic_id.as_ref());
        let added = self
            .kept
            .backlog
            .add(&self.sink, topic, topic_id, vec![row], Again::DueNow);
        added.await.context("store")?;
        Ok(resent)
    }

    /// Finds an event: where the attempt log has it, or else by the time in its id.
    pub(crate) async fn find(&self, id: EventId) -> anyhow::Result<Piece> {
        let known = self.kept.attempts.of_event(id).await?;
        let own = [&self.topics.events, &self.topics.operations];
        for row in known {
            let Some(topic) = own.iter().find(|topic| topic.as_str() == row.log_topic) else {
                continue;
            };
            let partition = Partition {
                topic: (**topic).clone(),
                index: row.log_partition,
            };
            let position = Position {
                partition,
                offset: Offset(row.log_offset),
            };
            // The topic may have been made anew since.
            if let Ok(piece) = past::at(&*self.log, &position).await
                && piece.records.iter().any(|record| is(record, id))
            {
                return Ok(piece);
            }
        }
        for topic in own {
            if let Some(piece) = past::find(&*self.log, topic, id).await? {
                return Ok(piece);
            }
        }
        bail!(
            "event {id} is not in the event log ({}), or not any more: it happened at {}, and events are kept for \
             `event_log.retention_hours`",
            self.topics.events,
            id.time()
        )
    }

    /// The event at a place of the log.
    pub(crate) async fn at(&self, position: &Position) -> anyhow::Result<Piece> {
        let topic = &position.partition.topic;
        let own = [&self.topics.events, &self.topics.operations];
        if !own.contains(&topic) {
            return Err(ConfigError(format!(
                "`{topic}` is no topic of events: they are in `{}`, and those about endpoints in `{}`",
                self.topics.events, self.topics.operations
            ))
            .into());
        }
        Ok(past::at(&*self.log, position).await?)
    }

    /// Waits for the next attempt; `None` if there was none in time.
    pub(crate) async fn attempted(&self, resent: &Resent, patience: Duration) -> anyhow::Result<Option<Row>> {
        let until = Instant::now() + patience;
        loop {
            let mut attempts = self.attempts(resent.event, &resent.target).await?;
            if attempts.len() > resent.attempts {
                return Ok(attempts.pop());
            }
            if Instant::now() >= until {
                return Ok(None);
            }
            sleep(ASK_AGAIN).await;
        }
    }

    async fn attempts(&self, event: EventId, target: &str) -> anyhow::Result<Vec<Row>> {
        let mut rows = self.kept.attempts.of_event(event).await?;
        rows.retain(|row| row.target == target && row.sink == self.sink.as_str());
        Ok(rows)
    }

    /// The rules that send the event to the endpoint; `None` if none does, or it is unknown.
    pub(super) fn rules_for(
        &self,
        endpoint: &Endpoint,
        event: &Arc<Event>,
        partition: &Arc<Partition>,
        record: &Arc<StoredRecord>,
    ) -> Option<Vec<schemas::name::RuleName>> {
        let target = Target::Named(endpoint.id.to_string());
        let routed = self.router.route(event, partition, record);
        let delivery = routed.deliveries.into_iter().find(|delivery| delivery.target == target);
        delivery.map(|delivery| delivery.rules)
    }
}

fn place(partition: &Partition, record: &StoredRecord) -> Position {
    Position {
        partition: partition.clone(),
        offset: record.offset,
    }
}

fn is(record: &StoredRecord, id: EventId) -> bool {
    Event::decode(&record.record.value).is_ok_and(|event| event.id() == id)
}
