//! How a history ends, in other words than the tables say it: the distinct events in the order of their versions, one applied after the
//! other, with plain assignments. Nothing of the crate is used, so what is wrong there is not wrong here as well.

use std::collections::{BTreeMap, BTreeSet};

use schemas::id::EventId;
use serde_json::{Map, Value, json};

use super::Happened;

/// A row of a table without its key; columns that are null are left out. Times are RFC 3339 with milliseconds, versions the text of
/// their UUID.
pub(crate) type Cells = BTreeMap<String, Value>;

/// The key of a row: tenant, source, and what the table adds, as text.
pub(crate) type Key = Vec<String>;

/// How everything stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Model {
    /// The rows, by table.
    pub(crate) tables: BTreeMap<&'static str, BTreeMap<Key, Cells>>,
    pub(crate) now: Now,
}

/// What is asked of the tables.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Now {
    /// Who is in a group (the key), and whether they are an admin, if that is known.
    pub(crate) members: BTreeMap<Key, Option<bool>>,
    /// How far messages got.
    pub(crate) reached: BTreeMap<Key, String>,
    /// Messages whose writing was seen, and which were not emptied away since.
    pub(crate) written: BTreeSet<Key>,
    /// Lines, without the epoch.
    pub(crate) lines: BTreeMap<Key, Line>,
}

/// How a line stands in its last lease.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Line {
    pub(crate) epoch: i64,
    pub(crate) state: Option<String>,
    pub(crate) online: Option<bool>,
    pub(crate) pairing: Option<bool>,
    pub(crate) reason: Option<String>,
}

impl Model {
    /// After these events. Repeats have no effect: an event counts once, and a second receipt is not to be among them.
    pub(crate) fn after(events: &[Happened]) -> Self {
        let by_version: BTreeMap<String, &Happened> = events.iter().map(|event| (version(event), event)).collect();
        let ids: BTreeSet<EventId> = events.iter().map(|event| event.id).collect();
        assert_eq!(by_version.len(), ids.len(), "a version is of one event");
        let mut model = Self::default();
        for (version, event) in by_version {
            let event = Applied {
                event,
                version: json!(version),
                time: json!(event.time.to_string()),
            };
            model.apply(&event);
        }
        model
    }

    fn apply(&mut self, event: &Applied<'_>) {
        let (family, what) = event.event.event_type.split_once('.').unwrap_or_default();
        let Some(of) = event.event.data[family].as_object() else {
            return;
        };
        match (family, what) {
            ("message", "created" | "updated") => self.message(event, of, what == "created"),
            ("message", "status") => {
                let at = of.get("at").unwrap_or(&event.time);
                self.reached(event, of, at);
                let row = self.row("message", event, &[conversation(of), text(of, "id")]);
                row.least("error", of.get("error"));
            }
            ("message", "deleted") => self.deleted(event, of),
            ("ticket", _) => self.ticket(event, of, what),
            ("contact", _) => self.contact(event, of),
            ("group", "created" | "updated") => self.group(event, of, what == "created"),
            ("group", "participants.updated") => self.participants(event, of),
            ("connection", _) => self.connection(event, of),
            _ => {}
        }
    }

    /// The row of a table, with what all of them have.
    fn row(&mut self, table: &'static str, event: &Applied<'_>, ids: &[String]) -> &mut Cells {
        let row = self.tables.entry(table).or_default().entry(event.key(ids)).or_default();
        row.least("platform", Some(&json!(event.event.platform)));
        row
    }

