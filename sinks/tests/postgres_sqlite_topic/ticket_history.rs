//! The view `ticket_history`: what tickets really did, from events that were stored in any order, asked of both databases.

use std::collections::BTreeMap;

use schemas::sink::Sink as _;
use serde_json::{Value, json};

use crate::database::with_database;
use crate::events::{Sample, batch};
use crate::sqlite::File;
use crate::views::{Dice, answer, at};

const TICKETS: &str = "SELECT ticket_id || ' ' || type || ' ' || change || ' ' || coalesce(status, '-') || ' ' || \
     coalesce(previous_status, '-') || ' ' || coalesce(previous_assignee_id, '-') FROM ticket_history \
     WHERE tenant = 'acme' AND source = 'wa-1' ORDER BY ticket_id, time, id";

fn ticket(seconds: i64, event_type: &str, ticket: &Value) -> Sample {
    at(seconds, event_type, &json!({"ticket": ticket}))
}

#[tokio::test]
async fn a_ticket_is_transferred_closed_and_reopened_where_the_platform_only_says_updated() {
    let updated = |seconds: i64, mut members: Value| {
        members["id"] = json!("t");
        ticket(seconds, "ticket.updated", &members)
    };
    let answer = answer(
        vec![
            ticket(
                0,
                "ticket.created",
                &json!({"id": "t", "status": "open", "assignee": {"id": "ana"}}),
            ),
            updated(1, json!({"team": "sales"})),
            updated(2, json!({"assignee": {"id": "bo"}})),
            updated(3, json!({"status": "closed"})),
            updated(4, json!({"priority": "high"})),
            updated(5, json!({"status": "open", "assignee": {"id": "cy"}})),
            updated(6, json!({"department": "one"})),
            updated(7, json!({"department": "two"})),
            ticket(8, "ticket.closed", &json!({"id": "t"})),
            updated(9, json!({"status": "pending"})),
            ticket(10, "ticket.transferred", &json!({"id": "t", "assignee": {"id": "cy"}})),
            updated(11, json!({"status": "snoozed"})),
            updated(12, json!({"team": "support"})),
            // Nothing is known of what was before, but for what the platform says.
            ticket(
                0,
                "ticket.updated",
                &json!({"id": "u", "status": "open", "previous_status": "closed"}),
            ),
            ticket(
                1,
                "ticket.updated",
                &json!({"id": "u", "status": "open", "previous_status": "closed"}),
            ),
            ticket(0, "ticket.updated", &json!({"id": "v", "status": "closed"})),
        ],
        TICKETS,
    )
    .await;
    let expected = [
        "t ticket.created created open - -",
        "t ticket.updated updated - open ana",
        "t ticket.updated transferred - open ana",
        "t ticket.updated closed closed open bo",
        "t ticket.updated updated - closed bo",
        "t ticket.updated reopened open closed bo",
        "t ticket.updated updated - open cy",
        "t ticket.updated transferred - open cy",
        "t ticket.closed closed closed open cy",
        "t ticket.updated reopened pending closed cy",
        "t ticket.transferred transferred - pending cy",
        "t ticket.updated updated snoozed pending cy",
        "t ticket.updated transferred - snoozed cy",
        "u ticket.updated reopened open closed -",
        "u ticket.updated updated open open -",
        "v ticket.updated updated closed - -",
    ];
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn tickets_of_another_source_have_a_history_of_their_own() {
    let events = [
        ticket(0, "ticket.closed", &json!({"id": "t", "status": "closed"})),
        ticket(1, "ticket.updated", &json!({"id": "t", "status": "open"})),
    ];
    let elsewhere = "UPDATE ticket_change SET source = 'wa-2' WHERE type = 'ticket.closed'";
    let changes = "SELECT source || ' ' || change FROM ticket_history ORDER BY source";
    let expected = ["wa-1 updated", "wa-2 closed"];
    let file = File::new();
    file.sink().await.deliver(&batch(0, &events)).await.expect("available");
    file.run(elsewhere).await;
    assert_eq!(file.values::<String>(changes).await, expected);
    with_database(|database| async move {
        database.sink().deliver(&batch(0, &events)).await.expect("available");
        database.run(elsewhere).await;
        let mut connection = database.connection().await;
        let found: Vec<String> = sqlx::query_scalar(changes)
            .fetch_all(&mut connection)
            .await
            .expect("valid");
        assert_eq!(found, expected);
    })
    .await;
}

/// The second, the type and the ticket of an event.
type Change = (i64, String, Value);

fn changes_of_any_shape() -> Vec<Change> {
    let mut dice = Dice(1);
    let mut events = Vec::new();
    for number in 0..200 {
        let mut members = json!({"id": dice.pick(&["a", "b", "c", "d"])});
        let kind = dice.pick(&[
            "updated",
            "updated",
            "updated",
            "updated",
            "closed",
            "created",
            "transferred",
            "reopened",
        ]);
        for (name, values) in [
            ("status", &["", "", "open", "closed", "pending"][..]),
            ("previous_status", &["", "", "open", "closed"]),
            ("team", &["", "", "", "x", "y"]),
            ("department", &["", "", "", "x", "y"]),
        ] {
            let value = dice.pick(values);
            if !value.is_empty() {
                members[name] = json!(value);
            }
        }
        let assignee = dice.pick(&["", "", "", "10", "9"]);
        if !assignee.is_empty() {
            members["assignee"] = json!({"id": assignee});
        }
        // Numbered, so that each is an event of its own.
        members["protocol"] = json!(number.to_string());
        let seconds = i64::try_from(dice.below(60)).expect("small");
        events.push((seconds, format!("ticket.{kind}"), members));
    }
    events
}

/// The rows that the same rules in another language give.
fn expected_history(samples: &[Sample], events: &[Change]) -> Vec<String> {
    let mut ordered: Vec<_> = samples.iter().zip(events).collect();
    // Of one instant, what is created comes first and what ends something last.
    let rank = |kind: &str| match kind {
        "ticket.created" => 0,
        "ticket.closed" | "ticket.reopened" => 2,
        _ => 1,
    };
    ordered.sort_by_key(|(sample, (_, kind, _))| (sample.time_ms, rank(kind), sample.id()));
    let mut known: BTreeMap<(String, &str), String> = BTreeMap::new();
    let mut expected = Vec::new();
    for (sample, (_, kind, members)) in ordered {
        let id = members["id"].as_str().expect("text").to_owned();
        let text = |name: &str| members[name].as_str().map(str::to_owned);
        let status = text("status").or_else(|| match kind.as_str() {
            "ticket.closed" => Some("closed".to_owned()),
            "ticket.created" | "ticket.reopened" => Some("open".to_owned()),
            _ => None,
        });
        let now = [
            ("status", status.clone()),
            ("assignee", members["assignee"]["id"].as_str().map(str::to_owned)),
            ("team", text("team")),
            ("department", text("department")),
        ];
        let before = |name: &'static str| known.get(&(id.clone(), name)).cloned();
        let previous = before("status").or_else(|| text("previous_status"));
        let moved = now[1..].iter().any(|(name, value)| {
            let before = before(name);
            before.is_some() && value.is_some() && before != *value
        });
        let change = match (kind.as_str(), previous.as_deref(), status.as_deref()) {
            ("ticket.updated", Some("closed"), Some(now)) if now != "closed" => "reopened",
            ("ticket.updated", Some(before), Some("closed")) if before != "closed" => "closed",
            ("ticket.updated", ..) if moved => "transferred",
            (kind, ..) => &kind["ticket.".len()..],
        };
        let or_none = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let row = format!(
            "{id} {kind} {change} {} {} {}",
            or_none(status),
            or_none(previous),
            or_none(before("assignee"))
        );
        expected.push((id.clone(), sample.time_ms, sample.id(), row));
        for (name, value) in now {
            if let Some(value) = value {
                known.insert((id.clone(), name), value);
            }
        }
    }
    // As the query has them.
    expected.sort();
    expected.into_iter().map(|(_, _, _, row)| row).collect()
}

/// On histories with gaps and with events of the same instant.
#[tokio::test]
async fn histories_of_any_shape_follow_the_rules() {
    let events = changes_of_any_shape();
    let samples: Vec<Sample> = events
        .iter()
        .map(|(s, kind, members)| ticket(*s, kind, members))
        .collect();
    let expected = expected_history(&samples, &events);
    for change in ["reopened", "closed", "transferred", "updated"] {
        let decided = format!(" ticket.updated {change} ");
        assert!(expected.iter().any(|row| row.contains(&decided)), "none is {change}");
    }
    assert_eq!(answer(samples, TICKETS).await, expected);
}
