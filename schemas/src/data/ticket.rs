//! The ticket family: a conversation with a customer, seen as a case of work.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Party, Text};
use crate::time::Timestamp;

/// A ticket, as it stands after the event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ticket<'a> {
    /// The platform's id of the ticket.
    pub id: Text<'a>,
    /// How it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<TicketStatus>,
    /// How it stood before, where the platform says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_status: Option<TicketStatus>,
    /// The number that people use for it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Text<'a>>,
    /// The customer whose ticket it is.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Party<'a>>,
    /// The agent or bot that has it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<Party<'a>>,
    /// The department that has it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub department: Option<Text<'a>>,
    /// The team that has it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Text<'a>>,
    /// The messaging network: `whatsapp`, `telegram`, `email`, ..., as in `conversation.channel`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Text<'a>>,
    /// The line, inbox or connection that it runs over.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub channel_id: Option<Text<'a>>,
    /// How urgent it is, in the platform's words.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Text<'a>>,
    /// Labels put on it.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Text<'a>>,
    /// The names of what changed, in the platform's words.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<Text<'a>>,
    /// When it was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub opened_at: Option<Timestamp>,
    /// The members that the platform says are empty now: absent like those of which it says nothing, but told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cleared: Vec<Clearable>,
}

/// A member of a ticket that can be emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Clearable {
    /// No agent and no bot has it.
    Assignee,
    /// No department has it.
    Department,
    /// No team has it.
    Team,
    /// It has no priority.
    Priority,
    /// No label is on it.
    Labels,
}

/// How a ticket stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TicketStatus {
    /// Being worked on.
    Open,
    /// Waiting for us, or with a bot.
    Pending,
    /// Put off.
    Snoozed,
    /// Done.
    Closed,
}
