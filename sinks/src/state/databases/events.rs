//! Events of every family about so few things that they get in each other's way.

use std::sync::Arc;

use harness::event::Written;
use schemas::event::Event;
use schemas::id::EventId;
use schemas::name::{SourceId, Tenant, TopicName};
use schemas::record::{Offset, Partition, Record, StoredRecord};
use schemas::sink::{Batch, Begun, Delivery, Target};
use schemas::time::Timestamp;
use serde_json::{Value, json};

use super::random::Dice;

/// 2026-03-10T13:36:50Z.
const BEGIN_MS: i64 = 1_773_149_810_000;

/// One event, as it stands in the log.
#[derive(Debug, Clone)]
pub(super) struct Happened(Arc<Event>, Record);

fn some(dice: &mut Dice, into: &mut Value, name: &str, values: &[Value]) {
    if dice.below(2) == 0 {
        into[name] = values[dice.below(values.len())].clone();
    }
}

fn message(dice: &mut Dice) -> (&'static str, Value) {
    let chat = json!({"id": format!("chat{}", dice.below(2)), "group": dice.below(2) == 0});
    let mut message = json!({"id": format!("m{}", dice.below(3)), "conversation": chat});
    let kind = ["created", "updated", "status", "status", "deleted"][dice.below(5)];
    match kind {
        "status" => {
            message["status"] = json!(["pending", "sent", "delivered", "read", "failed"][dice.below(5)]);
            some(dice, &mut message, "error", &[json!("a"), json!("b")]);
        }
        "deleted" if dice.below(3) == 0 => drop(message.as_object_mut().and_then(|message| message.remove("id"))),
        "deleted" => {}
        _ => {
            message["direction"] = json!(["inbound", "outbound"][dice.below(2)]);
            some(dice, &mut message, "text", &[json!("x"), json!("y"), json!("")]);
            some(dice, &mut message, "internal", &[json!(true)]);
            some(dice, &mut message, "ticket_id", &[json!("t0"), json!("t1")]);
            some(dice, &mut message, "status", &[json!("sent")]);
            some(
                dice,
                &mut message,
                "from",
                &[json!({"id": "a", "kind": "agent"}), json!({"id": "b", "name": "é"})],
            );
        }
    }
    let kind = match kind {
        "created" => "message.created",
        "updated" => "message.updated",
        "status" => "message.status",
        _ => "message.deleted",
    };
    (kind, json!({ "message": message }))
}

fn ticket(dice: &mut Dice) -> (&'static str, Value) {
    let mut ticket = json!({"id": format!("t{}", dice.below(2))});
    some(
        dice,
        &mut ticket,
        "status",
        &[json!("open"), json!("pending"), json!("closed")],
    );
    some(
        dice,
        &mut ticket,
        "assignee",
        &[
            json!({"id": "1", "name": "Ana"}),
            json!({"id": "2"}),
            json!({"name": "Bo"}),
        ],
    );
    some(dice, &mut ticket, "team", &[json!("x"), json!("y")]);
    some(dice, &mut ticket, "labels", &[json!(["a"]), json!(["b", "a"])]);
    some(
        dice,
        &mut ticket,
        "opened_at",
        &[json!("2026-03-10T13:00:00Z"), json!("2026-03-10T12:00:00Z")],
    );
    some(
        dice,
        &mut ticket,
        "cleared",
        &[json!(["assignee"]), json!(["team", "labels"])],
    );
    let kinds = [
        "ticket.created",
        "ticket.updated",
        "ticket.transferred",
        "ticket.closed",
        "ticket.reopened",
    ];
    (kinds[dice.below(5)], json!({ "ticket": ticket }))
}

fn other(dice: &mut Dice) -> (&'static str, Value) {
    match dice.below(4) {
        0 => {
            let mut contact = json!({"id": format!("c{}", dice.below(2))});
            some(dice, &mut contact, "name", &[json!("A"), json!("é")]);
            some(dice, &mut contact, "phone", &[json!("+55 11"), json!("+5511")]);
            some(dice, &mut contact, "blocked", &[json!(true), json!(false)]);
            ("contact.updated", json!({ "contact": contact }))
        }
        1 => {
            let mut line = json!({"epoch": dice.below(2)});
            some(
                dice,
                &mut line,
                "state",
                &[json!("open"), json!("closed"), json!("connecting")],
            );
            some(dice, &mut line, "pairing", &[json!(true), json!(false)]);
            some(dice, &mut line, "reason", &[json!("lost")]);
            ("connection.updated", json!({ "connection": line }))
        }
        whole => {
            let members: Vec<_> = (0..=dice.below(2))
                .map(|_| json!({"id": format!("p{}", dice.below(3))}))
                .collect();
            let mut group = json!({"id": "g", "participants": members});
            if whole == 2 {
                some(dice, &mut group, "subject", &[json!("one"), json!("two")]);
                return ("group.updated", json!({ "group": group }));
            }
            group["action"] = json!(["added", "removed", "promoted", "demoted", "left"][dice.below(5)]);
            ("group.participants.updated", json!({ "group": group }))
        }
    }
}

/// So many events of a tenant, in whole seconds, many of them the same.
pub(super) fn history(tenant: &str, dice: &mut Dice, length: usize) -> Vec<Happened> {
    let event = |number: usize| {
        let (event_type, data) = match dice.below(3) {
            0 => message(dice),
            1 => ticket(dice),
            _ => other(dice),
        };
        let seconds = i64::try_from(dice.below(length)).expect("small");
        let time = Timestamp::from_millis(BEGIN_MS + seconds * 1000).expect("in range");
        let names = (
            Tenant::new(tenant.to_owned()).expect("valid"),
            SourceId::new("wa").expect("valid"),
        );
        let id = EventId::derive(time, &names.0, &names.1, &[&number.to_string()]);
        let key = format!("{tenant}/wa/1");
        let value = Written {
            id: &id.to_string(),
            received: false,
            source: &format!("/{tenant}/wa"),
            event_type,
            subject: None,
            time: &time.to_string(),
            tenant,
            platform: "baileys",
            received_time: &time.to_string(),
            partition_key: &key,
            traceparent: None,
            raw_sha256: &"ab".repeat(32),
            data: &data.to_string(),
        }
        .value();
        let record = Record {
            key: key.into(),
            headers: vec![],
            value: value.clone(),
        };
        Happened(Arc::new(Event::decode(&value).expect("an event")), record)
    };
    (0..length).map(event).collect()
}

/// A batch of these.
pub(super) fn batch(events: &[Happened]) -> Batch {
    let topic = TopicName::new("forebay.events").expect("valid");
    let partition = Arc::new(Partition { topic, index: 0 });
    let deliveries = (0..).zip(events).map(|(offset, Happened(event, record))| Delivery {
        event: Arc::clone(event),
        partition: Arc::clone(&partition),
        record: Arc::new(StoredRecord {
            offset: Offset(offset),
            record: record.clone(),
        }),
        target: Target::Only,
        rules: vec![],
        rules_version: "0123456789ab".into(),
        attempt: 1,
    });
    Batch {
        deliveries: deliveries.collect(),
        progress: None,
        begun: Begun::default(),
    }
}
