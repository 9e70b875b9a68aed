//! The Telegram Bot API: an `Update`, `{"update_id": 1, "<kind of update>": {…}}`, one per call, as core.telegram.org/bots/api
//! says (to version 10.3).
//!
//! Everything is ordered by its chat. What happens in a group comes as messages (a person joined, a new title), and to bots
//! that asked for it once more as `chat_member`: two updates with two ids, of which nothing says that they are one.
//!
//! A message's id is unique in its chat only, and all that is said of messages (answers, reactions, deletions) has it as
//! `message_id`. What no one wrote (a message was pinned, a topic opened) is a notice, `unmapped` in its chat's order. The
//! bot's own messages are never sent to it. Only in a business account's chats does it see both sides: there, who is not the
//! chat itself is the business.

mod content;
mod members;
mod messages;
mod rich;

use std::collections::BTreeSet;

use schemas::data::{
    Answer, BotCommand, Contact, Conversation, Data, Direction, MessageDeletion, MessageReaction, Party, PartyKind,
    Text, Unmapped,
};
use schemas::time::Timestamp;

use super::json::{Json, object};
use super::{Adapter, Because, NewEvent, Normalized, Webhook, handshake};
use messages::Message;

pub(super) const ADAPTER: Adapter = Adapter {
    handshake: handshake::none,
    credential: None,
    map,
};

object! {
    Chat {
        id: Json = "id",
        kind: Json = "type",
        title: Json = "title",
        username: Json = "username",
        first_name: Json = "first_name",
        last_name: Json = "last_name",
    }

    User { id: Json = "id", is_bot: Json = "is_bot", first_name: Json = "first_name", last_name: Json = "last_name", }

    /// What most kinds of update have.
    Update {
        id: Json = "id",
        chat: Chat = "chat",
        from: User = "from",
        date: Json = "date",
        business_connection_id: Json = "business_connection_id",
        // `deleted_business_messages`.
        message_ids: Json = "message_ids",
        // `message_reaction`.
        message_id: Json = "message_id",
        user: User = "user",
        actor_chat: Chat = "actor_chat",
        old_reaction: Json = "old_reaction",
        new_reaction: Json = "new_reaction",
        // `callback_query`.
        message: Message = "message",
        data: Json = "data",
        game_short_name: Json = "game_short_name",
        // `chosen_inline_result`.
        result_id: Json = "result_id",
        // `chat_member`, `my_chat_member`, `chat_join_request`.
        old_member: Member = "old_chat_member",
        new_member: Member = "new_chat_member",
        invite_link: Json = "invite_link",
        // `chat_boost`, `removed_chat_boost`.
        boost: Boost = "boost",
        removed: Json = "remove_date",
    }

    Boost { added: Json = "add_date", }

    Member { user: User = "user", status: Json = "status", inside: Json = "is_member", }

    Reaction { kind: Json = "type", emoji: Json = "emoji", custom_emoji_id: Json = "custom_emoji_id", }
}

fn map<'a>(webhook: &Webhook<'a, '_>) -> Result<Normalized<'a>, Unmapped<'a>> {
    let json = webhook.json()?;
    let members = json.members();
    let id = members.iter().rev().find(|(name, _)| name == "update_id");
    let id = id
        .and_then(|(_, id)| id.text())
        .ok_or_else(|| Unmapped::because("no `update_id`"))?;
    // There is at most one.
    let Some((kind, content)) = members.into_iter().find(|(_, content)| content.is_object()) else {
        return Err(Unmapped::because("an update of nothing"));
    };
    let identity = vec!["update".into(), id];
    if kind == "deleted_business_messages" {
        let update: Update<'a> = content.read();
        if update.chat.id.short().is_some() && update.message_ids.elements().next().is_some() {
            return Ok(Normalized::Events(update.deletions(&identity, webhook)));
        }
    }
    let Fact { data, time, chat } = fact(&kind, content);
    let data = data.unwrap_or_else(|reason| Data::Unmapped(Unmapped::because(reason).of(Some(kind))));
    let subject = match &data {
        Data::Unmapped(_) => None,
        Data::ContactUpdated(contact) => Some(contact.id.clone()),
        _ => chat.clone(),
    };
    Ok(Normalized::Events(vec![NewEvent {
        data,
        identity,
        time,
        happened: None,
        ordering_key: chat.map_or_else(|| "unmapped".to_owned(), Text::into_owned),
        account: None,
        subject,
        raw: webhook.whole(),
    }]))
}

/// What an update says, when, and in which chat; or why it could not be read.
struct Fact<'a> {
    data: Result<Data<'a>, &'static str>,
    time: Option<Timestamp>,
    chat: Option<Text<'a>>,
}

fn fact<'a>(kind: &str, content: Json<'a>) -> Fact<'a> {
    match kind {
        "message"
        | "channel_post"
        | "business_message"
        | "guest_message"
        | "edited_message"
        | "edited_channel_post"
        | "edited_business_message" => {
            let message: Message<'a> = content.read();
            let edited = kind.starts_with("edited_");
            return Fact {
                data: message.data(edited, content),
                time: message.time(edited),
                chat: message.chat.id.text(),
            };
        }
        _ => {}
    }
    let update: Update<'a> = content.read();
    let data = match kind {
        "message_reaction" => update.reaction().ok_or("no id, or no chat"),
        "callback_query" => update.callback().ok_or("no data"),
        "chosen_inline_result" => update.chosen().ok_or("no id of the result"),
        "my_chat_member" if update.chat.is_group() == Some(false) => update.blocking().ok_or("no status"),
        "chat_member" | "my_chat_member" => update.membership().ok_or("no group, or no member"),
        "chat_join_request" => update.join_request().ok_or("no group, or no one who asks"),
        "deleted_business_messages" => Err("no ids, or no chat"),
        _ => Err("no mapping for this kind of update"),
    };
    Fact {
        data,
        time: [update.date, update.boost.added, update.removed]
            .into_iter()
            .find_map(Json::time),
        // A callback in an inline message has no chat but who pressed it, nor has a chosen result; of other updates that person says
        // nothing.
        chat: update.chat.id.short().or_else(|| {
            let pressed = update.message.chat.id.text().or_else(|| update.from.id.text());
            pressed.filter(|_| matches!(kind, "callback_query" | "chosen_inline_result"))
        }),
    }
}

