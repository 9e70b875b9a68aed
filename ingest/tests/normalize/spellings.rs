//! The same body in other spellings is the same event: for every sample of every platform, numbers as texts, texts of digits
//! as numbers, unknown members everywhere, members twice, other white space, nulls for what is absent.

use ingest::normalize::{NewEvent, Normalized, normalize};
use serde_json::{Map, Value, json};

use crate::{Sample, samples_of, source};
use schemas::platform::Platform;

/// An event but for its raw part; what is made of the bytes themselves is not looked at.
fn said(event: &NewEvent<'_>) -> String {
    let part = |part: &str| {
        let digest = part.len() == 64 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        if digest { "a digest".to_owned() } else { part.to_owned() }
    };
    let identity: Vec<String> = event.identity.iter().map(|text| part(text)).collect();
    format!(
        "{} {identity:?} {:?} {} {:?} {:?} {:?}",
        event.data.event_type(),
        event.time,
        part(&event.ordering_key),
        event.account,
        event.subject,
        event.data.to_member()
    )
}

fn all_said(sample: &Sample, body: &[u8]) -> Vec<String> {
    match normalize(&source(sample.platform), &sample.headers, body) {
        Normalized::Events(events) => events.iter().map(said).collect(),
        Normalized::Reply(reply) => vec![format!("{reply:?}")],
    }
}

/// The samples that are JSON.
fn samples() -> Vec<(Sample, Value)> {
    let samples = Platform::ALL.into_iter().flat_map(samples_of);
    samples
        .filter_map(|sample| {
            let value = serde_json::from_slice(&sample.body).ok()?;
            Some((sample, value))
        })
        .collect()
}

/// Every sample says the same after the change; those that do not are named, but for the ones excepted.
fn unchanged(spell: impl Fn(&Value) -> Vec<u8>, except: &[&str]) {
    let mut wrong = Vec::new();
    for (sample, value) in samples() {
        let name = format!("{} {}", sample.platform, sample.name);
        let (before, after) = (all_said(&sample, &sample.body), all_said(&sample, &spell(&value)));
        if before != after && !except.iter().any(|excepted| name.starts_with(excepted)) {
            let differ = before.iter().zip(&after).find(|(a, b)| a != b);
            wrong.push(format!(
                "{name}: {differ:?}, {} and {} events",
                before.len(),
                after.len()
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} samples say something else:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Every value, innermost first.
fn map(value: &Value, change: &impl Fn(Value) -> Value) -> Value {
    change(match value {
        Value::Array(list) => list.iter().map(|value| map(value, change)).collect(),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(key, value)| (key.clone(), map(value, change)))
                .collect(),
        ),
        other => other.clone(),
    })
}

fn bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).expect("JSON")
}

#[test]
fn other_white_space_and_another_order_of_members() {
    unchanged(|value| serde_json::to_vec_pretty(value).expect("JSON"), &[]);
    unchanged(bytes, &[]);
}

#[test]
fn numbers_as_texts() {
    let text = |value| match value {
        Value::Number(number) => json!(number.to_string()),
        other => other,
    };
    unchanged(|value| bytes(&map(value, &text)), &[]);
}

#[test]
fn texts_of_digits_as_numbers() {
    let number = |value| match value {
        Value::String(text) => match text.parse::<u64>() {
            // Zeros in front would not survive as a number, nor do numbers beyond 64 bits.
            Ok(number) if number.to_string() == text => json!(number),
            _ => json!(text),
        },
        other => other,
    };
    unchanged(|value| bytes(&map(value, &number)), &[]);
}

#[test]
fn members_that_no_one_knows() {
    /// But for objects whose keys are data: what changed at Chatwoot, the events of Huggy.
    fn with_unknown(value: &Value, name: &str) -> Value {
        match value {
            Value::Array(list) => list.iter().map(|value| with_unknown(value, name)).collect(),
            Value::Object(members) => {
                let mut all: Map<_, _> = members
                    .iter()
                    .map(|(key, value)| (key.clone(), with_unknown(value, key)))
                    .collect();
                if !["changed_attributes", "messages"].contains(&name) {
                    all.insert("zzz_unknown".to_owned(), json!({ "id": 1, "list": [{}, null, "x"] }));
                    all.insert("\u{1f600}".to_owned(), Value::Null);
                }
                Value::Object(all)
            }
            other => other.clone(),
        }
    }
    // A group's change is distinguished by what it says, whatever that is.
    let except = ["baileys groups.update", "evolution groups.update"];
    unchanged(|value| bytes(&with_unknown(value, "")), &except);
}

#[test]
fn members_that_stand_twice_count_by_the_last() {
    fn write(value: &Value, out: &mut String) {
        match value {
            Value::Object(members) => {
                out.push('{');
                for (at, (key, value)) in members.iter().enumerate() {
                    let key = json!(key).to_string();
                    let comma = if at == 0 { "" } else { "," };
                    for piece in [comma, &key, ":[\"wrong\"],", &key, ":"] {
                        out.push_str(piece);
                    }
                    write(value, out);
                }
                out.push('}');
            }
            Value::Array(list) => {
                out.push('[');
                for (at, value) in list.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    write(value, out);
                }
                out.push(']');
            }
            other => out.push_str(&other.to_string()),
        }
    }
    let twice = |value: &Value| {
        let mut out = String::new();
        write(value, &mut out);
        out.into_bytes()
    };
    unchanged(twice, &[]);
}

#[test]
fn nulls_are_as_good_as_nothing_but_where_a_ticket_is_emptied() {
    // `null` says that the ticket has none: `ticket.cleared`.
    let clears = [
        "assignee",
        "team",
        "priority",
        "assignee_id",
        "group_id",
        "admin_assignee_id",
        "team_assignee_id",
        "userId",
        "departmentId",
        "ticketUserId",
    ];
    let without = |value| match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .filter(|(name, value)| !value.is_null() || clears.contains(&name.as_str()))
                .collect::<Map<_, _>>(),
        ),
        other => other,
    };
    // `"admin": null` says that a member is none.
    let except = [
        "baileys group",
        "evolution group",
        "chatwoot fazer_ai.provider_event_received",
    ];
    unchanged(|value| bytes(&map(value, &without)), &except);
}