    fn message(&mut self, event: &Applied<'_>, of: &Map<String, Value>, created: bool) {
        let ids = [conversation(of), text(of, "id")];
        let from = &of.get("from").cloned().unwrap_or_default();
        let row = self.row("message", event, &ids);
        row.least("direction", of.get("direction"));
        row.least("kind", of.get("kind"));
        row.least("ticket_id", of.get("ticket_id"));
        row.least("channel_id", of["conversation"].get("channel_id"));
        row.least("from_id", from.get("id"));
        row.least("from_kind", from.get("kind"));
        row.least("from_name", from.get("name"));
        let internal = of.get("internal") == Some(&json!(true));
        let was_internal = row.get("internal") == Some(&json!(true));
        row.set("internal", &json!(internal || was_internal));
        row.last("text", of.get("text"), event);
        if created {
            row.least("sent_time", Some(&event.time));
            row.set("created_version", &event.version);
        } else if of.contains_key("text") {
            row.most("edited_time", &event.time);
        }
        if of.contains_key("status") {
            self.reached(event, of, &event.time);
        }
        if created {
            self.now.written.insert(event.key(&ids));
            self.created(event, of, internal, from.get("kind") == Some(&json!("agent")));
        }
    }

    fn created(&mut self, event: &Applied<'_>, of: &Map<String, Value>, internal: bool, agent: bool) {
        let inbound = of["direction"] == "inbound";
        let row = self.conversation(event, of);
        if let Some(group) = of["conversation"].get("group").and_then(Value::as_bool) {
            let known = row.get("is_group") == Some(&json!(true));
            row.set("is_group", &json!(group || known));
        }
        row.least("first_time", Some(&event.time));
        row.most("last_time", &event.time);
        if internal {
            return;
        }
        if inbound {
            row.least("first_inbound", Some(&event.time));
            row.most("last_inbound", &event.time);
        } else {
            row.most("last_outbound", &event.time);
            if agent {
                row.least("first_agent", Some(&event.time));
            }
        }
        if of.contains_key("ticket_id") && (inbound || agent) {
            let key = event.key(&[text(of, "ticket_id")]);
            let row = self.tables.entry("ticket").or_default().entry(key).or_default();
            row.least(if inbound { "first_inbound" } else { "first_agent" }, Some(&event.time));
        }
    }

    fn conversation(&mut self, event: &Applied<'_>, of: &Map<String, Value>) -> &mut Cells {
        let row = self.row("conversation", event, &[conversation(of)]);
        row.least("channel", of["conversation"].get("channel"));
        row.least("channel_id", of["conversation"].get("channel_id"));
        row
    }

    fn reached(&mut self, event: &Applied<'_>, of: &Map<String, Value>, at: &Value) {
        let ids = [conversation(of), text(of, "id")];
        let status = text(of, "status");
        let row = self.row("message", event, &ids);
        row.least(&format!("{status}_at"), Some(at));
        let height = |status: &str| {
            let heights = ["pending", "sent", "failed", "delivered", "read", "played"];
            heights.iter().position(|other| *other == status)
        };
        let now = self
            .now
            .reached
            .entry(event.key(&ids))
            .or_insert_with(|| status.clone());
        if height(&status) > height(now) {
            *now = status;
        }
    }

    fn deleted(&mut self, event: &Applied<'_>, of: &Map<String, Value>) {
        if of.contains_key("id") {
            let row = self.row("message", event, &[conversation(of), text(of, "id")]);
            row.least("deleted_time", Some(&event.time));
        } else {
            self.conversation(event, of).set("emptied_version", &event.version);
            let emptied = event.key(&[conversation(of)]);
            self.now.written.retain(|message| !message.starts_with(&emptied));
        }
    }