impl<'a> Update<'a> {
    fn place(&self) -> Option<Conversation<'a>> {
        self.chat.conversation(self.business_connection_id)
    }

    /// Each of them is an event of its own.
    fn deletions(&self, identity: &[Text<'a>], webhook: &Webhook<'a, '_>) -> Vec<NewEvent<'a>> {
        let ids: Vec<Json<'a>> = self.message_ids.elements().collect();
        let alone = ids.len() == 1;
        let each = |json: Json<'a>| {
            let raw = if alone { webhook.whole() } else { webhook.part(json) };
            let (Some(conversation), Some(id)) = (self.place(), json.text()) else {
                let reason = Unmapped::because("no id").of(Some("deleted_business_messages".into()));
                return NewEvent {
                    raw,
                    ..webhook.unmapped_part(reason, json, self.chat.id.text().map(Text::into_owned))
                };
            };
            NewEvent {
                identity: identity.iter().cloned().chain([id.clone()]).collect(),
                time: None,
                happened: None,
                ordering_key: conversation.id.clone().into_owned(),
                account: None,
                subject: Some(conversation.id.clone()),
                data: Data::MessageDeleted(MessageDeletion {
                    id: Some(id),
                    conversation,
                    ..MessageDeletion::default()
                }),
                raw,
            }
        };
        ids.into_iter().map(each).collect()
    }

    /// Who may give several is reported with all that they give, before and after: what is new was given. Where one of several
    /// was taken back, the first that is left stands.
    fn reaction(&self) -> Option<Data<'a>> {
        let spelled = |reaction: Json<'a>| {
            let reaction: Reaction<'a> = reaction.read();
            let spellings = [reaction.emoji, reaction.custom_emoji_id, reaction.kind];
            spellings.into_iter().find_map(Json::text)
        };
        let before: BTreeSet<_> = self.old_reaction.elements().filter_map(spelled).collect();
        let now = || self.new_reaction.elements().filter_map(spelled);
        Some(Data::MessageReaction(MessageReaction {
            id: self.message_id.text()?,
            conversation: self.place()?,
            direction: Direction::Inbound,
            from: self.user.party().or_else(|| self.actor_chat.party()),
            emoji: now().find(|emoji| !before.contains(emoji)).or_else(|| now().next()),
        }))
    }

    /// What was chosen of what the bot offered inline, by the id that the bot gave it.
    fn chosen(&self) -> Option<Data<'a>> {
        Some(Data::BotCommand(BotCommand {
            name: self.result_id.text()?,
            answer: Some(Answer {
                id: self.result_id.text(),
                ..Answer::default()
            }),
            contact: self.from.party(),
            ..BotCommand::default()
        }))
    }

    fn callback(&self) -> Option<Data<'a>> {
        Some(Data::BotCommand(BotCommand {
            name: self.data.text().or_else(|| self.game_short_name.text())?,
            answer: self.data.text().map(|data| Answer {
                id: Some(data),
                title: self.message.label_of(self.data),
                ..Answer::default()
            }),
            contact: self.from.party(),
            message_id: self.message.id(),
            conversation: self.message.chat.conversation(self.message.business_connection_id),
        }))
    }

    /// Whoever blocks the bot makes it leave their private chat.
    fn blocking(&self) -> Option<Data<'a>> {
        Some(Data::ContactUpdated(Contact {
            id: self.chat.id.text()?,
            name: self.chat.name(),
            identifier: self.chat.username.text(),
            group: Some(false),
            blocked: Some(self.new_member.status.text()? == "kicked"),
            ..Contact::default()
        }))
    }
}

impl<'a> Chat<'a> {
    /// Everything but a private chat: `group`, `supergroup`, `channel`.
    fn is_group(&self) -> Option<bool> {
        self.kind.text().map(|kind| kind != "private")
    }

    fn conversation(&self, business_connection_id: Json<'a>) -> Option<Conversation<'a>> {
        Some(Conversation {
            id: self.id.text()?,
            group: self.is_group(),
            channel: Some("telegram".into()),
            channel_id: business_connection_id.short(),
            ..Conversation::default()
        })
    }

    fn name(&self) -> Option<Text<'a>> {
        self.title.text().or_else(|| full_name(self.first_name, self.last_name))
    }

    /// A group or channel that speaks for itself.
    fn party(&self) -> Option<Party<'a>> {
        Some(Party {
            id: Some(self.id.text()?),
            name: self.name(),
            ..Party::default()
        })
    }
}

impl<'a> User<'a> {
    fn party(&self) -> Option<Party<'a>> {
        let is_bot = self.is_bot.flag() == Some(true);
        Some(Party {
            id: Some(self.id.text()?),
            kind: Some(if is_bot { PartyKind::Bot } else { PartyKind::Contact }),
            name: full_name(self.first_name, self.last_name),
            ..Party::default()
        })
    }
}

fn full_name<'a>(first: Json<'a>, last: Json<'a>) -> Option<Text<'a>> {
    match (first.text(), last.text()) {
        (Some(first), Some(last)) => Some(format!("{first} {last}").into()),
        (first, last) => first.or(last),
    }
}
