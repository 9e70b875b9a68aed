//! Messages, their changes, and reactions to them.

use std::collections::BTreeSet;

use schemas::data::{
    Attachment, Conversation, Data, Direction, Message, MessageDeletion, MessageReaction, Party, PartyKind, Quoted,
    Text,
};

use super::{Event, Fact, Mapped, blocks, fact, id_of};
use crate::normalize::json::{Json, object};

object! {
    /// A message, on its own or inside of the event of its change.
    Written {
        subtype: Json = "subtype",
        ts: Json = "ts",
        thread_ts: Json = "thread_ts",
        // What begins the thread, where a reply is shown to all.
        root: Root = "root",
        user: Json = "user",
        user_profile: Profile = "user_profile",
        bot_id: Json = "bot_id",
        bot_profile: Profile = "bot_profile",
        username: Json = "username",
        text: Json = "text",
        files: Json = "files",
        blocks: Json = "blocks",
        attachments: Json = "attachments",
    }

    Root { ts: Json = "ts", text: Json = "text", blocks: Json = "blocks", attachments: Json = "attachments", }

    Profile { display_name: Json = "display_name", real_name: Json = "real_name", name: Json = "name", }

    File {
        name: Json = "name",
        mime_type: Json = "mimetype",
        size: Json = "size",
        download: Json = "url_private_download",
        url: Json = "url_private",
    }
}

impl<'a> Event<'a> {
    pub(super) fn message(&self, json: Json<'a>) -> Mapped<'a> {
        let conversation = self.conversation()?;
        let about = conversation.id.clone();
        let subtype = self.subtype.text();
        match subtype.as_deref() {
            Some("message_changed") => {
                let written: Written<'a> = self.message.read();
                let id = written
                    .ts
                    .text()
                    .ok_or("no time stamp of the message that was changed")?;
                // What is left of a message that others have answered.
                if written.subtype.text().as_deref() == Some("tombstone") {
                    return Ok(deleted(id, conversation));
                }
                Ok(fact(Data::MessageUpdated(written.message(id, conversation)), about))
            }
            // Of the message that begins a thread, in the Events API without its subtype. The reply itself comes as a message.
            Some("message_replied") | None if self.message.is_object() => Err("a thread got a reply"),
            Some("message_deleted") => {
                let id = self.deleted_ts.text().or_else(|| self.previous_message.ts.text());
                Ok(deleted(
                    id.ok_or("no time stamp of the message that is gone")?,
                    conversation,
                ))
            }
            _ => {
                let written: Written<'a> = json.read();
                let id = written.ts.text().ok_or("no time stamp")?;
                Ok(Fact {
                    identity: Some(vec!["message".into(), about.clone(), id.clone()]),
                    data: Data::MessageCreated(written.message(id, conversation)),
                    about,
                })
            }
        }
    }

    pub(super) fn reaction(&self, added: bool) -> Mapped<'a> {
        if self.item.kind.text().is_some_and(|kind| kind != "message") {
            return Err("a reaction to something else than a message");
        }
        let conversation = self.conversation()?;
        let about = conversation.id.clone();
        let reaction = MessageReaction {
            id: self.item.ts.text().ok_or("a reaction to no message")?,
            conversation,
            direction: Direction::Inbound,
            from: id_of(self.user).map(|id| Party {
                id: Some(id),
                kind: Some(PartyKind::Contact),
                ..Party::default()
            }),
            emoji: self.reaction.text().filter(|_| added),
        };
        Ok(fact(Data::MessageReaction(reaction), about))
    }
}

fn deleted<'a>(id: Text<'a>, conversation: Conversation<'a>) -> Fact<'a> {
    let about = conversation.id.clone();
    let deletion = MessageDeletion {
        id: Some(id),
        conversation,
        ..MessageDeletion::default()
    };
    fact(Data::MessageDeleted(deletion), about)
}

impl<'a> Written<'a> {
    fn message(&self, id: Text<'a>, conversation: Conversation<'a>) -> Message<'a> {
        let attachments: Vec<_> = self.files.elements().filter_map(attachment).collect();
        let text = blocks::text(self.text, self.blocks, self.attachments);
        // What a person wrote, and what Slack reports of the channel.
        let kind = match self.subtype.text().as_deref() {
            None | Some("file_share" | "thread_broadcast" | "me_message" | "bot_message") => attachments
                .first()
                .and_then(|file| file.kind.clone())
                .unwrap_or_else(|| "text".into()),
            Some(_) => "system".into(),
        };
        Message {
            conversation,
            direction: if self.is_bots() {
                Direction::Outbound
            } else {
                Direction::Inbound
            },
            from: self.author(),
            kind: Some(kind),
            attachments,
            mentions: text.as_deref().map(mentions).unwrap_or_default(),
            text,
            quoted: self.quoted(&id),
            id,
            ..Message::default()
        }
    }

    /// What begins the thread that it is in.
    fn quoted(&self, id: &Text<'a>) -> Option<Quoted<'a>> {
        let thread = self.thread_ts.text().filter(|thread| thread != id)?;
        let root = Some(&self.root).filter(|root| root.ts.text().as_ref() == Some(&thread));
        Some(Quoted {
            text: root.and_then(|root| blocks::text(root.text, root.blocks, root.attachments)),
            ..Quoted::new(thread)
        })
    }

    /// An old integration has a name, and no id.
    fn is_bots(&self) -> bool {
        self.bot_id.is_there() || self.subtype.text().is_some_and(|subtype| subtype == "bot_message")
    }

    fn author(&self) -> Option<Party<'a>> {
        let (is_bot, id) = (self.is_bots(), id_of(self.user).or_else(|| self.bot_id.text()));
        if id.is_none() && !is_bot {
            return None;
        }
        let profile = if is_bot { &self.bot_profile } else { &self.user_profile };
        let names = [profile.display_name, profile.real_name, profile.name, self.username];
        Some(Party {
            kind: Some(if is_bot { PartyKind::Bot } else { PartyKind::Contact }),
            id,
            name: names.into_iter().find_map(Json::text),
            ..Party::default()
        })
    }
}

fn attachment(json: Json<'_>) -> Option<Attachment<'_>> {
    let file: File<'_> = json.read();
    let mime_type = file.mime_type.text();
    let attachment = Attachment {
        kind: mime_type.as_deref().map(|mime| {
            let kind = match mime.split_once('/') {
                Some((kind @ ("image" | "video" | "audio"), _)) => kind,
                _ => "document",
            };
            kind.to_owned().into()
        }),
        url: file.download.text().or_else(|| file.url.text()),
        mime_type,
        name: file.name.text(),
        size_bytes: file.size.int().and_then(|size| size.try_into().ok()),
    };
    (attachment != Attachment::default()).then_some(attachment)
}

/// The users in `<@U123>` and `<@U123|name>`, each once.
fn mentions(text: &str) -> Vec<Text<'static>> {
    let of = |rest: &str| {
        let id = rest.split(['>', '|']).next().filter(|id| !id.is_empty())?;
        let is_id = rest.len() > id.len() && id.bytes().all(|b| b.is_ascii_alphanumeric());
        is_id.then(|| id.to_owned())
    };
    let ids: BTreeSet<String> = text.split("<@").skip(1).filter_map(of).collect();
    ids.into_iter().map(Text::Owned).collect()
}