    fn ticket(&mut self, event: &Applied<'_>, of: &Map<String, Value>, what: &str) {
        let untold = match what {
            "created" | "reopened" => Some(json!("open")),
            "closed" => Some(json!("closed")),
            _ => None,
        };
        let status = of.get("status").cloned().or(untold);
        let assignee = of.get("assignee").cloned();
        let id = |party: Option<&Value>| party.and_then(|party| party.get("id")).cloned();
        let cleared = of.get("cleared").and_then(Value::as_array).cloned().unwrap_or_default();

        let row = self.row("ticket", event, &[text(of, "id")]);
        row.most("last_time", &event.time);
        row.least("opened_at", of.get("opened_at"));
        if what == "created" {
            row.least("created_time", Some(&event.time));
        }
        if status == Some(json!("closed")) {
            row.least("first_closed", Some(&event.time));
        }
        row.least("contact_id", id(of.get("contact")).as_ref());
        for name in ["protocol", "channel", "channel_id"] {
            row.least(name, of.get(name));
        }
        for name in &cleared {
            let name = name.as_str().expect("a name");
            let columns = [name.to_owned(), format!("{name}_id"), format!("{name}_name")];
            row.retain(|column, _| !columns.contains(column));
            row.set(&format!("{name}_version"), &event.version);
        }
        row.last("status", status.as_ref(), event);
        for name in ["department", "team", "priority", "labels"] {
            row.last(name, of.get(name), event);
        }
        if let Some(assignee) = &assignee {
            row.remove("assignee_id");
            row.remove("assignee_name");
            row.extend(assignee.get("id").map(|id| ("assignee_id".to_owned(), id.clone())));
            row.extend(
                assignee
                    .get("name")
                    .map(|name| ("assignee_name".to_owned(), name.clone())),
            );
            row.set("assignee_version", &event.version);
        }

        let version = event.version.as_str().unwrap_or_default().to_owned();
        let row = self.row("ticket_change", event, &[text(of, "id"), version]);
        row.set("time", &event.time);
        row.set("type", &json!(event.event.event_type));
        let told = [
            ("status", status),
            ("assignee_id", id(assignee.as_ref())),
            ("cleared", Some(json!(cleared)).filter(|_| !cleared.is_empty())),
        ];
        let told = told
            .into_iter()
            .chain(["previous_status", "department", "team"].map(|name| (name, of.get(name).cloned())));
        for (name, value) in told {
            if let Some(value) = value {
                row.set(name, &value);
            }
        }
    }

    fn contact(&mut self, event: &Applied<'_>, of: &Map<String, Value>) {
        let row = self.row("contact", event, &[text(of, "id")]);
        row.least("first_time", Some(&event.time));
        row.most("last_time", &event.time);
        row.least("identifier", of.get("identifier"));
        row.least("alternate_id", of.get("alternate_id"));
        if let Some(group) = of.get("group").and_then(Value::as_bool) {
            let known = row.get("is_group") == Some(&json!(true));
            row.set("is_group", &json!(group || known));
        }
        for name in ["name", "phone", "email", "blocked", "channel_id"] {
            row.last(name, of.get(name), event);
        }
    }

    fn group(&mut self, event: &Applied<'_>, of: &Map<String, Value>, created: bool) {
        let people = of
            .get("participants")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let row = self.row("chat_group", event, &[text(of, "id")]);
        row.most("last_time", &event.time);
        row.least("owner_id", of.get("owner").and_then(|owner| owner.get("id")));
        if created {
            row.least("created_time", Some(&event.time));
        }
        for name in ["subject", "description", "announce", "restrict"] {
            row.last(name, of.get(name), event);
        }
        let group = event.key(&[text(of, "id")]);
        if !people.is_empty() {
            row.set("roster_version", &event.version);
            self.now.members.retain(|member, _| !member.starts_with(&group));
        }
        for person in &people {
            let admin = person.get("admin").and_then(Value::as_bool);
            self.member(event, of, person, true, admin);
        }
    }

    fn participants(&mut self, event: &Applied<'_>, of: &Map<String, Value>) {
        let row = self.row("chat_group", event, &[text(of, "id")]);
        row.most("last_time", &event.time);
        for person in of["participants"].as_array().expect("a list") {
            let admin = person.get("admin").and_then(Value::as_bool);
            let (present, admin) = match of["action"].as_str().expect("an action") {
                "added" | "joined" => (true, admin.or(Some(false))),
                "promoted" => (true, Some(true)),
                "demoted" => (true, Some(false)),
                "removed" | "left" => (false, Some(false)),
                "changed" => (true, None),
                other => panic!("what is `{other}`?"),
            };
            self.member(event, of, person, present, admin);
        }
    }

