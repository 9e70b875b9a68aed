//! Events as a line of such platforms brings them: of 1000, 450 messages, 350 statuses, 40 edits and deletions, 100 tickets, 30 contacts,
//! 20 groups and 10 others, of the conversations that `questions/fill.sql` makes.

use std::sync::Arc;

use schemas::data::Data;
use schemas::event::{Envelope, Event, Raw};
use schemas::id::{EventId, IdTime};
use schemas::name::{SourceId, Tenant, TopicName};
use schemas::platform::Platform;
use schemas::record::{Offset, Partition, PartitionProgress, StoredRecord, TopicId};
use schemas::sink::{Batch, Begun, Delivery, Target};
use schemas::time::Timestamp;

use crate::body::Size;
use crate::questions::{conversations, groups, tickets};

/// How many events a batch has.
pub(crate) const BATCH: u64 = 1_000;

/// Which rows of the state the events are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spread {
    /// Nine of ten are of one conversation in fifty, and of messages that were written lately.
    Hot,
    /// All rows alike.
    Even,
}

/// Numbered events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traffic {
    /// How many messages there were before.
    pub(crate) messages: u64,
    pub(crate) spread: Spread,
    /// The time of event 0, in milliseconds.
    pub(crate) begin_ms: i64,
    /// How many events come in a millisecond.
    pub(crate) per_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Message,
    Status,
    Edit,
    Deletion,
    Ticket,
    Contact,
    Group,
    Other,
}

impl Kind {
    fn of(number: u64) -> Self {
        match number.wrapping_mul(7_919) % 1_000 {
            0..450 => Self::Message,
            450..800 => Self::Status,
            800..820 => Self::Edit,
            820..840 => Self::Deletion,
            840..940 => Self::Ticket,
            940..970 => Self::Contact,
            970..990 => Self::Group,
            _ => Self::Other,
        }
    }
}

