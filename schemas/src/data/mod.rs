//! What each event type carries in `data`, one Rust type each, in five families; and what
//! happens to Forebay's own parts.
//!
//! Ids are text, whatever the platform sends (`9001` and `"9001"` are the same id); every reference to a message (`quoted.id`,
//! the id of a deletion, a status, a reaction) has the form of `message.id` on that platform. Platforms differ in what they report: every
//! member that not all platforms know is optional, and absent rather than null.

mod connection;
mod contact;
mod endpoint;
mod group;
mod message;
mod other;
mod ticket;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

pub use connection::{Connection, ConnectionState};
pub use contact::Contact;
pub use endpoint::EndpointChange;
pub use group::{Group, GroupJoinRequest, GroupParticipants, JoinRequestAction, Participant, ParticipantsAction};
pub use message::{
    Answer, Attachment, Conversation, DeliveryStatus, Direction, Message, MessageDeletion, MessageReaction,
    MessageStatus, Quoted,
};
pub use other::{BotCommand, Foreign, Presence, PresenceOf, Unmapped};
pub use ticket::{Clearable, Ticket, TicketStatus};

use crate::name::EventType;

/// Text that borrows from the body where it can.
pub type Text<'a> = Cow<'a, str>;

/// A party: a customer, an agent, a bot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Party<'a> {
    /// The platform's id of them; absent where it says no more than what they are.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Text<'a>>,
    /// What they are to the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<PartyKind>,
    /// Their name as shown.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// Their phone number in the form of E.164: a plus and digits. Absent where it is not known to be one.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Text<'a>>,
    /// The other id under which the network knows them: WhatsApp's hidden id (`...@lid`) of a person who is known by their
    /// phone's address, the tenant's or network's own id of a contact of the platform.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub alternate_id: Option<Text<'a>>,
}

impl<'a> Party<'a> {
    /// A party of whom nothing else is known.
    pub fn new(id: Text<'a>, kind: PartyKind) -> Self {
        Self {
            id: Some(id),
            kind: Some(kind),
            ..Self::default()
        }
    }

    /// A party of whom only the kind is known.
    pub fn unnamed(kind: PartyKind) -> Self {
        Self {
            kind: Some(kind),
            ..Self::default()
        }
    }
}

/// What a party is to the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartyKind {
    /// A customer.
    Contact,
    /// A person who works for the tenant.
    Agent,
    /// A program that writes or acts for the tenant.
    Bot,
    /// The platform itself, for what no person and no bot did.
    System,
}

