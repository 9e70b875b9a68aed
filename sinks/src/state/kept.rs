//! Which tables of current state a sink keeps.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use schemas::setting::Findings;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A table of current state. Their order is the order in which every writer takes its locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StateTable {
    /// Messages.
    Message,
    /// Conversations.
    Conversation,
    /// What was said of tickets, one row each time.
    TicketChange,
    /// Tickets.
    Ticket,
    /// Contacts.
    Contact,
    /// Groups.
    ChatGroup,
    /// Members of groups, of now and before.
    GroupMember,
    /// Lines between platforms and messaging networks.
    Connection,
}

impl StateTable {
    /// All of them, in their order.
    pub(crate) const ALL: [Self; 8] = [
        Self::Message,
        Self::Conversation,
        Self::TicketChange,
        Self::Ticket,
        Self::Contact,
        Self::ChatGroup,
        Self::GroupMember,
        Self::Connection,
    ];

    /// Its name in both databases.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Conversation => "conversation",
            Self::TicketChange => "ticket_change",
            Self::Ticket => "ticket",
            Self::Contact => "contact",
            Self::ChatGroup => "chat_group",
            Self::GroupMember => "group_member",
            Self::Connection => "connection",
        }
    }
}

/// The tables of current state that a sink keeps: `all`, or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateTables(Vec<StateTable>);

impl Default for StateTables {
    fn default() -> Self {
        Self(StateTable::ALL.to_vec())
    }
}

impl StateTables {
    /// These tables.
    pub fn new(tables: impl IntoIterator<Item = StateTable>) -> Self {
        Self(tables.into_iter().collect())
    }

    /// Whether this one is kept.
    pub fn keeps(&self, table: StateTable) -> bool {
        self.0.contains(&table)
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Finds what cannot be right without another table.
    pub(crate) fn check(&self, found: &mut Findings) {
        if self.keeps(StateTable::GroupMember) && !self.keeps(StateTable::ChatGroup) {
            found.add(
                "state",
                "has `group_member` without `chat_group`, which tells who has gone: add `chat_group`",
            );
        }
    }
}

impl JsonSchema for StateTables {
    fn schema_name() -> Cow<'static, str> {
        "state_tables".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let tables = generator.subschema_for::<Vec<StateTable>>();
        json_schema!({ "anyOf": [{ "type": "string", "const": "all" }, tables] })
    }
}

impl<'de> Deserialize<'de> for StateTables {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either)
    }
}

struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = StateTables;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`all` or a list of tables")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<StateTables, E> {
        if text == "all" {
            return Ok(StateTables::default());
        }
        Err(E::custom(format!(
            "is `{text}`: write `all`, or a list of tables (`[]` keeps none)"
        )))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, tables: A) -> Result<StateTables, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(tables)).map(StateTables)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_some_or_none() {
        let read = |json: &str| serde_json::from_str::<StateTables>(json);
        assert_eq!(read(r#""all""#).expect("all"), StateTables::default());
        let some = read(r#"["ticket", "ticket_change"]"#).expect("a list");
        assert!(some.keeps(StateTable::Ticket) && !some.keeps(StateTable::Message));
        assert_eq!(read("[]").expect("none"), StateTables::new([]));
        for (json, expected) in [
            (r#""ticket""#, "is `ticket`: write `all`, or a list of tables"),
            (r#"["tickets"]"#, "unknown variant `tickets`, expected one of `message`"),
            ("1", "expected `all` or a list of tables"),
        ] {
            let error = read(json).expect_err(json).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn members_are_not_right_without_their_groups() {
        let found = |tables: StateTables| {
            let mut found = Findings::default();
            tables.check(&mut found);
            found.into_result()
        };
        found(StateTables::default()).expect("all");
        found(StateTables::new([StateTable::Ticket])).expect("one");
        let wrong = found(StateTables::new([StateTable::GroupMember])).expect_err("who has gone is not known");
        assert!(wrong[0].reason.contains("add `chat_group`"), "{wrong:?}");
    }

    #[test]
    fn the_names_are_those_of_the_configuration_in_the_order_of_the_locks() {
        for table in StateTable::ALL {
            let read: StateTable = serde_json::from_value(table.name().into()).expect("the same name");
            assert_eq!(read, table);
        }
        assert!(StateTable::ALL.is_sorted());
    }
}