    fn member(
        &mut self,
        event: &Applied<'_>,
        group: &Map<String, Value>,
        person: &Value,
        present: bool,
        admin: Option<bool>,
    ) {
        let ids = [text(group, "id"), person["id"].as_str().expect("an id").to_owned()];
        let row = self.row("group_member", event, &ids);
        row.least("alternate_id", person.get("alternate_id"));
        row.last("present", Some(&json!(present)), event);
        row.last("admin", admin.map(Value::from).as_ref(), event);
        row.last("phone", person.get("phone"), event);
        // Of somebody who was in the group before, an event that does not say leaves what they were.
        let was = row.get("admin").and_then(Value::as_bool);
        if present {
            self.now.members.insert(event.key(&ids), was);
        } else {
            self.now.members.remove(&event.key(&ids));
        }
    }

    fn connection(&mut self, event: &Applied<'_>, of: &Map<String, Value>) {
        let id = of.get("id").map_or_else(String::new, |_| text(of, "id"));
        let epoch = of.get("epoch").and_then(Value::as_i64).unwrap_or_default();
        let opens = of.get("state") == Some(&json!("open"));
        let row = self.row("connection", event, &[id.clone(), epoch.to_string()]);
        row.most("last_time", &event.time);
        if opens {
            row.set("opened_version", &event.version);
        }
        for name in ["state", "online", "pairing", "reason"] {
            row.last(name, of.get(name), event);
        }

        let line = self.now.lines.entry(event.key(&[id])).or_insert_with(|| Line {
            epoch,
            ..Line::default()
        });
        if epoch < line.epoch {
            return;
        }
        if epoch > line.epoch {
            *line = Line {
                epoch,
                ..Line::default()
            };
        }
        if opens {
            (line.pairing, line.reason) = (None, None);
        }
        let flag = |name: &str| of.get(name).and_then(Value::as_bool);
        let word = |name: &str| of.get(name).and_then(Value::as_str).map(str::to_owned);
        line.state = word("state").or_else(|| line.state.take());
        line.online = flag("online").or(line.online);
        line.pairing = flag("pairing").or(line.pairing);
        line.reason = word("reason").or_else(|| line.reason.take());
    }
}

/// An event that is being applied.
struct Applied<'e> {
    event: &'e Happened,
    version: Value,
    time: Value,
}

impl Applied<'_> {
    fn key(&self, ids: &[String]) -> Key {
        let source = [self.event.tenant, self.event.source].map(str::to_owned);
        source.into_iter().chain(ids.iter().cloned()).collect()
    }
}

/// The id with the rank of the type in the first digit of its third group.
fn version(event: &Happened) -> String {
    let rank = match &*event.event_type {
        created if created.ends_with(".created") => '0',
        "ticket.closed" | "ticket.reopened" | "message.deleted" => '9',
        _ => '8',
    };
    let id = event.id.to_string();
    id.char_indices()
        .map(|(place, digit)| if place == 14 { rank } else { digit })
        .collect()
}

fn text(of: &Map<String, Value>, name: &str) -> String {
    of[name].as_str().expect("text").to_owned()
}

fn conversation(of: &Map<String, Value>) -> String {
    of["conversation"]["id"].as_str().expect("text").to_owned()
}

/// Assignments to the columns of a row.
trait Assign {
    fn set(&mut self, column: &str, value: &Value);

    /// The least text, where there is any.
    fn least(&mut self, column: &str, value: Option<&Value>);

    /// The greatest text.
    fn most(&mut self, column: &str, value: &Value);

    /// What is told now, with the version that tells it, where it is told.
    fn last(&mut self, column: &str, value: Option<&Value>, event: &Applied<'_>);
}

impl Assign for Cells {
    fn set(&mut self, column: &str, value: &Value) {
        self.insert(column.to_owned(), value.clone());
    }

    fn least(&mut self, column: &str, value: Option<&Value>) {
        if let Some(value) = value
            && self.get(column).is_none_or(|known| value.as_str() < known.as_str())
        {
            self.set(column, value);
        }
    }

    fn most(&mut self, column: &str, value: &Value) {
        if self.get(column).is_none_or(|known| value.as_str() > known.as_str()) {
            self.set(column, value);
        }
    }

    fn last(&mut self, column: &str, value: Option<&Value>, event: &Applied<'_>) {
        if let Some(value) = value {
            self.set(column, value);
            self.set(&format!("{column}_version"), &event.version);
        }
    }
}
