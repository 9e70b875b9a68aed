//! The message family: tells of the message, of its conversation, and of the first messages of its ticket.

use schemas::data::{Conversation, DeliveryStatus, Direction, Message, MessageDeletion, MessageStatus, PartyKind};
use schemas::time::Timestamp;
use serde::Deserialize;

use super::{Told, id, text};
use crate::state::{State, tables};

#[derive(Deserialize)]
struct Member<T> {
    message: T,
}

pub(super) fn created(state: &mut State, event: &Told<'_>) -> Option<()> {
    let Member { message } = event.read::<Member<Message<'_>>>()?;
    let version = event.version();
    let row = row(state, event, &message.conversation.id, &message.id)?;
    row.sent_time.say(Some(event.time));
    row.created_version.say(Some(version));
    let who = Who::of(&message);
    let is_group = message.conversation.group;
    let conversation = conversation(state, event, &message.conversation)?;
    conversation.is_group.say(is_group);
    conversation.first_time.say(Some(event.time));
    conversation.last_time.say(Some(event.time));
    if !message.internal {
        match who {
            Who::Customer => {
                conversation.first_inbound.say(Some(event.time));
                conversation.last_inbound.say(Some(event.time));
            }
            Who::Agent | Who::Other => conversation.last_outbound.say(Some(event.time)),
        }
        if who == Who::Agent {
            conversation.first_agent.say(Some(event.time));
        }
        // A ticket whose id cannot be a key is no reason to leave the message out.
        let ticket = message.ticket_id.as_deref().and_then(|ticket| event.key(&[ticket]));
        if let Some(key) = ticket.filter(|_| who != Who::Other) {
            let ticket = state.tickets.entry(key).or_default();
            match who {
                Who::Customer => ticket.first_inbound.say(Some(event.time)),
                Who::Agent | Who::Other => ticket.first_agent.say(Some(event.time)),
            }
        }
    }
    whole(state, event, message)
}

pub(super) fn updated(state: &mut State, event: &Told<'_>) -> Option<()> {
    let Member { message } = event.read::<Member<Message<'_>>>()?;
    let edited = message.text.is_some().then_some(event.time);
    row(state, event, &message.conversation.id, &message.id)?
        .edited_time
        .say(edited);
    whole(state, event, message)
}

/// What `message.created` and `message.updated` say alike.
fn whole(state: &mut State, event: &Told<'_>, message: Message<'_>) -> Option<()> {
    let row = row(state, event, &message.conversation.id, &message.id)?;
    row.internal.say(Some(message.internal));
    row.direction.say(Some(direction(message.direction).to_owned()));
    row.kind.say(text(message.kind));
    row.ticket_id.say(id(message.ticket_id));
    row.channel_id.say(id(message.conversation.channel_id));
    if let Some(from) = message.from {
        row.from_id.say(id(from.id));
        row.from_kind.say(from.kind.map(|kind| party(kind).to_owned()));
        row.from_name.say(text(from.name));
    }
    if let Some(said) = text(message.text) {
        row.text.say(event.version(), said);
    }
    if let Some(status) = message.status {
        reached(row, status, event.time);
    }
    Some(())
}

pub(super) fn status(state: &mut State, event: &Told<'_>) -> Option<()> {
    let Member { message } = event.read::<Member<MessageStatus<'_>>>()?;
    let row = row(state, event, &message.conversation.id, &message.id)?;
    reached(row, message.status, message.at.unwrap_or(event.time));
    row.error.say(text(message.error));
    Some(())
}

/// Without the id of a message, all that the conversation has is gone.
pub(super) fn deleted(state: &mut State, event: &Told<'_>) -> Option<()> {
    let Member { message } = event.read::<Member<MessageDeletion<'_>>>()?;
    if let Some(id) = &message.id {
        let row = row(state, event, &message.conversation.id, id)?;
        row.deleted_time.say(Some(event.time));
    } else {
        let emptied = conversation(state, event, &message.conversation)?;
        emptied.emptied_version.say(Some(event.version()));
    }
    Some(())
}

fn row<'s>(state: &'s mut State, event: &Told<'_>, conversation: &str, id: &str) -> Option<&'s mut tables::Message> {
    let row = state.messages.entry(event.key(&[conversation, id])?).or_default();
    row.platform.say(Some(event.platform()));
    Some(row)
}

fn conversation<'s>(
    state: &'s mut State,
    event: &Told<'_>,
    told: &Conversation<'_>,
) -> Option<&'s mut tables::Conversation> {
    let row = state.conversations.entry(event.key(&[&told.id])?).or_default();
    row.platform.say(Some(event.platform()));
    row.channel.say(text(told.channel.clone()));
    row.channel_id.say(id(told.channel_id.clone()));
    Some(row)
}

/// Whose message it is, as times of answers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Customer,
    Agent,
    /// A bot, the platform, or somebody of whom nothing is said, for the tenant.
    Other,
}

impl Who {
    fn of(message: &Message<'_>) -> Self {
        match (message.direction, message.from.as_ref().and_then(|from| from.kind)) {
            (Direction::Inbound, _) => Self::Customer,
            (Direction::Outbound, Some(PartyKind::Agent)) => Self::Agent,
            (Direction::Outbound, _) => Self::Other,
        }
    }
}

fn reached(row: &mut tables::Message, status: DeliveryStatus, at: Timestamp) {
    let register = match status {
        DeliveryStatus::Pending => &mut row.pending_at,
        DeliveryStatus::Sent => &mut row.sent_at,
        DeliveryStatus::Delivered => &mut row.delivered_at,
        DeliveryStatus::Read => &mut row.read_at,
        DeliveryStatus::Played => &mut row.played_at,
        DeliveryStatus::Failed => &mut row.failed_at,
    };
    register.say(Some(at));
}

fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "inbound",
        Direction::Outbound => "outbound",
    }
}

fn party(kind: PartyKind) -> &'static str {
    match kind {
        PartyKind::Contact => "contact",
        PartyKind::Agent => "agent",
        PartyKind::Bot => "bot",
        PartyKind::System => "system",
    }
}
