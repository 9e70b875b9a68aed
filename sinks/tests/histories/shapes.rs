//! What events look like: the normalized parts that ingest makes of the samples, with their ids folded into small pools, some of
//! their members left out, and others added that the samples have too seldom.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::Dice;

/// Platform, type, whether the payload has no time of its own, data.
type Shape = (String, String, bool, Value);

/// The members that an event may do without, so that partial ones are the rule.
const OPTIONAL: &[&str] = &[
    "status",
    "previous_status",
    "assignee",
    "department",
    "team",
    "priority",
    "labels",
    "opened_at",
    "text",
    "kind",
    "from",
    "internal",
    "name",
    "phone",
    "email",
    "blocked",
    "channel_id",
    "subject",
    "description",
    "announce",
    "restrict",
    "owner",
    "state",
    "online",
    "pairing",
    "epoch",
    "reason",
    "error",
    "at",
];

/// The shapes of all samples, by the member that their type has.
#[derive(Debug)]
pub(crate) struct Shapes(BTreeMap<String, Vec<Shape>>);

impl Shapes {
    /// Reads the samples.
    pub(crate) fn read() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ingest/tests/golden");
        let mut seen = BTreeSet::new();
        let mut shapes: BTreeMap<String, Vec<Shape>> = BTreeMap::new();
        for (platform, path) in samples(&folder) {
            let text = std::fs::read_to_string(&path).expect("a sample");
            // What is answered and makes no event is an object.
            let Ok(Value::Array(events)) = serde_json::from_str(&text) else {
                continue;
            };
            for event in events {
                let event_type = event["type"].as_str().expect("a type").to_owned();
                let family = event_type.split('.').next().unwrap_or_default().to_owned();
                let known = ["message", "ticket", "contact", "group", "connection"];
                let shape = (
                    platform.clone(),
                    event_type,
                    event["time"].is_null(),
                    event["data"].clone(),
                );
                if known.contains(&&*family) && seen.insert(format!("{shape:?}")) {
                    shapes.entry(family).or_default().push(shape);
                }
            }
        }
        assert_eq!(shapes.len(), 5, "every family has samples: {:?}", shapes.keys());
        Self(shapes)
    }

    /// How many families there are.
    pub(crate) fn families(&self) -> usize {
        self.0.len()
    }

    /// How many shapes there are.
    pub(crate) fn count(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// An event: of the family of this number, or of any where there is none.
    pub(super) fn event(&self, dice: &mut Dice, family: usize) -> Shape {
        let family = if family < self.0.len() {
            family
        } else {
            dice.below(self.0.len())
        };
        let (name, shapes) = self.0.iter().nth(family).expect("as many as were counted");
        let (platform, mut event_type, untimed, mut data) = dice.pick(shapes);
        let member = data[name].as_object_mut().expect("the member of the type");
        // No sample lists members later on; what a platform's API says of them would come so.
        if event_type == "group.created" && dice.below(2) == 0 {
            "group.updated".clone_into(&mut event_type);
        }
        match &**name {
            "message" => message(dice, &event_type, member),
            "ticket" => ticket(dice, member),
            "contact" => set(member, "id", dice.pick(&["k1", "k2"])),
            "group" => group(dice, member),
            _ => connection(dice, member),
        }
        let needed = match &*event_type {
            "message.status" => &["status"][..],
            _ => &[],
        };
        member.retain(|name, _| {
            needed.contains(&name.as_str()) || !OPTIONAL.contains(&name.as_str()) || dice.below(4) > 0
        });
        (platform, event_type, untimed, data)
    }
}

fn set(member: &mut Map<String, Value>, name: &str, value: &str) {
    member.insert(name.to_owned(), json!(value));
}

fn message(dice: &mut Dice, event_type: &str, member: &mut Map<String, Value>) {
    // A deletion of a whole conversation names no message.
    let whole = event_type == "message.deleted" && dice.below(2) == 0;
    member.remove("id");
    if !whole {
        set(member, "id", dice.pick(&["m1", "m2", "m3"]));
    }
    member["conversation"]["id"] = json!(dice.pick(&["c1", "c2"]));
    if event_type == "message.status" {
        let reached = ["pending", "sent", "delivered", "read", "played", "failed"];
        set(member, "status", dice.pick(&reached));
        let at = format!("2026-03-10T13:36:5{}.000Z", dice.below(10));
        set(member, "at", &at);
    }
    if matches!(event_type, "message.created" | "message.updated") {
        if dice.below(2) == 0 {
            set(member, "ticket_id", dice.pick(&["t1", "t2"]));
        }
        if dice.below(2) == 0 {
            set(member, "direction", "outbound");
            let kind = dice.pick(&["agent", "agent", "bot"]);
            let from = json!({"id": dice.pick(&["a1", "a2"]), "kind": kind});
            member.insert("from".to_owned(), from);
            member.insert("internal".to_owned(), json!(dice.below(3) == 0));
        }
    }
}

fn ticket(dice: &mut Dice, member: &mut Map<String, Value>) {
    set(member, "id", dice.pick(&["t1", "t2"]));
    set(member, "status", dice.pick(&["open", "pending", "snoozed", "closed"]));
    for name in ["department", "team", "priority"] {
        set(member, name, dice.pick(&["x", "y"]));
    }
    let agents = [
        json!({"id": "a1", "name": "Ana"}),
        json!({"id": "a2"}),
        json!({"kind": "bot"}),
    ];
    member.insert("assignee".to_owned(), dice.pick(&agents));
    member.insert("labels".to_owned(), json!([dice.pick(&["vip", "late"]), "\u{e9}"]));
    member.remove("cleared");
    if dice.below(3) == 0 {
        let names = ["assignee", "department", "team", "priority", "labels"];
        let cleared = dice.pick(&names);
        // What is empty is not told.
        member.remove(cleared);
        member.insert("cleared".to_owned(), json!([cleared]));
    }
}

fn group(dice: &mut Dice, member: &mut Map<String, Value>) {
    set(member, "id", dice.pick(&["g1", "g2"]));
    let people = member.get_mut("participants").and_then(Value::as_array_mut);
    let mut seen = BTreeSet::new();
    // Nobody is listed twice by one event.
    if let Some(people) = people {
        people.retain_mut(|person| {
            let id = dice.pick(&["p1", "p2", "p3"]);
            person["id"] = json!(id);
            seen.insert(id)
        });
    }
}

fn connection(dice: &mut Dice, member: &mut Map<String, Value>) {
    member.remove("id");
    if dice.below(3) > 0 {
        set(member, "id", dice.pick(&["l1", "l2"]));
    }
    set(member, "state", dice.pick(&["connecting", "open", "closed"]));
    set(member, "reason", dice.pick(&["x", "y"]));
    member.insert("pairing".to_owned(), json!(dice.below(2) == 0));
    member.insert("online".to_owned(), json!(dice.below(2) == 0));
    // A platform tells the lease always or never.
    if member.contains_key("id") {
        member.insert("epoch".to_owned(), json!(dice.below(3)));
    }
}

/// The files of the samples, each with the folder of its platform, in an order that is the same everywhere.
fn samples(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = |folder: &Path| {
        let entries = std::fs::read_dir(folder).expect("a folder of samples");
        entries.map(|entry| entry.expect("an entry").path()).collect::<Vec<_>>()
    };
    let mut found = Vec::new();
    for platform in entries(folder) {
        let name = platform.file_name().expect("a name").to_string_lossy().into_owned();
        found.extend(entries(&platform).into_iter().map(|path| (name.clone(), path)));
    }
    found.sort();
    found
}