/// Numbers that look random (splitmix64).
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Traffic {
    /// One of `count` rows that are numbered from 1.
    fn pick(self, count: u64, number: u64) -> u64 {
        let random = mixed(number);
        match self.spread {
            Spread::Hot if !random.is_multiple_of(10) => 1 + (random >> 8) % (count / 50).max(1),
            _ => 1 + (random >> 8) % count,
        }
    }

    fn conversation(self, number: u64) -> u64 {
        self.pick(conversations(self.messages), number)
    }

    /// The conversation and the id of a message that is there: one that was written lately, or any.
    fn known_message(self, number: u64) -> (u64, String) {
        let random = mixed(number);
        if self.spread == Spread::Hot && !random.is_multiple_of(10) {
            let back = number.saturating_sub(1 + (random >> 8) % 3_000);
            let written = (back.saturating_sub(1_000)..=back)
                .rev()
                .find(|n| Kind::of(*n) == Kind::Message);
            if let Some(written) = written {
                return (self.conversation(written), format!("new-{written}"));
            }
        }
        let n = 1 + (random >> 8) % self.messages;
        (1 + n * 7_919 % conversations(self.messages), format!("message-{n}"))
    }

    /// The source and the normalized event, as JSON.
    fn event(self, number: u64) -> (u64, String) {
        let c = self.conversation(number);
        match Kind::of(number) {
            Kind::Message => {
                let (direction, from) = if number % 5 < 2 {
                    (
                        "inbound",
                        format!(r#"{{"id":"contact-{c}","kind":"contact","name":"Bruno Exemplo"}}"#),
                    )
                } else {
                    let agent = number % 211;
                    (
                        "outbound",
                        format!(r#"{{"id":"agent-{agent}","kind":"agent","name":"Ana Exemplo"}}"#),
                    )
                };
                let ticket = format!(r#","ticket_id":"ticket-{}""#, 1 + c % tickets(self.messages));
                (
                    c % 8,
                    format!(
                        r#"{{"id":"new-{number}","conversation":{{"id":"conversation-{c}","group":false,"channel_id":"channel-{}"}},"direction":"{direction}","from":{from},"kind":"text","text":"Bom dia, gostaria de saber do meu pedido {number}"{ticket}}}"#,
                        c % 30
                    ),
                )
            }
            Kind::Status => {
                let (c, id) = self.known_message(number);
                let status = ["sent", "delivered", "read"][usize::try_from(number % 3).unwrap_or(0)];
                (
                    c % 8,
                    format!(r#"{{"id":"{id}","conversation":{{"id":"conversation-{c}"}},"status":"{status}"}}"#),
                )
            }
            Kind::Edit => {
                let (c, id) = self.known_message(number);
                (
                    c % 8,
                    format!(
                        r#"{{"id":"{id}","conversation":{{"id":"conversation-{c}"}},"direction":"outbound","text":"Corrigido {number}"}}"#
                    ),
                )
            }
            Kind::Deletion => {
                let (c, id) = self.known_message(number);
                (
                    c % 8,
                    format!(r#"{{"id":"{id}","conversation":{{"id":"conversation-{c}"}}}}"#),
                )
            }
            Kind::Ticket => {
                let t = self.pick(tickets(self.messages), number);
                let status = if number.is_multiple_of(4) { "closed" } else { "open" };
                (
                    t % 8,
                    format!(
                        r#"{{"id":"ticket-{t}","status":"{status}","assignee":{{"id":"agent-{}","name":"Ana Exemplo"}},"team":"team-{}"}}"#,
                        number % 211,
                        number % 23
                    ),
                )
            }
            Kind::Contact => (
                c % 8,
                format!(
                    r#"{{"id":"contact-{c}","name":"Bruno Exemplo {number}","phone":"+55{}"}}"#,
                    11_000_000_000 + c
                ),
            ),
            Kind::Group => {
                let g = self.pick(groups(self.messages), number);
                let action = if number.is_multiple_of(2) { "added" } else { "removed" };
                (
                    1,
                    format!(
                        r#"{{"id":"group-{g}","action":"{action}","participants":[{{"id":"member-{}"}}]}}"#,
                        g * 31 + number % 100
                    ),
                )
            }
            Kind::Other => (
                c % 8,
                format!(
                    r#"{{"conversation":{{"id":"conversation-{c}"}},"parties":[{{"id":"contact-{c}","state":"typing"}}]}}"#
                ),
            ),
        }
    }

    fn delivery(self, number: u64, partition: &Arc<Partition>) -> anyhow::Result<Delivery> {
        let (source, json) = self.event(number);
        let data = match Kind::of(number) {
            Kind::Message => Data::MessageCreated(serde_json::from_str(&json)?),
            Kind::Status => Data::MessageStatus(serde_json::from_str(&json)?),
            Kind::Edit => Data::MessageUpdated(serde_json::from_str(&json)?),
            Kind::Deletion => Data::MessageDeleted(serde_json::from_str(&json)?),
            Kind::Ticket => Data::TicketUpdated(serde_json::from_str(&json)?),
            Kind::Contact => Data::ContactUpdated(serde_json::from_str(&json)?),
            Kind::Group => Data::GroupParticipantsUpdated(serde_json::from_str(&json)?),
            Kind::Other => Data::PresenceUpdated(serde_json::from_str(&json)?),
        };
        let (tenant, source) = (Tenant::new("acme")?, SourceId::new(format!("source-{source}"))?);
        let key = usize::try_from(number % 64)?;
        let raw = Size::Chatwoot.body(key, usize::try_from(number)?);
        // Growing, with a little disorder, as in real traffic.
        let time = Timestamp::from_millis(self.begin_ms + i64::try_from((number ^ 7) / self.per_ms)?);
        let time = time.unwrap_or(Timestamp::MIN);
        let record = Envelope {
            account: None,
            id: EventId::derive(time, &tenant, &source, &[&number.to_string()]),
            id_time: IdTime::Event,
            tenant: &tenant,
            source: &source,
            platform: Platform::Chatwoot.into(),
            subject: None,
            time,
            received: time,
            ordering_key: &format!("conversation-{key}"),
            traceparent: None,
            raw_sha256: [7; 32],
            data: &data,
            raw: Raw::Json(raw.into()),
        }
        .to_record();
        Ok(Delivery {
            event: Arc::new(Event::decode(&record.value)?),
            partition: Arc::clone(partition),
            record: Arc::new(StoredRecord {
                offset: Offset(i64::try_from(number)?),
                record,
            }),
            target: Target::Only,
            rules: vec![],
            rules_version: "0123456789ab".into(),
            attempt: 1,
        })
    }

    /// So many batches of each of so many partitions, the first of which begins with event `first`.
    pub(crate) fn batches(self, first: u64, partitions: u64, each: u64) -> anyhow::Result<Vec<Vec<Batch>>> {
        let lane = |lane: u64| {
            let partition = Arc::new(Partition {
                topic: TopicName::new("bench.events")?,
                index: i32::try_from(lane)?,
            });
            let batch = |n: u64| {
                let begin = first + (lane * each + n) * BATCH;
                let deliveries = (begin..begin + BATCH).map(|number| self.delivery(number, &partition));
                Ok(Batch {
                    deliveries: deliveries.collect::<anyhow::Result<_>>()?,
                    progress: Some(PartitionProgress {
                        partition: Partition::clone(&partition),
                        topic_id: Some(TopicId::new("a-topic")),
                        next: Offset(i64::try_from(begin + BATCH)?),
                    }),
                    begun: Begun::default(),
                })
            };
            (0..each).map(batch).collect()
        };
        (0..partitions).map(lane).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_events_are_of_the_kinds_that_are_said_and_every_one_is_an_event() {
        for spread in [Spread::Hot, Spread::Even] {
            let traffic = Traffic {
                messages: 100_000,
                spread,
                begin_ms: 1_775_000_000_000,
                per_ms: 1,
            };
            let batches = traffic.batches(5_000, 1, 1).expect("events");
            let deliveries = &batches[0][0].deliveries;
            assert_eq!(deliveries.len(), 1_000);
            let of = |name: &str| {
                deliveries
                    .iter()
                    .filter(|d| d.event.event_type().as_str() == name)
                    .count()
            };
            assert_eq!(
                (of("message.created"), of("message.status"), of("ticket.updated")),
                (450, 350, 100)
            );
            let hot = (0..1_000).filter(|n| traffic.conversation(*n) <= 100).count();
            assert_eq!(hot > 850, spread == Spread::Hot, "{hot}");
        }
    }
}
