//! The message family.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Party, Text};
use crate::time::Timestamp;

/// A message: `message.created`, `message.updated`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Message<'a> {
    /// The platform's id of the message.
    pub id: Text<'a>,
    /// The id that the channel gave it, where the platform has one of its own: WhatsApp's of a message in Chatwoot.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<Text<'a>>,
    /// Where it was written.
    #[serde(borrow)]
    pub conversation: Conversation<'a>,
    /// From the customer to us, or from us to the customer.
    pub direction: Direction,
    /// True for notes that the customer does not see.
    #[serde(default)]
    pub internal: bool,
    /// Who wrote it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Party<'a>>,
    /// To whom, where the platform says.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Party<'a>>,
    /// `text`, `image`, `video`, `audio`, `document`, `sticker`, `location`, `contact`, … or the platform's own word.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Text<'a>>,
    /// What it says, without markup of ours.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text<'a>>,
    /// Files that came with it.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment<'a>>,
    /// Ids of those who are mentioned in the text.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<Text<'a>>,
    /// The message that it answers.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub quoted: Option<Quoted<'a>>,
    /// What was chosen of what a message offered: a button, a row of a list, a form. Stands in the message of whoever chose, and
    /// in the offer itself on platforms that write it there (Chatwoot).
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer<'a>>,
    /// How far it got, where the platform says so at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<DeliveryStatus>,
    /// The ticket that it belongs to.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub ticket_id: Option<Text<'a>>,
}

/// Where messages are written: a chat with one customer, or a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Conversation<'a> {
    /// The platform's id of it.
    pub id: Text<'a>,
    /// The other id under which the network knows it: the hidden id (`...@lid`) of a chat that is called by a phone's address.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub alternate_id: Option<Text<'a>>,
    /// The id that the channel gave it, where the platform has one of its own: WhatsApp's of a group in Chatwoot.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<Text<'a>>,
    /// True for a group, false for a chat with one party; absent where the platform does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<bool>,
    /// The messaging network: `whatsapp`, `telegram`, `instagram`, `facebook`, `line`, `slack`, `twitter`, `sms`, `email`,
    /// `web`, `voice`, or the platform's own word; absent where the platform does not say.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Text<'a>>,
    /// The line, inbox or connection that it runs over.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub channel_id: Option<Text<'a>>,
}

/// Which way a message goes, seen from the tenant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the customer.
    #[default]
    Inbound,
    /// To the customer, whoever wrote it: agent, bot or the platform.
    Outbound,
}

/// A file that came with a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attachment<'a> {
    /// `image`, `video`, `audio`, `document`, `sticker`, … or the platform's own word.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Text<'a>>,
    /// Where it can be fetched; may expire.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Text<'a>>,
    /// Media type.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<Text<'a>>,
    /// File name.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// Size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
}

/// The message that another one answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Quoted<'a> {
    /// Its id, in the form of `message.id`; absent where the platform gives the channel's alone.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Text<'a>>,
    /// The id that the channel gave it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<Text<'a>>,
    /// What it said, where the platform repeats it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text<'a>>,
}

impl<'a> Quoted<'a> {
    /// The message with that id, of which nothing else is known.
    pub fn new(id: Text<'a>) -> Self {
        Self {
            id: Some(id),
            ..Self::default()
        }
    }
}

/// What was chosen of what a message offered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Answer<'a> {
    /// The id that whoever made the offer gave to the choice: of a button, a row, a quick reply, the payload of a postback.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Text<'a>>,
    /// The words on the choice.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Text<'a>>,
    /// What was filled into a form, by the names of its fields. What is not a text is JSON.
    #[serde(borrow, default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<Text<'a>, Text<'a>>,
}

/// `message.deleted`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MessageDeletion<'a> {
    /// The message that is gone; absent when the whole conversation was emptied.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Text<'a>>,
    /// The id that the channel gave it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<Text<'a>>,
    /// Where it was.
    #[serde(borrow)]
    pub conversation: Conversation<'a>,
    /// Who took it back, where the platform says.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Party<'a>>,
}

/// `message.status`: how far a message got. Statuses may come out of order; a reader never lowers one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MessageStatus<'a> {
    /// The platform's id of the message that the status is about.
    pub id: Text<'a>,
    /// The id that the channel gave it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<Text<'a>>,
    /// Where it was written.
    #[serde(borrow)]
    pub conversation: Conversation<'a>,
    /// How far it got.
    pub status: DeliveryStatus,
    /// At whom, in a group.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<Party<'a>>,
    /// When it got there, where that differs from the event's time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub at: Option<Timestamp>,
    /// Why it failed, in the platform's words.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Text<'a>>,
}

/// How far a message got, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Waiting to leave.
    Pending,
    /// The network has it.
    Sent,
    /// The recipient's device has it.
    Delivered,
    /// It was opened.
    Read,
    /// It was listened to or watched.
    Played,
    /// It will not arrive.
    Failed,
}

/// `message.reaction`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MessageReaction<'a> {
    /// The platform's id of the message that was reacted to.
    pub id: Text<'a>,
    /// Where.
    #[serde(borrow)]
    pub conversation: Conversation<'a>,
    /// Which way the reaction goes.
    pub direction: Direction,
    /// Who reacted.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Party<'a>>,
    /// The reaction; absent when it was taken back.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub emoji: Option<Text<'a>>,
}
