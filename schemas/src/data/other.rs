//! Events outside the five families, and what no mapping knows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, Conversation, Party, Text};
use crate::name::EventType;

/// `presence.updated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Presence<'a> {
    /// Where they are present.
    #[serde(borrow)]
    pub conversation: Conversation<'a>,
    /// Who is how.
    #[serde(borrow)]
    pub parties: Vec<PresenceOf<'a>>,
}

/// How one party is present.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PresenceOf<'a> {
    /// The platform's id of them.
    pub id: Text<'a>,
    /// `typing`, `recording`, `available`, `unavailable`, `paused`, or the platform's own word.
    #[serde(borrow)]
    pub state: Text<'a>,
}

/// `bot.command`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BotCommand<'a> {
    /// The command's name, as the platform has it.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// What was chosen, where the command is the choice of a button or a form.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer<'a>>,
    /// Who gave it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Party<'a>>,
    /// The message that it was given in.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<Text<'a>>,
    /// Where.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<Conversation<'a>>,
}

/// `unmapped`: authentic, kept, and waiting for a mapping.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unmapped<'a> {
    /// Why nothing was mapped: an unknown event name, or what was surprising about the body.
    #[serde(borrow)]
    pub reason: Text<'a>,
    /// The platform's own name of the event, if it could be read.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Text<'a>>,
}

/// An event of a type that the sender names itself (`github.push`, `invoice.paid`): its content is under `raw` alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// The sender's type.
    pub event_type: EventType,
    /// The sender's headers that belong to the event (`ce-subject`, `x-github-event`), names in lower case, for senders that
    /// say there what others say in the body. Under `data` they are the member `headers`; none, and it is absent.
    pub headers: Vec<(String, String)>,
}

impl Foreign {
    /// Of that type, with nothing said in headers.
    pub fn new(event_type: EventType) -> Self {
        Self {
            event_type,
            headers: Vec::new(),
        }
    }

    /// The member under `data`, if there is one.
    pub(super) fn to_member(&self) -> Option<(&'static str, String)> {
        let text = |text: &String| serde_json::Value::from(text.as_str()).to_string();
        let members: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| format!("{}:{}", text(name), text(value)))
            .collect();
        (!members.is_empty()).then(|| ("headers", format!("{{{}}}", members.join(","))))
    }
}