macro_rules! data {
    ($($(#[doc = $doc:literal])* $variant:ident($type:ident) = $name:literal, $member:literal, $version:literal;)*) => {
        /// The normalized part of an event: one variant per event type that Forebay defines, and one for the others.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Data<'a> {
            $($(#[doc = $doc])* $variant($type<'a>),)*
            /// A type that the sender names itself; nothing is normalized.
            Foreign(Foreign),
        }

        /// Every event type that Forebay defines.
        pub const TYPES: &[DataType] = &[$(DataType {
            name: $name,
            member: $member,
            version: $version,
            meaning: concat!($($doc),*).trim_ascii(),
            schema: |generator| generator.subschema_for::<$type<'static>>(),
            parse: |json| serde_json::from_str::<$type<'_>>(json).map(drop),
        },)*];

        impl<'a> Data<'a> {
            /// Returns the event type, such as `message.created`.
            pub fn event_type(&self) -> EventType {
                match self {
                    $(Self::$variant(_) => EventType::new($name).unwrap_or_else(|_| unreachable!("a literal type name is valid")),)*
                    Self::Foreign(foreign) => foreign.event_type.clone(),
                }
            }

            /// The name of the member under `data`, and its JSON.
            pub fn to_member(&self) -> Option<(&'static str, String)> {
                match self {
                    $(Self::$variant(value) => Some(($member, to_json(value))),)*
                    Self::Foreign(foreign) => foreign.to_member(),
                }
            }

            /// Reads the member back; `None` for a type that Forebay does not define.
            pub fn from_member(event_type: &EventType, json: &'a str) -> Option<Result<Self, serde_json::Error>> {
                match event_type.as_str() {
                    $($name => Some(serde_json::from_str(json).map(Self::$variant)),)*
                    _ => None,
                }
            }

            /// The `dataschema` attribute, for types that Forebay defines.
            pub fn schema_uri(&self) -> Option<Cow<'static, str>> {
                match self {
                    $(Self::$variant(_) => Some(Cow::Borrowed(concat!("urn:forebay:schema:", $name, ":", $version))),)*
                    Self::Foreign(_) => None,
                }
            }
        }
    };
}

data! {
    /// A message was written.
    MessageCreated(Message) = "message.created", "message", 1;
    /// A message was edited, or the platform knows more of it.
    MessageUpdated(Message) = "message.updated", "message", 1;
    /// A message was taken back.
    MessageDeleted(MessageDeletion) = "message.deleted", "message", 1;
    /// A message was sent, delivered, read, played, or failed.
    MessageStatus(MessageStatus) = "message.status", "message", 1;
    /// A reaction to a message was added or removed.
    MessageReaction(MessageReaction) = "message.reaction", "message", 1;
    /// Who is in a group, or what they may do there, changed.
    GroupParticipantsUpdated(GroupParticipants) = "group.participants.updated", "group", 1;
    /// A group came into being, or we came into it.
    GroupCreated(Group) = "group.created", "group", 1;
    /// A group's subject, description or settings changed.
    GroupUpdated(Group) = "group.updated", "group", 1;
    /// A request to join a group was made or decided.
    GroupJoinRequest(GroupJoinRequest) = "group.join_request", "group", 1;
    /// A conversation with a customer was opened.
    TicketCreated(Ticket) = "ticket.created", "ticket", 1;
    /// Something about a ticket changed.
    TicketUpdated(Ticket) = "ticket.updated", "ticket", 1;
    /// A ticket went to another agent, team or department.
    TicketTransferred(Ticket) = "ticket.transferred", "ticket", 1;
    /// A ticket was closed.
    TicketClosed(Ticket) = "ticket.closed", "ticket", 1;
    /// A closed ticket was opened again.
    TicketReopened(Ticket) = "ticket.reopened", "ticket", 1;
    /// A customer became known.
    ContactCreated(Contact) = "contact.created", "contact", 1;
    /// Something about a customer changed.
    ContactUpdated(Contact) = "contact.updated", "contact", 1;
    /// The line to the messaging network came up, went down, or wants pairing.
    ConnectionUpdated(Connection) = "connection.updated", "connection", 1;
    /// A party is typing, recording, online or away.
    PresenceUpdated(Presence) = "presence.updated", "presence", 1;
    /// A customer gave a bot a command.
    BotCommand(BotCommand) = "bot.command", "command", 1;
    /// Deliveries to an endpoint fail: they wait, and it is tried now and then.
    EndpointFailing(EndpointChange) = "endpoint.failing", "endpoint", 1;
    /// An endpoint that had failed takes deliveries again.
    EndpointRecovered(EndpointChange) = "endpoint.recovered", "endpoint", 1;
    /// An endpoint gets no more deliveries, until an operator enables it.
    EndpointDisabled(EndpointChange) = "endpoint.disabled", "endpoint", 1;
    /// Authentic, but nothing that a mapping knows: kept as it came.
    Unmapped(Unmapped) = "unmapped", "unmapped", 1;
}

/// One of the event types that Forebay defines.
#[derive(Debug, Clone, Copy)]
pub struct DataType {
    /// For example `message.created`.
    pub name: &'static str,
    /// The member of `data` that holds the event, such as `message`.
    pub member: &'static str,
    /// Raised when a change would break a reader.
    pub version: u32,
    /// What such an event says, in one sentence.
    pub meaning: &'static str,
    /// The JSON Schema of the member.
    pub(crate) schema: fn(&mut SchemaGenerator) -> Schema,
    /// See [`Self::check`].
    parse: fn(&str) -> Result<(), serde_json::Error>,
}

impl DataType {
    /// Whether `json` reads as the member's type.
    pub fn check(&self, json: &str) -> Result<(), serde_json::Error> {
        (self.parse)(json)
    }
}

/// Whether `event_type` is one that Forebay defines.
pub fn is_defined(event_type: &str) -> bool {
    TYPES.iter().any(|t| t.name == event_type)
}

fn to_json(value: &impl Serialize) -> String {
    // These types hold text, numbers and lists only, which always serialize.
    serde_json::to_string(value).unwrap_or_else(|_| unreachable!("normalized data always serializes"))
}
