//! Messages of all types, either way, and what is said of messages: reactions, edits, messages taken back.

use schemas::data::{
    Attachment, Conversation, Data, Direction, Message, MessageDeletion, MessageReaction, Party, PartyKind, Quoted,
    Text,
};

use super::{Line, Mapped, Nothing, nothing};
use crate::normalize::json::{Json, object};

object! {
    /// A message: its content stands under the name of its type.
    Sent {
        id: Json = "id",
        from: Json = "from",
        from_user_id: Json = "from_user_id",
        to: Json = "to",
        to_user_id: Json = "to_user_id",
        group_id: Json = "group_id",
        timestamp: Json = "timestamp",
        kind: Json = "type",
        context: Id = "context",
        text: Content = "text",
        image: Content = "image",
        audio: Content = "audio",
        video: Content = "video",
        document: Content = "document",
        sticker: Content = "sticker",
        location: Content = "location",
        contacts: Json = "contacts",
        button: Content = "button",
        interactive: Interactive = "interactive",
        order: Content = "order",
        system: Content = "system",
        reaction: Reaction = "reaction",
        edit: Edit = "edit",
        revoke: Edit = "revoke",
    }

    Id { id: Json = "id", }

    /// The members of all kinds of content that are of use here.
    Content {
        body: Json = "body",
        text: Json = "text",
        caption: Json = "caption",
        name: Json = "name",
        address: Json = "address",
        mime_type: Json = "mime_type",
        file_name: Json = "filename",
        url: Json = "url",
    }

    Interactive { button: Choice = "button_reply", list: Choice = "list_reply", form: Choice = "nfm_reply", }

    Choice { title: Json = "title", body: Json = "body", }

    Card { name: CardName = "name", }

    CardName { formatted: Json = "formatted_name", }

    Reaction { message_id: Json = "message_id", emoji: Json = "emoji", }

    /// A message about a message that was sent before: its new content, or that it is gone.
    Edit { original_id: Json = "original_message_id", message: Json = "message", }
}

impl<'a> Line<'a, '_, '_> {
    pub(super) fn message(&self, direction: Direction, json: Json<'a>) -> Mapped<'a> {
        let sent: Sent<'a> = json.read();
        let from = sent.from.text().or_else(|| sent.from_user_id.text());
        let to = sent.to.text().or_else(|| sent.to_user_id.text());
        let group = sent.group_id.text();
        let customer = match direction {
            Direction::Inbound => from.clone(),
            Direction::Outbound => to.clone(),
        };
        let Some(chat) = group.clone().or(customer) else {
            return nothing("no sender, or no recipient");
        };
        let here = |reason| Nothing {
            reason,
            conversation: Some(chat.clone()),
        };
        let id = sent.id.text().ok_or_else(|| here("no message id"))?;
        let conversation = Conversation {
            id: chat.clone(),
            group: Some(group.is_some()),
            channel_id: self.channel_id.clone(),
            ..Conversation::default()
        };
        let from = from.map(|id| match direction {
            Direction::Inbound => self.contact(id, sent.from),
            Direction::Outbound => Party {
                kind: Some(PartyKind::Agent),
                phone: sent.from.text(),
                id: Some(id),
                ..Party::default()
            },
        });
        let kind = sent.kind.text();
        let (data, identity) = match kind.as_deref() {
            Some("reaction") => {
                let of = sent.reaction.message_id.text();
                let reaction = MessageReaction {
                    id: of.ok_or_else(|| here("a reaction to no message"))?,
                    conversation,
                    direction,
                    from,
                    emoji: sent.reaction.emoji.text(),
                };
                (Data::MessageReaction(reaction), vec!["message".into(), id])
            }
            Some("revoke") => {
                let of = sent.revoke.original_id.text();
                let of = of.ok_or_else(|| here("no id of the message that is gone"))?;
                let identity = vec!["deleted".into(), of.clone()];
                let deletion = MessageDeletion {
                    id: Some(of),
                    conversation,
                    by: from,
                    ..MessageDeletion::default()
                };
                (Data::MessageDeleted(deletion), identity)
            }
            Some("edit") => {
                let of = sent.edit.original_id.text();
                let of = of.ok_or_else(|| here("no id of the message that was edited"))?;
                let edited: Sent<'a> = sent.edit.message.read();
                let identity = vec![
                    "edited".into(),
                    of.clone(),
                    id,
                    sent.timestamp.text().unwrap_or_default(),
                ];
                let message = compose(of, conversation, direction, from, None, edited.kind.text(), &edited);
                (Data::MessageUpdated(message), identity)
            }
            _ => {
                let to = match (direction, group) {
                    (_, Some(_)) => None,
                    (Direction::Inbound, None) => self.ours(),
                    (Direction::Outbound, None) => to.map(|id| self.contact(id, sent.to)),
                };
                let identity = vec!["message".into(), id.clone()];
                let message = compose(id, conversation, direction, from, to, kind, &sent);
                (Data::MessageCreated(message), identity)
            }
        };
        Ok(self.event(data, identity, sent.timestamp, chat, json))
    }
}

fn compose<'a>(
    id: Text<'a>,
    conversation: Conversation<'a>,
    direction: Direction,
    from: Option<Party<'a>>,
    to: Option<Party<'a>>,
    kind: Option<Text<'a>>,
    sent: &Sent<'a>,
) -> Message<'a> {
    let (text, media) = said(kind.as_deref().unwrap_or_default(), sent);
    let attachment = |content: &Content<'a>| Attachment {
        kind: kind.clone(),
        url: content.url.text(),
        mime_type: content.mime_type.text(),
        name: content.file_name.text(),
        size_bytes: None,
    };
    Message {
        id,
        conversation,
        direction,
        from,
        to,
        attachments: media.map(attachment).into_iter().collect(),
        kind: kind.map(|kind| if kind == "contacts" { "contact".into() } else { kind }),
        text,
        quoted: sent.context.id.text().map(Quoted::new),
        ..Message::default()
    }
}

/// What a message of that kind says, and the member that holds its file.
fn said<'a, 's>(kind: &str, sent: &'s Sent<'a>) -> (Option<Text<'a>>, Option<&'s Content<'a>>) {
    let file = |content: &'s Content<'a>| (content.caption.text(), Some(content));
    match kind {
        "image" => file(&sent.image),
        "audio" => file(&sent.audio),
        "video" => file(&sent.video),
        "document" => file(&sent.document),
        "sticker" => file(&sent.sticker),
        "location" => (sent.location.name.text().or_else(|| sent.location.address.text()), None),
        "contacts" => {
            let card = sent.contacts.elements().next().map(Json::read::<Card<'a>>);
            (card.and_then(|card| card.name.formatted.text()), None)
        }
        "button" => (sent.button.text.text(), None),
        "interactive" => {
            let Interactive { button, list, form } = &sent.interactive;
            let answers = [button.title, list.title, form.body];
            (answers.into_iter().find_map(Json::text), None)
        }
        "order" => (sent.order.text.text(), None),
        "system" => (sent.system.body.text(), None),
        _ => (sent.text.body.text(), None),
    }
}
